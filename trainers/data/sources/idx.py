"""Grey images in IDX files, the format of MNIST and its family (Y. LeCun, C. Cortes and C. Burges, 1998)."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset import FloatInputs
from ..selection import Selection
from .files import DataError, bytes_digest, check_digest, missing, read_file, source_folder
from .lazy import Catalogue, LazySource

PAIR = ("train", "test")


def idx_shape(header: bytes, where: str | Path, dimensions: int) -> tuple[int, ...]:
    """Return the sizes that the header of an IDX file of unsigned bytes tells.

    Args:
        header: how the file begins: two zeros, the type (8), the number of dimensions, and the sizes as big-endian
            32-bit integers.
        where: how errors call it.
        dimensions: how many are expected, 1 for labels or 3 for images.

    Raises:
        DataError: the magic number is another, or the file ends in the header.
    """
    magic = bytes((0, 0, 8, dimensions))
    if header[:4] != magic:
        raise DataError(
            f"{where} is no IDX file of unsigned bytes in {dimensions} dimensions: its magic number is "
            f"{header[:4].hex() or 'missing'}, not {magic.hex()}"
        )
    if len(header) < 4 + 4 * dimensions:
        raise DataError(f"{where} is truncated: it ends in the header, after {len(header)} bytes")
    return tuple(int(size) for size in np.frombuffer(header, ">u4", dimensions, 4))


def parse_idx(content: bytes, where: str | Path, dimensions: int) -> NDArray[np.uint8]:
    """Return the array of an IDX file without compression; arguments as of `idx_shape`.

    Raises:
        DataError: the header is another, or the length does not fit the sizes.
    """
    shape = idx_shape(content, where, dimensions)
    wanted = 4 + 4 * dimensions + math.prod(shape)
    if len(content) != wanted:
        how = "is truncated" if len(content) < wanted else "has something behind its end"
        raise DataError(f"{where} {how}: it has {len(content)} bytes, its shape {shape} needs {wanted}")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


class Idx(LazySource):
    """Grey images in IDX files, scaled to 0..1; the test files are the test split.

    Each of the four files, ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
    ``t10k-labels-idx1-ubyte``, may end in ``.gz``, and may have a dot before ``idx``.

    Args:
        folder: the folder with the files.
        train: what the names of the training files begin with, ``"emnist-letters-train"`` for instance.
        test: what the names of the test files begin with.
        seed: which examples go where; this and the following are those of `Selection`.
        fold: for cross-validation.
        folds: number of folds.
        classes: indices, or names where they are known, of the classes that are kept.
        fraction: share of the training split that is kept.
        names: names of the classes; None for as many numbers as the training labels have.
        name: for messages and records; None for the folder's.
        md5: published sums by file: of the file without compression, or under its name with ``.gz`` of that; None
            for files of one's own.

    Raises:
        MissingDataError: a file is not there; the message names them all.
    """

    def __init__(
        self,
        folder: str | Path,
        train: str = "train",
        test: str = "t10k",
        seed: int = 0,
        fold: int | None = None,
        folds: int = 5,
        classes: Sequence[int | str] | None = None,
        fraction: float = 1.0,
        names: Sequence[str] | None = None,
        name: str | None = None,
        md5: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = source_folder(folder)
        super().__init__(name or self.folder.name, Selection(seed, fold, folds, classes, fraction))
        self._names, self._md5 = None if names is None else tuple(names), dict(md5 or {})
        wanted = {
            (part, kind): f"{prefix}-{kind}-idx{dimensions}-ubyte"
            for part, prefix in (("train", train), ("test", test))
            for kind, dimensions in (("images", 3), ("labels", 1))
        }
        found = {key: self._find(file) for key, file in wanted.items()}
        absent = [f"{wanted[key]} (or .gz)" for key, path in found.items() if path is None]
        if absent:
            raise missing(self.name, absent, self.folder, "the four files as they are published")
        self._paths = {key: path for key, path in found.items() if path is not None}

    def _find(self, file: str) -> Path | None:
        names = [name + end for end in ("", ".gz") for name in (file, file.replace("-idx", ".idx"))]
        return next((self.folder / name for name in names if (self.folder / name).is_file()), None)

    def _content(self, part: str, kind: str) -> bytes:
        """Return a file without its compression."""
        path = self._paths[part, kind]
        content = read_file(path)
        name = path.name.removesuffix(".gz").replace(".idx", "-idx")
        if path.suffix == ".gz":
            if name + ".gz" in self._md5:
                check_digest(path, bytes_digest(content, "md5"), self._md5[name + ".gz"])
            try:
                content = gzip.decompress(content)
            except (OSError, EOFError, zlib.error) as error:
                raise DataError(f"{path} is truncated or damaged: {error}") from None
        if name in self._md5:
            check_digest(path, bytes_digest(content, "md5"), self._md5[name])
        return content

    @cached_property
    def _labels(self) -> dict[str, NDArray[np.uint8]]:
        return {part: parse_idx(self._content(part, "labels"), self._paths[part, "labels"], 1) for part in PAIR}

    @cached_property
    def _images(self) -> dict[str, NDArray[np.uint8]]:
        """The images by part, ``(n, height, width)``; one for each label."""
        found, contents = {}, {part: self._content(part, "images") for part in PAIR}
        for part, content in contents.items():
            path = self._paths[part, "images"]
            found[part] = parse_idx(content, path, 3)
            if len(found[part]) != len(self._labels[part]):
                raise DataError(
                    f"{path} has {len(found[part])} images, {self._paths[part, 'labels'].name} has "
                    f"{len(self._labels[part])} labels: get the files that belong together"
                )
            if found[part].shape[1:] != self.example_shape[:2]:
                shape, other = found[part].shape[1:], self.example_shape[:2]
                raise DataError(f"{path} has images of {shape}, the training images are of {other}")
        self._digests = [bytes_digest(content) for content in contents.values()]
        return found

    @cached_property
    def example_shape(self) -> tuple[int, int, int]:
        """``(height, width, 1)``, from the header of the training images."""
        path = self._paths["train", "images"]
        try:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                header = file.read(16)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} is truncated or damaged: {error}") from None
        _, height, width = idx_shape(header, path, 3)
        if not height or not width:
            raise DataError(f"{path} has images of {height}×{width} pixels")
        return height, width, 1

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The names that were given, or numbers."""
        if self._names is not None:
            return self._names
        return tuple(str(index) for index in range(1 + int(self._labels["train"].max(initial=0))))

    def catalogue(self) -> Catalogue:
        """See `LazySource`."""
        labels = [self._labels[part] for part in PAIR]
        for part, numbers in zip(PAIR, labels, strict=True):
            wrong = numbers[numbers >= len(self.class_names)]
            if wrong.size:
                path = self._paths[part, "labels"]
                raise DataError(f"{path}: the label {wrong[0]} is none of the {len(self.class_names)} classes")
        every = np.concatenate(labels).astype(np.int32)
        cut = len(labels[0])
        return Catalogue(every, {"train": np.arange(cut), "test": np.arange(cut, len(every))})

    def read(self, rows: NDArray[np.intp]) -> FloatInputs:
        """See `LazySource`."""
        stored, cut = self._images, len(self._labels["train"])
        height, width, _ = self.example_shape
        images = np.empty((len(rows), height, width), dtype=np.float32)
        for pixels, start in ((stored["train"], 0), (stored["test"], cut)):
            here = np.flatnonzero((rows >= start) & (rows < start + len(pixels)))
            images[here] = pixels[rows[here] - start].astype(np.float32) / np.float32(255)
        return images[..., None]

    def identity(self, rows: NDArray[np.intp]) -> Iterable[str]:
        """See `LazySource`."""
        _ = self._images
        return self._digests
