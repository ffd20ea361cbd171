"""Many rewards as one number, another one at each draw; and their order without one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.core import feasibility
from .nondominated import crowding_distances, nondominated_fronts

FloatArray = NDArray[np.float64]

RHO = 0.05  # ParEGO's weight of the sum, which breaks ties of the maximum


def parego(losses: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Scalarise ``(N, k)`` losses with random weights: max_j w_j l_j + 0.05 Σ_j w_j l_j, ``(N,)``.

    The augmented Tchebycheff function of ParEGO (Knowles, 2006, IEEE Trans. Evol. Comput. 10, equation 2): over
    many draws of the weights, uniform on the simplex, every part of the Pareto front is some draw's minimum.
    Each loss is first scaled to 0..1 over the rows that succeeded.

    Args:
        losses: ``(N, k)``; rows with +∞ failed and stay +∞.
        rng: draws the weights.
    """
    weights = rng.dirichlet(np.ones(losses.shape[1]))
    good = np.isfinite(losses).all(axis=1)
    result = np.full(len(losses), np.inf)
    if good.any():
        kept = losses[good]
        low, span = kept.min(axis=0), np.ptp(kept, axis=0)
        shares = weights * (kept - low) / np.where(span > 0, span, 1.0)
        result[good] = shares.max(axis=1) + RHO * shares.sum(axis=1)
    return result


def best_first(rewards: FloatArray, violations: FloatArray | None = None) -> NDArray[np.int64]:
    """Return the order of rewards ``(N,)`` or ``(N, k)`` from best to worst; equal ones keep their order.

    With violations ``(N,)`` what breaks the constraints less goes first, whatever its rewards.

    Vectors go front by front, the less crowded first within one (Deb et al., 2002), which is how NSGA-II
    selects and how successive halving promotes with several objectives (Schmucker et al., 2021,
    arXiv:2106.12639).
    """
    violations = np.zeros(len(rewards)) if violations is None else violations
    if rewards.ndim == 1:
        return feasibility.order(rewards, violations)
    order = [
        front[np.argsort(-crowding_distances(rewards[front]), kind="stable")]
        for front in nondominated_fronts(rewards, violations)
    ]
    return np.concatenate(order) if order else np.empty(0, dtype=np.int64)
