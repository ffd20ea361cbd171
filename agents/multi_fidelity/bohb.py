"""BOHB: Hyperband whose configurations come from a model of good and bad ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..constraints import AnalyticConstraints, penalised, violations_of
from ..multi_objective.scalarisation import parego
from ..settings import setting
from .hyperband import Hyperband, HyperbandSettings
from .kde import BANDWIDTHS, GoodBadModel, IntArray, Observations

TRIES = 100  # draws that may break a known constraint, or repeat what was drawn, in a row


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
            repaired rule (`pynascent.agents.multi_fidelity.kde` says what is wrong with the first on
            categorical choices).
        repeats: whether a configuration, or one isomorphic to it, may be drawn again. Where all choices are
            categorical the model returns to what it likes best, and a bracket's places, and its promotions, go to
            copies of one configuration; HpBandSter does not look, since real-valued ones never meet. False: such
            draws are made again, `TRIES` times at most. Promotions are no draws.
        analytic_constraints: train no configuration of which the analytic cost alone says that it breaks a
            constraint of the objective (``flops<=5e8``); such draws are made again, `TRIES` times at most.
            False: the model learns feasibility from what it has tried, as HpBandSter's would.
    """

    min_points: int | None = setting(None, least=0)
    good_percent: int = setting(15, least=1, most=99)
    samples: int = setting(64, least=1)
    random_fraction: float = setting(1 / 3, least=0, most=1)
    min_bandwidth: float = setting(1e-3, above=0, below=1)
    bandwidth: str = setting("normal_reference", choices=tuple(BANDWIDTHS))
    repeats: bool = True
    analytic_constraints: bool = False


class BOHB(Hyperband):
    """Bayesian optimisation and Hyperband (Falkner, Klein and Hutter, 2018, ICML, PMLR 80, algorithm 2).

    Hyperband decides how many configurations are trained how long; a third of the new ones are uniform
    draws, the others maximise the ratio of two kernel densities, of the good and of the bad configurations
    seen at the largest fidelity that has enough of them. Details follow HpBandSter, the authors'
    implementation: see `GoodBadModel` and `CategoricalKDE`, which also say where they differ and why. A
    failed evaluation counts as the worst and is never promoted.

    Under a resource limit (an objective with constraints) a configuration that breaks it counts as worse than all that
    keep it, the more the further it breaks it, whatever infeasible reward the objective names;
    ``analytic_constraints`` avoids training what is known to break it. With a vector of rewards each draw models
    another random scalarisation (`parego`; Knowles, 2006)
    and proposes nothing that was tried already, and the brackets promote front by front.
    """

    name = "bohb"
    with_one_fidelity = "a model of good and bad configurations, without brackets"
    vector_reward = True
    Settings = BOHBSettings

    def begin(self, space: Any, fidelities: tuple[int, ...], rng: np.random.Generator) -> None:
        """Start a new search."""
        super().begin(space, fidelities, rng)
        self._keeps: AnalyticConstraints | None = self._known if self.settings.analytic_constraints else None
        self._observed: dict[int, Observations] = {}  # by fidelity index
        self._model: GoodBadModel | None = None
        self._model_fidelity = -1
        self._stale = False  # whether there are observations that the model has not seen
        self._tried: set[bytes] = set()  # configurations that are not drawn again

    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Keep the observations that can still matter, and hand the results to their brackets."""
        n = self._space.n
        if rewards.ndim == 2 and self.settings.repeats:  # a front needs points, not the same one again
            self._tried.update(action[:n].tobytes() for action in actions)
        violations = violations_of(infos, ok).tolist()
        for action, reward, violation in zip(actions, rewards, violations, strict=True):
            fidelity = int(action[n]) if self._choose else 0
            if fidelity >= self._model_fidelity:
                self._observed.setdefault(fidelity, Observations(n)).add(action[:n], -reward, violation)
                self._stale = True
        super().tell(actions, rewards, ok, infos)

    def draw(self) -> np.ndarray:
        """Return a uniform draw, or the model's proposal."""
        self._refit()
        drawn = None
        if self._model is not None and self._rng.random() >= self.settings.random_fraction:
            drawn = self._model.propose(self._rng, self.settings.samples, self._valid())
        if drawn is None:
            drawn = self._uniform()
        if not self.settings.repeats:  # here, and not when it is told: others may be drawn before that
            self._tried.add(self._forms(drawn[None])[0].tobytes())
        return drawn

    def _uniform(self) -> np.ndarray:
        """Return a uniform draw ``(n,)`` that may be made.

        After `TRIES` it is a repeated one that keeps the analytic constraints, if there was any, or any at all.
        """
        if self._keeps is None and self.settings.repeats:
            return super().draw()
        repeated = None
        for _ in range(TRIES):
            drawn = super().draw()
            if self._keeps is None or self._keeps(drawn[None])[0]:
                if self.settings.repeats or self._new(drawn[None])[0]:
                    return drawn
                repeated = drawn
        return super().draw() if repeated is None else repeated

    def _forms(self, rows: IntArray) -> IntArray:
        """Return that by which configurations ``(b, n)`` are compared, ``(b, n)``."""
        return rows if self.settings.repeats else self._space.canonical(rows)

    def _new(self, rows: IntArray) -> NDArray[np.bool_]:
        """Say which configurations ``(b, n)`` were not tried, ``(b,)``."""
        return np.array([form.tobytes() not in self._tried for form in self._forms(rows)], dtype=bool)

    def _valid(self) -> Callable[[IntArray], NDArray[np.bool_]] | None:
        """Return what says which of the model's draws ``(b, n)`` may be proposed; None: all."""
        space, keeps = self._space, self._keeps
        if keeps is None and not self._tried:
            return space.valid if space.constrained else None

        def valid(rows: IntArray) -> NDArray[np.bool_]:
            allowed = space.valid(rows)
            if allowed.any():
                allowed[allowed] = self._new(rows[allowed])  # an invalid configuration has no canonical form
            if keeps is not None and allowed.any():
                allowed[allowed] = keeps(rows[allowed])
            return allowed

        return valid

    def _refit(self) -> None:
        """Fit the model of the largest fidelity that has enough observations; to vectors of rewards at every draw."""
        vectors = any(observed.losses.ndim == 2 for observed in self._observed.values())
        if not self._stale and not vectors:
            return
        self._stale = False
        s = self.settings
        for fidelity in sorted(self._observed, reverse=True):
            observed = self._observed[fidelity]
            losses = observed.losses
            if vectors:  # of the feasible ones; the others follow them
                worst = np.where(observed.violations[:, None] > 0, np.inf, losses)
                losses = parego(worst, self._rng)
            losses = -penalised(-losses, observed.violations)
            model = GoodBadModel.fit(
                observed.configurations,
                losses,
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
