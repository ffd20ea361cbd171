"""REINFORCE over whole architectures, with independent categoricals or an LSTM controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import AskTellAgent
from ..constraints import violations_of
from ..settings import Settings, setting
from .adam import Adam
from .controllers import Controller, IndependentController, LSTMController

LEARNING_RATES = {"independent": 0.05, "lstm": 0.003}
"""Defaults of Adam's step size, by controller.

The best of those that NAS-Bench-201's appendix tries (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) on 200 evaluations of
NAS-Bench-Macro, for the LSTM the best of 0.003, 0.01, 0.02 and 0.05 there. (NAS-Bench-201's authors run 0.01, Zoph
and Le 0.0006 for their 12,800 evaluations.)
"""


@dataclass(frozen=True)
class ReinforceSettings(Settings):
    """Settings of REINFORCE.

    Attributes:
        controller: ``"independent"``, a categorical distribution for each choice, or ``"lstm"``.
        learning_rate: of Adam; None takes `LEARNING_RATES`.
        momentum: of the moving-average baseline (0.9, NAS-Bench-201).
        batch: evaluations of an update of the controller (1, NAS-Bench-201); lanes that finish together
            are one update if there are more.
        entropy: weight of the entropy bonus, in units of the reward per nat.
        hidden: units of each LSTM layer (35, Zoph and Le).
        layers: LSTM layers (2, Zoph and Le).
    """

    controller: str = setting("independent", choices=tuple(LEARNING_RATES))
    learning_rate: float | None = setting(None, above=0)
    momentum: float = setting(0.9, least=0, below=1)
    batch: int = setting(1, least=1)
    entropy: float = setting(0.0, least=0)
    hidden: int = setting(35, least=1)
    layers: int = setting(2, least=1)


class Reinforce(AskTellAgent):
    """REINFORCE (Williams, 1992, Machine Learning 8) with a moving-average baseline.

    With ``controller="independent"`` it is that of NAS-Bench-101 and NAS-Bench-201 (Ying et al., 2019, ICML;
    Dong and Yang, 2020, ICLR, appendix): a categorical distribution for each choice, Adam, a baseline of
    momentum 0.9, one evaluation per update. With ``controller="lstm"`` it is Zoph and Le's (2017, ICLR).
    Evaluations are at the largest fidelity. A failed one counts as the worst reward seen so far, one that breaks a
    constraint as the worst feasible one less its violation, whatever infeasible reward the objective names.
    """

    name = "reinforce"
    formulations = ("propose", "build")
    Settings = ReinforceSettings

    def begin(self, space: Any, fidelities: tuple[int, ...], rng: np.random.Generator) -> None:
        """Start a new search."""
        settings: ReinforceSettings = self.settings
        self._rng, self._n = rng, space.n
        self._fidelity = [len(fidelities) - 1] if fidelities else []
        self.controller: Controller = (
            LSTMController(space, rng, settings.hidden, settings.layers)
            if settings.controller == "lstm"
            else IndependentController(space, rng)
        )
        rate = LEARNING_RATES[settings.controller] if settings.learning_rate is None else settings.learning_rate
        self._optimizer = Adam(self.controller.parameters, rate)
        self._baseline = MovingAverage(settings.momentum)
        self._worst = np.inf
        self._waiting: list[tuple[np.ndarray, float]] = []  # rows (n,) and how much better than expected they were

    def ask(self, count: int) -> np.ndarray:
        """Draw ``count`` architectures from the controller, at the largest fidelity."""
        rows = self.controller.sample(count, self._rng)
        return np.concatenate([rows, np.tile(np.array([self._fidelity], dtype=np.int64), (count, 1))], axis=1)

    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Move the baseline and, once a batch is together, the controller."""
        violations = violations_of(infos, ok)
        self._worst = min(self._worst, rewards[violations == 0].min(initial=np.inf))
        if not np.isfinite(self._worst):
            return  # nothing has succeeded yet, so there is nothing to compare with
        told = np.where(violations == 0, rewards, self._worst - np.where(np.isfinite(violations), violations, 0.0))
        for row, reward in zip(actions[:, : self._n], told, strict=True):
            self._baseline.add(float(reward))  # first, as NAS-Bench-201's code does
            self._waiting.append((row, float(reward) - self._baseline.value))
        if len(self._waiting) >= self.settings.batch:
            rows, advantages = zip(*self._waiting, strict=True)
            self._waiting = []
            self._optimizer.ascend(
                self.controller.gradients(np.array(rows), np.array(advantages), self.settings.entropy)
            )


class MovingAverage:
    """An exponential moving average without the bias towards its start at 0.

    Args:
        momentum: weight of what was before.
    """

    def __init__(self, momentum: float) -> None:
        self._momentum, self._sum, self._weight = momentum, 0.0, 0.0

    def add(self, value: float) -> None:
        """Move towards a value."""
        self._sum += (1 - self._momentum) * (value - self._sum)
        self._weight += (1 - self._momentum) * (1 - self._weight)

    @property
    def value(self) -> float:
        """The average of what was added."""
        return self._sum / self._weight
