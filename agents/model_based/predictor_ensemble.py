"""Predictors of an architecture's reward that are fitted in closed form, and their ensemble."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

PENALTIES = 10.0 ** np.arange(-4, 4)  # ridge penalties that are tried, in units of the mean eigenvalue


class Ridge:
    """Ridge regression with an intercept; of `PENALTIES` the one with the smallest leave-one-out error.

    Args:
        inputs: ``(N, k)``.
        targets: ``(N,)``.

    Attributes:
        error: mean squared leave-one-out error of the chosen penalty.
    """

    def __init__(self, inputs: FloatArray, targets: FloatArray) -> None:
        self._mean, middle = inputs.mean(axis=0), targets.mean()
        left, values, right = np.linalg.svd(inputs - self._mean, full_matrices=False)
        coordinates, power = left.T @ (targets - middle), values**2
        self.error = np.inf
        for penalty in PENALTIES * max(power.sum() / max(len(values), 1), 1e-12):
            shrink = power / (power + penalty)
            residual = targets - middle - left @ (shrink * coordinates)
            # the hat matrix's diagonal, the intercept's share included (Hastie et al., 2009, section 7.10)
            leverage = np.minimum((left**2) @ shrink + 1.0 / len(targets), 1.0 - 1e-6)
            error = float(((residual / (1.0 - leverage)) ** 2).mean())
            if error < self.error:
                self.error = error
                self._weights = right.T @ (values / (power + penalty) * coordinates)
        self._middle = float(middle)

    def __call__(self, inputs: FloatArray) -> FloatArray:
        """Predict ``(b,)`` from ``(b, k)``."""
        return self._middle + (inputs - self._mean) @ self._weights


class RandomNetwork:
    """A network of one hidden ReLU layer, drawn at random, and a ridge regression on it and on its inputs.

    Only the last layer is fitted (Huang, Zhu and Siew, 2006, Neurocomputing 70, "Extreme learning machine"):
    in closed form, in a millisecond, without a learning rate.

    Args:
        inputs: ``(N, k)``, of about unit size.
        targets: ``(N,)``.
        hidden: hidden units.
        rng: draws the layer and the bootstrap sample.
    """

    def __init__(self, inputs: FloatArray, targets: FloatArray, hidden: int, rng: np.random.Generator) -> None:
        self._weights = rng.standard_normal((inputs.shape[1], hidden))
        self._biases = rng.standard_normal(hidden)
        self._scale = 1.0 / np.sqrt(hidden)
        sample = rng.integers(len(targets), size=len(targets))
        sample = np.unique(sample) if len(np.unique(targets[sample])) > 1 else np.arange(len(targets))
        self._output = Ridge(self._hidden(inputs[sample]), targets[sample])

    def _hidden(self, inputs: FloatArray) -> FloatArray:
        hidden = np.maximum(inputs @ self._weights + self._biases, 0.0) * self._scale
        return np.concatenate([inputs, hidden], axis=1)

    def __call__(self, inputs: FloatArray) -> FloatArray:
        """Predict ``(b,)`` from ``(b, k)``."""
        return self._output(self._hidden(inputs))


class PredictorEnsemble:
    """Networks on the encoding and a linear predictor on the statistics, each fitted to the same N targets.

    The networks' mean and the linear predictor are averaged by their precision, the inverse of their mean
    squared leave-one-out errors. The deviation is the networks' spread and what all leave unexplained.

    Args:
        encoding: ``(N, k)`` inputs of the networks.
        statistics: ``(N, j)`` inputs of the linear predictor.
        targets: ``(N,)``.
        members: number of networks.
        hidden: hidden units of each.
        rng: randomness.
    """

    def __init__(
        self,
        encoding: FloatArray,
        statistics: FloatArray,
        targets: FloatArray,
        members: int,
        hidden: int,
        rng: np.random.Generator,
    ) -> None:
        self._networks = [RandomNetwork(encoding, targets, hidden, rng) for _ in range(members)]
        self._linear = Ridge(statistics, targets)
        network_error = float(np.mean([network._output.error for network in self._networks]))
        self._error = min(network_error, self._linear.error)
        self._share = self._linear.error / max(network_error + self._linear.error, 1e-12)  # of the networks

    def __call__(self, encoding: FloatArray, statistics: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return means and standard deviations ``(b,)``."""
        networks = np.array([network(encoding) for network in self._networks])
        mean = self._share * networks.mean(axis=0) + (1.0 - self._share) * self._linear(statistics)
        return mean, np.sqrt(networks.var(axis=0) + self._error + 1e-12)  # above 0 where all targets are equal
