"""Rank correlations, of trainings with each other and of one metric with another."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from .measured import FloatArray, Mask, Measured


def spearman(x: FloatArray, y: FloatArray) -> float:
    """Return Spearman's rank correlation; NaN where one of the two is constant or there are fewer than three."""
    from scipy.stats import spearmanr

    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    found: Any = spearmanr(x, y)
    return float(found.statistic)


def partial_spearman(x: FloatArray, y: FloatArray, given: FloatArray) -> float:
    """Return the rank correlation of x and y that is left when that of both with a third is taken out."""
    xy, xz, yz = spearman(x, y), spearman(x, given), spearman(y, given)
    return (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))


def two_seeds(trainings: FloatArray) -> tuple[float, float]:
    """Return the rank correlation of the architectures between two seeds: mean and least over the pairs.

    Args:
        trainings: ``(seeds, rows)``, at least two seeds.
    """
    found = [spearman(trainings[a], trainings[b]) for a, b in combinations(range(len(trainings)), 2)]
    return float(np.mean(found)), float(np.min(found))


def with_other_trainings(early: FloatArray, final: FloatArray) -> float:
    """Return how one training's early figure ranks what the other trainings come to: mean over the seeds.

    The two sides share no training, so a lucky seed cannot agree with itself.

    Args:
        early: ``(seeds, rows)`` of one training each.
        final: ``(seeds, rows)``; compared is the mean of the other seeds'.
    """
    others = [np.delete(final, seed, axis=0).mean(axis=0) for seed in range(len(final))]
    return float(np.mean([spearman(x, y) for x, y in zip(early, others, strict=True)]))


def best_quarter(measured: Measured) -> Mask:
    """Return which architectures are the best quarter by final test accuracy, mean over the seeds, ``(rows,)``."""
    test = measured.mean("test_accuracy")
    return test >= np.quantile(test, 0.75)


def spread(trainings: FloatArray) -> tuple[float, float]:
    """Return the standard deviation over architectures of their means, and over seeds, pooled.

    Args:
        trainings: ``(seeds, rows)``.
    """
    return float(trainings.mean(axis=0).std(ddof=1)), float(np.sqrt(trainings.var(axis=0, ddof=1).mean()))
