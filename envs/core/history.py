"""The record of a search: every evaluation, in the order in which it was paid."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..spaces import SearchSpace
from .budget import BudgetedEvaluator
from .evaluation import Evaluation, Evaluator, IntArray, Metric, Status
from .objective import BoundObjective
from .trials import live_evaluation


@dataclass
class SearchHistory:
    """Rows of a search, one per paid evaluation.

    A row is a dict of plain values: ``index``, ``trial``, ``architecture`` (list of option indices), ``text``,
    ``status``, ``epochs``, ``seed``, every metric (those of the test split too: a history is a report),
    ``reward`` (a list for a vector objective), ``cost_seconds``, and ``decision_seconds``, this row's share
    of the wall time that passed between the last evaluation's end and its batch's start, which is what the
    agent and the environment took to decide. With a budget ``clock_seconds`` too: when the evaluation ended
    on the search's simulated clock (with several simulated workers, not always in the order of the rows).

    ``trial`` numbers the candidates from 0 in the order in which they were asked for. In a live search rows come in
    the order in which trials end, which is another one: ``trial`` says which is which, and the column as a whole is
    the order that a resumed search is given. Live rows have the wall times of a trial too, ``started_seconds`` and
    ``ended_seconds`` since the search began, and ``running``, how many trials were under way when it ended,
    itself included.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of evaluations."""
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the rows."""
        return iter(self.rows)

    def column(self, name: str) -> np.ndarray:
        """Return one field of all rows as an array."""
        return np.array([row[name] for row in self.rows])

    def best(self) -> dict[str, Any] | None:
        """Return the row with the best reward among the successful ones at the largest fidelity seen.

        Rewards at different fidelities are different quantities, so only the largest is compared; ties go
        to the earlier row. None where no evaluation succeeded.

        Raises:
            ValueError: rewards are vectors, of which none need be the best.
        """
        compared = self.comparable()
        if not compared:
            return None
        if isinstance(compared[0]["reward"], list):
            count = len(compared[0]["reward"])
            raise ValueError(
                f"the objective gives {count} rewards, and no row need be the best in all: take the front of "
                "history.column('reward'), whose columns are all to be maximised"
            )
        return max(compared, key=lambda row: row["reward"])  # the first of equals

    def comparable(self) -> list[dict[str, Any]]:
        """Return the successful rows at the largest fidelity that any of them has, in order."""
        done = [row for row in self.rows if row["status"] == "ok"]
        largest = max((row["epochs"] for row in done), default=0)
        return [row for row in done if row["epochs"] == largest]


class RecordSearch:
    """An evaluator that writes every paid evaluation into a history (and tells a listener).

    Args:
        evaluator: what is recorded; if it is a `BudgetedEvaluator`, its clock too.
        objective: computes the recorded reward.
        on_evaluation: called with each new row, for progress bars and files.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        objective: BoundObjective,
        on_evaluation: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.evaluator, self.objective, self.on_evaluation = evaluator, objective, on_evaluation
        self.history = SearchHistory()
        self.space: SearchSpace = evaluator.space
        self.fidelities: tuple[int, ...] = evaluator.fidelities
        self.metrics: Mapping[str, Metric] = evaluator.metrics
        self.seeds: tuple[int, ...] | None = evaluator.seeds
        self._began = self._last = time.perf_counter()
        self._running: dict[int, dict[str, Any]] = {}  # trial → what is known of its row already

    def evaluate(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> Evaluation:
        """Evaluate, and record the rows that were paid."""
        decision = (time.perf_counter() - self._last) / max(1, len(architectures))
        result = self.evaluator.evaluate(architectures, epochs, seeds)
        rewards = self.objective(result)
        ends = self.evaluator.ends if isinstance(self.evaluator, BudgetedEvaluator) else None
        for i in np.flatnonzero(result.status != Status.UNPAID).tolist():
            row = {
                "index": len(self.history),
                "trial": len(self.history),
                "architecture": architectures[i].tolist(),
                "text": self.space.to_string(architectures[i]),
                **result.row(i),
                "reward": rewards[i].tolist(),
                "decision_seconds": decision,
            }
            if ends is not None:
                row["clock_seconds"] = float(ends[i])
            self._add(row)
        self._last = time.perf_counter()
        return result

    def submit(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> list[int]:
        """Hand in b questions and return the trial numbers of those that the budget covers, a prefix."""
        decision = (time.perf_counter() - self._last) / max(1, len(architectures))
        trials = live_evaluation(self.evaluator).submit(architectures, epochs, seeds)
        self._last = time.perf_counter()
        for trial, row in zip(trials, architectures[: len(trials)], strict=True):
            self._running[trial] = {
                "architecture": row.tolist(),
                "decision_seconds": decision,
                "started_seconds": self._last - self._began,
            }
        return trials

    def collect(self, timeout: float | None = None) -> list[tuple[int, Evaluation]]:
        """Return what has ended, and record the rows that were paid, in this order."""
        results = live_evaluation(self.evaluator).collect(timeout)
        self._last = time.perf_counter()
        for i, (trial, result) in enumerate(results):
            running = len(self._running)
            known = self._running.pop(trial)
            if result.status[0] == Status.UNPAID:
                continue
            architecture = known.pop("architecture")
            row = {
                "index": len(self.history),
                "trial": trial,
                "architecture": architecture,
                "text": self.space.to_string(np.array(architecture)),
                **result.row(0),
                "reward": self.objective(result)[0].tolist(),
                **known,
                "ended_seconds": self._last - self._began,
                "running": running,
            }
            if isinstance(self.evaluator, BudgetedEvaluator):
                row["clock_seconds"] = float(self.evaluator.ends[i])
            self._add(row)
        return results

    def _add(self, row: dict[str, Any]) -> None:
        self.history.rows.append(row)
        if self.on_evaluation is not None:
            self.on_evaluation(row)
