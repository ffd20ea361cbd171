"""Cost of spaces in which every option adds its own share, whatever the other choices are."""

from __future__ import annotations

import numpy as np

from .base import FloatArray, IntArray, SearchSpace
from .cost import Cost, network_cost


class AdditiveCost:
    """The cost of a whole batch as a sum of looked-up shares, exact where shares do not interact.

    It measures the network of options all 0, and every network that differs from it in one choice, with
    `network_cost`; the differences are the shares. All figures are integers below 2⁵³, so float64 sums
    are exact.

    Args:
        space: a space of free choices in which each option's share of the cost is its own.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._offsets = space.offsets[:-1]  # (n,)
        base = np.zeros(space.n, dtype=np.int64)
        self._base = self._count(space, base)  # (columns,)
        self._shares = np.zeros((int(space.cardinalities.sum()), len(Cost.COLUMNS)))  # (options, columns)
        for position, cardinality in enumerate(space.cardinalities):
            for option in range(1, cardinality):
                changed = base.copy()
                changed[position] = option
                self._shares[self._offsets[position] + option] = self._count(space, changed) - self._base

    @staticmethod
    def _count(space: SearchSpace, row: IntArray) -> FloatArray:
        cost = network_cost(space.network(row))
        return np.array([getattr(cost, name) for name in Cost.COLUMNS], dtype=np.float64)

    def __call__(self, architectures: IntArray) -> dict[str, FloatArray]:
        """Return the columns ``(b,)`` of rows ``(b, n)``."""
        total = self._base + self._shares[architectures + self._offsets].sum(axis=1)  # (b, columns)
        return {name: total[:, column] for column, name in enumerate(Cost.COLUMNS)}
