"""Large artifacts as files named by their content."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


class ArtifactFolder:
    """A folder of NPZ files, each named by the SHA-256 of its bytes; equal arrays are stored once.

    A file appears whole or not at all. Files are never unpickled.

    Args:
        path: the folder; it is made with the first file.
    """

    def __init__(self, path: Path) -> None:
        self.folder = path

    def path(self, digest: str) -> Path:
        """Return where the file of a digest lies."""
        return self.folder / digest[:2] / f"{digest}.npz"

    def write(self, arrays: Arrays) -> tuple[str, int]:
        """Write named arrays; return the digest and the number of bytes."""
        buffer = io.BytesIO()
        _write_npz(buffer, arrays)
        content = buffer.getvalue()
        digest = hashlib.sha256(content).hexdigest()
        path = self.path(digest)
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{digest}.{os.getpid()}.{id(buffer)}")
            try:
                with temporary.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
        return digest, len(content)

    def read(self, digest: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of a digest, None where the file is missing or damaged."""
        if not self.intact(digest):
            return None
        with np.load(self.path(digest), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def intact(self, digest: str) -> bool:
        """Say whether the file is there and its content is its name's."""
        try:
            return hashlib.sha256(self.path(digest).read_bytes()).hexdigest() == digest
        except OSError:
            return False

    def remove(self, digest: str) -> None:
        """Remove a file, if it is there."""
        self.path(digest).unlink(missing_ok=True)


def _write_npz(file: io.BytesIO, arrays: Arrays) -> None:
    """Write an NPZ file whose bytes depend on the arrays alone: ``numpy.savez`` writes the time into it."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            with archive.open(member, "w", force_zip64=True) as target:
                np.lib.format.write_array(target, np.asanyarray(arrays[name]), allow_pickle=False)
