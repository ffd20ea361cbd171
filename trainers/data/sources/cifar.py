"""CIFAR-10 and CIFAR-100, from the Python archives in which they are published (A. Krizhevsky, 2009)."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset import FloatInputs
from ..selection import Selection
from .files import DataError, bytes_digest, check_digest, file_digest, missing, read_file, source_folder
from .lazy import Catalogue, LazySource
from .unpickle import unpickle_data


@dataclass(frozen=True)
class Layout:
    """The files of one of the two data sets.

    Attributes:
        archive: name of the published archive.
        archive_md5: its MD5.
        folder: the folder inside it.
        train: file → MD5, of the training images.
        test: file → MD5, of the test images.
        meta: file → MD5, of the classes' names.
        labels: the key of the labels in these files.
        names: the key of the classes' names.
    """

    archive: str
    archive_md5: str
    folder: str
    train: Mapping[str, str]
    test: Mapping[str, str]
    meta: Mapping[str, str]
    labels: str
    names: str

    @property
    def files(self) -> dict[str, str]:
        """All files → MD5."""
        return {**self.train, **self.test, **self.meta}


CIFAR10 = Layout(
    "cifar-10-python.tar.gz",
    "c58f30108f718f92721af3b95e74349a",
    "cifar-10-batches-py",
    {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    {"test_batch": "40351d587109b95175f43aff81a1287e"},
    {"batches.meta": "5ff9c542aee3614f3951f8cda6e48888"},
    "labels",
    "label_names",
)
CIFAR100 = Layout(
    "cifar-100-python.tar.gz",
    "eb9058c3a382ffc7106e4002c42a8d85",
    "cifar-100-python",
    {"train": "16019d7e3df5f24257cddd939b257f8d"},
    {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    {"meta": "7973b15100ade9c7d40fb424638fde48"},
    "fine_labels",
    "fine_label_names",
)


class Cifar(LazySource):
    """32×32 colour images in CIFAR's pickled batches, scaled to 0..1; the published test images are the test split.

    Args:
        name: for messages and records.
        layout: the files; `check` compares their MD5 sums.
        folder: the folder with the archive, with the folder that is in it, or that folder itself; None for
            ``datasets`` in the data folder.
        check: whether the files must be the published ones; their shapes are checked in any case.
        selection: which examples are used.

    Raises:
        MissingDataError: there is neither the archive nor the folder; the message names the files.
    """

    def __init__(self, name: str, layout: Layout, folder: str | Path | None, check: bool, selection: Selection) -> None:
        super().__init__(name, selection)
        self.layout, self.check, self.folder = layout, check, source_folder(folder)
        self._place = self._found()

    def _found(self) -> Path:
        """Return the archive, or the folder with the batches."""
        for place in (self.folder / self.layout.folder, self.folder):
            if all((place / file).is_file() for file in self.layout.files):
                return place
        if (self.folder / self.layout.archive).is_file():
            return self.folder / self.layout.archive
        inner = self.folder / self.layout.folder
        if inner.is_dir():
            absent = [file for file in self.layout.files if not (inner / file).is_file()]
            raise missing(self.name, absent, inner, f"the files of {self.layout.archive}")
        both = f"{self.layout.archive} (or the folder {self.layout.folder} with {', '.join(self.layout.files)})"
        origin = "the archive for Python that the CIFAR page of the University of Toronto publishes"
        raise missing(self.name, [both], self.folder, origin)

    def _contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the files there are, by name."""
        if self._place.is_dir():
            for file in self.layout.files:
                yield file, read_file(self._place / file)
            return
        if self.check:
            check_digest(self._place, file_digest(self._place, "md5"), self.layout.archive_md5)
        try:
            with tarfile.open(self._place, "r:gz") as archive:
                for member in archive:
                    file = member.name.removeprefix("./").removeprefix(self.layout.folder + "/")
                    content = archive.extractfile(member) if member.isreg() and file in self.layout.files else None
                    if content is not None:
                        yield file, content.read()
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self._place} is no archive, truncated or damaged: {error}") from None

    @cached_property
    def _files(self) -> dict[str, dict[str, Any]]:
        """The unpickled files, with the digest of each."""
        found: dict[str, dict[str, Any]] = {}
        for file, content in self._contents():
            where = f"{self._place}{'' if self._place.is_dir() else ':'}/{file}"
            if self.check:
                check_digest(where, bytes_digest(content, "md5"), self.layout.files[file])
            found[file] = {**unpickle_data(content, where), "where": where, "digest": bytes_digest(content)}
        absent = [file for file in self.layout.files if file not in found]
        if absent:
            raise DataError(f"{self._place} lacks {', '.join(absent)}: get the published archive anew")
        return found

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names of all classes, from the files."""
        (file,) = self.layout.meta
        names = self._files[file].get(self.layout.names)
        if not isinstance(names, list) or not names or not all(isinstance(name, (str, bytes)) for name in names):
            raise DataError(f"{self._files[file]['where']} has no list {self.layout.names!r} of names")
        return tuple(name.decode("latin1") if isinstance(name, bytes) else name for name in names)

    @property
    def example_shape(self) -> tuple[int, int, int]:
        """``(32, 32, 3)``."""
        return 32, 32, 3

    @cached_property
    def _batches(self) -> list[tuple[NDArray[np.uint8], NDArray[np.int32]]]:
        """``(n, 3072)`` pixels, channels first, and ``(n,)`` labels of each file."""
        return [self._batch(self._files[file]) for file in (*self.layout.train, *self.layout.test)]

    def _batch(self, batch: dict[str, Any]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        pixels, labels, where = batch.get("data"), batch.get(self.layout.labels), batch["where"]
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (3072,):
            kind = (
                f"{pixels.dtype} of shape {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
            )
            raise DataError(f"{where}: 'data' is {kind}: uint8 of shape (n, 3072) is expected")
        try:
            numbers = np.asarray(labels, dtype=np.int64)
        except (TypeError, ValueError, OverflowError):
            numbers = np.empty(0)
        if numbers.shape != (len(pixels),):
            raise DataError(f"{where}: {self.layout.labels!r} are not one integer for each of {len(pixels)} images")
        wrong = numbers[(numbers < 0) | (numbers >= len(self.class_names))]
        if wrong.size:
            raise DataError(f"{where}: the label {wrong[0]} is none of the {len(self.class_names)} classes")
        return pixels, numbers.astype(np.int32)

    def catalogue(self) -> Catalogue:
        """See `LazySource`."""
        labels = [numbers for _, numbers in self._batches]
        trained = sum(len(numbers) for numbers in labels[: len(self.layout.train)])
        every = np.concatenate(labels)
        return Catalogue(every, {"train": np.arange(trained), "test": np.arange(trained, len(every))})

    def read(self, rows: NDArray[np.intp]) -> FloatInputs:
        """See `LazySource`."""
        images = np.empty((len(rows), 32, 32, 3), dtype=np.float32)
        start = 0
        for pixels, _ in self._batches:
            here = np.flatnonzero((rows >= start) & (rows < start + len(pixels)))
            chosen = pixels[rows[here] - start].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            images[here] = chosen.astype(np.float32) / np.float32(255)
            start += len(pixels)
        return images

    def identity(self, rows: NDArray[np.intp]) -> Iterable[str]:
        """See `LazySource`."""
        return [self._files[file]["digest"] for file in (*self.layout.train, *self.layout.test)]


def cifar10(
    folder: str | Path | None = None,
    check: bool = True,
    seed: int = 0,
    fold: int | None = None,
    folds: int = 5,
    classes: Sequence[int | str] | None = None,
    fraction: float = 1.0,
) -> Cifar:
    """CIFAR-10: 60,000 images of ten classes, 10,000 of them the test split (see `Cifar` and `Selection`)."""
    return Cifar("cifar10", CIFAR10, folder, check, Selection(seed, fold, folds, classes, fraction))


def cifar100(
    folder: str | Path | None = None,
    check: bool = True,
    seed: int = 0,
    fold: int | None = None,
    folds: int = 5,
    classes: Sequence[int | str] | None = None,
    fraction: float = 1.0,
) -> Cifar:
    """CIFAR-100: 60,000 images of a hundred classes, 10,000 of them the test split (see `Cifar` and `Selection`)."""
    return Cifar("cifar100", CIFAR100, folder, check, Selection(seed, fold, folds, classes, fraction))
