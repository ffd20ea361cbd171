"""Rewards as a model fits them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def comparable(rewards: FloatArray, violations: FloatArray) -> FloatArray:
    """Return rewards ``(N,)`` of which a model can be made under constraints: infeasible ones count as failed, −∞.

    What an infeasible reward would have been is not known, and a step down to some penalty at the edge of the feasible
    region would be all that a model learnt. Where nothing is feasible yet the violation is what is to be improved.
    """
    feasible = violations == 0
    if feasible.any() or not np.isfinite(violations).any():
        return np.where(feasible, rewards, -np.inf)
    return -violations


def standardised(rewards: FloatArray, compression: float | None) -> FloatArray:
    """Return targets ``(N,)`` of mean 0 and deviation 1 for rewards, some of them −∞ (failed).

    Args:
        rewards: ``(N,)``, N ≥ 1; −∞ counts as the smallest of the others.
        compression: c of −ln((best − y) / (best − median) + c), or None for y itself.
    """
    good = np.isfinite(rewards)
    if not good.any():
        return np.zeros(len(rewards))
    y = np.where(good, rewards, rewards[good].min())
    scale = y.max() - np.median(y)
    if compression is not None and scale > 0:
        y = -np.log((y.max() - y) / scale + compression)
    deviation = y.std()
    return (y - y.mean()) / (deviation if deviation > 0 else 1.0)
