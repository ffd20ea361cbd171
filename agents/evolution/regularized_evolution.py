"""Regularised evolution: tournament, one mutation, and the oldest dies."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from ...envs.core.feasibility import sort_key
from ...envs.core.searchable import as_searchable
from ..base import AnyEnv
from ..one_by_one import OneByOneAgent
from ..settings import Settings, setting


@dataclass(frozen=True)
class RegularizedEvolutionSettings(Settings):
    """Settings of regularised evolution.

    Attributes:
        population_size: P, 10 as in NAS-Bench-201's and NATS-Bench's own runs. NAS-Bench-101's are 50 with
            samples of 10, Real et al. take 100 and 25 for 20,000 evaluations.
        sample_size: S, members that are drawn for a tournament, with replacement: 3, from the same source.
        changes: choices that a mutation changes (1: Real et al., section 3).
    """

    population_size: int = setting(10, least=1)
    sample_size: int = setting(3, least=1)
    changes: int = setting(1, least=1)


class RegularizedEvolution(OneByOneAgent):
    """Ageing evolution (Real et al., 2019, "Regularized evolution for image classifier architecture search", AAAI).

    P uniform draws found the population. Then the best of S members drawn with replacement is mutated in one
    choice, the child joins, and the oldest member leaves, however good it is. Nothing prevents a child from
    being an architecture that was evaluated before; it is paid for again.

    A failed evaluation does not join: it never becomes a parent, and kills nobody. The population is that of
    the results told so far, the order of age that in which they were told. In a tournament what is feasible wins
    against what breaks a constraint. Where a winner has no valid mutant (a space of one architecture), it is
    evaluated again.
    """

    name = "regularized_evolution"
    Settings = RegularizedEvolutionSettings

    def check_environment(self, env: AnyEnv) -> None:
        """Refuse more changes than there are choices."""
        space, changes = as_searchable(env).task.space, self.settings.changes
        free = int((space.cardinalities > 1).sum())
        if changes > max(free, 1):
            raise ValueError(
                f"changes={changes}: the space {space.name!r} has {free} choices to change, give 1..{free}"
            )

    def start(self) -> None:
        """Begin with nobody."""
        self._members: deque[tuple[np.ndarray, tuple[float, float]]] = deque()  # (n,), how good; the oldest first
        self._founders = 0  # under way

    def propose(self) -> tuple[np.ndarray, bool]:
        """Return a founder, or a tournament's winner mutated."""
        members = self._members
        if not members or len(members) + self._founders < self.settings.population_size:
            self._founders += 1
            return self.draw(), True
        drawn = self._rng.integers(len(members), size=self.settings.sample_size)
        parent = max((members[i] for i in drawn.tolist()), key=lambda member: member[1])[0]
        try:
            return self._space.mutate(parent[None], self._rng, self.settings.changes)[0], False
        except ValueError:  # a constrained space may have no valid architecture so many changes away
            return parent, False

    def learn(self, architecture: np.ndarray, note: bool, reward: float, violation: float) -> None:
        """Let it join, and the oldest leave."""
        self._founders -= note
        if violation == np.inf:
            return
        self._members.append((architecture, sort_key(float(reward), violation)))
        if len(self._members) > self.settings.population_size:
            self._members.popleft()
