"""DEHB: Hyperband whose configurations come from differential evolution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core import feasibility
from ..base import AskTellAgent
from ..constraints import AnalyticConstraints, analytic_constraints, violations_of
from ..pending import Pending
from ..settings import Settings, setting
from .rungs import bracket_sizes, rung_fidelities

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

    eta: float = setting(3.0, least=1.01)
    mutation_factor: float = setting(0.5, above=0, most=2)
    crossover: float = setting(0.5, least=0, most=1)
    population: int = setting(20, least=4)


@dataclass
class _Population:
    """The individuals of one fidelity."""

    vectors: FloatArray  # (p, n) in [0, 1)
    losses: FloatArray = field(init=False)  # (p,), +∞ where not evaluated or failed
    violations: FloatArray = field(init=False)  # (p,), likewise
    target: int = 0  # whose turn it is
    promoted: list[FloatArray] = field(default_factory=list)  # waiting to be evaluated here

    def __post_init__(self) -> None:
        self.losses = np.full(len(self.vectors), np.inf)
        self.violations = self.losses.copy()

    @property
    def order(self) -> np.ndarray:
        """Indices ``(p,)`` of the individuals from the best to the worst."""
        return feasibility.order(-self.losses, self.violations)

    def challenge(self, target: int, vector: FloatArray, loss: float, violation: float) -> None:
        """Let an offspring take its target's place if it is not worse."""
        if not feasibility.better(-self.losses[target], self.violations[target], -loss, violation):
            self.vectors[target], self.losses[target], self.violations[target] = vector, loss, violation


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
    its place if it is not worse. A failed evaluation is the worst, what breaks a constraint worse than all that is
    feasible; one that the analytic cost rules out is not promoted. It needs ``epochs="choose"``; where the
    environment fixes the epochs it is plain differential evolution.
    """

    name = "dehb"
    multi_fidelity = True
    with_one_fidelity = "plain differential evolution"
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
        self._known: AnalyticConstraints | None = analytic_constraints(self.objective, space)

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
            self._pending.add((bracket, rung, target, vector))
        return actions

    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Let each offspring take its target's place if it is not worse."""
        notes, violations = self._pending.told(infos), violations_of(infos, ok)
        for (bracket, rung, target, vector), reward, violation in zip(notes, rewards, violations.tolist(), strict=True):
            self._populations[rung].challenge(target, vector, -float(reward), violation)
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
        order = [i for i in lower.order if np.isfinite(lower.losses[i]) and self._may_become_feasible(lower, i)]
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

    def _may_become_feasible(self, population: _Population, i: int) -> bool:
        """Say whether an individual keeps the constraints that the analytic cost decides."""
        if self._known is None or population.violations[i] == 0:
            return True
        return bool(self._known(self._decode(population.vectors[i])[None])[0])

    def _offspring(self, target: FloatArray, below: int, wanted: int) -> FloatArray:
        """Cross a target with a mutant of the ``wanted`` best individuals of a fidelity: rand/1/bin."""
        lower = self._populations[below]
        parents = lower.vectors[lower.order[:wanted]]
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
