"""Constraints: what is known of them before training, and how what breaks them is ranked afterwards.

Comparisons are feasible first (`pynascent.envs.core.feasibility`). This module has what agents need beside them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.core.objective import BoundObjective
from ..envs.spaces import Cost

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class AnalyticConstraints:
    """Those of an objective's constraints that bound a figure of `SearchSpace.cost`, such as ``flops<=5e8``.

    Args:
        objective: the task's objective.
        space: the space.

    Attributes:
        complete: whether they are all of the objective's constraints.
    """

    def __init__(self, objective: BoundObjective, space: Any) -> None:
        self._space = space
        self._bounds = [
            (*objective.columns[term], compare, bound)
            for term, compare, bound in objective.objective.parsed_constraints
            if objective.columns[term][0] in Cost.COLUMNS
        ]
        self.complete = len(self._bounds) == len(objective.objective.parsed_constraints)

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._bounds)

    def __call__(self, architectures: NDArray[np.int64]) -> BoolArray:
        """Say which valid architectures ``(b, n)`` keep them all, ``(b,)``."""
        cost = self._space.cost(architectures)
        keeps = np.ones(len(architectures), dtype=bool)
        for name, function, compare, bound in self._bounds:
            column = cost[name]
            keeps &= compare(column if function is None else function(column), bound)
        return keeps


def analytic_constraints(objective: BoundObjective | None, space: Any) -> AnalyticConstraints | None:
    """Return the constraints that are known before training, None where there are none (or no search is under way)."""
    if objective is None or not objective.objective.constraints:
        return None
    return AnalyticConstraints(objective, space) or None


def has_measured_constraints(objective: BoundObjective | None, space: Any) -> bool:
    """Say whether the objective has constraints that only an evaluation decides."""
    if objective is None or not objective.objective.constraints:
        return False
    return not AnalyticConstraints(objective, space).complete


def violations_of(infos: dict[str, np.ndarray], ok: BoolArray) -> FloatArray:
    """Return the violations ``(k,)`` of results that are told: 0 where ``infos`` says nothing, ∞ where they failed."""
    told = np.asarray(infos.get("violation", np.zeros(len(ok))), dtype=np.float64)
    return np.where(ok, told, np.inf)


def penalised(rewards: FloatArray, violations: FloatArray) -> FloatArray:
    """Return rewards ``(N,)`` in which what breaks constraints is worse than everything feasible: Deb's fitness.

    An infeasible row has the worst feasible reward less its violation (Deb, 2000, Computer Methods in Applied
    Mechanics and Engineering 186, equation 4), or minus its violation where nothing is feasible; −∞ where it failed.
    The order is that of `pynascent.envs.core.feasibility`, but for infeasible rows that violate equally. For models
    that fit numbers, and where ranks are made of them.
    """
    feasible = violations == 0
    if feasible.all():
        return rewards
    known = rewards[feasible & np.isfinite(rewards)]
    worst = known.min() if known.size else 0.0
    return np.where(feasible, rewards, worst - violations)
