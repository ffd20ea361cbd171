"""Reading columns of a table for a batch of questions, each column when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.evaluation import FloatArray, IntArray
from .format import Table


class ColumnReader:
    """Reads one metric of a table.

    Args:
        table: the table.
        name: the metric.
        fidelities: the epochs that questions are asked at, in the order in which they are numbered.
    """

    def __init__(self, table: Table, name: str, fidelities: Sequence[int]) -> None:
        self._table, self.column = table, table.column(name)
        epochs = self.column.epochs
        self.seeds = self.column.seeds
        # Place of each fidelity among the metric's own epochs, −1 where it is not known at that fidelity.
        self._places = [] if epochs is None else [epochs.index(e) if e in epochs else -1 for e in fidelities]
        self._place_array = np.array(self._places, dtype=np.int64)
        self._width = 1 if epochs is None else len(epochs) * self.seeds  # values per row
        self._flat: NDArray | None = None
        self._means: FloatArray | None = None  # (rows × epochs,)
        coding = self.column.coding
        # A plain coding is the usual one, and short enough to be written out for single values.
        self._divide = coding.divide if coding.add == 0.0 and coding.missing is None else None

    def one(self, row: int, fidelity: int, seed: int) -> float:
        """Return one value; faster than `gather`."""
        if self._width == 1 and not self._places:
            position = row
        else:
            place = self._places[fidelity]
            if place < 0:
                return np.nan
            if seed < 0:
                return self.means().item(row * len(self.column.epochs or ()) + place)
            position = row * self._width + place * self.seeds + seed % self.seeds
        flat = self._read() if self._flat is None else self._flat
        if self._divide is not None:
            return flat.item(position) / self._divide
        return self.column.coding.decode(flat[position : position + 1]).item()

    def gather(self, rows: IntArray, fidelities: int | IntArray, seeds: int | IntArray) -> FloatArray:
        """Return ``(b,)`` float64: NaN where the metric is not known.

        Args:
            rows: ``(b,)`` rows of the table.
            fidelities: their fidelity's number, one for all or ``(b,)``.
            seeds: training seed, `MEAN_SEED` for the mean; one for all or ``(b,)``.
        """
        flat = self._read() if self._flat is None else self._flat
        if not self._places:
            return self.column.coding.decode(flat.take(rows))
        if self.seeds == 1:
            seeds = 0  # the mean of one training is that training
        if isinstance(fidelities, int):
            place: Any = self._places[fidelities]
            return np.full(len(rows), np.nan) if place < 0 else self._at(flat, rows, place, seeds)
        place = self._place_array.take(fidelities)
        unknown = place < 0
        values = self._at(flat, rows, np.maximum(place, 0), seeds)
        values[unknown] = np.nan
        return values

    def _at(self, flat: NDArray, rows: IntArray, place: Any, seeds: int | IntArray) -> FloatArray:
        if isinstance(seeds, int):
            of_seeds = seeds >= 0
            return self._of_seeds(flat, rows, place, seeds % self.seeds) if of_seeds else self._of_means(rows, place)
        if len(seeds) == 0 or seeds.min() >= 0:
            return self._of_seeds(flat, rows, place, seeds)
        single = self._of_seeds(flat, rows, place, np.maximum(seeds, 0))
        return np.where(seeds < 0, self._of_means(rows, place), single)

    def _of_seeds(self, flat: NDArray, rows: IntArray, place: Any, seeds: Any) -> FloatArray:
        positions = rows * self._width
        positions += place * self.seeds + seeds
        return self.column.coding.decode(flat.take(positions, mode="clip"))

    def _of_means(self, rows: IntArray, place: Any) -> FloatArray:
        positions = rows * len(self.column.epochs or ())
        positions += place
        return self.means().take(positions)

    def means(self) -> FloatArray:
        """Return the mean over each row's own trainings, ``(rows × epochs,)`` float64."""
        if self._means is not None:
            return self._means
        column = self.column
        values = column.coding.decode(self._table.raw(column.block))  # (rows, epochs, seeds)
        if column.trainings is None:
            means = values.mean(axis=2)
        else:
            counts = self._table.raw(column.trainings).astype(np.int64)  # (rows, epochs)
            own = np.arange(column.seeds) < counts[:, :, None]
            means = np.where(own, values, 0.0).sum(axis=2) / np.maximum(counts, 1)
        self._means = flat = means.ravel()
        return flat

    def forget(self) -> None:
        """Let go of the file's mapping."""
        self._flat = None

    def _read(self) -> NDArray:
        self._flat = self._table.raw(self.column.block).reshape(-1)
        return self._flat


class LazyColumns(Mapping[str, FloatArray]):
    """The metrics of a batch of questions, each looked up when it is first asked for, and then kept.

    Pickles and copies hold the columns themselves.
    """

    __slots__ = ("_fidelities", "_known", "_readers", "_rows", "_seeds")

    def __init__(
        self,
        readers: Mapping[str, ColumnReader],
        rows: Any,
        fidelities: int | IntArray,
        seeds: int | IntArray,
    ) -> None:
        self._readers, self._rows, self._fidelities, self._seeds = readers, rows, fidelities, seeds
        self._known: dict[str, FloatArray] = {}

    def __getitem__(self, name: str) -> FloatArray:
        """Return a metric's column ``(b,)``."""
        known = self._known.get(name)
        if known is None:
            reader = self._readers[name]
            if type(self._rows) is int:
                known = np.array([reader.one(self._rows, self._fidelities, self._seeds)])  # type: ignore[arg-type]
            else:
                known = reader.gather(self._rows, self._fidelities, self._seeds)
            self._known[name] = known
        return known

    def __iter__(self) -> Iterator[str]:
        """Iterate over the metrics' names."""
        return iter(self._readers)

    def __len__(self) -> int:
        """Return the number of metrics."""
        return len(self._readers)

    def __contains__(self, name: object) -> bool:
        """Say whether there is such a metric, without looking it up."""
        return name in self._readers

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy as a plain dictionary of columns."""
        return dict, ({name: self[name] for name in self},)
