"""REINFORCE over whole architectures, with independent categoricals or an LSTM controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import AskTellAgent, Settings
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

    controller: str = "independent"
    learning_rate: float | None = None
    momentum: float = 0.9
    batch: int = 1
    entropy: float = 0.0
    hidden: int = 35
    layers: int = 2

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.controller not in LEARNING_RATES:
            raise ValueError(f"controller={self.controller!r}: choose one of {', '.join(LEARNING_RATES)}")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise ValueError(f"learning_rate={self.learning_rate!r}: give a number above 0, or None for the default")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum={self.momentum!r}: give 0 to 1, 1 excluded")
        if not self.entropy >= 0:
            raise ValueError(f"entropy={self.entropy!r}: give a number of at least 0")
        for name in ("batch", "hidden", "layers"):
            if not (isinstance(getattr(self, name), int) and getattr(self, name) >= 1):
                raise ValueError(f"{name}={getattr(self, name)!r}: give an integer of at least 1")


class Reinforce(AskTellAgent):
    """REINFORCE (Williams, 1992, Machine Learning 8) with a moving-average baseline.

    With ``controller="independent"`` it is that of NAS-Bench-101 and NAS-Bench-201 (Ying et al., 2019, ICML;
    Dong and Yang, 2020, ICLR, appendix): a categorical distribution for each choice, Adam, a baseline of
    momentum 0.9, one evaluation per update. With ``controller="lstm"`` it is Zoph and Le's (2017, ICLR).
    Evaluations are at the largest fidelity. A failed one counts as the worst reward seen so far.
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
        self._worst = min(self._worst, rewards[ok].min(initial=np.inf))
        if not np.isfinite(self._worst):
            return  # nothing has succeeded yet, so there is nothing to compare with
        for row, reward in zip(actions[:, : self._n], np.where(ok, rewards, self._worst), strict=True):
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
