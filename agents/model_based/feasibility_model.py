"""How probable it is that an architecture keeps constraints that only an evaluation decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .random_forest import RandomForest

FloatArray = NDArray[np.float64]

TREES = 20


class FeasibilityModel:
    """A random forest of regression trees on feasible (1) and infeasible (0) results; its mean is a probability.

    The expected improvement of a candidate is multiplied by it (Schonlau, Welch and Jones, 1998, "Global versus local
    search in constrained optimization of computer models"; Gelbart, Snoek and Adams, 2014, UAI).

    Args:
        inputs: ``(N, k)`` columns of the results.
        violations: ``(N,)`` by how much each breaks the constraints.
        rng: grows the trees.
    """

    def __init__(self, inputs: NDArray[np.floating], violations: FloatArray, rng: np.random.Generator) -> None:
        self._count = len(violations)
        self._forest = RandomForest(inputs, (violations == 0).astype(np.float64), TREES, rng)

    def __call__(self, inputs: NDArray[np.floating]) -> FloatArray:
        """Return the probabilities ``(m,)`` for ``(m, k)`` columns, in (0, 1): N results are no certainty."""
        return (self._count * self._forest(inputs) + 0.5) / (self._count + 1)
