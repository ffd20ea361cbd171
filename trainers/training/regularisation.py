"""L2 regularisation of the kernels, of a strength that stays or follows the training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ...envs.core.components import Registry


class Strength(ABC):
    """A rule for the strength of L2 regularisation from epoch to epoch; its keyword arguments are its settings.

    Attributes:
        watches_validation: whether it needs the validation loss of every epoch, which takes time.
    """

    watches_validation = False

    @abstractmethod
    def next(self, strength: float, initial: float, losses: list[float], validation: list[float]) -> float:
        """Return the next epoch's strength.

        Args:
            strength: of the last epoch.
            initial: of the first epoch.
            losses: mean training loss of every epoch so far, without the penalty.
            validation: loss on the validation split after each epoch, where it is watched; else empty.
        """


class Steady(Strength):
    """The strength stays."""

    def next(self, strength: float, initial: float, losses: list[float], validation: list[float]) -> float:
        """See `Strength`."""
        return strength


class LossTrend(Strength):
    """The strength follows the trend of the training loss: λ ← λ · (L_t / L_{t−1})^γ, within a factor of its start.

    While the loss falls, the penalty falls with it and keeps its share of what is minimised; where the loss rises, it
    rises.

    Args:
        gamma: γ, above 0.
        range: largest factor between the strength and its start, at least 1.
    """

    def __init__(self, gamma: float = 1.0, range: float = 100.0) -> None:
        self.gamma, self.range = _positive("gamma", gamma), _positive("range", range, 1.0)

    def next(self, strength: float, initial: float, losses: list[float], validation: list[float]) -> float:
        """See `Strength`."""
        if len(losses) < 2 or losses[-2] <= 0 or losses[-1] <= 0:
            return strength
        moved = strength * (losses[-1] / losses[-2]) ** self.gamma
        return min(max(moved, initial / self.range), initial * self.range)


class GeneralisationGap(Strength):
    """The strength follows the gap between validation and training loss: λ = λ₀ · (1 + γ · max(0, L_val − L)).

    Args:
        gamma: γ per nat, above 0.
    """

    watches_validation = True

    def __init__(self, gamma: float = 10.0) -> None:
        self.gamma = _positive("gamma", gamma)

    def next(self, strength: float, initial: float, losses: list[float], validation: list[float]) -> float:
        """See `Strength`."""
        return initial * (1.0 + self.gamma * max(0.0, validation[-1] - losses[-1]))


STRENGTHS = Registry(
    "L2 adaptation", {"steady": Steady, "loss_trend": LossTrend, "generalisation_gap": GeneralisationGap}
)
"""Name → class whose keyword arguments are the settings."""


def _positive(name: str, value: Any, least: float = 0.0) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0 or value < least:
        raise ValueError(f"L2 adaptation: {name}={value!r}: give a number above {least:g}")
    return float(value)
