"""An evaluator that answers from a table of finished trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..core.evaluation import MEAN_SEED, Evaluation, FloatArray, IntArray, Metric
from ..core.quantities.fidelity import as_fidelities
from ..core.quantities.promotions import checked_promotions
from ..core.quantities.query import query
from ..core.suggestions import did_you_mean
from ..spaces import SearchSpace, space_from_config
from .categorical import space_of_header
from .checks import ENUMERABLE
from .covered import CoveredSpace
from .errors import TableError
from .finding import open_table
from .format import Table
from .gather import ColumnReader, LazyColumns
from .missing import MODES, MissingRows
from .selection import RowLookup, decoded_architectures


class TableEvaluator:
    """Looks architectures up in a table: an `Evaluator` whose answers cost microseconds.

    **Fidelities** are the epochs of the table's search metric (``validation_accuracy``, as a rule). A metric
    that is not known at one of them is NaN there, which an objective turns into its infeasible reward; so is a
    property that an architecture does not have (the latency on a device that cannot run it).

    **Seeds** name trainings: ``seeds`` = (0, …, k − 1), k the most that any architecture has of the search
    metric. Where an architecture has only j < k trainings of a metric at a fidelity, seed s means training
    s mod j. `MEAN_SEED` (−1) asks for the mean over the trainings that it has.

    **Costs** are the seconds that the training took, as the table has them.

    Isomorphic architectures have results of their own, and each gets its own, unless the table says that its
    rows stand for canonical forms.

    It pickles and copies by its arguments, and refuses to reopen a table whose contents have changed.

    **Architectures that a partial table lacks** are answered as ``missing`` says:

    ========  =================================================================================================
    failed    a failed evaluation of the status ``missing``: accuracy 0, NaN for metrics without a worst value,
              FLOPs and parameters as the space counts them (its largest FLOPs where it cannot), at the mean
              cost of the table's rows; the default
    mask      they are no architectures: `space` is a `CoveredSpace`, whose masks leave only options that lead
              to a row, and whose samples are rows
    error     a `TableError` that names the first
    ========  =================================================================================================

    Args:
        table: a table's name, a path, or an open `Table`.
        space: the search space, if the table's own description of it is not to be used: an object, or plain
            JSON. A table of a space of your own Python class needs it, since no file may name code to run.
        fidelities: epochs to offer, ascending, some of the table's; None for all.
        metrics: metrics to offer; None for all.
        missing: what to answer for architectures that a partial table lacks; None for ``"failed"``.
        promotions: what a search pays for an architecture that it has asked about at fewer epochs: ``"restart"``: the
            whole training; ``"continue"``: what is added, as if the training went on from its checkpoint. The
            results are the table's in both cases: those of a training that went on, if it was one whose schedule does
            not depend on the epochs asked for (NAS-Digits), and an assumption otherwise (NAS-Bench-201).

    Raises:
        MissingTableError: there is no such table; the message names the command that gets it.
        TableError: the table or an argument does not fit; the message says what would.

    Attributes:
        space: the search space.
        fidelities: epochs that can be asked for.
        metrics: the columns of an evaluation, by name.
        seeds: the trainings that exist.
        search_metric: the metric that a search maximises.
        table: the open table.
        missing: what is answered for architectures that the table lacks.
        promotions: what a promotion costs.
    """

    def __init__(
        self,
        table: str | Path | Table,
        space: SearchSpace | Mapping[str, Any] | None = None,
        fidelities: Sequence[int] | None = None,
        metrics: Sequence[str] | None = None,
        missing: str | None = None,
        promotions: str = "restart",
        _sha256: str | None = None,
    ) -> None:
        self.promotions = checked_promotions(promotions)
        self._arguments = (table, space, fidelities, metrics, missing, promotions)
        if missing is not None and missing not in MODES:
            raise TableError(f"missing={missing!r}{did_you_mean(str(missing), MODES)}: choose {', '.join(MODES)}")
        self.table = table if isinstance(table, Table) else open_table(table)
        header = self.table.header
        if _sha256 not in (None, header.sha256):
            raise TableError(f"the table {self.table.path} is not the one it was: its contents have changed")
        if isinstance(space, CoveredSpace):
            space, missing = space.whole, missing or "mask"
        self.space = whole = _space(self.table, space)
        self.missing = missing or "failed"
        if self.missing == "mask" and header.partial:
            self.space = CoveredSpace(self.table, whole)
        self.search_metric = header.search_metric
        self.fidelities: tuple[int, ...] = _fidelities(self.table, fidelities)
        names = list(header.columns) if metrics is None else list(dict.fromkeys(metrics))
        self._readers = {name: ColumnReader(self.table, name, self.fidelities) for name in names}
        self.metrics: Mapping[str, Metric] = {name: header.columns[name].metric for name in names}
        self.seeds: tuple[int, ...] = tuple(range(header.columns[header.search_metric].seeds))
        self._most = len(self.seeds) - 1
        self._cost = None
        if header.cost_metric is not None:
            self._cost = ColumnReader(self.table, header.cost_metric, self.fidelities)
        self._nominal = np.array(self.fidelities) * header.nominal_seconds  # (fidelities,)
        self._number = {epochs: i for i, epochs in enumerate(self.fidelities)}
        self._lookup = RowLookup(self.table, whole)
        self._absent = MissingRows(whole, self.metrics, self._cost, self._nominal, header.rows, header.name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by the arguments, and the checksum of what they led to."""
        return type(self), (*self._arguments, self.table.header.sha256)

    def __repr__(self) -> str:
        """Show the table and what is offered."""
        return f"TableEvaluator({self.table.header.name!r}, fidelities={self.fidelities})"

    @property
    def metrics_with_gaps(self) -> tuple[str, ...]:
        """Metrics that are NaN for some architectures (a device that cannot run them), or at some fidelities."""
        columns = {name: self.table.column(name) for name in self.metrics}
        return tuple(
            name
            for name, column in columns.items()
            if column.coding.missing is not None or not set(self.fidelities) <= set(column.epochs or self.fidelities)
        )

    def close(self) -> None:
        """Forget the mapping of the file; it is made again when it is next needed."""
        self.table.close()
        for reader in (*self._readers.values(), *([self._cost] if self._cost else [])):
            reader.forget()

    # -- the evaluator protocol -----------------------------------------------------------------------

    def evaluate(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> Evaluation:
        """Look up ``(b, n)`` architectures after ``(b,)`` epochs of training number ``(b,)``.

        Metrics are looked up one by one when they are first read.

        Raises:
            TableError: an epoch or seed is not in the table, or an architecture where ``missing="error"``; it is
                named.
            ValueError: a row is no architecture of the space.
        """
        epochs = np.array(as_fidelities(self, epochs, len(architectures)), dtype=np.int64)
        seeds = np.array(seeds, dtype=np.int64)
        b = len(architectures)
        if epochs.shape != (b,) or seeds.shape != (b,):
            raise TableError(f"{b} architectures with epochs {epochs.shape} and seeds {seeds.shape}: each needs ({b},)")
        if b == 1 and type(architectures) is np.ndarray and architectures.dtype == np.int64:
            return self._evaluate_one(architectures, epochs, seeds)
        return self._evaluate_many(architectures, epochs, seeds)

    def _evaluate_many(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> Evaluation:
        b, rows = len(architectures), self._lookup.find(architectures)
        absent = None
        if not self._lookup.total and len(rows) and rows.min() < 0:
            if self.missing == "error":
                self._rows(architectures)
            self.space.check(architectures)
            absent = rows < 0
            rows[absent] = 0
        fidelity, seed = self._fidelity_numbers(epochs), self._seed_numbers(seeds)
        if self._cost is not None:
            cost = self._cost.gather(rows, fidelity, seed)
        elif isinstance(fidelity, int):
            cost = np.full(b, self._nominal[fidelity])
        else:
            cost = self._nominal.take(fidelity)
        found = Evaluation(
            np.zeros(b, dtype=np.int8), epochs, seeds, LazyColumns(self._readers, rows, fidelity, seed), cost
        )
        if absent is None:
            return found
        return self._absent.fill(found, absent, np.asarray(architectures, dtype=np.int64), fidelity)

    def query(self, architecture: Any, epochs: Any = None, seed: Any = 0) -> dict[str, Any]:
        """Return everything that the table says of an architecture, by name (see `pynascent.envs.query`)."""
        return query(self, architecture, epochs, seed)

    def _evaluate_one(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> Evaluation:
        """Do the same for a single row, without array arithmetic: scalar environments live on this."""
        if architectures.shape != (1, self.space.n):
            self.space.check(architectures)
        row = self._lookup.find_one(architectures[0])
        if row < 0:
            return self._evaluate_many(architectures, epochs, seeds)
        seed = seeds.item()
        fidelity = self._number.get(epochs.item())
        if fidelity is None or not MEAN_SEED <= seed <= self._most:
            fidelity, seed = self._fidelity_numbers(epochs), self._seed_numbers(seeds)
        cost = self._nominal.item(fidelity) if self._cost is None else self._cost.one(row, fidelity, seed)  # type: ignore[arg-type]
        return Evaluation(
            np.zeros(1, dtype=np.int8),
            epochs,
            seeds,
            LazyColumns(self._readers, row, fidelity, seed),  # type: ignore[arg-type]
            np.array([cost]),
        )

    def _rows(self, architectures: ArrayLike) -> IntArray:
        rows = self._lookup.find(architectures)
        if not self._lookup.total and len(rows) and rows.min() < 0:
            bad = np.atleast_2d(np.asarray(architectures))[rows < 0]
            self.space.check(bad)
            raise TableError(
                f"the table {self.table.header.name!r} has no row for {self.space.to_string(bad[0])}: it covers "
                f"{self.table.header.rows} architectures of the space; ask covers(architectures) before, or search it "
                "with missing='failed' or missing='mask'"
            )
        return rows

    def _fidelity_numbers(self, epochs: IntArray) -> int | IntArray:
        """Return the place among ``fidelities`` of each row's epochs: one number where all are the same."""
        first = epochs.item(0) if len(epochs) else self.fidelities[-1]
        if (epochs == first).all():
            number = self._number.get(first)
            if number is not None:
                return number
        places = np.searchsorted(self.fidelities, epochs)
        places[places == len(self.fidelities)] = 0
        wrong = np.asarray(self.fidelities)[places] != epochs
        if wrong.any():
            raise TableError(
                f"epochs={epochs[wrong][0]}: the table {self.table.header.name!r} has "
                f"{', '.join(map(str, self.fidelities))}"
            )
        return places

    def _seed_numbers(self, seeds: IntArray) -> int | IntArray:
        """Return each row's seed: one number where all are the same."""
        if not len(seeds):
            return seeds
        low, high = seeds.min().item(), seeds.max().item()
        if low < MEAN_SEED or high > self._most:
            wrong = low if low < MEAN_SEED else high
            raise TableError(
                f"seed={wrong}: the table {self.table.header.name!r} has the trainings 0 to {self._most}, and "
                f"{MEAN_SEED} asks for their mean"
            )
        return low if low == high else seeds

    # -- the table as a whole -------------------------------------------------------------------------

    def covers(self, architectures: ArrayLike) -> np.ndarray:
        """Say which architectures ``(b, n)`` the table can judge: ``(b,)`` bool.

        Raises:
            ValueError: a row is no architecture of the space.
        """
        return self._lookup.find(architectures) >= 0

    def rows(self, architectures: ArrayLike) -> IntArray:
        """Return the row ``(b,)`` of each architecture ``(b, n)``: its place in `values` and `architectures`.

        Raises:
            TableError: an architecture is not in the table.
        """
        return self._rows(architectures)

    def architectures(self) -> IntArray:
        """Return the table's architectures ``(rows, n)``, in the order of `values`."""
        listed = decoded_architectures(self.table, self._lookup.space)
        return self.space.from_index(np.arange(self.space.size)) if listed is None else listed

    def values(self, metric: str, epochs: int | None = None, seed: int = MEAN_SEED) -> FloatArray:
        """Return a metric (or ``"cost_seconds"``) of every row ``(rows,)`` float64, in the order of `architectures`.

        NaN where the metric is not known at these epochs.

        Args:
            metric: a metric of the table, or ``"cost_seconds"``.
            epochs: the fidelity; None for the largest at which the metric is known.
            seed: the training, `MEAN_SEED` for the mean.

        Raises:
            TableError: the table has no such metric, epochs or seed.
        """
        header = self.table.header
        if metric == "cost_seconds" and header.cost_metric is None:
            asked = self.fidelities[-1] if epochs is None else epochs
            return np.full(header.rows, asked * header.nominal_seconds)
        column = self.table.column((header.cost_metric or "") if metric == "cost_seconds" else metric)
        rows = np.arange(header.rows)
        if column.epochs is None:
            return ColumnReader(self.table, metric, ()).gather(rows, 0, 0)
        known = sorted({*column.epochs, *self.fidelities})
        if epochs is not None and epochs not in known:
            raise TableError(f"epochs={epochs}: {metric!r} is known at {', '.join(map(str, column.epochs))}")
        most = max(c.seeds for c in header.columns.values())
        if not MEAN_SEED <= seed < most:
            raise TableError(
                f"seed={seed}: the table has the trainings 0 to {most - 1}, and {MEAN_SEED} for their mean"
            )
        reader = ColumnReader(self.table, column.metric.name, known)
        return reader.gather(rows, known.index(column.epochs[-1] if epochs is None else epochs), seed)

    def column(self, metric: str, epochs: int | None = None, seed: int = MEAN_SEED) -> FloatArray:
        """Return `values` of every architecture of the space ``(space.size,)``, in index order.

        NaN also where the table has no row for an architecture; in a table of canonical forms every
        architecture has its form's value.

        Raises:
            TableError: the table has no such metric, epochs or seed, or the space is too large to list.
        """
        values, rows = self.values(metric, epochs, seed), self._row_of_each()
        if rows is None:
            return values
        known = rows >= 0
        return np.where(known, values[np.where(known, rows, 0)], np.nan)

    def _row_of_each(self) -> IntArray | None:
        """Return the row of each architecture of the space ``(space.size,)``, −1 for none; None where they agree."""
        header, space = self.table.header, self._lookup.space
        if header.index is None and header.matrix is None:
            return None
        if space.size > ENUMERABLE:
            raise TableError(
                f"the space {space.name!r} has {space.size:.3g} combinations, too many for a column of all of them: "
                "ask for values(), which are in the order of architectures()"
            )
        rows = np.full(space.size, -1, dtype=np.int64)
        if header.canonical:
            for block in space.enumerate():
                rows[space.index(block)] = self._lookup.find(block)
        else:
            rows[space.index(self.architectures())] = np.arange(header.rows)
        return rows


def _space(table: Table, given: SearchSpace | Mapping[str, Any] | None) -> SearchSpace:
    header = table.header
    if given is None:
        space = space_of_header(header)
    else:
        space = given if isinstance(given, SearchSpace) else space_from_config(given)
    cardinalities = [int(k) for k in space.cardinalities]
    if cardinalities != list(header.cardinalities):
        raise TableError(
            f"the table {header.name!r} has choices of {list(header.cardinalities)} options, "
            f"the space {space.name!r} has {cardinalities}: they must agree"
        )
    if header.index is None and header.matrix is None and (header.rows != space.size or space.constrained):
        raise TableError(
            f"the table {header.name!r} has {header.rows} rows without an index, which do not cover the "
            f"{space.size} architectures of {space.name!r}"
        )
    return space


def _fidelities(table: Table, given: Sequence[int] | None) -> tuple[int, ...]:
    offered = table.header.fidelities
    if given is None:
        return offered
    chosen = tuple(int(epochs) for epochs in given)
    known = table.column(table.header.search_metric).epochs or ()
    if not chosen or list(chosen) != sorted(set(chosen)) or not set(chosen) <= set(known):
        raise TableError(f"fidelities={list(given)}: give some of {', '.join(map(str, known))}, ascending")
    cost = table.header.cost_metric
    if cost is not None and not set(chosen) <= set(table.column(cost).epochs or ()):
        raise TableError(f"fidelities={list(given)}: the cost {cost!r} is not known at all of them")
    return chosen
