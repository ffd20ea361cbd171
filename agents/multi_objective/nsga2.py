"""NSGA-II: a genetic algorithm for several rewards at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..evolution.genetic import Genetic, Member, VariationSettings
from .nondominated import crowding_distances, nondominated_fronts
from .scalarisation import best_first

_REDRAWS = 20  # children drawn before one that is known already is let pass


@dataclass(frozen=True)
class NSGA2Settings(VariationSettings):
    """Settings of NSGA-II.

    Attributes:
        population_size: N; 20 is our choice for searches of a few hundred evaluations. Deb et al. take 100,
            NSGA-Net (Lu et al., 2019, GECCO) 40.
        tournament: members drawn of which the best becomes a parent (2: Deb et al., section III.C).
        crossover: probability of crossover (0.9: Deb et al., section V); uniform, as in `Genetic`.
        mutation: expected number of choices that mutate (1, a rate of 1/n: Deb et al., section V).
        duplicates: whether a child may be a copy of a member of its parents' or its own generation. A small
            discrete space breeds many, and equal members crowd out what the front should be spread over;
            without, a child is drawn again (so does pymoo, Blank and Deb, 2020; the paper does not).
    """

    duplicates: bool = False


class NSGA2(Genetic):
    """The elitist non-dominated sorting genetic algorithm (Deb et al., 2002, IEEE Trans. Evol. Comput. 6(2)).

    It plays environments whose objective is a vector (and others, of one reward). Parents win tournaments by
    the rank of their front, then by their crowding distance. From N parents and N children the N best by the
    same order survive. A failed child is not born. Under constraints dominance is constrained (Deb et al., section
    VI): what is feasible dominates what is not, and of two infeasible ones the one that violates less.
    """

    name = "nsga2"
    vector_reward = True
    multi_objective = True
    Settings = NSGA2Settings

    def start(self) -> None:
        """Begin with nobody."""
        super().start()
        self._rank, self._crowding = np.empty(0, dtype=np.int64), np.empty(0)  # (members,) each
        self._bred: set[bytes] = set()  # children of this generation, under way or told

    @property
    def brood_size(self) -> int:
        """Children that make a generation."""
        return self.settings.population_size

    def survivors(self, population: list[Member], brood: list[Member]) -> list[Member]:
        """Return the N best of parents and children: whole fronts, and the least crowded of the last."""
        both = [*population, *brood]
        # Of equals the parents, then the older.
        best = best_first(np.array([member[1] for member in both]), np.array([member[2] for member in both]))
        self._bred.clear()
        return [both[i] for i in best[: self.settings.population_size]]

    def grown(self) -> None:
        """Rank the population anew."""
        self._rank, self._crowding = _order(self._population)

    def better(self, first: int, second: int) -> bool:
        """Compare by rank, then by crowding."""
        if self._rank[first] != self._rank[second]:
            return bool(self._rank[first] < self._rank[second])
        return bool(self._crowding[first] > self._crowding[second])

    def _child(self) -> np.ndarray:
        child = super()._child()
        if not self.settings.duplicates:
            known = {row.tobytes() for row, _, _ in self._population} | self._bred
            for _ in range(_REDRAWS):
                if child.tobytes() not in known:
                    break
                child = super()._child()
            self._bred.add(child.tobytes())
        return child


def _order(members: list[Member]) -> tuple[np.ndarray, np.ndarray]:
    """Return each member's front ``(N,)``, 0 the best, and its crowding distance in it ``(N,)``."""
    values = np.array([member[1] for member in members])
    rank, crowding = np.empty(len(values), dtype=np.int64), np.empty(len(values))
    for number, front in enumerate(nondominated_fronts(values, np.array([member[2] for member in members]))):
        rank[front] = number
        crowding[front] = crowding_distances(values[front])
    return rank, crowding
