"""Adam in numpy, for models too small for a framework."""

from __future__ import annotations

import numpy as np


class Adam:
    """Adam (Kingma and Ba, 2015, ICLR, algorithm 1), climbing.

    Args:
        parameters: float64 arrays of any shape, changed in place.
        learning_rate: step size α.
        decay: β₁ and β₂, of the two moments.
        epsilon: ε.
    """

    def __init__(
        self,
        parameters: list[np.ndarray],
        learning_rate: float,
        decay: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        self.parameters, self.learning_rate, self.decay, self.epsilon = parameters, learning_rate, decay, epsilon
        self._first = [np.zeros_like(parameter) for parameter in parameters]
        self._second = [np.zeros_like(parameter) for parameter in parameters]
        self._steps = 0

    def ascend(self, gradients: list[np.ndarray]) -> None:
        """Take a step along the gradients, one array for each parameter."""
        self._steps += 1
        beta1, beta2 = self.decay
        for parameter, gradient, first, second in zip(
            self.parameters, gradients, self._first, self._second, strict=True
        ):
            first += (1 - beta1) * (gradient - first)
            second += (1 - beta2) * (gradient**2 - second)
            mean, square = first / (1 - beta1**self._steps), second / (1 - beta2**self._steps)
            parameter += self.learning_rate * mean / (np.sqrt(square) + self.epsilon)
