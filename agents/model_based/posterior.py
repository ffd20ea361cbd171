"""The posterior of an ensemble of Gaussian processes over many candidates, kept up to date."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .feature_blocks import squared_distances
from .gaussian_process import Fit, matern, signal

FloatArray = NDArray[np.float64]
Blocks = list[NDArray[np.float32]]


class Posterior:
    """Means and deviations at candidates, given observations that come one by one.

    For each member it keeps L⁻¹ k(observations, candidates), to which an observation adds one row; between two
    refits a prediction costs O(N · m), not O(N² · m). Targets are given when predicting, so they may be
    rescaled at any time.

    Args:
        fits: the members, fitted to the first N of the observations.
        observations: features of N' ≥ N observations.
        candidates: features of m candidates.
    """

    def __init__(self, fits: list[Fit], observations: Blocks, candidates: Blocks) -> None:
        self._fits, self._candidates = fits, candidates
        fitted = len(fits[0].inverse)
        self._observations = [block[:fitted] for block in observations]
        across = squared_distances(self._observations, candidates)
        self._inverses = [fit.inverse for fit in fits]
        self._solved, self._explained = [], []
        for fit in fits:
            rows = fit.inverse.astype(np.float32) @ matern(across, fit.lengths)  # (N, m)
            self._solved.append([rows])
            self._explained.append((rows * rows).sum(axis=0))  # (m,)
        for row in range(fitted, len(observations[0])):
            self.append([block[row : row + 1] for block in observations])

    def append(self, observation: Blocks) -> None:
        """Condition on one more observation, given by its features ``(1, k)`` in each block."""
        to_candidates = squared_distances(observation, self._candidates)
        to_observations = squared_distances(observation, self._observations)
        for member, fit in enumerate(self._fits):
            inverse = self._inverses[member]
            share = inverse @ matern(to_observations, fit.lengths)[0].astype(np.float64)  # (N,)
            rest = np.sqrt(max(1.0 + fit.noise - share @ share, fit.noise / 2))
            count = len(inverse)
            larger = np.zeros((count + 1, count + 1))
            larger[:count, :count] = inverse
            larger[count, :count] = -(share @ inverse) / rest
            larger[count, count] = 1.0 / rest
            self._inverses[member] = larger
            row, place = matern(to_candidates, fit.lengths)[0], 0
            for part in self._solved[member]:
                row -= share[place : place + len(part)].astype(np.float32) @ part
                place += len(part)
            row /= np.float32(rest)
            self._solved[member].append(row[None])
            self._explained[member] += row * row
        self._observations = [
            np.concatenate([old, new]) for old, new in zip(self._observations, observation, strict=True)
        ]

    def predict(self, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return each member's means and standard deviations of a new evaluation, ``(members, m)`` each.

        The noise is part of the deviation: most of it is what the features do not tell of an architecture, and
        the value that an evaluation brings to light is what improves on the best.

        Args:
            targets: ``(N,)`` values of the observations, in their order.
        """
        means, deviations = [], []
        for fit, inverse, solved, explained in zip(
            self._fits, self._inverses, self._solved, self._explained, strict=True
        ):
            mean, variance, weights = signal(inverse, targets)
            total, place = np.full(len(explained), mean), 0
            for part in solved:
                total += weights[place : place + len(part)].astype(np.float32) @ part
                place += len(part)
            means.append(total)
            deviations.append(np.sqrt(variance * (np.maximum(1.0 - explained, 0.0) + fit.noise)))
        return np.array(means), np.array(deviations)
