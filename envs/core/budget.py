"""Budgets: what a search may spend, kept by a decorator of the task's evaluator."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..spaces import SearchSpace
from .evaluation import Evaluation, Evaluator, FloatArray, IntArray, Metric, Status


class BudgetExhausted(RuntimeError):
    """Raised by ``reset`` when the search's budget is spent: the search is over."""


@dataclass
class SearchBudget:
    """What a search may spend, and what it has spent.

    One budget is shared by all lanes and episodes of a search. An evaluation is paid if it fits: it is
    among the first ``evaluations``, and it ends on the search's clock no later than ``seconds``. The first
    one that does not fit ends the search, as a cluster's time limit would.

    Attributes:
        evaluations: number of evaluations allowed, or None for no such limit.
        seconds: time allowed on the search's simulated clock, in seconds of ``cost_seconds``, or None.
        workers: simulated workers, 1 to 1,024. The rows of a batch are given to workers as they become
            free, in index order. All workers are free when a batch starts, and the batch ends, and the clock
            stands, when its last row ends; unless the search is ``asynchronous``.
        asynchronous: whether a batch starts as soon as a worker is free, and the others go on with what they
            have: for who evaluates row by row and looks at a result only when the clock has reached its end
            (see `next_free_seconds`). To be set before the first evaluation.
        spent_evaluations: paid evaluations so far.
        clock_seconds: simulated time so far: the end of the last of all paid evaluations.
        last_end_seconds: end of the row that was paid last (not always the last to end).
        exhausted: whether the search is over.
    """

    evaluations: int | None = None
    seconds: float | None = None
    workers: int = 1
    spent_evaluations: int = field(default=0, init=False)
    clock_seconds: float = field(default=0.0, init=False)
    exhausted: bool = field(default=False, init=False)
    asynchronous: bool = field(default=False, init=False)
    last_end_seconds: float = field(default=0.0, init=False)
    _free: list[float] = field(default_factory=list, init=False, repr=False)  # heap: when each worker is free

    def __post_init__(self) -> None:
        """Check the limits."""
        if self.evaluations is None and self.seconds is None:
            raise ValueError("a budget needs evaluations, seconds or both")
        if self.evaluations is not None and (not isinstance(self.evaluations, int) or self.evaluations < 1):
            raise ValueError(f"a budget of {self.evaluations!r} evaluations: give an integer of at least 1")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"a budget of {self.seconds!r} seconds: give a number above 0")
        if not isinstance(self.workers, int) or not 1 <= self.workers <= 1024:
            raise ValueError(f"{self.workers!r} simulated workers: give 1 to 1024")
        self._free = [0.0] * self.workers

    @property
    def next_free_seconds(self) -> float:
        """When the next evaluation of an asynchronous search can start, on the clock.

        With every worker busy from the start on, it is when the next one finishes: what ends no later is known.
        """
        return self._free[0] if self.asynchronous else self.clock_seconds

    @property
    def affordable(self) -> int | None:
        """Evaluations left, or None where their number is not limited."""
        return None if self.evaluations is None else self.evaluations - self.spent_evaluations

    def finish_times(self, cost_seconds: FloatArray) -> FloatArray:
        """Return when each row ``(b,)`` of a batch that starts now would end on the clock, in seconds.

        Each row goes to the worker that is free first (list scheduling; Graham, 1969, "Bounds on multiprocessing
        timing anomalies", SIAM J. Appl. Math.).
        """
        return self._schedule(cost_seconds)[0]

    def _schedule(self, cost_seconds: FloatArray) -> tuple[FloatArray, list[float]]:
        """Return the rows' ends ``(b,)``, and when each worker is free afterwards (a heap)."""
        if self.workers == 1:
            # The clock is added to, row by row, so that it does not depend on how rows were batched.
            ends = np.cumsum(np.concatenate([[self.clock_seconds], cost_seconds]))[1:]
            return ends, [float(ends[-1]) if len(ends) else self.clock_seconds]
        if not self.asynchronous and len(cost_seconds) <= self.workers:
            return self.clock_seconds + cost_seconds, self._free
        free = self._free.copy() if self.asynchronous else [self.clock_seconds] * self.workers
        ends = np.empty(len(cost_seconds))
        for row, cost in enumerate(cost_seconds):
            ends[row] = heapq.heapreplace(free, free[0] + cost) + cost
        return ends, free

    def charge(self, cost_seconds: FloatArray) -> tuple[np.ndarray, FloatArray]:
        """Charge a batch's rows in index order.

        Returns:
            ``(b,)`` bool, which rows are paid (a prefix), and ``(b,)`` their end on the clock in seconds.

        Raises:
            ValueError: a cost is negative or not finite; nothing is charged then.
        """
        cost_seconds = np.asarray(cost_seconds, dtype=np.float64)
        wrong = ~((cost_seconds >= 0) & (cost_seconds < np.inf))
        if wrong.any():
            raise ValueError(
                f"an evaluation's cost_seconds is {cost_seconds[wrong][0]}: a budget needs finite seconds of at "
                "least 0 from its evaluator"
            )
        ends, free = self._schedule(cost_seconds)
        paid = np.ones(len(ends), dtype=bool)
        if self.affordable is not None:
            paid[self.affordable :] = False
        if self.seconds is not None:
            paid &= np.maximum.accumulate(ends) <= self.seconds
        count = int(paid.sum())
        self.spent_evaluations += count
        if count:
            self.clock_seconds = max(self.clock_seconds, float(ends[:count].max()))
            self.last_end_seconds = float(ends[count - 1])
        if count == len(ends):  # else the search is over
            self._free = free
        self.exhausted = self.exhausted or count < len(ends) or self.affordable == 0
        return paid, ends

    def info(self) -> dict[str, float]:
        """Return what is spent, for ``info``."""
        return {"budget_evaluations": float(self.spent_evaluations), "budget_seconds": self.clock_seconds}


