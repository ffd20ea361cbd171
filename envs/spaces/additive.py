"""Cost of whole batches, from the costs of parts that are counted once and looked up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from ..network.cost import Cost, network_cost
from ..network.graph import Network
from .base import FloatArray, IntArray, SearchSpace


def count_parts(part: Callable[..., Network], *axes: Sequence[Any]) -> FloatArray:
    """Return the cost of ``part(*values)`` for every combination of values, one axis of the table for each.

    Shape ``(len(axis), …, columns)``, the columns those of `Cost.COLUMNS`.
    """
    table = np.empty((*map(len, axes), len(Cost.COLUMNS)))
    for place in product(*(range(len(axis)) for axis in axes)):
        table[place] = _columns(part(*(axis[i] for axis, i in zip(axes, place, strict=True))))
    return table


def named_columns(total: FloatArray) -> dict[str, FloatArray]:
    """Turn ``(b, columns)`` into what `SearchSpace.cost` returns."""
    return {name: np.ascontiguousarray(total[:, column]) for column, name in enumerate(Cost.COLUMNS)}


def _columns(network: Network) -> FloatArray:
    cost = network_cost(network)
    return np.array([getattr(cost, name) for name in Cost.COLUMNS], dtype=np.float64)


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
        self._base = _columns(space.network(base))  # (columns,)
        self._shares = np.zeros((int(space.cardinalities.sum()), len(Cost.COLUMNS)))  # (options, columns)
        for position, cardinality in enumerate(space.cardinalities):
            for option in range(1, cardinality):
                changed = base.copy()
                changed[position] = option
                self._shares[self._offsets[position] + option] = _columns(space.network(changed)) - self._base

    def __call__(self, architectures: IntArray) -> dict[str, FloatArray]:
        """Return the columns ``(b,)`` of rows ``(b, n)``."""
        return named_columns(self._base + self._shares[architectures + self._offsets].sum(axis=1))
