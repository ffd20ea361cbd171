"""ASHA: successive halving that never waits."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...envs.core.searchable import as_searchable
from ..base import AnyEnv, AskTellAgent
from ..constraints import AnalyticConstraints, analytic_constraints, violations_of
from ..pending import Pending
from ..settings import Settings, setting
from .rungs import rounded_down, rung_fidelities


@dataclass(frozen=True)
class ASHASettings(Settings):
    """Settings of ASHA.

    Attributes:
        eta: η, of which 1/η go on to the next rung (4 in most of Li et al.'s, 2020, experiments, 3 is
            Hyperband's and ours, so that their rungs are the same).
        early_stopping: s, the minimum early-stopping rate: configurations start on rung s, 0 being the smallest
            fidelity (0: Li et al., 2020, section 3.3).
    """

    eta: float = setting(3.0, least=1.01)
    early_stopping: int = setting(0, least=0)


@dataclass
class Rung:
    """The results of one fidelity.

    Attributes:
        ranked: (violation, −reward, order of arrival, configuration ``(n,)``) of those that may be promoted, the
            best first.
        told: results, those that may not be promoted included.
        promoted: the orders of arrival of those that were promoted.
    """

    ranked: list[tuple[float, float, int, np.ndarray]] = field(default_factory=list)
    told: int = 0
    promoted: set[int] = field(default_factory=set)

    def tell(self, configuration: np.ndarray, reward: float, violation: float) -> None:
        """Add a result; one whose violation is ∞ is never promoted."""
        if violation < np.inf:
            insort(self.ranked, (violation, -reward, self.told, configuration), key=lambda result: result[:3])
        self.told += 1

    def promote(self, eta: float) -> np.ndarray | None:
        """Return the best of the first ⌊told/η⌋ that was not promoted yet, or None."""
        for *_, arrival, configuration in self.ranked[: rounded_down(self.told / eta)]:
            if arrival not in self.promoted:
                self.promoted.add(arrival)
                return configuration
        return None


class ASHA(AskTellAgent):
    """The asynchronous successive halving algorithm (Li et al., 2020, MLSys, algorithm 2).

    Whenever a worker is free: the best configuration that is among the top 1/η of its rung and was not
    promoted goes on to the next rung, the highest rungs first; where there is none, a uniform draw starts on
    the lowest. No rung waits to be full, at the price of promotions that a full rung would not have made.

    It needs ``epochs="choose"``; where the environment fixes the epochs there is one rung, and ASHA is random
    search. A failed configuration is never promoted, nor one of which the analytic cost says that it breaks a
    constraint; what is feasible goes before what is not. Rungs are `Hyperband`'s.
    """

    name = "asha"
    multi_fidelity = True
    Settings = ASHASettings

    def check_environment(self, env: AnyEnv) -> None:
        """Refuse to stop earlier than there are rungs."""
        fidelities, s = as_searchable(env).formulation.fidelities, self.settings
        rungs = len(rung_fidelities(fidelities, s.eta)) if fidelities else 1
        if s.early_stopping >= rungs and fidelities:
            raise ValueError(f"early_stopping={s.early_stopping}: there are the rungs 0..{rungs - 1}")

    def begin(self, space: Any, fidelities: tuple[int, ...], rng: np.random.Generator) -> None:
        """Start a new search."""
        self._space, self._rng = space, rng
        self._choose = bool(fidelities)
        rungs = rung_fidelities(fidelities, self.settings.eta) if fidelities else (0,)
        self._fidelities = rungs[self.settings.early_stopping :] or rungs[-1:]
        self._rungs = [Rung() for _ in self._fidelities]
        self._pending: Pending[Rung] = Pending()
        self._known: AnalyticConstraints | None = analytic_constraints(self.objective, space)

    def ask(self, count: int) -> np.ndarray:
        """Return ``count`` promotions and draws."""
        actions = np.empty((count, self._space.n + self._choose), dtype=np.int64)
        for action in actions:
            configuration, rung = self._next()
            action[: self._space.n] = configuration
            action[self._space.n :] = self._fidelities[rung]
            self._pending.add(self._rungs[rung])
        return actions

    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Add the results to their rungs."""
        rungs, violations = self._pending.told(infos), violations_of(infos, ok)
        if self._known is not None:
            violations[~self._known(actions[:, : self._space.n])] = np.inf
        for action, rung, reward, violation in zip(actions, rungs, rewards, violations.tolist(), strict=True):
            rung.tell(action[: self._space.n].copy(), float(reward), violation)

    def draw(self) -> np.ndarray:
        """Return a new configuration ``(n,)``."""
        return self._space.sample(self._rng, 1)[0]

    def _next(self) -> tuple[np.ndarray, int]:
        for rung in range(len(self._rungs) - 2, -1, -1):
            promoted = self._rungs[rung].promote(self.settings.eta)
            if promoted is not None:
                return promoted, rung + 1
        return self.draw(), 0