def budget_from_config(config: SearchBudget | Mapping[str, Any] | None) -> SearchBudget | None:
    """Return a new budget from ``{"evaluations": 24}`` or ``{"seconds": 4e4, "workers": 8}``."""
    if config is None or isinstance(config, SearchBudget):
        return config
    try:
        return SearchBudget(**config)
    except TypeError as error:
        raise ValueError(f"budget {config!r} does not fit: give evaluations, seconds or both, and workers") from error


class BudgetedEvaluator:
    """An evaluator whose answers are paid for from a budget; rows it does not cover are ``UNPAID``.

    Attributes:
        ends: ``(b,)`` end of each row of the last batch on the simulated clock, in seconds; NaN where unpaid.
    """

    def __init__(self, evaluator: Evaluator, budget: SearchBudget) -> None:
        self.evaluator, self.budget = evaluator, budget
        self.space: SearchSpace = evaluator.space
        self.fidelities: tuple[int, ...] = evaluator.fidelities
        self.metrics: Mapping[str, Metric] = evaluator.metrics
        self.seeds: tuple[int, ...] | None = evaluator.seeds
        self.ends: FloatArray = np.empty(0)  # (b,)

    def evaluate(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> Evaluation:
        """Evaluate the rows that the budget covers, in index order."""
        b, affordable = len(architectures), self.budget.affordable
        self.ends = np.full(b, np.nan)
        asked = b if affordable is None else min(b, affordable)
        if self.budget.exhausted or not asked:
            self.budget.exhausted = self.budget.exhausted or b > 0
            return self._unpaid(epochs, seeds)
        result = self.evaluator.evaluate(architectures[:asked], epochs[:asked], seeds[:asked])
        paid, ends = self.budget.charge(result.cost_seconds)
        count = int(paid.sum())
        self.ends[:count] = ends[:count]
        if asked < b:
            self.budget.exhausted = True
        if count == b:
            return result
        rest = self._unpaid(epochs[count:], seeds[count:])
        return Evaluation.concatenate([result.take(slice(0, count)), rest]) if count else rest

    def _unpaid(self, epochs: IntArray, seeds: IntArray) -> Evaluation:
        return Evaluation.failed(Status.UNPAID, epochs, seeds, self.metrics, self.space.largest_flops)
