"""Data sets in files that are read when they are asked for: labels first, the images of each split later."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset import PARTS, FloatInputs, Labels, Split
from ..selection import Selected, Selection


class LazySplit(Split):
    """A split whose inputs are read when they are first asked for; its length and labels are there at once.

    Args:
        labels: ``(n,)`` int32 class indices, or ``(n, labels)`` float32 of zeros and ones.
        read: returns the inputs, ``(n, height, width, channels)`` float32.
    """

    def __init__(self, labels: Labels, read: Callable[[], FloatInputs]) -> None:
        labels.setflags(write=False)
        self.__dict__.update(labels=labels, masks=None, _read=read)  # a split is frozen

    @cached_property
    def inputs(self) -> FloatInputs:  # type: ignore[override]
        """The images, ``(n, height, width, channels)`` float32."""
        inputs = self._read()  # type: ignore[attr-defined]
        inputs.setflags(write=False)
        return inputs

    def __repr__(self) -> str:
        """Return the number of examples: the arrays would have to be read."""
        return f"{type(self).__name__}({len(self)} examples)"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as a split that has been read."""
        return Split, (self.inputs, self.labels, self.masks)


@dataclass(frozen=True)
class Catalogue:
    """What is known of a data set's examples before an image is read.

    Attributes:
        labels: ``(n,)`` int32 class indices, or ``(n, labels)`` float32 of zeros and ones, of all examples.
        given: split → indices of its examples, as the files have them; ``train`` is among them.
        groups: ``(n,)`` whose example it is, where a split must not have another example of the same; or None.
    """

    labels: Labels
    given: Mapping[str, NDArray[np.intp]]
    groups: NDArray[Any] | None = None


class LazySource(ABC):
    """A `DataSource` in files; a kind of files says what its examples are, and how they are read.

    A pickled source has read everything: whoever gets it may be on a machine without the files.

    Args:
        name: for messages and records.
        selection: which examples are used.
    """

    multi_label = False

    def __init__(self, name: str, selection: Selection) -> None:
        self.name, self.selection = name, selection

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """Names of all classes there are, or of all labels."""

    @property
    @abstractmethod
    def example_shape(self) -> tuple[int, int, int]:
        """``(height, width, channels)`` of one example, without reading one."""

    @abstractmethod
    def catalogue(self) -> Catalogue:
        """Return labels and given splits of all examples; called once."""

    @abstractmethod
    def read(self, rows: NDArray[np.intp]) -> FloatInputs:
        """Return the images of the examples ``rows``, ``(len(rows), height, width, channels)`` float32, 0..1."""

    @abstractmethod
    def identity(self, rows: NDArray[np.intp]) -> Iterable[str]:
        """Yield what determines the images of the examples ``rows``: digests of files, settings of the reading."""

    @cached_property
    def _selected(self) -> Selected:
        found = self.catalogue()
        return self.selection.select(self.name, self.class_names, found.labels, found.given, found.groups)

    @cached_property
    def kept_classes(self) -> tuple[str, ...]:
        """Names of the classes, or labels, that are used, in the order of their indices."""
        kept = self.selection.chosen(self.name, self.class_names, self.multi_label)
        return tuple(self.class_names[index] for index in kept)

    @cached_property
    def classes(self) -> int:
        """Number of classes, or of labels."""
        return len(self.kept_classes)

    @cached_property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.example_shape)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over which examples are in which split, their labels, and the digests of the files they are in."""
        selected = self._selected
        digest = hashlib.sha256(f"{type(self).__name__}-1".encode())
        for part in PARTS:
            rows = selected.parts[part]
            labels = np.ascontiguousarray(selected.labels[rows], dtype="<f4" if self.multi_label else "<i4")
            digest.update(f"{part}{labels.shape}".encode())
            digest.update(rows.astype("<i8").tobytes() + labels.tobytes())
        rows = np.sort(np.concatenate([selected.parts[part] for part in PARTS]))
        for text in self.identity(rows):
            digest.update(json.dumps(text).encode())
        return digest.hexdigest()

    def _split(self, part: str) -> Split:
        rows = self._selected.parts[part]
        return LazySplit(self._selected.labels[rows], lambda: self.read(rows))

    @cached_property
    def train(self) -> Split:
        """The training split."""
        return self._split("train")

    @cached_property
    def validation(self) -> Split:
        """The validation split."""
        return self._split("validation")

    @cached_property
    def test(self) -> Split:
        """The test split."""
        return self._split("test")

    @cached_property
    def probe(self) -> Split:
        """The probe split."""
        return self._split("probe")

    def __getstate__(self) -> dict[str, Any]:
        """Return what a data source has, read; in a copy these take the place of what would read them."""
        names = ("name", "selection", "kept_classes", "classes", "multi_label", "input_shape", "checksum", *PARTS)
        return {name: getattr(self, name) for name in names}
