"""Local search: from a random start to a local optimum, and again."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..envs.core.feasibility import sort_key
from .one_by_one import OneByOneAgent
from .settings import Settings, setting

Merit = tuple[float, float]  # the larger, the better: (−violation, reward)
WORST: Merit = (-np.inf, -np.inf)

IMPROVEMENTS = ("first", "best")

_STARTS = 100  # walks begun in a row without anything new to evaluate, before an old architecture is paid again


@dataclass(frozen=True)
class LocalSearchSettings(Settings):
    """Settings of local search.

    Attributes:
        improvement: ``"first"`` moves to the first neighbour that is better (White et al., 2021, call it
            "query until lower"), ``"best"`` to the best one after all have been evaluated (their plain form).
        repeats: whether an architecture whose reward this search knows is evaluated, and paid for, again.
            Without, the reward is remembered, as White et al. do, and walks share what is under way.
    """

    improvement: str = setting("first", choices=IMPROVEMENTS)
    repeats: bool = False


@dataclass
class Walk:
    """One climb: where it stands, and which neighbours are still to be looked at.

    Attributes:
        merit: of where it stands, the worst before the start is told.
        untried: neighbours, each ``(n,)``, that were not handed out, the next one last.
        awaited: results that are under way.
        better: the best neighbour so far, ``(n,)`` and its merit, if it is better (best improvement).
    """

    merit: Merit = WORST
    untried: list[np.ndarray] = field(default_factory=list)
    awaited: int = 0
    better: tuple[np.ndarray, Merit] | None = None


class LocalSearch(OneByOneAgent):
    """Hill climbing over the space's neighbours, restarted at random from every local optimum.

    On NAS-Bench-201 it is as good as far more elaborate agents (White, Nolen and Savani, 2021, "Exploring
    the loss landscape in neural architecture search", UAI; den Ottelander et al., 2021, "Local search is a
    remarkably strong baseline for neural architecture search", EMO). Neighbours come in random order; only a
    strictly better one is moved to; feasible ones are better than those that break a constraint. A failed neighbour is
    never moved to, a failed start is left at once.

    When the neighbours of a walk are all under way, another walk begins beside it, so that no lane or worker
    is idle; a result that comes after its walk has moved on still moves it if it is better.
    """

    name = "local_search"
    Settings = LocalSearchSettings

    def start(self) -> None:
        """Forget the walks and what was evaluated."""
        self._walks: list[Walk] = []
        self._known: dict[bytes, Merit] = {}
        self._sharing: dict[bytes, list[Walk]] = {}  # walks that wait for what is under way for another

    def propose(self) -> tuple[np.ndarray, Walk | None]:
        """Return the next neighbour of the first walk that has one, or a new walk's start."""
        for walk in list(self._walks):
            row = self._next(walk)
            if row is not None:
                return row, walk
        for _ in range(_STARTS):
            walk = Walk(untried=[self.draw()])
            self._walks.append(walk)
            row = self._next(walk)
            if row is not None:
                return row, walk
        return self.draw(), None  # nearly all of a small space is known

    def learn(self, architecture: np.ndarray, note: Walk | None, reward: float, violation: float) -> None:
        """Remember how good it is, and move if it is better."""
        merit, key = sort_key(float(reward), violation), architecture.tobytes()
        walks = [] if note is None else [note]
        if not self.settings.repeats:
            self._known[key] = merit
            walks += self._sharing.pop(key, [])
        for walk in walks:
            walk.awaited -= 1
            self._judge(walk, architecture, merit)
            self._settle(walk)

    def _next(self, walk: Walk) -> np.ndarray | None:
        """Return an architecture that the walk has to know, or None where it has none to give."""
        while walk.untried:
            row = walk.untried.pop()
            key = row.tobytes()
            if key in self._known:
                self._judge(walk, row, self._known[key])
                self._settle(walk)
                continue
            walk.awaited += 1
            if key not in self._sharing:
                if not self.settings.repeats:
                    self._sharing[key] = []
                return row
            self._sharing[key].append(walk)
        return None

    def _judge(self, walk: Walk, row: np.ndarray, merit: Merit) -> None:
        """Move to a better architecture, or note it until the whole neighbourhood is known."""
        if self.settings.improvement == "first":
            if merit > walk.merit:
                self._move(walk, row, merit)
        elif merit > (walk.merit if walk.better is None else walk.better[1]):
            walk.better = (row, merit)

    def _settle(self, walk: Walk) -> None:
        """Where the neighbourhood is known, move to its best, or end the walk at its local optimum."""
        if walk.untried or walk.awaited:
            return
        if walk.better is not None:
            self._move(walk, *walk.better)
        if not walk.untried:
            self._walks.remove(walk)

    def _move(self, walk: Walk, row: np.ndarray, merit: Merit) -> None:
        neighbours = self._space.neighbours(row)
        walk.merit, walk.better = merit, None
        walk.untried = list(neighbours[self._rng.permutation(len(neighbours))])
