"""What PPO keeps of its play: rows of N lanes, and the advantages computed from them, in numpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


def generalized_advantages(
    rewards: np.ndarray,
    discounts: np.ndarray,
    last: np.ndarray,
    values: np.ndarray,
    decay: float,
) -> np.ndarray:
    """Return generalised advantage estimates (Schulman et al., 2016, ICLR, equation 16), ``(T, N)``.

    TF-Agents' own version gives a truncated episode no value after its end and the last row the value of
    its own state in place of the next one's; this one does neither.

    Args:
        rewards: ``(T, N)``, of the step from row t to row t + 1.
        discounts: ``(T, N)``, γ times the discount on arriving at row t + 1: 0 where the episode terminated.
        last: ``(T, N)`` bool, whether row t + 1 ends an episode.
        values: ``(T + 1, N)`` value of each row's state, the one after the last step included.
        decay: λ.
    """
    deltas = rewards + discounts * values[1:] - values[:-1]
    advantages = np.zeros_like(deltas)
    running = np.zeros(deltas.shape[1], dtype=deltas.dtype)
    for t in range(len(deltas) - 1, -1, -1):
        running = deltas[t] + discounts[t] * decay * np.where(last[t], 0.0, running)
        advantages[t] = running
    return advantages


@dataclass
class RewardScale:
    """Running mean and variance of episode returns, to centre and scale rewards with.

    The objective's rewards lie around a level (−λ ln FLOPs) that is large beside their differences. A
    value network would spend a small search on learning that level, so it is taken out: the mean is
    subtracted once per episode, at its end, which changes no comparison of policies since every episode
    ends once, and all rewards are divided by the standard deviation.

    Attributes:
        clip: bound on a scaled reward, ±.
    """

    clip: float = 5.0
    count: int = 0
    mean: float = 0.0
    squares: float = 0.0  # sum of squared deviations (Welford)

    def add(self, returns: np.ndarray) -> None:
        """Count the returns ``(k,)`` of finished episodes."""
        for value in np.asarray(returns, dtype=np.float64):
            self.count += 1
            step = value - self.mean
            self.mean += step / self.count
            self.squares += step * (value - self.mean)

    @property
    def deviation(self) -> float:
        """Standard deviation, 1 where there is none yet."""
        deviation = (self.squares / self.count) ** 0.5 if self.count else 0.0
        return deviation if deviation > 1e-8 else 1.0

    def scaled(self, rewards: np.ndarray, last: np.ndarray) -> FloatArray:
        """Return the rewards ``(T, N)`` scaled, and centred where an episode ends (``last``)."""
        centred = rewards - np.where(last, self.mean, 0.0)
        return np.clip(centred / self.deviation, -self.clip, self.clip).astype(np.float32)


@dataclass
class Rollout:
    """Steps of N lanes since the last update of the policy.

    Every list has one entry per step. A row is a state, the action taken in it and what came of it; a row
    whose state already ended an episode belongs to no step of the process, and is left out of `rows`.
    """

    step_types: list[np.ndarray] = field(default_factory=list)  # (N,) of the state
    observations: list[Any] = field(default_factory=list)  # nest of (N, …)
    actions: list[np.ndarray] = field(default_factory=list)  # (N,)
    logits: list[np.ndarray] = field(default_factory=list)  # (N, A)
    values: list[np.ndarray] = field(default_factory=list)  # (N,)
    rewards: list[np.ndarray] = field(default_factory=list)  # (N,) on arriving at the next state
    discounts: list[np.ndarray] = field(default_factory=list)  # (N,) likewise
    last: list[np.ndarray] = field(default_factory=list)  # (N,) bool, whether the next state ends the episode
    finished: int = 0  # episodes that ended in these steps

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.actions)

    def rows(self, final_values: np.ndarray, scale: RewardScale, discount: float, decay: float) -> dict[str, Any]:
        """Return the flat training rows, every array ``(M, …)``, with ``advantage`` and ``return``.

        Args:
            final_values: ``(N,)`` values of the states after the last step.
            scale: scales the rewards.
            discount: γ.
            decay: λ of the advantages.
        """
        last, kinds = np.array(self.last), np.array(self.step_types)
        real = (kinds != 2).reshape(-1)  # StepType.LAST
        values = np.array([*self.values, final_values], dtype=np.float32)
        advantages = generalized_advantages(
            scale.scaled(np.array(self.rewards), last),
            (discount * np.array(self.discounts)).astype(np.float32),
            last,
            values,
            decay,
        )

        def flat(array: Any) -> np.ndarray:
            array = np.asarray(array)
            return array.reshape(-1, *array.shape[2:])[real]

        first = self.observations[0]
        if isinstance(first, dict):
            observation: Any = {key: flat([part[key] for part in self.observations]) for key in first}
        else:
            observation = flat(self.observations)
        return {
            "step_type": flat(kinds),
            "observation": observation,
            "action": flat(self.actions),
            "logits": flat(self.logits),
            "value": flat(values[:-1]),
            "advantage": flat(advantages),
            "return": flat(advantages + values[:-1]),
        }
