"""Architectures as single integers, and what a lane shows of them as a table, for spaces small enough.

A lane's whole state is then one integer, and a step of thousands of lanes a few gathers.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.evaluation import IntArray
from ..spaces import SearchSpace

LARGEST_BYTES = 64 * 2**20


def fits(space: SearchSpace, states: int) -> bool:
    """Say whether tables of so many states are small enough to be kept."""
    return not space.constrained and states * (int(space.offsets[-1]) + 2) * 4 <= LARGEST_BYTES


def one_hot(space: SearchSpace, architectures: IntArray, dtype: Any) -> NDArray[Any]:
    """Return flat observations ``(b, d + 2)`` of architectures ``(b, n)``, −1 where undecided; the last column is 0."""
    table = np.zeros((len(architectures), int(space.offsets[-1]) + 2), dtype=dtype)
    for choice in range(space.n):
        rows = np.flatnonzero(architectures[:, choice] >= 0)
        table[rows, space.offsets[choice] + architectures[rows, choice]] = 1
    table[:, -2] = (architectures >= 0).sum(axis=1) / space.n
    return table


class Prefixes:
    """The states of Build, numbered level by level: level p holds those with p choices decided.

    Lanes that have decided equally many choices read neighbouring rows of every table, which the cache likes, and
    a finished architecture is its place in the space's order after the first of the last level.

    Args:
        space: a space whose choices combine freely.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space, self.n = space, space.n
        self.cardinalities: list[int] = space.cardinalities.tolist()
        self.width = max(self.cardinalities)  # A
        self.first: list[int] = [0]  # of each level; the last entry is the number of states, S
        count = 1
        for cardinality in [*self.cardinalities, 1]:
            self.first.append(self.first[-1] + count)
            count *= cardinality

    @staticmethod
    def count(space: SearchSpace) -> int:
        """Return S."""
        total = count = 1
        for cardinality in space.cardinalities.tolist():
            count *= cardinality
            total += count
        return total

    @cached_property
    def level(self) -> NDArray[Any]:
        """``(S,)``, number of choices decided."""
        return np.repeat(np.arange(self.n + 1, dtype=np.uint8 if 2 * self.n < 256 else np.int64), np.diff(self.first))

    @cached_property
    def following(self) -> IntArray:
        """``(S × A,)``, the state after each action in each state; the state itself where the action is masked."""
        table = np.repeat(np.arange(self.first[-1])[:, None], self.width, axis=1)
        for level, cardinality in enumerate(self.cardinalities):
            start, end = self.first[level], self.first[level + 1]
            table[start:end, :cardinality] = end + np.arange((end - start) * cardinality).reshape(-1, cardinality)
        return table.reshape(-1)

    @cached_property
    def architectures(self) -> NDArray[np.int16]:
        """``(S, n)``, option of each choice, −1 where undecided."""
        table = np.full((self.first[-1], self.n), -1, dtype=np.int16)
        for level in range(1, self.n + 1):
            start, end, above = self.first[level], self.first[level + 1], self.first[level - 1]
            cardinality = self.cardinalities[level - 1]
            table[start:end] = np.repeat(table[above:start], cardinality, axis=0)
            table[start:end, level - 1] = np.tile(np.arange(cardinality), start - above)
        return table

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """``(S, d + 2)``, the flat observation of a lane that has taken no masked action."""
        table = one_hot(self._space, self.architectures.astype(np.int64), np.float32)
        table[:, -1] = self.level / (2 * self.n)
        return table

    @cached_property
    def options(self) -> NDArray[Any]:
        """``(S,)``, how many actions are allowed, the first ones: 1 in a finished state."""
        return np.array([*self.cardinalities, 1])[self.level].astype(np.int8 if self.width < 128 else np.int64)

    def encode(self, architectures: IntArray) -> IntArray:
        """Return the states ``(b,)`` of ``(b, n)`` architectures of which the first choices are decided."""
        codes = np.zeros(len(architectures), dtype=np.int64)
        for choice in range(self.n):
            options = architectures[:, choice]
            codes = np.where(options >= 0, codes * self.cardinalities[choice] + options, codes)
        return codes + np.array(self.first)[(architectures >= 0).sum(axis=1)]


class Edits:
    """The codes that single edits lead to; a code is an architecture's place with the last choice varying fastest.

    The action is choice and option in one number, then one that changes nothing. A table of all edits would
    be larger than the cache: this one says what is left of a code without one choice.

    Args:
        space: a space whose choices combine freely.
    """

    def __init__(self, space: SearchSpace) -> None:
        size, n = space.size, space.n
        codes = np.arange(size)
        architectures = SearchSpace.from_index(space, codes)
        strides = np.ones(n, dtype=np.int64)
        strides[:-1] = np.cumprod(space.cardinalities[:0:-1])[::-1]
        narrow = np.uint16 if size <= 2**16 else np.uint32  # the smaller the table, the fewer cache misses
        rest = np.empty((n + 1, size), dtype=narrow)
        rest[:n] = (codes[:, None] - architectures * strides).T
        rest[n] = codes  # what changes nothing
        self._rest: NDArray[np.unsignedinteger] = rest.reshape(-1)
        choices = np.append(np.repeat(np.arange(n), space.cardinalities), n)
        options = np.append(np.concatenate([np.arange(count) for count in space.cardinalities]), 0)
        self._row: IntArray = choices * size  # (A,)
        self._put: NDArray[np.unsignedinteger] = (options * np.append(strides, 0)[choices]).astype(narrow)  # (A,)
        # The observations, whose entries are 0 and 1 but for the last: bytes take a quarter of the cache.
        self.features: NDArray[np.uint8] = one_hot(space, architectures, np.uint8)

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


@lru_cache(maxsize=16)
def prefixes(space: SearchSpace) -> Prefixes:
    """Return the numbered states of Build in a space; environments of one space share them."""
    return Prefixes(space)


@lru_cache(maxsize=16)
def edits(space: SearchSpace) -> Edits:
    """Return the edits of a space; environments of one space share them."""
    return Edits(space)
