"""A genetic algorithm: tournaments, crossover, mutation, elitism."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...envs.core.feasibility import better, sort_key
from ..one_by_one import OneByOneAgent
from ..settings import Settings, setting

Member = tuple[np.ndarray, np.ndarray, float]  # an architecture (n,), its rewards (k,) and its violation


@dataclass(frozen=True)
class VariationSettings(Settings):
    """How parents are chosen and children made from them.

    Attributes:
        population_size: members of a generation.
        tournament: members drawn, with replacement, of which the best becomes a parent.
        crossover: probability that a child takes each choice from either of two parents (uniform crossover)
            and is not a copy of the first.
        mutation: expected number of choices that mutate, each by itself: n choices mutate with probability
            mutation / n.
    """

    population_size: int = setting(20, least=2)
    tournament: int = setting(2, least=1)
    crossover: float = setting(0.9, least=0, most=1)
    mutation: float = setting(1.0, least=0)


@dataclass(frozen=True)
class GeneticSettings(VariationSettings):
    """Settings of the genetic algorithm.

    Attributes:
        population_size: members of a generation; 20 is our choice, so that a search of 200 evaluations has
            ten generations.
        tournament: members drawn, with replacement, of which the best becomes a parent (2: Goldberg and
            Deb, 1991, "A comparative analysis of selection schemes used in genetic algorithms", FOGA).
        crossover: probability of uniform crossover (Syswerda, 1989, ICGA), else a child is a copy of its
            first parent (0.9: Deb et al., 2002).
        mutation: expected number of choices that mutate (1, a rate of 1/n: Mühlenbein, 1992, PPSN).
        elites: best members that live on into the next generation (De Jong, 1975, takes 1).
    """

    elites: int = setting(1, least=0)

    def __post_init__(self) -> None:
        """Check that there is room for children."""
        super().__post_init__()
        if self.elites >= self.population_size:
            raise ValueError(f"elites={self.elites!r}: give 0 to population_size - 1 = {self.population_size - 1}")


class Genetic(OneByOneAgent):
    """A generational genetic algorithm (Holland, 1975; Goldberg, 1989) over the choices of an architecture.

    Uniform draws found the first generation. Every child's two parents win tournaments; uniform crossover
    mixes them, and each choice mutates with a small probability. When there are enough children, they and
    the elites are the next generation. A failed child is not born. What is feasible is better than what breaks a
    constraint. Results that come late join the generation that is being raised when they are told.
    """

    name = "genetic"
    Settings = GeneticSettings

    def start(self) -> None:
        """Begin with nobody."""
        self._population: list[Member] = []
        self._brood: list[Member] = []  # children told so far
        self._founders = 0  # under way

    def propose(self) -> tuple[np.ndarray, bool]:
        """Return a founder, or a child of the present generation."""
        if not self._population or len(self._population) + self._founders < self.settings.population_size:
            self._founders += 1
            return self.draw(), True
        return self._child(), False

    def learn(self, architecture: np.ndarray, note: bool, reward: float | np.ndarray, violation: float) -> None:
        """Add a member to the first generation, or to the next one, which takes over when it is complete."""
        self._founders -= note
        if violation == np.inf:
            return
        member = (architecture, np.atleast_1d(np.asarray(reward, dtype=np.float64)), violation)
        if len(self._population) < self.settings.population_size:
            self._population.append(member)
            self.grown()
            return
        self._brood.append(member)
        if len(self._brood) == self.brood_size:
            self._population, self._brood = self.survivors(self._population, self._brood), []
            self.grown()

    @property
    def brood_size(self) -> int:
        """Children that make a generation."""
        return self.settings.population_size - self.settings.elites

    def survivors(self, population: list[Member], brood: list[Member]) -> list[Member]:
        """Return the next generation: the elites, the first of equals, and the children."""
        ranked = sorted(population, key=lambda member: sort_key(member[1][0], member[2]), reverse=True)  # stable
        return [*ranked[: self.settings.elites], *brood]

    def grown(self) -> None:
        """Note that the population has changed."""

    def better(self, first: int, second: int) -> bool:
        """Say whether one member of the population wins against another, by their indices."""
        (_, reward, violation), (_, other_reward, other_violation) = self._population[first], self._population[second]
        return bool(better(reward[0], violation, other_reward[0], other_violation))

    def _parent(self) -> np.ndarray:
        """Return a tournament's winner, the first drawn of equals."""
        drawn = self._rng.integers(len(self._population), size=self.settings.tournament).tolist()
        winner = drawn[0]
        for other in drawn[1:]:
            if self.better(other, winner):
                winner = other
        return self._population[winner][0]

    def _child(self) -> np.ndarray:
        child = self._parent()
        if self._rng.random() < self.settings.crossover:
            child = self._space.crossover(child[None], self._parent()[None], self._rng)[0]
        free = int((self._space.cardinalities > 1).sum())
        if not free:  # one architecture
            return child
        changes = int(self._rng.binomial(free, min(self.settings.mutation / free, 1.0)))
        if not changes:
            return child
        try:
            return self._space.mutate(child[None], self._rng, changes)[0]
        except ValueError:  # a constrained space may have no valid architecture so many changes away
            return child
