"""Constraints that an architecture's analytic cost decides, before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.objective import BoundObjective
from ...envs.spaces import Cost


class AnalyticConstraints:
    """Those of an objective's constraints that bound a figure of `SearchSpace.cost`, such as ``flops<=5e8``.

    Args:
        objective: the task's objective.
        space: the space.
    """

    def __init__(self, objective: BoundObjective, space: Any) -> None:
        self._space = space
        self._bounds = [
            (*objective.columns[term], compare, bound)
            for term, compare, bound in objective.objective.parsed_constraints
            if objective.columns[term][0] in Cost.COLUMNS
        ]

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._bounds)

    def __call__(self, architectures: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which valid architectures ``(b, n)`` keep them all, ``(b,)``."""
        cost = self._space.cost(architectures)
        keeps = np.ones(len(architectures), dtype=bool)
        for name, function, compare, bound in self._bounds:
            column = cost[name]
            keeps &= compare(column if function is None else function(column), bound)
        return keeps
