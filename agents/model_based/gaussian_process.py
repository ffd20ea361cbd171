"""Gaussian processes over blocks of features, with an ensemble of hyperparameters instead of the best one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LOG_LENGTH = (0.0, 1.0)  # prior mean and deviation of ln ℓ of each block
LOG_NOISE = (-2.3, 1.0)  # of ln(noise variance / signal variance): 10 %
SIGNAL = 2.0  # shape and rate of the inverse gamma prior of the signal's variance
JITTER = 1e-4  # smallest noise variance, in units of the signal's: kernels are computed in float32


def matern(squared: NDArray[np.floating], lengths: FloatArray) -> NDArray[np.floating]:
    """Return the Matérn-5/2 correlation of r² = Σ d²/ℓ² over blocks.

    Args:
        squared: ``(g, …)`` squared distances d² in each block.
        lengths: ``(g,)`` length scales ℓ.
    """
    r = np.zeros(squared.shape[1:], dtype=squared.dtype)
    for block, length in zip(squared, lengths, strict=True):
        r += block * squared.dtype.type(5.0 / length**2)
    r = np.sqrt(r, out=r)
    result = r * r
    result /= 3
    result += r
    result += 1
    np.negative(r, out=r)
    result *= np.exp(r, out=r)
    return result


@dataclass(frozen=True)
class Fit:
    """One hyperparameter setting and what follows from it and N observations.

    Attributes:
        lengths: ``(g,)`` length scales.
        noise: noise variance in units of the signal's.
        inverse: ``(N, N)`` inverse of the Cholesky factor L of the correlations + noise.
        log_posterior: ln of marginal likelihood × prior, up to a constant.
    """

    lengths: FloatArray
    noise: float
    inverse: FloatArray
    log_posterior: float


def signal(inverse: FloatArray, targets: FloatArray) -> tuple[float, float, FloatArray]:
    """Return the process's mean m and signal variance s², and L⁻¹(y − m) ``(N,)``.

    The mean is constant with prior N(0, s²), the variance has an inverse gamma prior; both are at their
    posterior's mean and mode.
    """
    y, ones = inverse @ targets, inverse.sum(axis=1)
    mean = float(y @ ones / (ones @ ones + 1.0))
    quadratic = float(y @ y - mean * (y @ ones))
    return mean, (SIGNAL + quadratic / 2) / (len(targets) / 2 + SIGNAL), y - mean * ones


def evaluate(squared: NDArray[np.floating], targets: FloatArray, theta: FloatArray) -> Fit | None:
    """Compute the marginal likelihood of one hyperparameter setting.

    The signal's mean and variance are integrated out (Rasmussen and Williams, 2006, section 2.7; the marginal
    of the data is then Student's t).

    Args:
        squared: ``(g, N, N)`` squared distances between the observations, in each block.
        targets: ``(N,)`` values, standardised.
        theta: ``(g + 1,)``: ln ℓ of each block, ln noise.

    Returns:
        The fit, or None where the matrix is not positive definite in floating point.
    """
    lengths, noise = np.exp(theta[:-1]), float(np.exp(theta[-1])) + JITTER
    matrix = matern(squared, lengths).astype(np.float64)
    matrix[np.diag_indices(len(matrix))] = 1.0 + noise
    try:
        inverse = np.linalg.inv(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        return None
    y, ones = inverse @ targets, inverse.sum(axis=1)
    projected = (y @ ones) ** 2 / (ones @ ones + 1.0)
    log_posterior = (
        np.log(np.diag(inverse)).sum()
        - 0.5 * np.log(1.0 + ones @ ones)
        - (len(targets) / 2 + SIGNAL) * np.log(SIGNAL + (y @ y - projected) / 2)
        - 0.5 * (((theta - prior_mean(len(lengths))) / prior_deviation(len(lengths))) ** 2).sum()
    )
    return Fit(lengths, noise, inverse, float(log_posterior))


def prior_mean(blocks: int) -> FloatArray:
    """Return the prior mean ``(g + 1,)`` of ln ℓ and ln noise."""
    return np.array([LOG_LENGTH[0]] * blocks + [LOG_NOISE[0]])


def prior_deviation(blocks: int) -> FloatArray:
    """Return the prior deviation ``(g + 1,)`` of ln ℓ and ln noise."""
    return np.array([LOG_LENGTH[1]] * blocks + [LOG_NOISE[1]])


class HyperparameterEnsemble:
    """Hyperparameter settings that a Markov chain each draws from their posterior.

    With few observations the likelihood's maximum is a bad guess, and an average over the posterior is what
    makes an acquisition function robust (Snoek, Larochelle and Adams, 2012, NeurIPS, section 3.2). The chains
    go on from fit to fit, since the posterior changes little with one more observation.

    Args:
        blocks: number of feature blocks g.
        members: number of chains.
        rng: the chains' randomness.
    """

    def __init__(self, blocks: int, members: int, rng: np.random.Generator) -> None:
        self._rng, self._deviation = rng, prior_deviation(blocks)
        self._thetas = prior_mean(blocks) + 0.3 * self._deviation * rng.standard_normal((members, blocks + 1))

    def fit(self, squared: NDArray[np.floating], targets: FloatArray, steps: int) -> list[Fit]:
        """Take ``steps`` Metropolis steps in every chain and return where they stand.

        Args:
            squared: ``(g, N, N)`` squared distances between the observations.
            targets: ``(N,)`` values, standardised.
            steps: number of steps.
        """
        fits = []
        for chain in range(len(self._thetas)):
            current = evaluate(squared, targets, self._thetas[chain])
            if current is None:  # such a setting was never accepted, but new observations can undo it
                self._thetas[chain] = prior_mean(len(self._deviation) - 1)
                current = evaluate(squared, targets, self._thetas[chain])
                assert current is not None  # the prior mean has a noise of 10 %
            for _ in range(steps):
                proposal = self._propose(chain)
                fit = evaluate(squared, targets, proposal)
                if fit is not None and np.log(self._rng.random()) < fit.log_posterior - current.log_posterior:
                    self._thetas[chain], current = proposal, fit
            fits.append(current)
        return fits

    def _propose(self, chain: int) -> FloatArray:
        """Propose by a small step in all coordinates, a large one in one, or along two other chains' difference."""
        theta, kind = self._thetas[chain].copy(), self._rng.integers(3)
        if kind == 0:
            theta += 0.3 * self._deviation * self._rng.standard_normal(len(theta))
        elif kind == 1:
            place = self._rng.integers(len(theta))
            theta[place] += self._deviation[place] * self._rng.standard_normal()
        else:  # differential evolution Markov chain (ter Braak, 2006, Statistics and Computing 16)
            first, second = self._thetas[self._rng.integers(len(self._thetas), size=2)]
            theta += 0.7 * (first - second) + 0.02 * self._rng.standard_normal(len(theta))
        return theta
