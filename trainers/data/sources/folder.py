"""Images in folders, one for each class, as ImageNet is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset import FloatInputs
from ..selection import Selection
from .files import DataError, MissingDataError, file_digest, source_folder
from .images import SUFFIXES, check_size, decode_all, decoder_versions, require_decoders
from .lazy import Catalogue, LazySource

SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
    "probe": ("probe",),
}


class Folder(LazySource):
    """Images in ``FOLDER/CLASS/…``, or in ``FOLDER/train/CLASS/…``, ``FOLDER/val/CLASS/…``, ``FOLDER/test/CLASS/…``.

    A folder ``train`` makes it the second form; of ``val``, ``test`` and ``probe`` those that are missing are dealt
    out of the training images. Classes are the names of their folders, in the order of the alphabet. Files whose
    names end otherwise than images do, or begin with a dot, are passed over.

    Args:
        folder: the folder.
        size: side of the square, or ``[height, width]``, in pixels: an image is scaled until it covers this, and its
            centre is taken.
        channels: 3 for colour, 1 for grey; values are 0..1.
        seed: which images go where; this and the following are those of `Selection`.
        fold: for cross-validation.
        folds: number of folds.
        classes: names or indices of the classes that are kept.
        fraction: share of the training split that is kept.

    Raises:
        MissingDataError: there is no such folder, or no image in it.
        ValueError: a setting is out of range.
        ModuleNotFoundError: Pillow is missing; the message names the extra.
    """

    def __init__(
        self,
        folder: str | Path,
        size: int | Sequence[int] = 64,
        channels: int = 3,
        seed: int = 0,
        fold: int | None = None,
        folds: int = 5,
        classes: Sequence[int | str] | None = None,
        fraction: float = 1.0,
    ) -> None:
        self.folder = source_folder(folder)
        super().__init__(self.folder.name, Selection(seed, fold, folds, classes, fraction))
        self._shape = check_size(size, channels)
        require_decoders("a data set of image files")
        if not self.folder.is_dir():
            raise MissingDataError(
                f"data set {self.name!r}: there is no folder {self.folder}: name the one that has a folder of images "
                "for each class, or folders train, val and test with such"
            )
        self._folders = self._split_folders()

    def _split_folders(self) -> dict[str, Path]:
        """Return split → folder with the classes' folders."""
        found = {}
        for part, names in SPLIT_FOLDERS.items():
            here = [self.folder / name for name in names if (self.folder / name).is_dir()]
            if len(here) > 1:
                raise DataError(f"data set {self.name!r} has both {here[0]} and {here[1]}: keep one of them")
            if here:
                found[part] = here[0]
        if found and "train" not in found:
            raise MissingDataError(
                f"data set {self.name!r}: {next(iter(found.values()))} is there, but no folder train beside it: "
                "name it otherwise if it is a class"
            )
        return found or {"train": self.folder}

    @property
    def example_shape(self) -> tuple[int, int, int]:
        """``(height, width, channels)`` that was asked for."""
        return self._shape

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes' folders in the training images, sorted."""
        top = self._folders["train"]
        names = sorted(entry.name for entry in top.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        if len(names) < 2:
            raise MissingDataError(
                f"data set {self.name!r}: {top} has {len(names)} folders: give one folder of images for each of at "
                "least two classes"
            )
        return tuple(names)

    @cached_property
    def _found(self) -> tuple[list[Path], Catalogue]:
        """The files, and what is known of them."""
        paths: list[Path] = []
        labels: list[int] = []
        given = {}
        for part, top in self._folders.items():
            start = len(paths)
            others = {entry.name for entry in top.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
            unknown = sorted(others - set(self.class_names))
            if unknown:
                raise DataError(
                    f"data set {self.name!r}: {top / unknown[0]} is a class that {self._folders['train']} lacks"
                )
            for index, name in enumerate(self.class_names):
                here = _images(top / name)
                if not here and part == "train":
                    raise MissingDataError(f"data set {self.name!r}: {top / name} has no image ({', '.join(SUFFIXES)})")
                paths += here
                labels += [index] * len(here)
            given[part] = np.arange(start, len(paths))
        return paths, Catalogue(np.array(labels, dtype=np.int32), given)

    def catalogue(self) -> Catalogue:
        """See `LazySource`."""
        return self._found[1]

    def read(self, rows: NDArray[np.intp]) -> FloatInputs:
        """See `LazySource`."""
        paths = self._found[0]
        return decode_all([paths[row] for row in rows], self._shape, "crop")

    def identity(self, rows: NDArray[np.intp]) -> Iterable[str]:
        """See `LazySource`."""
        paths = [self._found[0][row] for row in rows]
        yield json.dumps([*self._shape, "crop", *decoder_versions(paths)])
        for path in paths:
            yield file_digest(path)


def _images(folder: Path) -> list[Path]:
    """Return the images in a folder and those below, by name."""
    found = [
        Path(place, file)
        for place, _, files in os.walk(folder, followlinks=True)
        for file in files
        if file.lower().endswith(SUFFIXES) and not file.startswith(".")
    ]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())
