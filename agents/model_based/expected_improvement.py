"""Expected improvement of a normal prediction over the best value seen."""

from __future__ import annotations

from functools import cache
from math import erfc, exp, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_LOWEST, _HIGHEST, _STEPS = -36.0, 8.0, 8801  # beyond: EI is 0 in floating point, and max(u, 0)


def expected_improvement(mean: FloatArray, deviation: FloatArray, best: float) -> FloatArray:
    """Return E[max(f − best, 0)] for f ~ N(mean, deviation²), elementwise.

    With u = (mean − best) / deviation it is deviation · h(u), h(u) = φ(u) + u Φ(u) (Jones, Schonlau and Welch,
    1998, J. Global Optimization 13, equation 15). ln h is interpolated in a table (relative error below 10⁻⁵),
    since numpy has no normal distribution and the far tail, which ranks hopeless candidates, needs its digits.

    Args:
        mean: predicted means, any shape.
        deviation: predicted standard deviations, above 0, of the same shape.
        best: best value so far.
    """
    grid, values = _log_h()
    u = (mean - best) / deviation
    return deviation * np.where(u > _HIGHEST, u, np.exp(np.interp(u, grid, values)))


@cache
def _log_h() -> tuple[FloatArray, FloatArray]:
    grid = np.linspace(_LOWEST, _HIGHEST, _STEPS)
    values = [log(exp(-u * u / 2) / sqrt(2 * pi) + u * erfc(-u / sqrt(2)) / 2) for u in grid]
    return grid, np.array(values)
