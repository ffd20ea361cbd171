"""The state of N episodes side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.evaluation import IntArray
from ..spaces import SearchSpace

BoolArray = NDArray[np.bool_]


class Lanes:
    """State of N episodes of ``horizon`` steps: what is decided, and how many steps were taken."""

    def __init__(self, space: SearchSpace, num_lanes: int, horizon: int) -> None:
        self.space, self.horizon = space, horizon
        self.architectures: IntArray = np.full((num_lanes, space.n), -1, dtype=np.int64)  # (N, n), −1: undecided
        self.steps: IntArray = np.zeros(num_lanes, dtype=np.int64)  # (N,), masked ones included

    def __len__(self) -> int:
        """Return N."""
        return len(self.steps)

    @property
    def positions(self) -> IntArray:
        """``(N,)`` int64, number of choices decided."""
        return (self.architectures >= 0).sum(axis=1)

    def restart(self, rows: IntArray, architectures: IntArray | int = -1) -> None:
        """Put lanes ``(r,)`` at the beginning of an episode, with nothing decided or from ``(r, n)`` starts."""
        self.architectures, self.steps = self.architectures.copy(), self.steps.copy()
        self.architectures[rows] = architectures
        self.steps[rows] = 0

    def observation(self) -> NDArray[np.float32]:
        """Return the flat observation ``(N, d + 2)``: one-hot choices, share decided, share of the horizon used."""
        flat = np.zeros((len(self), int(self.space.offsets[-1]) + 2), dtype=np.float32)
        lanes, choices = np.nonzero(self.architectures >= 0)
        flat[lanes, self.space.offsets[choices] + self.architectures[lanes, choices]] = 1.0
        flat[:, -2] = self.positions / self.space.n
        flat[:, -1] = self.steps / self.horizon
        return flat
