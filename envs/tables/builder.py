"""From results in memory to a table file: every row checked, the first offending one named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..core.evaluation import FloatArray, IntArray, Metric
from ..spaces import SearchSpace
from ..spaces.forms import canonical_forms
from .blocks import encode
from .categorical import config_of_space
from .checks import check_coverage, check_units, check_values, first_bad, known_index, whole_count
from .errors import TableError
from .format import Payload, Table
from .header import Column, Header
from .selection import decoded_architectures


@dataclass
class MetricData:
    """A metric's values on their way into a table.

    Attributes:
        metric: name, unit, split and range.
        values: ``(rows,)`` for a property of the architecture, or ``(rows, epochs, seeds)`` for trainings.
            NaN after a row's last training; a property may be NaN where ``gaps`` says so.
        epochs: fidelities, ascending; None for a property of the architecture.
        description: what was measured, how.
        averaged: whether each value is already a mean over trainings.
        gaps: whether a property may have no value for some architectures (a device that cannot run it).
        resolution: values are multiples of 1 / resolution (accuracy: the number of images).
        tolerance: how far values may be from such a multiple, for sources rounded to float32.
        trust_unit: accept values that look as if they were in another unit.
    """

    metric: Metric
    values: FloatArray
    epochs: tuple[int, ...] | None = None
    description: str = ""
    averaged: bool = False
    gaps: bool = False
    resolution: int | None = None
    tolerance: float = 0.0
    trust_unit: bool = False


@dataclass
class TableData:
    """Results on their way into a table file. See `Header` for the fields of the same names.

    Attributes:
        name: the table's name.
        space: the search space.
        metrics: the columns; their rows are those of ``architectures``.
        search_metric: the metric that a search maximises.
        architectures: ``(rows, n)``, in any order; None for all of the space in index order.
        fidelities: epochs that can be asked for; None for all of the search metric's.
        cost_metric: the metric in seconds that an evaluation costs; None charges ``nominal_seconds`` an epoch.
        canonical: rows exist for canonical forms only.
        partial: the table need not cover the space. The file says whether it does.
    """

    name: str
    space: SearchSpace
    metrics: Sequence[MetricData]
    search_metric: str
    architectures: ArrayLike | None = None
    fidelities: tuple[int, ...] | None = None
    cost_metric: str | None = None
    nominal_seconds: float = 1.0
    canonical: bool = False
    partial: bool = False
    source: str = ""
    licence: str = ""
    citation: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_table(cls, table: Table, space: SearchSpace) -> TableData:
        """Return a table's contents, to add to them and write them again."""
        header = table.header
        metrics = []
        for name, column in header.columns.items():
            values = table.values(name)
            if column.trainings is not None:
                counts = table.raw(column.trainings)
                values[np.arange(column.seeds) >= counts[:, :, None]] = np.nan
            divide = column.coding.divide
            metrics.append(
                MetricData(
                    column.metric,
                    values,
                    column.epochs,
                    column.description,
                    column.averaged,
                    gaps=column.coding.missing is not None,
                    resolution=int(divide) if divide > 1 and divide == int(divide) else None,
                    trust_unit=True,
                )
            )
        return cls(
            name=header.name,
            space=space,
            metrics=metrics,
            search_metric=header.search_metric,
            architectures=decoded_architectures(table, space),
            fidelities=header.fidelities,
            cost_metric=header.cost_metric,
            nominal_seconds=header.nominal_seconds,
            canonical=header.canonical,
            partial=header.partial,
            source=header.source,
            licence=header.licence,
            citation=header.citation,
            provenance=dict(header.provenance),
        )

    def add(self, metrics: Sequence[MetricData], licence: str, citation: str, provenance: Mapping[str, str]) -> None:
        """Add columns that another source has for the same rows, in place of any of the same names.

        Args:
            metrics: the columns, in the order of ``architectures``.
            licence: of that source, appended once.
            citation: likewise.
            provenance: how they were made.
        """
        names = {data.metric.name for data in metrics}
        self.metrics = [*(data for data in self.metrics if data.metric.name not in names), *metrics]
        self.licence = self.licence if licence in self.licence else f"{self.licence}, {licence}"
        self.citation = self.citation if citation in self.citation else f"{self.citation} {citation}"
        self.provenance = {**self.provenance, **{f"joined {key}": value for key, value in provenance.items()}}

    def write(self, path: str | Path) -> Table:
        """Check everything, write the file (all of it or nothing) and return it opened.

        Raises:
            TableError: rows are missing, twice, unknown or invalid; a value is not finite, out of its range
                or in another unit; or the parts do not fit together. The message names the first.
        """
        payload, order, partial = Payload(), None, False
        whole_space = self.architectures is None and not self.canonical and not self.space.constrained
        index = matrix = None
        if whole_space:
            rows = self.space.size
        else:
            architectures = self._architectures()
            rows, keys = len(architectures), known_index(self.space, architectures)
            order = np.lexsort(architectures.T[::-1]) if keys is None else np.argsort(keys, kind="stable")
            architectures = architectures[order]
            keys = None if keys is None else keys[order]
            check_coverage(self.space, architectures, keys, self.canonical, self.partial)
            # A table that was declared partial and covers all is not partial.
            partial = self.partial and whole_count(self.space, self.canonical) != rows
            if keys is None:
                matrix = payload.add(_small(architectures))
            elif len(keys) != self.space.size or not np.array_equal(keys, np.arange(len(keys))) or self.canonical:
                index = payload.add(_small(keys))
        most = max((d.values.shape[2] for d in self.metrics if d.values.ndim == 3), default=1)
        columns = {}
        for data in self.metrics:
            if data.metric.name in columns:
                raise TableError(f"the metric {data.metric.name!r} is given twice")
            columns[data.metric.name] = self._column(data, rows, order, most, payload)
        search = columns.get(self.search_metric)
        if search is None or search.epochs is None:
            known = ", ".join(name for name, column in columns.items() if column.epochs is not None)
            raise TableError(
                f"the search metric {self.search_metric!r} is not among the metrics with epochs: {known or 'none'}"
            )
        header = Header(
            name=self.name,
            space=config_of_space(self.space),
            cardinalities=tuple(int(k) for k in self.space.cardinalities),
            rows=rows,
            columns=columns,
            search_metric=self.search_metric,
            fidelities=tuple(search.epochs if self.fidelities is None else self.fidelities),
            cost_metric=self.cost_metric,
            nominal_seconds=self.nominal_seconds,
            canonical=self.canonical,
            partial=partial,
            index=index,
            matrix=matrix,
            source=self.source,
            licence=self.licence,
            citation=self.citation,
            provenance=dict(self.provenance),
        )
        payload.write(Path(path), header)
        return Table(path)

    def _architectures(self) -> IntArray:
        if self.architectures is not None:
            try:
                return self.space.check(self.architectures)
            except ValueError as error:
                raise TableError(f"the table {self.name!r} has an unknown architecture: {error}") from None
        return np.concatenate(list(canonical_forms(self.space) if self.canonical else self.space.enumerate()))

    def _text(self, row: int, order: IntArray | None) -> str:
        """Name the architecture of a row as it was given."""
        if self.architectures is not None:
            return self.space.to_string(np.asarray(self.architectures)[row])
        return self.space.to_string(self.space.from_index(row)[0] if order is None else self._architectures()[row])

    def _column(self, data: MetricData, rows: int, order: IntArray | None, most: int, payload: Payload) -> Column:
        """Check a metric's values and put them into the payload."""
        name, values = data.metric.name, np.asarray(data.values, dtype=np.float64)
        wanted = (rows,) if data.epochs is None else (rows, len(data.epochs), *values.shape[2:3])
        if values.shape != wanted:
            raise TableError(f"the metric {name!r} has the shape {values.shape}, it must have {wanted}")

        def describe(row: int) -> str:
            return f"row {row}, {self._text(row, order)}"

        counts = None
        if data.epochs is not None:
            counts = (~np.isnan(values)).sum(axis=2)  # (rows, epochs)
            gaps = np.isnan(values) & (np.arange(values.shape[2]) < counts[:, :, None])
            if (counts == 0).any() or gaps.any():
                row, epoch = first_bad((counts == 0) | gaps.any(axis=2))
                raise TableError(
                    f"the metric {name!r} has no value (NaN) at {data.epochs[epoch]} epochs for {describe(row)}: "
                    "every row needs one at least, and trainings that do not exist come last"
                )
            # A row with fewer trainings repeats them in turn, so that reading needs no counts.
            turn = np.arange(most if values.shape[2] > 1 else 1) % counts[:, :, None]
            values = np.take_along_axis(values, turn, axis=2)
        elif not data.gaps and np.isnan(values).any():
            raise TableError(f"the metric {name!r} has no value (NaN) for {describe(first_bad(np.isnan(values))[0])}")
        check_values(data.metric, values, describe)
        if not data.trust_unit:
            check_units(data.metric, values, describe)
        if order is not None:
            values, counts = values[order], None if counts is None else counts[order]
        raw, coding = encode(values, data.resolution, data.tolerance)
        ragged = counts is not None and values.shape[2] > 1 and bool((counts != values.shape[2]).any())
        return Column(
            metric=data.metric,
            block=payload.add(raw),
            coding=coding,
            epochs=None if data.epochs is None else tuple(int(e) for e in data.epochs),
            seeds=1 if data.epochs is None else values.shape[2],
            trainings=payload.add(_small(counts)) if ragged and counts is not None else None,
            averaged=data.averaged,
            description=data.description,
        )


def _small(values: IntArray) -> np.ndarray:
    """Return non-negative whole numbers in the smallest unsigned type."""
    return values.astype(np.min_scalar_type(int(values.max())))
