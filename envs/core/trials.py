"""Trials: candidates in live training, each with a number, told in the order in which they end (or once ended)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from ..spaces import SearchSpace
from .evaluation import AsyncEvaluator, Evaluation, IntArray, Metric


@runtime_checkable
class LiveEvaluation(Protocol):
    """What can be handed in and collected later; `AsyncEvaluator` without its life."""

    def submit(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> list[int]:
        """Hand in b questions and return a ticket for each, at once."""
        ...

    def collect(self, timeout: float | None = None) -> list[tuple[int, Evaluation]]:
        """Wait for at least one submitted question and return what has ended, one row each."""
        ...


def live_evaluation(evaluator: object) -> LiveEvaluation:
    """Return an evaluator as one that works while the caller goes on.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(evaluator, LiveEvaluation):
        raise TypeError(f"{type(evaluator).__name__} has no submit and collect: it evaluates while the caller waits")
    return evaluator


class NumberedTrials:
    """An asynchronous evaluator whose tickets are trial numbers, from 0 in the order of submitting.

    Results are handed out one at a time: in a given order first, so that a search that is resumed or replayed goes
    through what the first one went through, then as they come. With the results told in the same order, and as many
    trials under way, an agent asks for the same.

    Args:
        evaluator: works on the trials.
        order: trial numbers in the order in which their results are to be handed out; what came earlier waits.
    """

    def __init__(self, evaluator: AsyncEvaluator, order: Iterable[int] = ()) -> None:
        self.evaluator = evaluator
        self.space: SearchSpace = evaluator.space
        self.fidelities: tuple[int, ...] = evaluator.fidelities
        self.metrics: Mapping[str, Metric] = evaluator.metrics
        self.seeds: tuple[int, ...] | None = evaluator.seeds
        self.promotions: str = getattr(evaluator, "promotions", "restart")
        self._order = [int(trial) for trial in order][::-1]  # the next one last
        self._count = 0
        self._running: dict[int, int] = {}  # the evaluator's ticket → trial
        self._arrived: dict[int, Evaluation] = {}  # trials that have ended and are not handed out

    def evaluate(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> Evaluation:
        """Evaluate while the caller waits; no trials are counted."""
        return self.evaluator.evaluate(architectures, epochs, seeds)

    def submit(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> list[int]:
        """Hand in b questions and return their trial numbers."""
        tickets = self.evaluator.submit(architectures, epochs, seeds)
        trials = list(range(self._count, self._count + len(tickets)))
        self._count += len(tickets)
        self._running.update(zip(tickets, trials, strict=True))
        return trials

    def collect(self, timeout: float | None = None) -> list[tuple[int, Evaluation]]:
        """Wait for the trial whose turn it is and return it with its result; [] where none is under way or in time.

        Raises:
            ValueError: the trial whose turn it is was never submitted.
            RuntimeError: the evaluator has lost a trial.
        """
        while self._running or self._arrived:
            trial = self._next()
            if trial is not None:
                return [(trial, self._arrived.pop(trial))]
            finished = self.evaluator.collect(timeout)
            for ticket, evaluation in finished:
                self._arrived[self._running.pop(ticket)] = evaluation
            if not finished and timeout is None:
                raise RuntimeError(
                    f"{type(self.evaluator).__name__}.collect() returned nothing, and {len(self._running)} trials that "
                    "were submitted have not come back"
                )
            if timeout is not None and self._next() is None:
                break
        return []

    def _next(self) -> int | None:
        """Return the trial that is to be handed out next, if it is there."""
        if not self._order:
            return min(self._arrived, default=None)
        trial = self._order[-1]
        if trial in self._arrived:
            return self._order.pop()
        if trial not in self._running.values():
            known = sorted([*self._running.values(), *self._arrived])
            raise ValueError(
                f"the recorded order names trial {trial} next, but under way are {', '.join(map(str, known))}: the "
                "search was recorded with another configuration, or with another number of parallel trials"
            )
        return None
