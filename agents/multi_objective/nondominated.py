"""Pareto order of reward vectors: fronts and crowding (all rewards are to be maximised)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.core import feasibility

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def dominates(values: FloatArray, violations: FloatArray | None = None) -> NDArray[np.bool_]:
    """Say for ``(N, k)`` rewards which row dominates which: ``(N, N)`` bool, [i, j] where i dominates j.

    A row dominates another that it is nowhere worse than and somewhere better; with violations ``(N,)`` only if it
    breaks the constraints as much, and any that breaks them more (`pynascent.envs.core.feasibility.dominates`).
    """
    return feasibility.dominates(values, np.zeros(len(values)) if violations is None else violations)


def first_front(values: FloatArray) -> IntArray:
    """Return the indices, ascending, of the rows ``(N, k)`` that none dominates, in memory of N times the front's size.

    The first of `nondominated_fronts`, for numbers of rows whose N × N order is too large.
    """
    values = np.asarray(values, dtype=np.float64)
    front: list[int] = []
    for i in np.lexsort(-values.T[::-1]).tolist() if len(values) else []:  # only an earlier one can dominate
        over = (values[front] >= values[i]).all(axis=1) & (values[front] > values[i]).any(axis=1)
        if not over.any():
            front.append(i)
    return np.sort(np.array(front, dtype=np.int64))


def nondominated_fronts(values: FloatArray, violations: FloatArray | None = None) -> list[IntArray]:
    """Sort ``(N, k)`` rewards into fronts by fast non-dominated sorting (Deb et al., 2002, section III.A).

    Args:
        values: ``(N, k)`` rewards.
        violations: ``(N,)`` by how much each row breaks the constraints; None where there are none. No front then
            mixes feasible rows with others.

    Returns:
        Ascending indices of each front, the best first: what nothing dominates; what only that dominates; ….
    """
    over = dominates(np.asarray(values, dtype=np.float64), violations)
    left = over.sum(axis=0)  # by how many rows that are not in a front yet each is dominated
    fronts, placed = [], np.zeros(len(left), dtype=bool)
    while not placed.all():
        front = np.flatnonzero((left == 0) & ~placed)
        placed[front] = True
        left = left - over[front].sum(axis=0)
        fronts.append(front)
    return fronts


def crowding_distances(values: FloatArray) -> FloatArray:
    """Return the crowding distance ``(N,)`` of each row of one front ``(N, k)`` (Deb et al., 2002, section III.B).

    The sum over the rewards of the distance between a row's two neighbours in that reward, as a share of the
    front's range; ∞ for the first and the last. A reward in which all are equal tells nothing and adds none.
    """
    values = np.asarray(values, dtype=np.float64)
    distances = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        if span > 0:
            distances[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
            distances[order[[0, -1]]] = np.inf
    return distances
