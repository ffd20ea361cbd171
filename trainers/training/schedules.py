"""Schedules: how the learning rate moves over a training."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from ...envs.core.components import Registry


class Schedule(ABC):
    """A schedule; its keyword arguments are its settings.

    It must not depend on how many steps are asked for, so that a short training is the beginning of a long one.
    """

    @abstractmethod
    def factors(self, steps: int, cycle: int) -> NDArray[np.float64]:
        """Return what the learning rate is multiplied by in each of the first steps, ``(steps,)``.

        Args:
            steps: how many are asked for.
            cycle: steps of ``cycle_epochs`` epochs.
        """


class Cosine(Schedule):
    """Half a cosine from 1 to 0 in every cycle, all cycles equally long (SGDR: Loshchilov and Hutter, 2017)."""

    def factors(self, steps: int, cycle: int) -> NDArray[np.float64]:
        """See `Schedule`."""
        return 0.5 * (1 + np.cos(np.pi * (np.arange(steps) % cycle / cycle)))


class WarmRestarts(Schedule):
    """Half a cosine from 1 to 0 in every cycle, each cycle ``growth`` times as long as the last (SGDR, T_mult).

    Args:
        growth: 1 or more; 1 is `Cosine`.
    """

    def __init__(self, growth: float = 2.0) -> None:
        if not isinstance(growth, (int, float)) or not 1 <= growth < np.inf:
            raise ValueError(f"schedule warm_restarts: growth={growth!r}: give 1 or more")
        self.growth = growth

    def factors(self, steps: int, cycle: int) -> NDArray[np.float64]:
        """See `Schedule`."""
        pieces, length, done = [], float(cycle), 0
        while done < steps:
            whole = round(length)
            pieces.append(0.5 * (1 + np.cos(np.pi * np.arange(whole) / whole)))
            done, length = done + whole, length * self.growth
        return np.concatenate(pieces)[:steps] if pieces else np.empty(0)


class Constant(Schedule):
    """The learning rate stays as it is."""

    def factors(self, steps: int, cycle: int) -> NDArray[np.float64]:
        """See `Schedule`."""
        return np.ones(steps)


SCHEDULES = Registry("schedule", {"cosine": Cosine, "warm_restarts": WarmRestarts, "constant": Constant})
"""Name → class whose keyword arguments are the settings."""
