"""CheXpert: chest radiographs with fourteen observations (J. Irvin et al., 2019, AAAI)."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset import FloatInputs
from ..selection import Selection
from .files import DataError, file_digest, missing, source_folder
from .images import check_size, decode_all, decoder_versions, is_dicom, require_decoders
from .lazy import Catalogue, LazySource

OBSERVATIONS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
COMPETITION = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
"""The observations that CheXpert's competition scores."""

UNCERTAIN = ("ignore", "zeros", "ones")
DEFAULT_FOLDERS = ("CheXpert-v1.0-small", "CheXpert-v1.0", "chexpert")
_VALUES = {"": 0.0, "0": 0.0, "0.0": 0.0, "1": 1.0, "1.0": 1.0, "-1": -1.0, "-1.0": -1.0}


class CheXpert(LazySource):
    """Frontal chest radiographs in CheXpert's layout, grey, 0..1; several labels, scored by the mean AUC-ROC.

    The folder has ``train.csv`` and ``valid.csv`` with the columns Path, Frontal/Lateral and the observations, where
    1 is present, 0 absent, −1 uncertain, and a blank, not mentioned, counts as absent. The images of ``valid.csv``,
    which radiologists labelled, are the test split; the others are dealt out of ``train.csv`` by patient, so that no
    patient is in two splits. The probe has one image of each of its patients, whose other images are not used. Paths
    that end in ``.dcm`` are read as DICOM files. Images are scaled to the size whole, height and width apart.

    Args:
        folder: the folder; None for ``CheXpert-v1.0-small``, ``CheXpert-v1.0`` or ``chexpert`` in ``datasets`` of the
            data folder.
        uncertain: what becomes of an uncertain label: ``"ones"`` (U-Ones) and ``"zeros"`` (U-Zeros) count it as
            present or absent; ``"ignore"`` leaves out the images of which a label that is kept is uncertain (in the
            paper's U-Ignore the image stays, and that one label has no weight).
        classes: names or indices of the observations that are kept; ``"competition"`` for the five that the
            competition scores; None for all fourteen.
        size: side of the square, or ``[height, width]``, in pixels.
        seed: which patients go where; this and the following are those of `Selection`.
        fold: for cross-validation.
        folds: number of folds.
        fraction: share of the training split's patients that is kept.

    Raises:
        MissingDataError: a CSV file is not there.
        DataError: a CSV file has not the columns, or a value that is none.
        ValueError: a setting is out of range.
        ModuleNotFoundError: Pillow or pydicom is missing; the message names the extra.
    """

    multi_label = True

    def __init__(
        self,
        folder: str | Path | None = None,
        uncertain: str = "ones",
        classes: Sequence[int | str] | str | None = "competition",
        size: int | Sequence[int] = 256,
        seed: int = 0,
        fold: int | None = None,
        folds: int = 5,
        fraction: float = 1.0,
    ) -> None:
        if uncertain not in UNCERTAIN:
            raise ValueError(f"uncertain={uncertain!r}: give one of {', '.join(UNCERTAIN)}")
        kept = COMPETITION if classes == "competition" else classes
        super().__init__("chexpert", Selection(seed, fold, folds, kept, fraction))  # type: ignore[arg-type]
        self.uncertain, self._shape = uncertain, check_size(size, 1)
        _ = self.classes  # so that an unknown one is told at once
        if folder is None:
            places = [source_folder(None, name) for name in DEFAULT_FOLDERS]
            self.folder = next((place for place in places if place.is_dir()), places[0])
        else:
            self.folder = source_folder(folder)
        require_decoders("the data set 'chexpert'")
        absent = [name for name in ("train.csv", "valid.csv") if not (self.folder / name).is_file()]
        if absent:
            origin = "the unpacked CheXpert-v1.0-small, which Stanford's AIMI center hands out on registration"
            raise missing(self.name, absent, self.folder, origin)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The fourteen observations."""
        return OBSERVATIONS

    @property
    def example_shape(self) -> tuple[int, int, int]:
        """``(height, width, 1)``."""
        return self._shape

    @cached_property
    def _found(self) -> tuple[list[Path], Catalogue]:
        """The files, and what is known of them."""
        kept = self.selection.chosen(self.name, OBSERVATIONS, multi_label=True)
        paths, patients, rows, given = [], [], [], {}
        for part, name in (("train", "train.csv"), ("test", "valid.csv")):
            start = len(paths)
            for path, patient, values in _frontal_views(self.folder / name):
                if self.uncertain == "ignore" and any(values[index] < 0 for index in kept):
                    continue
                paths.append(path)
                patients.append(patient)
                rows.append(values)
            given[part] = np.arange(start, len(paths))
        labels = np.array(rows, dtype=np.float32).reshape(-1, len(OBSERVATIONS))
        labels[labels < 0] = float(self.uncertain == "ones")
        files = _located(self.folder, paths)
        require_decoders("the data set 'chexpert'", dicom=any(is_dicom(path) for path in files))
        return files, Catalogue(labels, given, np.array(patients))

    def catalogue(self) -> Catalogue:
        """See `LazySource`."""
        return self._found[1]

    def read(self, rows: NDArray[np.intp]) -> FloatInputs:
        """See `LazySource`."""
        return decode_all([self._found[0][row] for row in rows], self._shape, "stretch")

    def identity(self, rows: NDArray[np.intp]) -> Iterable[str]:
        """See `LazySource`."""
        paths = [self._found[0][row] for row in rows]
        yield json.dumps([*self._shape, "stretch", *decoder_versions(paths)])
        for path in paths:
            yield file_digest(path)


def _frontal_views(path: Path) -> Iterable[tuple[str, str, list[float]]]:
    """Yield path, patient and observations (1, 0, −1) of every frontal view in a CSV file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            absent = [
                name for name in ("Path", "Frontal/Lateral", *OBSERVATIONS) if name not in (reader.fieldnames or ())
            ]
            if absent:
                raise DataError(f"{path} has no column {absent[0]!r}: CheXpert's columns are expected")
            for row in reader:
                yield from _view(row, f"{path}, line {reader.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from None


def _view(row: dict[str, Any], where: str) -> Iterable[tuple[str, str, list[float]]]:
    if None in row or None in row.values():
        raise DataError(f"{where} has not as many values as there are columns: the file is truncated or damaged")
    view = row["Frontal/Lateral"].strip()
    if view not in ("Frontal", "Lateral"):
        raise DataError(f"{where}: Frontal/Lateral is {view!r}: Frontal or Lateral is expected")
    patient = re.search(r"patient\d+", row["Path"])
    if patient is None:
        raise DataError(
            f"{where}: the path {row['Path']!r} names no patient, as in patient00001/study1/view1_frontal.jpg"
        )
    values = []
    for name in OBSERVATIONS:
        text = row[name].strip()
        if text not in _VALUES:
            raise DataError(f"{where}: {name} is {text!r}: 1, 0, -1 or nothing is expected")
        values.append(_VALUES[text])
    if view == "Frontal":
        yield row["Path"], patient.group(), values


def _located(folder: Path, paths: Sequence[str]) -> list[Path]:
    """Return the files: paths begin at the folder, above it, or with another name of it."""
    if not paths:
        return []
    first = Path(paths[0])
    if (folder / first).is_file():
        return [folder / path for path in paths]
    if (folder.parent / first).is_file():
        return [folder.parent / path for path in paths]
    return [folder.joinpath(*Path(path).parts[1:]) for path in paths]
