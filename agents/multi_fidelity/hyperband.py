"""Hyperband: brackets of successive halving over the environment's fidelities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import AskTellAgent
from ..constraints import AnalyticConstraints, analytic_constraints, violations_of
from ..multi_objective.scalarisation import best_first
from ..pending import Pending
from ..settings import Settings, setting
from .rungs import bracket_sizes, rung_fidelities


class Bracket:
    """One run of successive halving: its rungs are filled from the bottom, each after the one below is told.

    Args:
        sizes: configurations per rung.
        rungs: fidelity index of each of these rungs.
    """

    def __init__(self, sizes: Sequence[int], rungs: Sequence[int]) -> None:
        self.sizes, self.rungs = list(sizes), list(rungs)
        self.stage = 0
        self.queue: list[np.ndarray] = []  # promoted configurations waiting for the current rung
        self.issued = 0  # configurations of the current rung that were handed out
        self.results: list[tuple[np.ndarray, Any, float]] = []  # of the current rung: (n,), reward, violation

    @property
    def finished(self) -> bool:
        """Whether the top rung is told."""
        return self.stage == len(self.sizes)

    @property
    def remaining(self) -> int:
        """Evaluations until it is finished, those handed out and not told yet included."""
        return sum(self.sizes[self.stage :]) - len(self.results)

    def next(self, draw: Callable[[], np.ndarray]) -> tuple[np.ndarray, int] | None:
        """Return the next (configuration, fidelity index), or None while results are awaited.

        A rung takes promoted configurations first and drawn ones for the places that are left: all on the
        bottom rung, and those that too many failures below have left empty on the others.
        """
        if self.finished or self.issued == self.sizes[self.stage]:
            return None
        self.issued += 1
        return (self.queue.pop(0) if self.queue else draw()), self.rungs[self.stage]

    def tell(self, configuration: np.ndarray, reward: Any, violation: float) -> None:
        """Take one result of the current rung; the last one promotes the best to the next rung.

        What is feasible goes before what breaks a constraint. A configuration whose violation is ∞ (it failed, or
        no further training can make it feasible) is never promoted; of equal rewards the one told earlier is.
        Vectors ``(k,)`` of rewards are promoted front by front (`best_first`).
        """
        self.results.append((configuration, reward, violation))
        if len(self.results) < self.sizes[self.stage]:
            return
        self.stage += 1
        if not self.finished:
            alive = [result for result in self.results if result[2] < np.inf]
            rewards, violations = np.array([result[1] for result in alive]), np.array([result[2] for result in alive])
            order = best_first(rewards, violations)
            self.queue = [alive[i][0] for i in order[: self.sizes[self.stage]]]
        self.issued, self.results = 0, []


@dataclass(frozen=True)
class HyperbandSettings(Settings):
    """Settings of Hyperband.

    Attributes:
        eta: η, of which 1/η go on to the next rung (3: Li et al., 2018, section 2.6).
        fit_budget: pass over brackets that a budget of evaluations cannot finish while a smaller one fits.
            A short search (24 evaluations, where the paper's first bracket starts 27 configurations on the
            bottom rung) would otherwise end before anything was promoted. Budgets that count only seconds,
            and all but the end of long ones, are as in the paper.
    """

    eta: float = setting(3.0, least=1.01)
    fit_budget: bool = True


class Hyperband(AskTellAgent):
    """Brackets of successive halving over random configurations (Li et al., 2018, JMLR 18).

    It needs ``epochs="choose"``; where the environment fixes the epochs there is one rung, and Hyperband is
    random search. A promoted configuration is trained again from nothing and pays the full price of its
    rung (an evaluator that continues from a checkpoint charges less). As in HpBandSter, lanes that the
    current bracket cannot fill are given to later ones, so that none is idle: with several lanes up to
    that many brackets are open at once. Where the objective has constraints, those that keep them are promoted
    first, and those of which the analytic cost says that they never will, not at all.
    """

    name = "hyperband"
    multi_fidelity = True
    vector_reward = True
    Settings = HyperbandSettings

    def begin(self, space: Any, fidelities: tuple[int, ...], rng: np.random.Generator) -> None:
        """Start a new search."""
        self._space, self._rng = space, rng
        self._choose = bool(fidelities)
        self._rungs = rung_fidelities(fidelities, self.settings.eta) if fidelities else (0,)
        self._brackets: list[Bracket] = []
        self._opened = 0
        self._pending: Pending[Bracket] = Pending()
        self._known: AnalyticConstraints | None = analytic_constraints(self.objective, space)

    def ask(self, count: int) -> np.ndarray:
        """Return the next ``count`` configurations of the open brackets, opening more as needed."""
        actions = np.empty((count, self._space.n + self._choose), dtype=np.int64)
        for row in range(count):
            bracket, (configuration, fidelity) = self._next()
            actions[row] = [*configuration, fidelity] if self._choose else configuration
            self._pending.add(bracket)
        return actions

    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Hand the results to their brackets."""
        brackets, violations = self._pending.told(infos), violations_of(infos, ok)
        if self._known is not None:
            violations[~self._known(actions[:, : self._space.n])] = np.inf
        for action, bracket, reward, violation in zip(actions, brackets, rewards, violations.tolist(), strict=True):
            bracket.tell(action[: self._space.n], reward, violation)
        self._brackets = [bracket for bracket in self._brackets if not bracket.finished]

    def draw(self) -> np.ndarray:
        """Return a new configuration ``(n,)``."""
        return self._space.sample(self._rng, 1)[0]

    def _next(self) -> tuple[Bracket, tuple[np.ndarray, int]]:
        for bracket in self._brackets:
            job = bracket.next(self.draw)
            if job is not None:
                return bracket, job
        sizes = self._next_sizes()
        bracket = Bracket(sizes, self._rungs[-len(sizes) :])
        self._opened += 1
        self._brackets.append(bracket)
        job = bracket.next(self.draw)
        assert job is not None  # a new bracket has at least one place
        return bracket, job

    def _next_sizes(self) -> list[int]:
        """Return the sizes of the next bracket: the first in the paper's round that the budget can finish."""
        left = self._left()
        if left is not None:
            for ahead in range(len(self._rungs)):
                sizes = bracket_sizes(len(self._rungs), self._opened + ahead, self.settings.eta)
                if sum(sizes) <= left:
                    self._opened += ahead
                    return sizes
        return bracket_sizes(len(self._rungs), self._opened, self.settings.eta)

    def _left(self) -> int | None:
        """Return the evaluations that no open bracket needs, or None where they are not counted."""
        left = self.budget.affordable if self.budget is not None and self.settings.fit_budget else None
        return None if left is None else left - sum(bracket.remaining for bracket in self._brackets)
