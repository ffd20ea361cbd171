"""Architectures as single integers, and what a lane shows of them as a table, for spaces small enough.

A mixed-radix code names every state of the choices; with the table of their observations a lane's whole
state is one integer, and a step of thousands of lanes a few gathers.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.evaluation import IntArray
from ..spaces import SearchSpace

_LARGEST_BYTES = 64 * 2**20


class Edits:
    """The codes that single edits lead to, of a `Coder` without undecided choices.

    The action is choice and option in one number, then one that changes nothing. A table of all edits would
    be larger than the cache: this one says what is left of a code without one choice.

    Args:
        coder: numbers the architectures.
    """

    def __init__(self, coder: Coder) -> None:
        codes, n = np.arange(coder.size), len(coder.digits)
        narrow = np.uint16 if coder.size <= 2**16 else np.uint32  # the smaller the table, the fewer cache misses
        rest = np.empty((n + 1, coder.size), dtype=narrow)
        rest[:n] = (codes[:, None] - coder.decode(codes) * coder.strides).T
        rest[n] = codes  # what changes nothing
        self._rest: NDArray[np.unsignedinteger] = rest.reshape(-1)
        choices = np.append(np.repeat(np.arange(n), coder.digits), n)
        options = np.append(np.concatenate([np.arange(count) for count in coder.digits]), 0)
        self._row: IntArray = choices * coder.size  # (A,)
        self._put: NDArray[np.unsignedinteger] = (options * np.append(coder.strides, 0)[choices]).astype(narrow)  # (A,)

    def __len__(self) -> int:
        """Return the number of actions, A."""
        return len(self._row)

    def apply(self, codes: IntArray, actions: IntArray) -> IntArray:
        """Return the codes ``(N,)`` after actions ``(N,)`` in 0..A − 1."""
        places = self._row.take(actions, mode="clip")
        places += codes
        changed = self._put.take(actions, mode="clip")
        changed += self._rest.take(places, mode="clip")
        return changed.astype(np.int64)


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

    @cached_property
    def edits(self) -> Edits:
        """What each edit does to a code."""
        return Edits(self)


@lru_cache(maxsize=16)
def coder(space: SearchSpace, partial: bool) -> Coder:
    """Return the coder of a space; environments of one space share its tables."""
    return Coder(space, partial)
