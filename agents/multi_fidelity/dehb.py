"""DEHB: Hyperband whose configurations come from differential evolution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import AskTellAgent, Settings
from ..pending import Pending
from .hyperband import bracket_sizes, rung_fidelities

FloatArray = NDArray[np.float64]
VALID_TRIES = 100  # offspring that may be invalid in a row before a uniform draw takes their place


@dataclass(frozen=True)
class DEHBSettings(Settings):
    """Settings of DEHB; the defaults are the paper's (section 4 and appendix) and its package's.

    Attributes:
        eta: η of Hyperband.
        mutation_factor: F of differential evolution, in (0, 2].
        crossover: probability that a choice comes from the mutant, 0 to 1.
        population: individuals where there is one fidelity only, at least 4; with several, each fidelity has as
            many as the largest of its rungs (20: the default of the package's plain differential evolution).
    """

    eta: float = 3.0
    mutation_factor: float = 0.5
    crossover: float = 0.5
    population: int = 20

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not self.eta > 1:
            raise ValueError(f"eta={self.eta!r}: give a number above 1 (3 is usual)")
        if not 0 < self.mutation_factor <= 2:
            raise ValueError(f"mutation_factor={self.mutation_factor!r}: give a number above 0, at most 2")
        if not 0 <= self.crossover <= 1:
            raise ValueError(f"crossover={self.crossover!r}: give 0 to 1")
        if self.population < 4:
            raise ValueError(f"population={self.population!r}: give at least 4, a target and three parents")


@dataclass
class _Population:
    """The individuals of one fidelity."""

    vectors: FloatArray  # (p, n) in [0, 1)
    losses: FloatArray = field(init=False)  # (p,), +∞ where not evaluated or failed
    target: int = 0  # whose turn it is
    promoted: list[FloatArray] = field(default_factory=list)  # waiting to be evaluated here

    def __post_init__(self) -> None:
        self.losses = np.full(len(self.vectors), np.inf)


@dataclass
class _Bracket:
    """How far one bracket of successive halving has come."""

    sizes: list[int]
    rungs: tuple[int, ...]  # fidelity index of each
    stage: int = 0
    issued: int = 0  # of the current rung
    told: int = 0

    def tell(self) -> None:
        self.told += 1
        if self.told == self.sizes[self.stage]:
            self.stage, self.issued, self.told = self.stage + 1, 0, 0


class DEHB(AskTellAgent):
    """Differential evolution and Hyperband (Awad, Mallik and Hutter, 2021, IJCAI, "DEHB").

    Our own, after the authors' package ``dehb``, which keeps its state on disk and needs an older ConfigSpace.
    Each fidelity has a population of vectors in [0, 1)ⁿ; a vector's interval decides each option. In the first
    round of brackets a higher rung takes the best of the rung below, as Hyperband does. Everything else is
    rand/1/bin evolution: a mutant of three of the fidelity below's best is crossed with the target and takes
    its place if it is not worse. A failed evaluation is the worst. It needs ``epochs="choose"``; where the
    environment fixes the epochs it is plain differential evolution.
    """

    name = "dehb"
    multi_fidelity = True
    Settings = DEHBSettings

    def begin(self, space: Any, fidelities: tuple[int, ...], rng: np.random.Generator) -> None:
        """Start a new search."""
        self._space, self._rng, eta = space, rng, self.settings.eta
        self._choose = bool(fidelities)
        self._rungs = rung_fidelities(fidelities, eta) if fidelities else (0,)
        self._round = [bracket_sizes(len(self._rungs), bracket, eta) for bracket in range(len(self._rungs))]
        if len(self._rungs) == 1:
            self._round = [[self.settings.population]]
        sizes = dict.fromkeys(self._rungs, 4)
        for counts in self._round:
            for rung, count in zip(self._rungs[-len(counts) :], counts, strict=True):
                sizes[rung] = max(sizes[rung], count)
        self._populations = {rung: _Population(rng.random((size, space.n))) for rung, size in sizes.items()}
        self._brackets: list[_Bracket] = []
        self._opened = 0
        self._pending: Pending[tuple[_Bracket, int, int, FloatArray]] = Pending()

    def ask(self, count: int) -> np.ndarray:
        """Return the next ``count`` configurations of the open brackets, opening more as needed."""
        actions = np.empty((count, self._space.n + self._choose), dtype=np.int64)
        for row in range(count):
            bracket = self._next_bracket()
            rung = bracket.rungs[bracket.stage]
            population = self._populations[rung]
            target = population.target
            population.target = (target + 1) % len(population.vectors)
            vector, architecture = self._configuration(bracket, target)
            bracket.issued += 1
            actions[row] = [*architecture, rung] if self._choose else architecture
            self._pending.add(actions[row], (bracket, rung, target, vector))
        return actions

    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Let each offspring take its target's place if it is not worse."""
        for action, reward in zip(actions, rewards, strict=True):
            bracket, rung, target, vector = self._pending.take(action)
            population = self._populations[rung]
            if -reward <= population.losses[target]:
                population.vectors[target], population.losses[target] = vector, -reward
            bracket.tell()
        self._brackets = [bracket for bracket in self._brackets if bracket.stage < len(bracket.sizes)]

    def _next_bracket(self) -> _Bracket:
        """Return the first open bracket that waits for no result, or a new one."""
        for bracket in self._brackets:
            if bracket.issued < bracket.sizes[bracket.stage]:
                return bracket
        sizes = self._round[self._opened % len(self._round)]
        self._opened += 1
        self._brackets.append(_Bracket(sizes, self._rungs[-len(sizes) :]))
        return self._brackets[-1]

    def _configuration(self, bracket: _Bracket, target: int) -> tuple[FloatArray, np.ndarray]:
        """Return the vector ``(n,)`` and the architecture ``(n,)`` that a bracket's current rung evaluates next."""
        rung = bracket.rungs[bracket.stage]
        below = bracket.rungs[max(bracket.stage - 1, 0)]
        wanted = bracket.sizes[bracket.stage]
        if bracket.stage and self._opened <= len(self._round):
            vector = self._promote(below, rung, wanted)
            return vector, self._decode(vector)
        for _ in range(VALID_TRIES):
            vector = self._offspring(self._populations[rung].vectors[target], below, wanted)
            architecture = self._decode(vector)
            if self._space.valid(architecture[None])[0]:
                return vector, architecture
        architecture = self._space.sample(self._rng, 1)[0]
        return (architecture + self._rng.random(self._space.n)) / self._space.cardinalities, architecture

    def _promote(self, below: int, rung: int, wanted: int) -> FloatArray:
        """Return the best of the fidelity below that is not in this one's population."""
        lower, upper = self._populations[below], self._populations[rung]
        order = [i for i in np.argsort(lower.losses, kind="stable") if np.isfinite(lower.losses[i])]
        if not upper.promoted:
            new = [i for i in order if not (lower.vectors[i] == upper.vectors).all(axis=1).any()]
            upper.promoted = [lower.vectors[i].copy() for i in new[:wanted]]
        if upper.promoted:
            return upper.promoted.pop(0)
        best = order[0] if order else int(self._rng.integers(len(lower.vectors)))  # all are promoted, or all failed
        vector = lower.vectors[best].copy()
        if self._space.valid(self._decode(vector)[None])[0]:
            return vector
        return (self._space.sample(self._rng, 1)[0] + 0.5) / self._space.cardinalities

    def _offspring(self, target: FloatArray, below: int, wanted: int) -> FloatArray:
        """Cross a target with a mutant of the ``wanted`` best individuals of a fidelity: rand/1/bin."""
        lower = self._populations[below]
        parents = lower.vectors[np.argsort(lower.losses, kind="stable")[:wanted]]
        if len(parents) < 3:  # too few for a mutant: those of all fidelities help out
            everyone = np.concatenate([population.vectors for population in self._populations.values()])
            parents = np.concatenate([parents, [self._mutant(everyone) for _ in range(4 - len(parents))]])
        take = self._rng.random(len(target)) < self.settings.crossover
        if not take.any():
            take[self._rng.integers(len(target))] = True
        return np.where(take, self._mutant(parents), target)

    def _mutant(self, parents: FloatArray) -> FloatArray:
        """Return a + F (b − c) of three distinct parents; what leaves [0, 1) is drawn anew."""
        a, b, c = parents[self._rng.choice(len(parents), 3, replace=False)]
        mutant = a + self.settings.mutation_factor * (b - c)
        return np.where((mutant < 0) | (mutant >= 1), self._rng.random(len(mutant)), mutant)

    def _decode(self, vector: FloatArray) -> np.ndarray:
        """Return the architecture ``(n,)`` whose intervals a vector lies in."""
        return np.minimum((vector * self._space.cardinalities).astype(np.int64), self._space.cardinalities - 1)
