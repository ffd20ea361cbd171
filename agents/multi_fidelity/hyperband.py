"""Hyperband: brackets of successive halving over the environment's fidelities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log
from typing import Any

import numpy as np

from ..base import AskTellAgent, Settings
from ..multi_objective.scalarisation import best_first
from ..pending import Pending


def rung_fidelities(fidelities: Sequence[int], eta: float = 3.0) -> tuple[int, ...]:
    """Choose Hyperband's rungs among the epochs that can be asked for.

    Hyperband's budgets are max · η^−k for k = 0 … ⌊log_η(max/min)⌋. Each is taken to the fidelity nearest
    to it in ratio; two that meet in one fidelity become one rung. Digits' 1, 3, 9, 27 are their own rungs.

    Args:
        fidelities: epochs, ascending.
        eta: η > 1.

    Returns:
        Ascending indices into ``fidelities``, the last one always among them.
    """
    smallest, largest = fidelities[0], fidelities[-1]
    # The tolerance is for ratios that are powers of η: log 243 / log 3 is 4.999…9 in floating point.
    steps = floor(log(largest / smallest) / log(eta) + 1e-9)
    chosen = {
        min(range(len(fidelities)), key=lambda i: (abs(log(fidelities[i] / (largest * eta**-k))), i))
        for k in range(steps + 1)
    }
    return tuple(sorted(chosen))


def bracket_sizes(rungs: int, bracket: int, eta: float = 3.0) -> list[int]:
    """Return how many configurations each rung of a bracket evaluates.

    With s = rungs − 1 − (bracket mod rungs), a bracket starts ⌈⌊rungs / (s + 1)⌋ η^s⌉ configurations on
    the rung s below the top and keeps a share of 1/η at each further one. For R = 81 and η = 3 that is the
    table of the paper (Li et al., 2018, "Hyperband", JMLR 18, table 1: 81, 27, 9, 6 and 5 at the start).

    Args:
        rungs: number of rungs, S.
        bracket: number of the bracket, 0, 1, …; they come round after S.
        eta: η.

    Returns:
        s + 1 counts, for the s + 1 highest rungs.
    """
    s = rungs - 1 - bracket % rungs
    return halved(ceil(floor(rungs / (s + 1)) * eta**s), s + 1, eta)


def halved(start: int, rungs: int, eta: float) -> list[int]:
    """Return how many of ``start`` configurations each of so many rungs evaluates: ⌊start · η^−i⌋, at least 1."""
    # The tolerance is for powers that fall short of an integer: 27 · 3^−3 must count as 1.
    return [max(int(start * eta**-i + 1e-9), 1) for i in range(rungs)]


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
        self.results: list[tuple[np.ndarray, Any, bool]] = []  # of the current rung: (n,), reward, ok

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

    def tell(self, configuration: np.ndarray, reward: Any, ok: bool) -> None:
        """Take one result of the current rung; the last one promotes the best to the next rung.

        A failed configuration is never promoted; of equal rewards the one told earlier is. Vectors ``(k,)`` of
        rewards are promoted front by front (`best_first`).
        """
        self.results.append((configuration, reward, ok))
        if len(self.results) < self.sizes[self.stage]:
            return
        self.stage += 1
        if not self.finished:
            alive = [result for result in self.results if result[2]]
            order = best_first(np.array([reward for _, reward, _ in alive]))
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

    eta: float = 3.0
    fit_budget: bool = True

    def __post_init__(self) -> None:
        """Check η."""
        if not self.eta > 1:
            raise ValueError(f"eta={self.eta!r}: give a number above 1 (3 is usual)")


class Hyperband(AskTellAgent):
    """Brackets of successive halving over random configurations (Li et al., 2018, JMLR 18).

    It needs ``epochs="choose"``; where the environment fixes the epochs there is one rung, and Hyperband is
    random search. A promoted configuration is trained again from nothing and pays the full price of its
    rung (an evaluator that continues from a checkpoint charges less). As in HpBandSter, lanes that the
    current bracket cannot fill are given to later ones, so that none is idle: with several lanes up to
    that many brackets are open at once.
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

    def ask(self, count: int) -> np.ndarray:
        """Return the next ``count`` configurations of the open brackets, opening more as needed."""
        actions = np.empty((count, self._space.n + self._choose), dtype=np.int64)
        for row in range(count):
            bracket, (configuration, fidelity) = self._next()
            actions[row] = [*configuration, fidelity] if self._choose else configuration
            self._pending.add(actions[row], bracket)
        return actions

    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Hand the results to their brackets."""
        for action, reward, good in zip(actions, rewards, ok, strict=True):
            self._pending.take(action).tell(action[: self._space.n], reward, bool(good))
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
