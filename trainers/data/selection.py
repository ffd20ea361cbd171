"""Which examples of a data set are used: classes, fold, and share of the training split."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from ...envs.core.suggestions import did_you_mean
from .splitting import arrange


@dataclass(frozen=True)
class Selected:
    """The examples that are used.

    Attributes:
        labels: ``(n,)`` or ``(n, labels)`` of all examples, numbered as in the subset of classes; what belongs to no
            chosen class is −1.
        parts: split → ascending indices into ``labels``.
    """

    labels: NDArray[Any]
    parts: dict[str, NDArray[np.intp]]


@dataclass(frozen=True)
class Selection:
    """Which examples of a data set are used; the defaults leave it as it is.

    Args:
        seed: which examples go where, a non-negative integer.
        fold: the fold of the training and validation examples together that is the validation split,
            0..folds − 1; None for no folds. Test and probe are the same in all folds.
        folds: number of folds, at least 2.
        classes: names or indices of the classes (or labels) that are kept, numbered from 0 in this order; None for
            all.
        fraction: share of the training split that is kept, above 0 to 1. A smaller one is part of a larger one.

    Raises:
        ValueError: a value is out of range; the message says what is allowed.
    """

    seed: int = 0
    fold: int | None = None
    folds: int = 5
    classes: Sequence[int | str] | None = None
    fraction: float = 1.0

    def __post_init__(self) -> None:
        """Check the values."""
        whole = {"seed": self.seed, "folds": self.folds, **({} if self.fold is None else {"fold": self.fold})}
        for name, value in whole.items():
            if isinstance(value, bool) or not hasattr(value, "__index__"):
                raise ValueError(f"{name}={value!r}: give an integer")
            object.__setattr__(self, name, operator.index(value))
        if self.seed < 0:
            raise ValueError(f"seed={self.seed}: give a non-negative integer")
        if self.folds < 2:
            raise ValueError(f"folds={self.folds}: give at least 2")
        if self.fold is not None and not 0 <= self.fold < self.folds:
            raise ValueError(f"fold={self.fold} is out of range: of folds={self.folds} give 0..{self.folds - 1}")
        if self.fold is None and self.folds != 5:
            raise ValueError(f"folds={self.folds} without fold: say which one is validated, fold=0..{self.folds - 1}")
        number = isinstance(self.fraction, (int, float, np.floating)) and not isinstance(self.fraction, bool)
        if not number or not 0 < self.fraction <= 1:
            raise ValueError(f"fraction={self.fraction!r}: give a number above 0, up to 1")

    @property
    def whole(self) -> bool:
        """Whether the data set is left as it is."""
        return self.fold is None and self.classes is None and self.fraction == 1

    def differing(self) -> dict[str, Any]:
        """Return what differs from the defaults as plain JSON, the seed apart."""
        values = {
            "fold": self.fold,
            "folds": self.folds if self.fold is not None else None,
            "classes": None if self.classes is None else list(self.classes),
            "fraction": None if self.fraction == 1 else float(self.fraction),
        }
        return {name: value for name, value in values.items() if value is not None}

    def chosen(self, data: str, names: Sequence[str], multi_label: bool = False) -> list[int]:
        """Return the indices of the classes that are kept.

        Args:
            data: how errors call the data set.
            names: of all its classes.
            multi_label: whether the classes are labels, of which one may be enough.

        Raises:
            ValueError: a class does not exist or is named twice, or they are too few.
        """
        if self.classes is None:
            return list(range(len(names)))
        if isinstance(self.classes, (str, Mapping)) or not isinstance(self.classes, Sequence):
            raise ValueError(f"data set {data!r}: classes={self.classes!r}: give a list of names or indices")
        found = [self._index(data, given, names) for given in self.classes]
        twice = next((given for given, index in zip(self.classes, found, strict=True) if found.count(index) > 1), None)
        if twice is not None:
            raise ValueError(f"data set {data!r}: the class {twice!r} is named twice")
        least = 1 if multi_label else 2
        if len(found) < least:
            raise ValueError(f"data set {data!r}: classes={list(self.classes)!r}: give at least {least}")
        return found

    @staticmethod
    def _index(data: str, given: Any, names: Sequence[str]) -> int:
        if isinstance(given, str) and given in names:
            return list(names).index(given)
        if isinstance(given, SupportsIndex) and not isinstance(given, bool) and 0 <= operator.index(given) < len(names):
            return operator.index(given)
        near = did_you_mean(given, names) if isinstance(given, str) else ""
        few = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
        raise ValueError(
            f"data set {data!r} has no class {given!r}{near}: it has {few}, or by index 0..{len(names) - 1}"
        )

    def select(
        self,
        data: str,
        names: Sequence[str],
        labels: NDArray[Any],
        given: Mapping[str, NDArray[np.intp]],
        groups: NDArray[Any] | None = None,
    ) -> Selected:
        """Number the labels anew and say which examples are in which split (see `splitting.arrange`).

        Args:
            data: how errors call the data set.
            names: of all its classes, or of its labels.
            labels: ``(n,)`` classes, or ``(n, labels)`` zeros and ones, of all examples.
            given: split → examples; ``train`` is among them, missing ones are dealt out of it.
            groups: ``(n,)`` whose examples stay together, or None.

        Raises:
            ValueError: a class does not exist, or a split would be empty.
        """
        chosen = self.chosen(data, names, labels.ndim == 2)
        if self.classes is not None and labels.ndim == 2:
            labels = np.ascontiguousarray(labels[:, chosen])
        elif self.classes is not None:
            renumbered = np.full(len(names), -1, dtype=labels.dtype)
            renumbered[chosen] = np.arange(len(chosen))
            labels = renumbered[labels]
            given = {part: rows[labels[rows] >= 0] for part, rows in given.items()}
        try:
            parts = arrange(labels, given, self.seed, self.fold, self.folds, float(self.fraction), groups)
        except ValueError as error:
            raise ValueError(f"data set {data!r}: {error}") from None
        for part, rows in parts.items():
            if not len(rows):
                raise ValueError(f"data set {data!r}: the {part} split has no example of the classes asked for")
        return Selected(labels, parts)
