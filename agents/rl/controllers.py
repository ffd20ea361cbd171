"""Distributions over a space's architectures that a policy gradient can shape, in numpy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Controller(ABC):
    """A distribution over architectures, drawn choice by choice in the space's order.

    Options that cannot lead to a valid architecture have probability 0, so every draw is valid and its
    probability is exact, in constrained spaces too.

    Attributes:
        parameters: float64 arrays; an optimizer changes them in place.

    Args:
        space: the `SearchSpace`.
    """

    parameters: list[FloatArray]

    def __init__(self, space: Any) -> None:
        self.space = space
        self.n: int = space.n
        self.width = int(space.cardinalities.max())
        self._own = np.arange(self.width) < space.cardinalities[:, None]  # (n, width)

    @abstractmethod
    def sample(self, count: int, rng: np.random.Generator) -> IntArray:
        """Return ``(count, n)`` draws."""

    @abstractmethod
    def log_probability(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return log p of rows ``(b, n)``, and the sum of their choices' entropies in nats, each ``(b,)``."""

    @abstractmethod
    def gradients(self, rows: IntArray, weights: FloatArray, entropy: float) -> list[FloatArray]:
        """Return the gradient of the mean over rows of ``weights · log p + entropy · H``, parameter by parameter.

        Args:
            rows: ``(b, n)`` architectures.
            weights: ``(b,)``.
            entropy: weight of H, the sum of the entropies of a row's choices, each given those before it.
        """

    def _allowed(self, rows: IntArray, choice: int) -> BoolArray:
        """Return ``(b, width)``, which options of a choice may follow the choices before it."""
        if not self.space.constrained:
            return np.broadcast_to(self._own[choice], (len(rows), self.width))
        prefix = np.where(np.arange(self.n) < choice, rows, -1)
        return self.space.option_mask(prefix, np.full(len(rows), choice))

    def _judge(self, logits: FloatArray, rows: IntArray, choice: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return log probabilities of a choice's options, those of the rows' own options, and entropies."""
        logs = log_softmax(logits, self._allowed(rows, choice))
        chosen = logs[np.arange(len(rows)), rows[:, choice]]
        return logs, chosen, -_xlogy(np.exp(logs), logs).sum(axis=1)

    def _pull(self, logits: FloatArray, rows: IntArray, choice: int, weights: FloatArray, entropy: float) -> FloatArray:
        """Return the gradient ``(b, width)`` of the rows' objective with respect to a choice's logits."""
        logs, _, entropies = self._judge(logits, rows, choice)
        chances = np.exp(logs)
        pull = -weights[:, None] * chances
        pull[np.arange(len(rows)), rows[:, choice]] += weights
        return pull - entropy * (_xlogy(chances, logs) + chances * entropies[:, None])


class IndependentController(Controller):
    """A categorical distribution for each choice, independent of the others (Ying et al., 2019, ICML).

    Args:
        space: the space.
        rng: draws the logits from N(0, 10⁻⁶), as NAS-Bench-201's code does.
    """

    def __init__(self, space: Any, rng: np.random.Generator) -> None:
        super().__init__(space)
        self.parameters = [1e-3 * rng.standard_normal((self.n, self.width))]

    def sample(self, count: int, rng: np.random.Generator) -> IntArray:
        """Return ``(count, n)`` draws."""
        rows = np.zeros((count, self.n), dtype=np.int64)
        for choice, logits in enumerate(self.parameters[0]):
            rows[:, choice] = draw(logits, self._allowed(rows, choice), rng)
        return rows

    def log_probability(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return log p of rows ``(b, n)`` and the sum of their choices' entropies, each ``(b,)``."""
        judged = [self._judge(logits, rows, choice)[1:] for choice, logits in enumerate(self.parameters[0])]
        return sum(part[0] for part in judged), sum(part[1] for part in judged)  # type: ignore[return-value]

    def gradients(self, rows: IntArray, weights: FloatArray, entropy: float) -> list[FloatArray]:
        """Return the gradient of the mean of ``weights · log p + entropy · H``."""
        pulls = [
            self._pull(logits, rows, i, weights, entropy).mean(axis=0) for i, logits in enumerate(self.parameters[0])
        ]
        return [np.array(pulls)]


class LSTMController(Controller):
    """A recurrent network that reads the choices made so far (Zoph and Le, 2017, ICLR, section 3.1).

    Every choice is a step: stacked LSTM layers take an embedding of the option chosen before (a learnt
    vector at the first), and a head of the choice's own gives its options' logits. Backpropagation
    through time is written out below.

    Args:
        space: the space.
        rng: draws the weights uniformly from ±0.08, as the paper does.
        hidden: units of each layer, and width of the embeddings.
        layers: number of layers.
    """

    def __init__(self, space: Any, rng: np.random.Generator, hidden: int = 35, layers: int = 2) -> None:
        super().__init__(space)
        self.hidden, self.layers = hidden, layers
        self._offsets: IntArray = np.asarray(space.offsets, dtype=np.int64)
        shapes = [(1 + int(space.cardinalities.sum()), hidden)]  # embeddings, the first step's in front
        shapes += [(2 * hidden + 1, 4 * hidden)] * layers  # of (input, state, 1) to the gates i, f, o and g
        shapes += [(self.n, hidden + 1, self.width)]  # heads, of (output, 1)
        self.parameters = [rng.uniform(-0.08, 0.08, shape) for shape in shapes]

    def sample(self, count: int, rng: np.random.Generator) -> IntArray:
        """Return ``(count, n)`` draws."""
        rows = np.zeros((count, self.n), dtype=np.int64)
        state = self._start(count)
        for choice in range(self.n):
            logits, state, _ = self._forward(self._inputs(rows, choice), state, choice)
            rows[:, choice] = draw(logits, self._allowed(rows, choice), rng)
        return rows

    def log_probability(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return log p of rows ``(b, n)`` and the sum of their choices' entropies, each ``(b,)``."""
        total, entropies, state = np.zeros(len(rows)), np.zeros(len(rows)), self._start(len(rows))
        for choice in range(self.n):
            logits, state, _ = self._forward(self._inputs(rows, choice), state, choice)
            _, chosen, entropy = self._judge(logits, rows, choice)
            total, entropies = total + chosen, entropies + entropy
        return total, entropies

    def gradients(self, rows: IntArray, weights: FloatArray, entropy: float) -> list[FloatArray]:
        """Return the gradient of the mean of ``weights · log p + entropy · H``."""
        b, size = len(rows), self.hidden
        steps, state = [], self._start(b)
        for choice in range(self.n):
            inputs = self._inputs(rows, choice)
            logits, state, memory = self._forward(inputs, state, choice)
            steps.append((inputs, memory, self._pull(logits, rows, choice, weights, entropy) / b))
        embeddings, *cells, heads = [np.zeros_like(parameter) for parameter in self.parameters]
        state_pull = [(np.zeros((b, size)), np.zeros((b, size))) for _ in range(self.layers)]
        for choice in reversed(range(self.n)):
            inputs, memory, pull = steps[choice]
            heads[choice] = _with_one(memory[-1][-1]).T @ pull
            upwards = pull @ self.parameters[-1][choice, :-1].T  # (b, hidden), of this layer's output
            for layer in reversed(range(self.layers)):
                seen, old, gates, squashed, _ = memory[layer]
                i, f, o, g = np.split(gates, 4, axis=1)
                output_pull, cell_pull = state_pull[layer]
                output_pull = output_pull + upwards
                cell_pull = cell_pull + output_pull * o * (1 - squashed**2)
                gate_pull = np.concatenate(
                    [
                        cell_pull * g * i * (1 - i),
                        cell_pull * old * f * (1 - f),
                        output_pull * squashed * o * (1 - o),
                        cell_pull * i * (1 - g**2),
                    ],
                    axis=1,
                )
                cells[layer] += seen.T @ gate_pull
                seen_pull = gate_pull @ self.parameters[1 + layer].T
                upwards = seen_pull[:, :size]
                state_pull[layer] = (seen_pull[:, size : 2 * size], cell_pull * f)
            np.add.at(embeddings, inputs, upwards)
        return [embeddings, *cells, heads]

    def _start(self, count: int) -> list[tuple[FloatArray, FloatArray]]:
        """Return the layers' outputs and cells before the first step, zeros ``(count, hidden)``."""
        return [(np.zeros((count, self.hidden)), np.zeros((count, self.hidden))) for _ in range(self.layers)]

    def _inputs(self, rows: IntArray, choice: int) -> IntArray:
        """Return each row's embedding ``(b,)`` at a choice."""
        if choice == 0:
            return np.zeros(len(rows), dtype=np.int64)
        return 1 + self._offsets[choice - 1] + rows[:, choice - 1]

    def _forward(self, inputs: IntArray, state: list[Any], choice: int) -> tuple[FloatArray, list[Any], list[Any]]:
        """Return a choice's logits ``(b, width)``, the new state, and what backpropagation needs of each layer."""
        size, following, memory = self.hidden, [], []
        output = self.parameters[0][inputs]
        for layer, (before, old) in enumerate(state):
            seen = _with_one(np.concatenate([output, before], axis=1))
            gates = seen @ self.parameters[1 + layer]
            gates[:, : 3 * size] = 0.5 * (1 + np.tanh(0.5 * gates[:, : 3 * size]))  # the logistic function, safely
            gates[:, 3 * size :] = np.tanh(gates[:, 3 * size :])
            i, f, o, g = np.split(gates, 4, axis=1)
            cell = f * old + i * g
            squashed = np.tanh(cell)
            output = o * squashed
            following.append((output, cell))
            memory.append((seen, old, gates, squashed, output))
        return _with_one(output) @ self.parameters[-1][choice], following, memory


def log_softmax(logits: FloatArray, allowed: BoolArray) -> FloatArray:
    """Return log probabilities ``(b, width)`` of allowed options, −∞ for the others."""
    logits = np.where(allowed, logits, -np.inf)
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def draw(logits: FloatArray, allowed: BoolArray, rng: np.random.Generator) -> IntArray:
    """Return an option of each row ``(b,)``, drawn with the softmax of its allowed logits (Gumbel's maximum)."""
    noisy = logits - np.log(rng.standard_exponential(allowed.shape))
    return np.where(allowed, noisy, -np.inf).argmax(axis=1)


def _xlogy(x: FloatArray, log: FloatArray) -> FloatArray:
    """Return x · log with 0 · −∞ = 0."""
    return x * np.where(x > 0, log, 0.0)


def _with_one(x: FloatArray) -> FloatArray:
    """Append a column of ones, whose weights are biases."""
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)
