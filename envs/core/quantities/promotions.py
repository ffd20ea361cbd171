"""Promotions: what a search pays for a candidate that it has trained for fewer epochs already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...spaces import SearchSpace
from ..evaluation import Evaluation, Evaluator, IntArray, Metric, Status
from ..trials import live_evaluation

PROMOTIONS = ("restart", "continue")

_TRAINING = "training_seconds"


def checked_promotions(promotions: Any) -> str:
    """Return how a promotion is paid for.

    Raises:
        ValueError: it is neither ``"restart"`` nor ``"continue"``.
    """
    if promotions not in PROMOTIONS:
        raise ValueError(f"promotions={promotions!r}: choose one of {', '.join(PROMOTIONS)}")
    return promotions


class ContinuedTrainings:
    """An evaluator whose promotions go on from the shorter training, and cost what is added to it.

    A question that names an architecture and a training seed which this search has asked about at a smaller fidelity
    costs the difference: the seconds of the shorter training (``training_seconds`` where the evaluator has the metric,
    else all its ``cost_seconds``) are taken off. The longest such training counts; failed ones do not. The same
    question asked again costs what it cost without.

    Args:
        evaluator: answers; its costs are those of whole trainings.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.space: SearchSpace = evaluator.space
        self.fidelities: tuple[int, ...] = evaluator.fidelities
        self.metrics: Mapping[str, Metric] = evaluator.metrics
        self.seeds: tuple[int, ...] | None = evaluator.seeds
        self._trained: dict[tuple[Any, ...], dict[int, float]] = {}  # question without epochs → epochs → seconds
        self._asked: dict[int, tuple[Any, ...]] = {}  # of what is under way, by ticket

    def evaluate(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> Evaluation:
        """Evaluate, and take the seconds of shorter trainings off; rows of one batch count in their order."""
        found = self.evaluator.evaluate(architectures, epochs, seeds)
        return self._priced(found, self._questions(architectures, seeds))

    def submit(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> list[int]:
        """Hand in b questions and return their tickets."""
        tickets = live_evaluation(self.evaluator).submit(architectures, epochs, seeds)
        self._asked.update(zip(tickets, self._questions(architectures, seeds), strict=True))
        return tickets

    def collect(self, timeout: float | None = None) -> list[tuple[int, Evaluation]]:
        """Return what has ended, its price less what shorter trainings have cost that ended before."""
        finished = live_evaluation(self.evaluator).collect(timeout)
        return [(ticket, self._priced(found, [self._asked.pop(ticket)])) for ticket, found in finished]

    def _questions(self, architectures: IntArray, seeds: IntArray) -> list[tuple[Any, ...]]:
        return [
            (int(seed), *map(int, row)) for row, seed in zip(np.asarray(architectures), np.asarray(seeds), strict=True)
        ]

    def _priced(self, found: Evaluation, questions: list[tuple[Any, ...]]) -> Evaluation:
        seconds = found[_TRAINING] if _TRAINING in self.metrics else found.cost_seconds
        cost = found.cost_seconds.copy()
        for row, question in enumerate(questions):
            if found.status[row] not in (Status.OK, Status.INCOMPLETE):
                continue
            epochs, known = int(found.epochs[row]), self._trained.setdefault(question, {})
            shorter = [known[e] for e in sorted(known) if e < epochs]
            if shorter:
                cost[row] = max(cost[row] - shorter[-1], 0.0)
            if np.isfinite(seconds[row]):
                known[epochs] = float(seconds[row])
        return replace(found, cost_seconds=cost)


def priced(evaluator: Evaluator) -> Evaluator:
    """Return an evaluator as a search pays for it: `ContinuedTrainings` where it says ``promotions = "continue"``.

    Prices depend on what was asked before, so every search takes one of its own.
    """
    continues = getattr(evaluator, "promotions", "restart") == "continue"
    return ContinuedTrainings(evaluator) if continues else evaluator
