"""Statistics of a comparison: intervals, paired tests over seeds, effect sizes, ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def scipy_stats() -> Any:
    """Return ``scipy.stats``.

    Raises:
        ModuleNotFoundError: scipy is missing; the message names the extra.
    """
    try:
        from scipy import stats
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the report needs scipy: pip install 'pynascent[benchmark]'", name=error.name
        ) from error
    return stats


def bootstrap_mean(
    samples: FloatArray, rng: np.random.Generator, resamples: int = 2000, level: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Return the percentile bootstrap interval of the mean over runs (Efron and Tibshirani, 1993, chapter 13).

    Args:
        samples: ``(runs, …)``; whole runs are drawn again, so curves stay curves.
        rng: draws the resamples.
        resamples: their number.
        level: the interval's probability.

    Returns:
        Its lower and upper end, ``(…)`` each; the mean itself for a single run.
    """
    runs = len(samples)
    weights = rng.multinomial(runs, np.full(runs, 1.0 / runs), size=resamples) / runs  # (resamples, runs)
    means = weights @ samples.reshape(runs, -1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low.reshape(samples.shape[1:]), high.reshape(samples.shape[1:])


def wilson(successes: int, runs: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share that Wilson gives (1927, J. Am. Stat. Assoc.)."""
    z = scipy_stats().norm.ppf((1 + level) / 2)
    share = successes / runs
    middle = (share + z * z / (2 * runs)) / (1 + z * z / runs)
    half = z / (1 + z * z / runs) * np.sqrt(share * (1 - share) / runs + z * z / (4 * runs * runs))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def cohens_d(x: FloatArray, y: FloatArray) -> float:
    """Return (mean x − mean y) / pooled standard deviation (Cohen, 1988); NaN where nothing varies."""
    squares = (len(x) - 1) * _deviation(x) ** 2 + (len(y) - 1) * _deviation(y) ** 2
    pooled = squares / (len(x) + len(y) - 2)
    return float((x.mean() - y.mean()) / np.sqrt(pooled)) if pooled > 0 else float("nan")


def a12(x: FloatArray, y: FloatArray) -> float:
    """Return P(X > Y) + P(X = Y) / 2 (Vargha and Delaney, 2000): 0.5 where neither is better."""
    return float((np.sign(x[:, None] - y[None, :]) + 1).mean() / 2)


def rank_biserial(x: FloatArray, y: FloatArray) -> float:
    """Return the matched-pairs rank-biserial correlation (King and Minium): (R⁺ − R⁻) / (R⁺ + R⁻).

    R⁺ and R⁻ are Wilcoxon's sums of the ranks of positive and negative differences; 0 without differences.
    """
    difference = (x - y)[x != y]
    if not len(difference):
        return 0.0
    ranks = scipy_stats().rankdata(np.abs(difference))
    return float((ranks @ np.sign(difference)) / ranks.sum())


def holm(p: FloatArray) -> FloatArray:
    """Return p-values adjusted for their number, as Holm does (1979, Scand. J. Stat.)."""
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result = np.empty(len(p))
    result[order] = np.minimum(adjusted, 1.0)
    return result


def paired_tests(x: FloatArray, y: FloatArray) -> dict[str, float]:
    """Return p-values (two-sided) of the paired t test and Wilcoxon's signed-rank test, 1 where nothing differs.

    Args:
        x: ``(pairs,)`` results of one agent.
        y: ``(pairs,)`` results of the other, for the same seeds; at least two.
    """
    difference = x - y
    error = _deviation(difference) / np.sqrt(len(difference))
    mean = abs(difference.mean())
    # The same difference for every seed is no chance.
    p = 2 * float(scipy_stats().t.sf(mean / error, len(difference) - 1)) if error else float(mean == 0)
    return {"t": p, "wilcoxon": wilcoxon(difference)}


def _deviation(values: FloatArray) -> float:
    """Return the standard deviation; 0, not rounding errors, where all values are the same."""
    return float(values.std(ddof=1)) if np.ptp(values) > 1e-12 * np.abs(values).max() else 0.0


def wilcoxon(difference: FloatArray, exact: int = 13) -> float:
    """Return the p-value (two-sided) of Wilcoxon's signed-rank test that differences are symmetric about 0.

    Zeros are left out (Wilcoxon's own treatment). Up to ``exact`` differences all 2ⁿ signs are counted, which
    holds with ties too; above, scipy's exact distribution where there are no ties, else its normal approximation.
    """
    difference = difference[difference != 0]
    n, stats = len(difference), scipy_stats()
    if not n:
        return 1.0
    ranks = stats.rankdata(np.abs(difference))
    if n <= exact:
        signs = 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)  # (2^n, n)
        return float((np.abs(signs @ ranks) >= np.abs(np.sign(difference) @ ranks) - 1e-9).mean())
    tied = len(np.unique(ranks)) < n
    return float(stats.wilcoxon(difference, method="approx" if tied or n > 50 else "exact").pvalue)


def welch(x: FloatArray, y: FloatArray) -> float:
    """Return the p-value (two-sided) of Welch's t test, for runs that need not be paired."""
    variances = _deviation(x) ** 2 / len(x), _deviation(y) ** 2 / len(y)
    difference = abs(x.mean() - y.mean())
    if sum(variances) == 0:
        return float(difference <= 1e-12 * np.abs(x).max())
    freedom = sum(variances) ** 2 / sum(v * v / (n - 1) for v, n in zip(variances, (len(x), len(y)), strict=True))
    return 2 * float(scipy_stats().t.sf(difference / np.sqrt(sum(variances)), freedom))


def average_ranks(scores: FloatArray) -> FloatArray:
    """Return each column's mean rank over the rows of ``(blocks, k)`` scores; the highest has rank 1, ties share."""
    return scipy_stats().rankdata(-scores, axis=1).mean(axis=0)


def friedman(scores: FloatArray) -> float:
    """Return the p-value of Friedman's test that all k ≥ 3 columns of ``(blocks, k)`` are alike; NaN for k = 2."""
    if scores.shape[1] < 3 or len(scores) < 2:
        return float("nan")
    if (scores == scores[:, :1]).all():
        return 1.0
    return float(scipy_stats().friedmanchisquare(*scores.T).pvalue)


def critical_difference(k: int, blocks: int, alpha: float = 0.05) -> float:
    """Return Nemenyi's critical difference of mean ranks (Demšar, 2006, JMLR 7): q_α √(k (k + 1) / 6N)."""
    q = scipy_stats().studentized_range.ppf(1 - alpha, k, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(k * (k + 1) / (6 * blocks)))


def cliques(ranks: FloatArray, difference: float) -> list[tuple[int, int]]:
    """Return the groups (first, last) of ascending ranks within a critical difference, none inside another."""
    found: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = int(np.flatnonzero(ranks - ranks[first] <= difference)[-1])
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found
