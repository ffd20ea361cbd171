"""What DQN learns from: the newest transitions."""

from __future__ import annotations

from typing import Any

import numpy as np


class Memory:
    """The newest transitions, in arrays that grow.

    Args:
        capacity: transitions kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity, self._count, self._arrays = capacity, 0, {}

    def __len__(self) -> int:
        """Return the number of transitions."""
        return min(self._count, self._capacity)

    def add(self, before: Any, actions: np.ndarray, after: Any) -> None:
        """Keep a step of N lanes, but of lanes whose state ended an episode: they were reset."""
        rows = {
            "state": before.observation["observation"],
            "mask": before.observation["action_mask"],
            "action": actions,
            "reward": after.reward,
            "discount": after.discount,
            "last": after.is_last(),
            "next_state": after.observation["observation"],
            "next_mask": after.observation["action_mask"],
        }
        for lane in np.flatnonzero(~before.is_last()):
            place = self._count % self._capacity
            for name, values in rows.items():
                self._room(name, values, place)[place] = values[lane]
            self._count += 1

    def _room(self, name: str, values: np.ndarray, place: int) -> np.ndarray:
        array = self._arrays.get(name)
        if array is None or place >= len(array):
            size = min(self._capacity, 256 if array is None else 2 * len(array))
            grown = np.zeros((size, *values.shape[1:]), dtype=values.dtype)
            if array is not None:
                grown[: len(array)] = array
            array = self._arrays[name] = grown
        return array

    def take(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return transitions ``rows`` of any shape, name → ``(…rows, …)``."""
        return {name: array[rows] for name, array in self._arrays.items()}
