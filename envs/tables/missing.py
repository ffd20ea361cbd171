"""What a table answers for an architecture that it lacks: a failed evaluation, at what one costs on average."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.evaluation import Evaluation, FloatArray, IntArray, Metric, Status
from ..network.cost import Cost
from ..spaces import SearchSpace
from .gather import ColumnReader, LazyColumns

MODES = ("failed", "mask", "error")
"""What ``missing=`` may be."""


class MissingRows:
    """Answers for architectures without a row.

    A missing row is a failed evaluation of the status ``missing``: the worst value of each bounded metric (accuracy
    0), NaN for the others, and FLOPs and parameters as the space counts them, where it has networks. It costs what
    the table's rows cost on average at that fidelity: a search that could ask for free would learn where the rows are.

    Args:
        space: the search space.
        metrics: the metrics that are offered.
        cost: reads the cost of rows, or None where it is nominal.
        nominal: ``(fidelities,)`` nominal seconds.
        rows: number of the table's rows.
        name: the table's name, for the reason that a row gives.
    """

    def __init__(
        self,
        space: SearchSpace,
        metrics: Mapping[str, Metric],
        cost: ColumnReader | None,
        nominal: FloatArray,
        rows: int,
        name: str,
    ) -> None:
        self._space, self._metrics, self._cost, self._nominal, self._rows = space, metrics, cost, nominal, rows
        self._reason = f"the table {name!r} has no row for it"
        self._seconds: dict[int, float] = {}

    def seconds(self, fidelity: int) -> float:
        """Return what a missing row costs at a fidelity (its number)."""
        if fidelity not in self._seconds:
            if self._cost is None:
                self._seconds[fidelity] = float(self._nominal[fidelity])
            else:
                self._seconds[fidelity] = float(self._cost.gather(np.arange(self._rows), fidelity, -1).mean())
        return self._seconds[fidelity]

    def fill(self, found: Evaluation, absent: Any, architectures: IntArray, fidelities: int | IntArray) -> Evaluation:
        """Return an evaluation with the answers for missing rows put in.

        Args:
            found: the evaluation ``(b,)``, of any row where one is missing.
            absent: ``(b,)`` bool, which rows are missing.
            architectures: ``(b, n)``.
            fidelities: the number of each row's fidelity, one for all or ``(b,)``.
        """
        numbers = np.broadcast_to(fidelities, absent.shape)[absent]
        found.status[absent] = Status.MISSING
        found.reasons = [self._reason if row else "" for row in absent.tolist()]
        found.cost_seconds[absent] = [self.seconds(int(number)) for number in numbers]
        failed = Evaluation.failed(
            Status.MISSING, found.epochs[absent], found.seed[absent], self._metrics, self._largest_flops()
        )
        counted = self._counted(architectures[absent])
        fill = {**failed.metrics, **{name: column for name, column in counted.items() if name in self._metrics}}
        found.metrics = FilledColumns(found.metrics, absent, fill.__getitem__)
        return found

    def _largest_flops(self) -> float:
        """Return the FLOPs of the space's costliest architecture, NaN where it has no networks."""
        try:
            return self._space.largest_flops if "flops" in self._metrics else np.nan
        except (ValueError, NotImplementedError):
            return np.nan

    def _counted(self, architectures: IntArray) -> dict[str, FloatArray]:
        """Return the cost that the space counts, nothing where it has no networks."""
        if not any(name in self._metrics for name in Cost.COLUMNS):
            return {}
        try:
            return self._space.cost(architectures)
        except (ValueError, NotImplementedError):  # a space of names alone
            return {}


class FilledColumns(Mapping[str, FloatArray]):
    """Columns of a batch in which some rows are overwritten, each when it is first asked for."""

    def __init__(
        self, columns: Mapping[str, FloatArray] | LazyColumns, rows: Any, fill: Callable[[str], FloatArray]
    ) -> None:
        self._columns, self._rows, self._fill = columns, rows, fill
        self._known: dict[str, FloatArray] = {}

    def __getitem__(self, name: str) -> FloatArray:
        """Return a metric's column ``(b,)``."""
        if name not in self._known:
            column = self._columns[name].copy()
            column[self._rows] = self._fill(name)
            self._known[name] = column
        return self._known[name]

    def __iter__(self) -> Any:
        """Iterate over the metrics' names."""
        return iter(self._columns)

    def __len__(self) -> int:
        """Return the number of metrics."""
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        """Say whether there is such a metric, without looking it up."""
        return name in self._columns

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy as a plain dictionary of columns."""
        return dict, ({name: self[name] for name in self},)
