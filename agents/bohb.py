"""BOHB: Hyperband whose configurations come from a model of good and bad ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .hyperband import Hyperband, HyperbandSettings
from .kde import BANDWIDTHS, GoodBadModel, Observations


@dataclass(frozen=True)
class BOHBSettings(HyperbandSettings):
    """Settings of BOHB; the defaults are HpBandSter's.

    HpBandSter's bandwidth factor (3) is missing: it widens kernels of continuous variables only, and every
    choice here is categorical.

    Attributes:
        eta: η of Hyperband.
        fit_budget: of Hyperband.
        min_points: observations that a model needs of each kind; None, and anything smaller, is d + 1.
        good_percent: percentage of the observations that count as good, 1 to 99.
        samples: draws from the good density among which the best ratio is proposed.
        random_fraction: share of proposals that are uniform draws, whatever the model says, 0 to 1.
        min_bandwidth: smallest bandwidth of a kernel, in (0, 1); NAS-Bench-201's runs of BOHB use 0.3.
        bandwidth: ``"normal_reference"``, the rule of the paper and of HpBandSter, or ``"categorical"``, the
            repaired rule (`pynascent.agents.kde` says what is wrong with the first on categorical choices).
    """

    min_points: int | None = None
    good_percent: int = 15
    samples: int = 64
    random_fraction: float = 1 / 3
    min_bandwidth: float = 1e-3
    bandwidth: str = "normal_reference"

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        if not 1 <= self.good_percent <= 99:
            raise ValueError(f"good_percent={self.good_percent!r}: give 1 to 99")
        if self.samples < 1:
            raise ValueError(f"samples={self.samples!r}: give at least 1")
        if not 0 <= self.random_fraction <= 1:
            raise ValueError(f"random_fraction={self.random_fraction!r}: give 0 to 1")
        if not 0 < self.min_bandwidth < 1:
            raise ValueError(f"min_bandwidth={self.min_bandwidth!r}: give a number between 0 and 1, both excluded")
        if self.bandwidth not in BANDWIDTHS:
            raise ValueError(f"bandwidth={self.bandwidth!r}: choose {' or '.join(BANDWIDTHS)}")


class BOHB(Hyperband):
    """Bayesian optimisation and Hyperband (Falkner, Klein and Hutter, 2018, ICML, PMLR 80, algorithm 2).

    Hyperband decides how many configurations are trained how long; a third of the new ones are uniform
    draws, the others maximise the ratio of two kernel densities, of the good and of the bad configurations
    seen at the largest fidelity that has enough of them. Details follow HpBandSter, the authors'
    implementation: see `GoodBadModel` and `CategoricalKDE`, which also say where they differ and why. A
    failed evaluation counts as the worst and is never promoted.
    """

    name = "bohb"
    Settings = BOHBSettings

    def begin(self, space: Any, fidelities: tuple[int, ...], rng: np.random.Generator) -> None:
        """Start a new search."""
        super().begin(space, fidelities, rng)
        self._observed: dict[int, Observations] = {}  # by fidelity index
        self._model: GoodBadModel | None = None
        self._model_fidelity = -1
        self._stale = False  # whether there are observations that the model has not seen

    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Keep the observations that can still matter, and hand the results to their brackets."""
        n = self._space.n
        for action, reward in zip(actions, rewards, strict=True):
            fidelity = int(action[n]) if self._choose else 0
            if fidelity >= self._model_fidelity:
                self._observed.setdefault(fidelity, Observations(n)).add(action[:n], -float(reward))
                self._stale = True
        super().tell(actions, rewards, ok, infos)

    def draw(self) -> np.ndarray:
        """Return a uniform draw, or the model's proposal."""
        self._refit()
        if self._model is None or self._rng.random() < self.settings.random_fraction:
            return super().draw()
        valid = self._space.valid if self._space.constrained else None
        proposed = self._model.propose(self._rng, self.settings.samples, valid)
        return super().draw() if proposed is None else proposed

    def _refit(self) -> None:
        """Fit the model of the largest fidelity that has enough observations."""
        if not self._stale:
            return
        self._stale = False
        s = self.settings
        for fidelity in sorted(self._observed, reverse=True):
            observed = self._observed[fidelity]
            model = GoodBadModel.fit(
                observed.configurations,
                observed.losses,
                self._space.cardinalities,
                s.min_points,
                s.good_percent,
                s.min_bandwidth,
                s.bandwidth,
            )
            if model is not None:
                self._model, self._model_fidelity = model, fidelity
                self._observed = {f: data for f, data in self._observed.items() if f >= fidelity}
                return
