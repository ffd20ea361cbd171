"""Architectures as single integers, and what a lane shows of them as a table, for spaces small enough.

A mixed-radix code names every state of the choices; with the table of their observations a lane's whole
state is one integer, and a step of thousands of lanes a few gathers.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .evaluation import IntArray
from .spaces import SearchSpace

_LARGEST_BYTES = 64 * 2**20


class Coder:
    """Numbers the states of a space's choices; the last choice varies fastest.

    Args:
        space: the space.
        partial: whether choices may be undecided (option −1); each then has one more digit.
    """

    def __init__(self, space: SearchSpace, partial: bool) -> None:
        self.partial = partial
        self.shift = int(partial)
        self.digits: IntArray = space.cardinalities + self.shift  # (n,)
        self.strides: IntArray = np.ones(space.n, dtype=np.int64)  # (n,)
        self.strides[:-1] = np.cumprod(self.digits[:0:-1])[::-1]
        self.size = int(self.strides[0] * self.digits[0])
        self._offsets = space.offsets

    @staticmethod
    def fits(space: SearchSpace, partial: bool) -> bool:
        """Say whether the table of observations is small enough to be kept."""
        size = 1
        for cardinality in space.cardinalities.tolist():
            size *= cardinality + int(partial)
        return size * (int(space.offsets[-1]) + 2) * 4 <= _LARGEST_BYTES

    def encode(self, architectures: IntArray) -> IntArray:
        """Return the codes ``(b,)`` of ``(b, n)`` architectures, −1 where undecided (``partial``)."""
        return (architectures + self.shift) @ self.strides

    def decode(self, codes: IntArray) -> IntArray:
        """Return the architectures ``(b, n)`` of codes ``(b,)``."""
        return codes[:, None] // self.strides % self.digits - self.shift

    @cached_property
    def features(self) -> NDArray[Any]:
        """Flat observation of every state, ``(size, d + 2)``, its last column to be written by the lane.

        Without undecided choices everything else is 0 or 1, and bytes take a quarter of the cache. With
        them, the last column is the time of a lane that has taken no masked action: its own, as a rule.
        """
        architectures = self.decode(np.arange(self.size))
        n = architectures.shape[1]
        dtype = np.float32 if self.partial else np.uint8
        table = np.zeros((self.size, int(self._offsets[-1]) + 2), dtype=dtype)
        for choice in range(n):
            rows = np.flatnonzero(architectures[:, choice] >= 0)
            table[rows, self._offsets[choice] + architectures[rows, choice]] = 1
        decided = (architectures >= 0).sum(axis=1)
        table[:, -2] = decided / n
        table[:, -1] = decided / (2 * n) if self.partial else 0
        return table

    def level_codes(self, position: int) -> IntArray:
        """Return the codes of all states with the first ``position`` choices decided, in prefix order (``partial``)."""
        return self._levels[position][0]

    def level_features(self, position: int) -> NDArray[np.float32]:
        """Return `features` of those states: a small table, which stays in the cache, for lanes in lockstep."""
        return self._levels[position][1]

    @cached_property
    def _levels(self) -> list[tuple[IntArray, NDArray]]:
        codes = np.zeros(1, dtype=np.int64)
        levels = [(codes, self.features[codes])]
        for digits, stride in zip(self.digits.tolist(), self.strides.tolist(), strict=True):
            codes = (codes[:, None] + np.arange(1, digits) * stride).reshape(-1)
            levels.append((codes, self.features[codes]))
        return levels

    @property
    def width(self) -> int:
        """Number of edits: d, and one to stop."""
        return int(self._offsets[-1]) + 1

    @cached_property
    def edits(self) -> NDArray[np.unsignedinteger]:
        """Code after each edit, ``(size × (d + 1),)``: choice and option in one number, then stop (no change)."""
        architectures = self.decode(np.arange(self.size))
        codes = np.arange(self.size)
        narrow = np.uint16 if self.size <= 2**16 else np.uint32  # the smaller the table, the fewer cache misses
        table = np.empty((self.size, int(self._offsets[-1]) + 1), dtype=narrow)
        table[:, -1] = codes
        for choice, cardinality in enumerate(self.digits - self.shift):
            for option in range(cardinality):
                changed = codes + (option - architectures[:, choice]) * self.strides[choice]
                table[:, self._offsets[choice] + option] = changed
        return table.reshape(-1)


@lru_cache(maxsize=16)
def coder(space: SearchSpace, partial: bool) -> Coder:
    """Return the coder of a space; environments of one space share its tables."""
    return Coder(space, partial)
