"""A performance predictor, and local search over what it promises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..constraints import analytic_constraints, has_measured_constraints, penalised
from ..one_by_one import OneByOneAgent
from ..settings import Settings, setting
from .candidates import Candidates
from .expected_improvement import expected_improvement
from .feasibility_model import FeasibilityModel
from .feature_blocks import SAMPLE, FeatureBlocks
from .predictor_ensemble import PredictorEnsemble
from .targets import comparable, standardised

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PredictorSettings(Settings):
    """Settings of the predictor agent; first guesses but for those whose origin is said, tuned on no table.

    Attributes:
        initial: uniform draws before the model proposes.
        compression: c of the targets −ln((best − y) / (best − median) + c), as in Bayesian optimisation, and
            from there; None: the rewards as they are.
        members: networks in the ensemble (5: BANANAS).
        hidden: hidden units of each network.
        starts: architectures from which a local search climbs the expected improvement: half of them are the
            best so far, half uniform draws.
        refit: the predictors are refitted when the results have grown by this share; 0: always.
    """

    initial: int = setting(10, least=2)
    compression: float | None = setting(0.3, above=0)
    members: int = setting(5, least=2)
    hidden: int = setting(64, least=1)
    starts: int = setting(10, least=1)
    refit: float = setting(0.04, least=0)


class Predictor(OneByOneAgent):
    """An ensemble of predictors with local search over its expected improvement (White et al., 2021).

    As BANANAS (White, Neiswanger and Savani, 2021, AAAI), an ensemble of small networks predicts the reward
    from the encoding of an architecture (`SearchSpace.features`), and the next one is searched near the best
    that are known; as White, Nolen and Savani (2021, UAI, "Exploring the loss landscape in neural architecture
    search") find best, by local search. A linear predictor on the architecture's statistics (operation
    counts) is averaged in by its leave-one-out error: with few results it is the better one. BANANAS trains its
    networks by gradient descent and draws from each (Thompson); here only their last layer is fitted, and the
    improvement is expected of a normal prediction.

    Isomorphic repeats are never asked for while others are found. A failed evaluation counts as the worst. Constraints
    are treated as in Bayesian optimisation: known ones are kept, measured ones are predicted.
    """

    name = "predictor"
    Settings = PredictorSettings

    def start(self) -> None:
        """Start a new search."""
        self._measured = has_measured_constraints(self.objective, self._space)
        self._candidates = Candidates(self._space, self._rng, analytic_constraints(self.objective, self._space))
        known = self._candidates.all
        self._blocks = FeatureBlocks(self._space, self._space.sample(self._rng, SAMPLE) if known is None else known)
        statistics = [i for i, name in enumerate(self._blocks.names) if name not in ("choices", "paths")]
        self._statistics = statistics or list(range(len(self._blocks)))
        self._told: list[np.ndarray] = []
        self._rewards: list[float] = []
        self._violations: list[float] = []
        self._ensemble: PredictorEnsemble | None = None
        self._feasibility: FeasibilityModel | None = None
        self._fitted = 0  # results at the last fit
        self._asked = 0

    def propose(self) -> tuple[np.ndarray, None]:
        """Return the architecture ``(n,)`` with the largest expected improvement that local search finds."""
        first = self._asked < self.settings.initial or len(self._told) < 2 or not len(self._blocks)
        architecture = self._candidates.draw() if first else self._search()
        self._candidates.see(architecture)
        self._asked += 1
        return architecture, None

    def learn(self, architecture: np.ndarray, note: None, reward: float, violation: float) -> None:
        """Take a result."""
        self._told.append(architecture)
        self._rewards.append(float(reward))
        self._violations.append(violation)

    def _search(self) -> np.ndarray:
        """Climb the expected improvement from several starts; return the best unseen form met."""
        s, rewards, violations = self.settings, np.array(self._rewards), np.array(self._violations)
        if self._ensemble is None or len(rewards) >= self._fitted * (1 + s.refit):
            self._fit(standardised(comparable(rewards, violations), s.compression), violations)
        best = np.argsort(-penalised(rewards, violations), kind="stable")[: -(-s.starts // 2)]
        starts = [self._told[i] for i in best]
        starts += [self._candidates.draw() for _ in range(s.starts - len(starts))]
        rows, gain = self._climb(np.array(starts))
        forms = self._space.canonical(rows)
        new = self._candidates.is_new(forms)
        if not new.any():
            return self._candidates.draw()
        return forms[np.where(new, gain, -np.inf).argmax()]

    def _climb(self, current: np.ndarray) -> tuple[np.ndarray, FloatArray]:
        """Return all architectures that the climbs from ``(s, n)`` starts meet, and their expected improvement."""
        value = self._gain(current)
        met, gains = [current.copy()], [value.copy()]
        climbing = np.arange(len(current))
        while climbing.size:
            around = [self._space.neighbours(current[i]) for i in climbing]
            owner, rows = np.repeat(climbing, [len(part) for part in around]), np.concatenate(around)
            if not len(rows):
                break
            gain = self._gain(rows)
            met.append(rows)
            gains.append(gain)
            still = []
            for i in climbing:
                own = np.flatnonzero(owner == i)
                if own.size and gain[own].max() > value[i]:
                    top = own[gain[own].argmax()]
                    current[i], value[i] = rows[top], gain[top]
                    still.append(i)
            climbing = np.array(still, dtype=np.int64)
        return np.concatenate(met), np.concatenate(gains)

    def _fit(self, targets: FloatArray, violations: FloatArray) -> None:
        encoding, statistics = self._inputs(np.array(self._told))
        s = self.settings
        self._best = float(targets.max())
        self._ensemble = PredictorEnsemble(encoding, statistics, targets, s.members, s.hidden, self._rng)
        if self._measured:
            self._feasibility = FeasibilityModel(encoding, violations, self._rng)
        self._fitted = len(targets)

    def _gain(self, rows: np.ndarray) -> FloatArray:
        """Return the expected improvement ``(b,)`` of ``(b, n)`` architectures."""
        assert self._ensemble is not None
        encoding, statistics = self._inputs(rows)
        gain = expected_improvement(*self._ensemble(encoding, statistics), self._best)
        return gain if self._feasibility is None else gain * self._feasibility(encoding)

    def _inputs(self, rows: np.ndarray) -> tuple[FloatArray, FloatArray]:
        """Return the encoding ``(b, k)`` and the statistics ``(b, j)`` of ``(b, n)`` architectures."""
        blocks = [block.astype(np.float64) for block in self._blocks(rows)]
        return np.concatenate(blocks, axis=1), np.concatenate([blocks[i] for i in self._statistics], axis=1)
