"""Data sets: splits of images or feature rows, with labels, that every training anywhere sees alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .selection import Selection
from .splitting import scaled

FloatInputs = NDArray[np.float32]
Labels = NDArray[Any]

PARTS = ("train", "validation", "test", "probe")


@dataclass(frozen=True)
class Split:
    """One part of a data set; its arrays are read-only.

    Attributes:
        inputs: ``(n, height, width, channels)`` images or ``(n, features)`` rows, float32.
        labels: ``(n,)`` int32 class indices, or ``(n, labels)`` float32 of zeros and ones (multi-label).
        masks: ``(n, height, width)`` bool, what an explanation should point at; None where nothing is known.
    """

    inputs: FloatInputs
    labels: Labels
    masks: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for array in (self.inputs, self.labels, self.masks):
            if array is not None:
                array.setflags(write=False)

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.labels)

    @property
    def images(self) -> FloatInputs:
        """The inputs, by the name that suits images."""
        return self.inputs


@runtime_checkable
class DataSource(Protocol):
    """What candidates are trained, validated, tested and explained on.

    A source of one's own has these attributes; a property may read a split when it is first asked for.

    Attributes:
        name: for messages and records.
        classes: number of classes, or of labels (multi-label).
        multi_label: whether an example has any number of labels, not one class.
        input_shape: ``(height, width, channels)`` or ``(features,)`` of one example.
        checksum: changes with any value of any split; trainings are stored under it.
        train: examples that weights are fitted to.
        validation: examples whose score enters rewards.
        test: examples whose score enters reports only.
        probe: held-out examples whose explanations make the ISI; in none of the other splits.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def classes(self) -> int: ...  # noqa: D102
    @property
    def multi_label(self) -> bool: ...  # noqa: D102
    @property
    def input_shape(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def checksum(self) -> str: ...  # noqa: D102
    @property
    def train(self) -> Split: ...  # noqa: D102
    @property
    def validation(self) -> Split: ...  # noqa: D102
    @property
    def test(self) -> Split: ...  # noqa: D102
    @property
    def probe(self) -> Split: ...  # noqa: D102


@dataclass(frozen=True)
class Dataset:
    """A `DataSource` whose splits are arrays in memory."""

    name: str
    classes: int
    train: Split
    validation: Split
    test: Split
    probe: Split
    multi_label: bool = False

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.train.inputs.shape[1:]

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over every split: name, shape and little-endian C-order bytes of inputs, labels and masks."""
        digest = hashlib.sha256()
        for part in PARTS:
            split: Split = getattr(self, part)
            arrays = [(split.inputs, "<f4"), (split.labels, "<f4" if self.multi_label else "<i4")]
            if split.masks is not None:
                arrays.append((split.masks, "|b1"))
            for array, dtype in arrays:
                digest.update(f"{part}{array.shape}{dtype}".encode())
                digest.update(np.ascontiguousarray(array, dtype=dtype).tobytes())
        return digest.hexdigest()

    @classmethod
    def from_arrays(
        cls,
        inputs: ArrayLike,
        labels: ArrayLike,
        masks: ArrayLike | None = None,
        name: str = "arrays",
        seed: int = 0,
        fold: int | None = None,
        folds: int = 5,
        classes: Sequence[int | str] | None = None,
        fraction: float = 1.0,
    ) -> Dataset:
        """Deal arrays of one's own into stratified splits.

        Three fifths become the training split, a fifth each validation and test, after a twentieth (64 at most)
        was set aside as the probe. 8-bit images are scaled to 0..1; feature rows are standardised by the training
        split's mean and standard deviation; other images stay as they are.

        Args:
            inputs: ``(n, height, width)``, ``(n, height, width, channels)`` or ``(n, features)`` numbers.
            labels: ``(n,)`` integer classes from 0, or ``(n, labels)`` of zeros and ones (multi-label).
            masks: ``(n, height, width)`` of zeros and ones, or None.
            name: for messages and records.
            seed: which examples go where.
            fold: for cross-validation, as `Selection` says of this and the following.
            folds: number of folds.
            classes: indices of the classes, or of the labels, that are kept.
            fraction: share of the training split that is kept.

        Raises:
            ValueError: the arrays do not fit together, hold NaN, or are too few for four splits; a setting is out of
                range.

        Example:
            >>> data = Dataset.from_arrays(images, labels)  # doctest: +SKIP
            >>> evaluator = LiveEvaluator("chain", data)  # doctest: +SKIP
        """
        x, y, m = checked_arrays(name, inputs, labels, masks)
        selection = Selection(seed, fold, folds, classes, fraction)
        names = class_indices(y)
        selected = selection.select(name, names, y, {"train": np.arange(len(y))})
        splits = {
            part: (x[rows], selected.labels[rows], None if m is None else m[rows])
            for part, rows in selected.parts.items()
        }
        return cls._of_splits(splits, name, len(selection.chosen(name, names, y.ndim == 2)))

    @classmethod
    def from_splits(
        cls,
        splits: Mapping[str, tuple[Any, Any, Any]],
        name: str = "arrays",
        selection: Selection | None = None,
    ) -> Dataset:
        """Make a data set of splits that are there: part → (inputs, labels, masks or None), scaled as above.

        Args:
            splits: the four splits.
            name: for messages and records.
            selection: what is used of them; with a fold, training and validation split are dealt anew.

        Raises:
            ValueError: a split is missing, does not fit the others, or has nothing of what is selected.
        """
        if selection is None or selection.whole:
            return cls._of_splits(splits, name)
        whole = cls._of_splits(splits, name, scale=False)
        parts = [getattr(whole, part) for part in PARTS]
        ends = np.cumsum([len(split) for split in parts])
        given = {part: np.arange(end - len(s), end) for part, s, end in zip(PARTS, parts, ends, strict=True)}
        x, y = (np.concatenate([getattr(split, field) for split in parts]) for field in ("inputs", "labels"))
        masked = np.concatenate([np.full(len(split), split.masks is not None) for split in parts])
        if masked.any():
            blank = [np.zeros(split.inputs.shape[:3], dtype=bool) for split in parts]
            m = np.concatenate([b if s.masks is None else s.masks for s, b in zip(parts, blank, strict=True)])
        else:
            m = None
        names = [str(index) for index in range(whole.classes)]
        selected = selection.select(name, names, y, given)
        chosen = {
            part: (x[rows], selected.labels[rows], m[rows] if m is not None and masked[rows].all() else None)
            for part, rows in selected.parts.items()
        }
        return cls._of_splits(chosen, name, len(selection.chosen(name, names, whole.multi_label)))

    @classmethod
    def _of_splits(
        cls, splits: Mapping[str, tuple[Any, Any, Any]], name: str, classes: int = 0, scale: bool = True
    ) -> Dataset:
        """Check the splits, and scale them by the training split; ``classes`` is the least number of classes."""
        missing = [part for part in PARTS if part not in splits]
        if missing:
            raise ValueError(f"data set {name!r} lacks the split {missing[0]!r}: give {', '.join(PARTS)}")
        checked = {part: checked_arrays(f"{name} ({part})", *splits[part]) for part in PARTS}
        shapes = {x.shape[1:] for x, _, _ in checked.values()}
        widths = {y.shape[1:] for _, y, _ in checked.values()}
        if len(shapes) > 1 or len(widths) > 1:
            raise ValueError(f"data set {name!r}: its splits have examples of {sorted(shapes)}: give all one shape")
        multi = bool(next(iter(widths)))
        labels = [y for _, y, _ in checked.values()]
        classes = labels[0].shape[1] if multi else max(classes, 1 + max(int(y.max()) for y in labels))
        inputs = {part: x for part, (x, _, _) in checked.items()}
        inputs = scaled(inputs) if scale else inputs
        made = {part: Split(inputs[part], y, m) for part, (_, y, m) in checked.items()}
        return cls(name, classes, **made, multi_label=multi)


def class_indices(labels: Labels) -> list[str]:
    """Return the indices of the classes, or of the labels, as their names."""
    count = labels.shape[1] if labels.ndim == 2 else 1 + int(labels.max())
    return [str(index) for index in range(count)]


def checked_arrays(
    name: str, inputs: ArrayLike, labels: ArrayLike, masks: ArrayLike | None = None
) -> tuple[NDArray[Any], Labels, NDArray[np.bool_] | None]:
    """Return inputs with a channel axis, labels as int32 or float32, and masks as bool.

    Raises:
        ValueError: they do not fit together; the message says what is wrong and what is wanted.
    """
    x, y = np.asarray(inputs), np.asarray(labels)
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim not in (2, 4) or x.dtype.kind not in "buif" or not len(x):
        raise ValueError(
            f"data set {name!r}: inputs are {x.dtype} of shape {x.shape}: give numbers of shape (n, height, width, "
            "channels), (n, height, width) or (n, features)"
        )
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise ValueError(f"data set {name!r}: an input is not a finite number: replace or leave out such examples")
    if len(y) != len(x) or y.ndim not in (1, 2) or y.dtype.kind not in "buif":
        raise ValueError(
            f"data set {name!r}: labels are {y.dtype} of shape {y.shape} for {len(x)} inputs: give (n,) class indices "
            "or (n, labels) of zeros and ones"
        )
    if y.ndim == 2:
        if not np.isin(y, (0, 1)).all():
            raise ValueError(f"data set {name!r}: labels of several columns must be zeros and ones")
        y = y.astype(np.float32)
    else:
        whole = y.astype(np.int32)
        if (whole != y).any() or whole.min() < 0:
            raise ValueError(
                f"data set {name!r}: class indices must be integers from 0, not {y[(whole != y) | (whole < 0)][0]}"
            )
        y = whole
    if masks is None:
        return x, y, None
    m = np.asarray(masks)
    if x.ndim != 4 or m.shape != x.shape[:3]:
        raise ValueError(
            f"data set {name!r}: masks of shape {m.shape} for inputs of {x.shape}: give (n, height, width)"
        )
    return x, y, m.astype(bool)
