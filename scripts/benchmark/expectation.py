"""What random search is expected to reach on a known table: exact, without a single draw.

Random search draws architectures uniformly and independently (with repeats). What counts is every architecture that it
may draw, not every row of the table: where rows stand for canonical forms, a row is as likely as its class is large.
With F(v) the share of the architectures whose value is at most v, the best of n draws is at most v with probability
F(v)ⁿ. Equal values are one group: by symmetry its members are equally likely to have been seen, so the mean report of
those seen has the group's mean report as its expectation, whatever their number.

An architecture without a value (−∞: its evaluation fails, or breaks a constraint) is below all that have one. What is
expected is then conditional: given that the search has found one with a value.

With a budget of T seconds the number of draws is random, and depends on what was drawn, since better
networks train longer. Let h_v(t) be the probability that a draw has a value of at most v and costs t. Then
u_v = Σ_n h_v^{*n} (a convolution power for each n) is the defective renewal measure of the draws' ends while
nothing above v was seen, and a search stops where the next draw would not fit (as `SearchBudget` has it):

    P(best ≤ v) = Σ_{s ≤ T} u_v(s) · P(cost > T − s)

`expected_within_seconds` solves u_v = δ + h_v * u_v on a grid of time steps by Fourier transforms, with
damping against their wrap-around. Rounding all costs up can only lose draws, and rounding all down only win
some, so the two give bounds of the expected best value between which the truth lies; the estimate itself
rounds each cost to the nearest step. The report takes tied architectures as equally likely here too: exact where
values do not tie, an approximation where tied ones cost differently (the cheaper are then seen a little more often).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Expectation:
    """What a random search of a given budget is expected to reach.

    Attributes:
        value: expected best value.
        sd: standard deviation of the best value, over searches.
        report: expected report of the architecture with the best value, ties averaged; NaN without reports.
        evaluations: expected number of evaluations.
        lower: bound of ``value`` from below; the value itself where the computation is exact.
        upper: bound of ``value`` from above.
        nothing: probability of a search that finds no value at all, which is left out of the others.
    """

    value: float
    sd: float
    report: float
    evaluations: float
    lower: float
    upper: float
    nothing: float = 0.0


def _groups(values: ArrayLike, reports: ArrayLike | None) -> tuple[FloatArray, FloatArray, FloatArray, NDArray]:
    """Return distinct values ascending ``(g,)``, shares at most each, mean reports, and each row's group."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or np.isnan(values).any():
        raise ValueError("values: give one or more numbers, none of them NaN")
    if values.max() == -np.inf:
        raise ValueError("values: not one of them is above −∞, so there is nothing to find")
    distinct, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    if reports is None:
        means = np.full(len(distinct), np.nan)
    else:
        means = np.bincount(group, weights=np.asarray(reports, dtype=np.float64)) / counts
    return distinct, np.cumsum(counts) / len(values), means, group


def _moments(distinct: FloatArray, masses: FloatArray, reports: FloatArray) -> tuple[float, float, float, float]:
    """Return mean and deviation of the best value, the mean report, and the probability that there is no value."""
    nothing = 0.0
    if distinct[0] == -np.inf:
        nothing, distinct, masses, reports = float(masses[0]), distinct[1:], masses[1:], reports[1:]
        masses = masses / masses.sum()
    mean = float(masses @ distinct)
    seen = masses > 0  # a report may be missing where it cannot matter
    sd = float(np.sqrt(max(0.0, masses @ (distinct - mean) ** 2)))
    return mean, sd, float(masses[seen] @ reports[seen]), nothing


def expected_after_draws(values: ArrayLike, draws: int, reports: ArrayLike | None = None) -> Expectation:
    """Return what the best of ``draws`` uniform draws with repeats is expected to be; exact.

    Args:
        values: ``(N,)`` what a search maximises, of every architecture that is drawn alike; −∞ for none.
        draws: number of draws, at least 1.
        reports: ``(N,)`` what is reported of each, or None.
    """
    if draws < 1:
        raise ValueError(f"draws={draws}: give an integer of at least 1")
    distinct, shares, means, _ = _groups(values, reports)
    masses = np.diff(shares**draws, prepend=0.0)
    value, sd, report, nothing = _moments(distinct, masses, means)
    return Expectation(value, sd, report, float(draws), value, value, nothing)


