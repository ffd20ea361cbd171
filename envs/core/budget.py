"""Budgets: what a search may spend, kept by a decorator of the task's evaluator."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..spaces import SearchSpace
from .evaluation import Evaluation, Evaluator, FloatArray, IntArray, Metric, Status
from .trials import LiveEvaluation, live_evaluation


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
        reserved_evaluations: evaluations under way in a live search (`reserve`), which are paid when they end.
        clock_seconds: simulated time so far: the end of the last of all paid evaluations.
        last_end_seconds: end of the row that was paid last (not always the last to end).
        exhausted: whether the search is over.
    """

    evaluations: int | None = None
    seconds: float | None = None
    workers: int = 1
    spent_evaluations: int = field(default=0, init=False)
    reserved_evaluations: int = field(default=0, init=False)
    clock_seconds: float = field(default=0.0, init=False)
    exhausted: bool = field(default=False, init=False)
    asynchronous: bool = field(default=False, init=False)
    last_end_seconds: float = field(default=0.0, init=False)
    _free: list[float] = field(default_factory=list, init=False, repr=False)  # heap: when each worker is free

    def __post_init__(self) -> None:
        """Check the limits."""
        if self.evaluations is None and self.seconds is None:
            raise ValueError("a budget needs evaluations, seconds or both")
        if self.evaluations is not None:
            if not _is_integer(self.evaluations) or self.evaluations < 1:
                raise ValueError(f"a budget of {self.evaluations!r} evaluations: give an integer of at least 1")
            self.evaluations = int(self.evaluations)
        if self.seconds is not None:
            if not isinstance(self.seconds, Real) or isinstance(self.seconds, bool) or not 0 < self.seconds < np.inf:
                raise ValueError(f"a budget of {self.seconds!r} seconds: give a finite number above 0")
            self.seconds = float(self.seconds)
        if not _is_integer(self.workers) or not 1 <= self.workers <= 1024:
            raise ValueError(f"{self.workers!r} simulated workers: give 1 to 1024")
        self.workers = int(self.workers)
        self._free = [0.0] * self.workers

    @property
    def next_free_seconds(self) -> float:
        """When the next evaluation of an asynchronous search can start, on the clock.

        With every worker busy from the start on, it is when the next one finishes: what ends no later is known.
        """
        return self._free[0] if self.asynchronous else self.clock_seconds

    @property
    def affordable(self) -> int | None:
        """Evaluations that are neither spent nor reserved, or None where their number is not limited."""
        if self.evaluations is None:
            return None
        return self.evaluations - self.spent_evaluations - self.reserved_evaluations

    def extend(self, evaluations: int) -> None:
        """Allow more evaluations: a search whose budget is spent can go on.

        Raises:
            ValueError: the budget is of seconds, or would shrink.
        """
        if self.evaluations is None or evaluations < self.evaluations:
            raise ValueError(f"a budget of {self.evaluations} evaluations cannot be extended to {evaluations}")
        self.exhausted = self.exhausted and evaluations == self.evaluations
        self.evaluations = int(evaluations)

    def prepare(self, count: int) -> None:
        """Take note that a batch of ``count`` candidates has been decided on and is about to be evaluated."""

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
        _check_costs(cost_seconds)
        ends, free = self._schedule(cost_seconds)
        paid = np.ones(len(ends), dtype=bool)
        if self.affordable is not None:
            paid[self.affordable :] = False
        if self.seconds is not None:
            numbers = self.spent_evaluations + np.arange(1, len(ends) + 1)
            paid &= self._in_time(np.maximum.accumulate(ends), numbers)
        count = int(paid.sum())
        self.spent_evaluations += count
        if count:
            self.clock_seconds = max(self.clock_seconds, float(ends[:count].max()))
            self.last_end_seconds = float(ends[count - 1])
        if count == len(ends):  # else the search is over
            self._free = free
        self.exhausted = self.exhausted or count < len(ends) or self.affordable == 0
        return paid, ends

    def _in_time(self, ends: Any, numbers: Any) -> Any:
        """Say which ends ``(b,)`` of the evaluations with these numbers, from 1, the seconds cover.

        The clock is a sum, and each addition rounds: 3 evaluations of 0.1 s end at 0.30000000000000004. So a few
        units in the last place are let pass for each evaluation.
        """
        return self.seconds is None or ends <= self.seconds * (1 + 4 * np.finfo(np.float64).eps * numbers)

    def reserve(self, count: int) -> list[float | None]:
        """Set aside up to ``count`` evaluations that start now and whose costs will be known when they end.

        Returns:
            For each that is covered (maybe fewer than asked for) when it starts on the clock, in seconds; None where
            more are under way than the budget has workers, or where it has one. To be handed to `settle`.
        """
        left = self.affordable
        granted = 0 if self.exhausted else count if left is None else min(count, left)
        self.reserved_evaluations += granted
        return [heapq.heappop(self._free) if self.workers > 1 and self._free else None for _ in range(granted)]

    def release(self, starts: list[float | None]) -> None:
        """Take reservations back, as if they had never been made."""
        self.reserved_evaluations -= len(starts)
        for start in starts:
            if start is not None:
                heapq.heappush(self._free, start)

    def settle(self, start: float | None, cost_seconds: float) -> tuple[bool, float]:
        """Pay for a reserved evaluation that has ended.

        One worker's clock is the sum of all costs, in the order in which they are settled. Several workers each have
        a clock: an evaluation's end is its start and its cost, and its worker is free then.

        Returns:
            Whether the budget covers it, and its end on the clock in seconds. One that it does not cover ends the
            search: nothing more can be reserved, but what is under way may still be paid.

        Raises:
            ValueError: the cost is negative or not finite; it stays reserved then.
        """
        _check_costs(np.array([cost_seconds]))
        self.reserved_evaluations -= 1
        if start is None and self.workers > 1 and self._free:
            start = heapq.heappop(self._free)
        end = (self.clock_seconds if start is None else start) + float(cost_seconds)
        paid = bool(self._in_time(end, self.spent_evaluations + 1))
        if start is not None:
            heapq.heappush(self._free, end if paid else start)
        if paid:
            self.spent_evaluations += 1
            self.clock_seconds, self.last_end_seconds = max(self.clock_seconds, end), end
        self.exhausted = self.exhausted or not paid or self.spent_evaluations == self.evaluations
        return paid, end

    def info(self) -> dict[str, float]:
        """Return what is spent, for ``info``."""
        return {"budget_evaluations": float(self.spent_evaluations), "budget_seconds": self.clock_seconds}


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _check_costs(cost_seconds: FloatArray) -> None:
    wrong = ~((cost_seconds >= 0) & (cost_seconds < np.inf))
    if wrong.any():
        raise ValueError(
            f"an evaluation's cost_seconds is {cost_seconds[wrong][0]}: a budget needs finite seconds of at "
            "least 0 from its evaluator"
        )


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
        self._starts: dict[int, float | None] = {}  # of what is under way, by trial

    def evaluate(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> Evaluation:
        """Evaluate the rows that the budget covers, in index order."""
        b = len(architectures)
        self.budget.prepare(b)
        affordable = self.budget.affordable
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

    def submit(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> list[int]:
        """Hand in the rows that the budget covers, a prefix, and return a ticket for each of them.

        They are reserved: paid when they are collected.
        """
        starts = self.budget.reserve(len(architectures))
        asked = len(starts)
        try:
            tickets = self._live.submit(architectures[:asked], epochs[:asked], seeds[:asked]) if asked else []
        except BaseException:
            self.budget.release(starts)
            raise
        self._starts.update(zip(tickets, starts, strict=True))
        return tickets

    def collect(self, timeout: float | None = None) -> list[tuple[int, Evaluation]]:
        """Return what has ended, paid for in this order; what the budget does not cover is ``UNPAID``."""
        results = []
        finished = self._live.collect(timeout)
        self.ends = np.full(len(finished), np.nan)
        for i, (ticket, evaluation) in enumerate(finished):
            paid, end = self.budget.settle(self._starts.pop(ticket), float(evaluation.cost_seconds[0]))
            if paid:
                self.ends[i] = end
            results.append((ticket, evaluation if paid else self._unpaid(evaluation.epochs, evaluation.seed)))
        return results

    @property
    def _live(self) -> LiveEvaluation:
        return live_evaluation(self.evaluator)

    def _unpaid(self, epochs: IntArray, seeds: IntArray) -> Evaluation:
        return Evaluation.failed(Status.UNPAID, epochs, seeds, self.metrics, self.space.largest_flops)
