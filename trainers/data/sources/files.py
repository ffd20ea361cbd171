"""Finding the files of a data set, and checking that they are what they claim to be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from ...store.evaluation_store import data_folder


class DataError(ValueError):
    """Files of a data set that cannot be used; the message says what is wrong and what to do."""


class MissingDataError(DataError):
    """Files of a data set are not there; the message names them, and where they are looked for."""


def datasets_folder() -> Path:
    """Return where data sets are looked for: ``datasets`` in ``PYNASCENT_DATA``, or in the user's data folder."""
    return data_folder() / "datasets"


def source_folder(folder: str | Path | None, *parts: str) -> Path:
    """Return a source's folder, absolute: what was asked for, or else ``parts`` in `datasets_folder`."""
    chosen = datasets_folder().joinpath(*parts) if folder is None else Path(folder)
    return chosen.expanduser().absolute()


def missing(data: str, files: Iterable[str], folder: Path, origin: str) -> MissingDataError:
    """Return the error that says which files a data set wants, where, and where they come from."""
    return MissingDataError(
        f"data set {data!r}: {folder} lacks {', '.join(files)}: put there {origin}, or name another folder with the "
        "setting 'folder', or with the variable PYNASCENT_DATA the one that has them in its folder 'datasets'"
    )


def read_file(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the digest of a file's bytes in hexadecimal, read in blocks.

    Raises:
        DataError: it cannot be read.
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    try:
        with path.open("rb") as file:
            for block in iter(lambda: file.read(2**20), b""):
                digest.update(block)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    return digest.hexdigest()


def bytes_digest(content: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of bytes in hexadecimal."""
    return hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()


def check_digest(what: str | Path, found: str, published: str) -> None:
    """Refuse a file whose MD5 is not the published one.

    Raises:
        DataError: the message has both sums.
    """
    if found != published:
        raise DataError(
            f"{what} is damaged or not the published file: its MD5 is {found}, not {published}; get it anew, or give "
            "the setting check=false for a file of your own"
        )