def expected_curve(values: ArrayLike, draws: ArrayLike) -> FloatArray:
    """Return the expected best of 1 … draws uniform draws with repeats, ``(len(draws),)``; exact."""
    distinct, shares, _, _ = _groups(values, None)
    powers = shares[None] ** np.asarray(draws, dtype=np.float64)[:, None]
    masses = np.diff(powers, axis=1, prepend=0.0)
    if distinct[0] == -np.inf:
        distinct, masses = distinct[1:], masses[:, 1:] / masses[:, 1:].sum(axis=1, keepdims=True)
    return masses @ distinct


def expected_within_seconds(
    values: ArrayLike,
    costs: ArrayLike,
    seconds: float,
    reports: ArrayLike | None = None,
    steps: int = 4095,
    bounds: bool = True,
) -> Expectation:
    """Return what random search is expected to reach in a simulated time, given that one draw fits in it.

    Args:
        values: ``(N,)`` what a search maximises, of every architecture that is drawn alike; −∞ for none.
        costs: ``(N,)`` seconds that the evaluation of each costs, above 0.
        seconds: the budget.
        reports: ``(N,)`` what is reported of each, or None.
        steps: time steps that the budget is divided into.
        bounds: compute the bounds too, for three times the work; else they are NaN.

    Raises:
        ValueError: a cost is below half a time step, or nothing fits into the budget.
    """
    costs = np.asarray(costs, dtype=np.float64)
    distinct, _, means, group = _groups(values, reports)
    scaled = costs * (steps / seconds)
    if not scaled.min() >= 0.5:
        raise ValueError(
            f"a cost of {costs.min()} s is too small for {steps} steps of {seconds / steps} s: raise steps"
        )
    if scaled.min() > steps:
        raise ValueError(f"nothing fits into {seconds} s: the cheapest costs {costs.min()} s")
    found = {}
    for how in (np.ceil, np.floor, np.rint) if bounds else (np.rint,):
        # An evaluation that just fits must fit on the grid too, whatever the division has rounded.
        ticks = how(np.round(scaled, 9)).astype(np.int64)
        found[how] = _masses(np.maximum(ticks, 1 if how is np.rint else 0), group, len(distinct), steps)
    masses, evaluations = found[np.rint]
    value, sd, report, nothing = _moments(distinct, masses, means)
    lower, upper = sorted(
        _moments(distinct, found[how][0], means)[0] if bounds else np.nan for how in (np.ceil, np.floor)
    )
    return Expectation(value, sd, report, evaluations, lower, upper, nothing)


def _masses(ticks: NDArray[np.int64], group: NDArray, groups: int, steps: int) -> tuple[FloatArray, float]:
    """Return P(best = v) ``(groups,)`` given at least one draw, and the expected number of draws."""
    n = len(ticks)
    length = 2 * (steps + 1)
    damping = 10.0 ** (-10.0 / length)  # wrapped-round terms weigh 1e-10
    powers = damping ** np.arange(length)
    capped = np.minimum(ticks, steps + 1)
    longer = 1.0 - np.cumsum(np.bincount(capped, minlength=steps + 2))[: steps + 1] / n  # P(cost > t)
    # All draws: u sums to the expected number of draws that end in time, and one for the start.
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(groups + 1))
    h = np.zeros(length)
    fits = ticks <= steps
    np.add.at(h, ticks[fits], 1.0 / n)
    evaluations = float(_renewal(np.fft.rfft(h * powers), powers, steps).sum() - 1.0)
    none = float(longer[steps])  # the first draw does not fit
    cdf = np.ones(groups)
    transform = np.fft.rfft(h * powers)
    for g in range(groups - 1, 0, -1):
        # Take the group's own draws out again: what is left has values below it.
        own = ticks[order[starts[g] : starts[g + 1]]]
        own = own[own <= steps]
        if len(own):
            transform = transform - np.fft.rfft(np.bincount(own, minlength=length) / n * powers)
        u = _renewal(transform, powers, steps)
        cdf[g - 1] = u @ longer[steps::-1]
        if cdf[g - 1] - none < 1e-12:
            cdf[: g - 1] = none
            break
    masses = np.diff(np.clip((cdf - none) / (1.0 - none), 0.0, 1.0), prepend=0.0)
    return np.maximum(masses, 0.0) / np.maximum(masses, 0.0).sum(), evaluations / (1.0 - none)


def _renewal(transform: NDArray[np.complex128], powers: FloatArray, steps: int) -> FloatArray:
    """Return u = δ + h * u on steps 0 … ``steps``, from the damped transform of h."""
    u = np.fft.irfft(1.0 / (1.0 - transform), len(powers))[: steps + 1]
    return u / powers[: steps + 1]
