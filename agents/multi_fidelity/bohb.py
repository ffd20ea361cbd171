"""BOHB: Hyperband whose configurations come from a model of good and bad ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.objective import BoundObjective
from ..base import AnyEnv, Settings
from ..multi_objective.scalarisation import parego
from .constraints import AnalyticConstraints
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

    min_points: int | None = None
    good_percent: int = 15
    samples: int = 64
    random_fraction: float = 1 / 3
    min_bandwidth: float = 1e-3
    bandwidth: str = "normal_reference"
    repeats: bool = True
    analytic_constraints: bool = False

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

    Under a resource limit (an objective with constraints) a configuration that breaks it counts as worst too,
    whatever infeasible reward the objective names; ``analytic_constraints`` avoids training what is known to
    break it. With a vector of rewards each draw models another random scalarisation (`parego`; Knowles, 2006)
    and proposes nothing that was tried already, and the brackets promote front by front.
    """

    name = "bohb"
    vector_reward = True
    Settings = BOHBSettings

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings)
        self._objective: BoundObjective | None = None  # known in a search, and not where only asked and told

    def play(self, env: AnyEnv, seed: int) -> None:
        """Play with the objective's constraints in mind."""
        unwrapped: Any = env.unwrapped
        self._objective = unwrapped.task.objective
        super().play(env, seed)

    def begin(self, space: Any, fidelities: tuple[int, ...], rng: np.random.Generator) -> None:
        """Start a new search."""
        super().begin(space, fidelities, rng)
        self._infeasible = np.nan  # the reward of a broken constraint; equal to nothing where there are none
        self._keeps: AnalyticConstraints | None = None
        if self._objective is not None and self._objective.objective.constraints:
            self._infeasible = self._objective.objective.infeasible_reward
            constraints = AnalyticConstraints(self._objective, space)
            self._keeps = constraints if self.settings.analytic_constraints and constraints else None
        self._observed: dict[int, Observations] = {}  # by fidelity index
        self._model: GoodBadModel | None = None
        self._model_fidelity = -1
        self._stale = False  # whether there are observations that the model has not seen
        self._tried: set[bytes] = set()  # configurations that are not drawn again

    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Keep the observations that can still matter, and hand the results to their brackets."""
        n = self._space.n
        broken = (rewards == self._infeasible).reshape(len(rewards), -1).all(axis=1)
        if broken.any():  # the named reward need not be below all others, but what breaks a constraint is
            rewards, ok = rewards.copy(), ok & ~broken
            rewards[broken] = -np.inf
        if rewards.ndim == 2 and self.settings.repeats:  # a front needs points, not the same one again
            self._tried.update(action[:n].tobytes() for action in actions)
        for action, reward in zip(actions, rewards, strict=True):
            fidelity = int(action[n]) if self._choose else 0
            if fidelity >= self._model_fidelity:
                self._observed.setdefault(fidelity, Observations(n)).add(action[:n], -reward)
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
            losses = parego(observed.losses, self._rng) if vectors else observed.losses
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
