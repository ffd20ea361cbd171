"""Data sets in NPZ files: a user's own arrays, read when they are first asked for."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .dataset import PARTS, Dataset, Split
from .selection import Selection

INPUTS = ("inputs", "images", "features", "x")
LABELS = ("labels", "y")
ALIASES = {"validation": ("validation", "val", "valid"), "train": ("train",), "test": ("test",), "probe": ("probe",)}


class NpzDataset:
    """A `DataSource` in an NPZ file.

    The file has arrays ``images`` (or ``features``, ``inputs``, ``x``) and ``labels`` (or ``y``), and ``masks``
    where there are any, which are dealt into splits as `Dataset.from_arrays` says; or the same with ``_train``,
    ``_validation``, ``_test`` and, where there is one, ``_probe`` at the end of the names (without one, the probe
    is the last twentieth of the validation split, 64 examples at most, which is then left out there).

    Args:
        path: the file. It is never unpickled.
        seed: which examples go where, for a file without splits.
        fold: for cross-validation, as `Selection` says of this and the following; it deals the training and
            validation split of the file anew.
        folds: number of folds.
        classes: indices of the classes, or of the labels, that are kept.
        fraction: share of the training split that is kept.

    Raises:
        ValueError: the file is missing, is no NPZ file, or lacks an array; the message says what was looked for. Or
            a setting is out of range.
    """

    def __init__(
        self,
        path: str | Path,
        seed: int = 0,
        fold: int | None = None,
        folds: int = 5,
        classes: Sequence[int | str] | None = None,
        fraction: float = 1.0,
    ) -> None:
        self.path, self.seed = Path(path).expanduser().absolute(), seed
        self.selection = Selection(seed, fold, folds, classes, fraction)
        self.name = self.path.stem
        if not self.path.is_file():
            raise ValueError(f"data set {path}: there is no such file")
        self._names = self._listed()

    def _listed(self) -> set[str]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                return {Path(name).stem for name in archive.namelist()}
        except (zipfile.BadZipFile, OSError) as error:
            raise ValueError(f"data set {self.path} is no NPZ file: {error}") from error

    def _find(self, kinds: tuple[str, ...], part: str | None = None, needed: bool = True) -> str | None:
        ends = [f"_{alias}" for alias in ALIASES[part]] if part else [""]
        wanted = [kind + end for kind in kinds for end in ends]
        found = [name for name in wanted if name in self._names]
        if not found and needed:
            raise ValueError(
                f"data set {self.path} has no array {' or '.join(wanted)}: it has {', '.join(sorted(self._names))}"
            )
        return found[0] if found else None

    @cached_property
    def _loaded(self) -> Dataset:
        try:
            with np.load(self.path, allow_pickle=False) as file:
                return self._read(file)
        except (ValueError, OSError, zipfile.BadZipFile, KeyError) as error:
            if str(self.path) in str(error) or "data set" in str(error):
                raise
            raise ValueError(f"data set {self.path} cannot be read: {error}") from error

    def _read(self, file: Any) -> Dataset:
        def arrays(part: str | None) -> tuple[Any, Any, Any]:
            masks = self._find(("masks",), part, needed=False)
            x, y = self._find(INPUTS, part), self._find(LABELS, part)
            return file[x], file[y], None if masks is None else file[masks]

        if self._find(INPUTS, "train", needed=False) is None:
            s = self.selection
            return Dataset.from_arrays(*arrays(None), self.name, s.seed, s.fold, s.folds, s.classes, s.fraction)
        splits = {part: arrays(part) for part in PARTS[:3]}
        if self._find(INPUTS, "probe", needed=False) is not None:
            splits["probe"] = arrays("probe")
        else:
            x, y, m = splits["validation"]
            count = min(64, max(1, len(x) // 20))
            cut = len(x) - count
            splits["validation"] = (x[:cut], y[:cut], None if m is None else m[:cut])
            splits["probe"] = (x[cut:], y[cut:], None if m is None else m[cut:])
        return Dataset.from_splits(splits, self.name, self.selection)

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, the seed, and the other settings that differ from their defaults."""
        return self._checksum

    @cached_property
    def _checksum(self) -> str:
        digest = hashlib.sha256(f"npz-1 {self.seed} ".encode())
        if not self.selection.whole:
            digest.update(json.dumps(self.selection.differing(), sort_keys=True).encode())
        with self.path.open("rb") as file:
            for block in iter(lambda: file.read(2**20), b""):
                digest.update(block)
        return digest.hexdigest()

    @property
    def classes(self) -> int:
        """Number of classes, or of labels."""
        return self._loaded.classes

    @property
    def multi_label(self) -> bool:
        """Whether an example has any number of labels."""
        return self._loaded.multi_label

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self._loaded.input_shape

    @property
    def train(self) -> Split:
        """The training split."""
        return self._loaded.train

    @property
    def validation(self) -> Split:
        """The validation split."""
        return self._loaded.validation

    @property
    def test(self) -> Split:
        """The test split."""
        return self._loaded.test

    @property
    def probe(self) -> Split:
        """The probe split."""
        return self._loaded.probe
