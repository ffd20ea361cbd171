"""The exact expectation of random search within a simulated time budget."""

from __future__ import annotations

import numpy as np


def random_search_expectation(
    cost: np.ndarray, score: np.ndarray, report: np.ndarray, seconds: float, bins: int = 3000, share: float = 0.2
) -> tuple[float, float]:
    """Return mean and standard deviation of what random search with repeats reports.

    Uniform draws are paid for until one does not fit into the budget; the report is of the architecture with
    the best score among those paid. For each score v the clock is a renewal process killed by the first
    draw above v; its renewal equation, solved on a grid of the budget, gives the probability that nothing
    above v was seen. A cost between two grid points is divided between them so that its mean is kept.

    Args:
        cost: ``(n,)`` seconds of each architecture, above one grid step.
        score: ``(n,)`` what the search compares.
        report: ``(n,)`` what is reported; the mean where scores tie.
        seconds: the budget.
        bins: grid steps of the budget.
        share: best share of the scores that is told apart; that nothing so good is seen must be improbable.
    """
    n, step = len(cost), seconds / bins
    below = np.floor(cost / step + 1e-9).astype(int)
    above = np.maximum(cost / step - below, 0.0)
    assert below.min() >= 1, "the grid is too coarse for the cheapest architecture"
    levels = np.unique(score[score >= np.quantile(score, 1.0 - share)])
    level = np.where(score < levels[0], 0, np.searchsorted(levels, score))
    width = int(below.max()) + 2
    law = np.zeros((len(levels), width))
    np.add.at(law, (level, below), (1.0 - above) / n)
    np.add.at(law, (level, below + 1), above / n)
    law = law.cumsum(axis=0)  # [v, k]: a draw costs k steps and scores at most level v
    too_dear = 1.0 - law[-1].cumsum()  # [k]: a draw costs more than k steps
    visited = np.zeros((len(levels), width + bins + 1))  # of the clock, shifted by width
    visited[:, width] = 1.0
    backwards = law[:, :0:-1]
    for now in range(1, bins + 1):
        visited[:, width + now] = np.einsum("vk,vk->v", backwards, visited[:, now + 1 : now + width])
    left = np.arange(bins, -1, -1)
    at_most = visited[:, width:] @ np.where(left < width, too_dear[np.minimum(left, width - 1)], 0.0)
    assert abs(at_most[-1] - 1.0) < 1e-6 and at_most[0] < 1e-6
    exactly = np.diff(at_most, prepend=0.0)
    mean, square = ([(report[level == i] ** power).mean() for i in range(len(levels))] for power in (1, 2))
    expected = float(exactly @ mean)
    return expected, float(np.sqrt(exactly @ square - expected**2))
