"""A small task with a known answer, evaluated from a formula: what the agents' tests search."""

from __future__ import annotations

from typing import Any

import numpy as np

from pynascent.envs import METRICS, Evaluation, Objective, SearchTask, SearchVectorEnv
from pynascent.envs.spaces import ChainSpace


class Landscape:
    """An evaluator on the chain space whose accuracy is a sum over choices and pairs of neighbours.

    Each option of each choice has a value drawn from the seed; two neighbouring blocks of equal operation
    lose a little. Low fidelities add a fixed disturbance of each architecture that shrinks with epochs.

    Args:
        seed: draws the landscape.
        fail: share of architectures whose training fails.
    """

    def __init__(self, seed: int = 0, fail: float = 0.0, space: ChainSpace | None = None) -> None:
        self.space = space or ChainSpace()
        self.fidelities = (1, 3, 9, 27)
        self.metrics = {name: METRICS[name] for name in ("validation_accuracy", "test_accuracy", "flops")}
        self.seeds = None
        self.calls = 0
        rng = np.random.default_rng(seed)
        self._values = [rng.standard_normal(k) for k in self.space.cardinalities]
        self._noise = rng.standard_normal(self.space.size)
        self._fails = rng.random(self.space.size) < fail

    def accuracy(self, rows: np.ndarray, epochs: np.ndarray) -> np.ndarray:
        """Return accuracies in 0..1."""
        score = sum(values[rows[:, j]] for j, values in enumerate(self._values))
        score = score - 0.5 * (rows[:, 1:4] == rows[:, :3]).sum(axis=1)
        score = score + 0.5 * self._noise[self.space.index(rows)] / epochs
        return 1.0 / (1.0 + np.exp(-score / 2.0))

    def evaluate(self, architectures: np.ndarray, epochs: np.ndarray, seeds: np.ndarray) -> Evaluation:
        """Evaluate a batch."""
        self.calls += 1
        accuracy = self.accuracy(architectures, epochs)
        flops = 1e3 * (1 + architectures.sum(axis=1))
        failed = self._fails[self.space.index(architectures)]
        columns = {"validation_accuracy": np.where(failed, 0.0, accuracy), "flops": np.where(failed, 1e9, flops)}
        columns["test_accuracy"] = columns["validation_accuracy"]
        return Evaluation(np.where(failed, 1, 0).astype(np.int8), epochs, seeds, columns, epochs.astype(np.float64))


class TabularLandscape(Landscape):
    """A landscape that can be had as whole columns, with three (equal) trainings."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seeds = (0, 1, 2)

    def column(self, metric: str, epochs: int, seed: int) -> np.ndarray:
        """Return a metric of every architecture ``(space.size,)``, in index order."""
        rows = self.space.from_index(np.arange(self.space.size))
        result = self.evaluate(rows, np.full(len(rows), epochs), np.full(len(rows), seed))
        return result.cost_seconds if metric == "cost_seconds" else result[metric]


def make_env(agent, lanes: int = 4, seed: int = 0, fail: float = 0.0, terms=None, space=None, **options):
    """Make a vector environment as an agent (or its class) asks for it."""
    task = SearchTask(Landscape(seed, fail, space), Objective(terms or {"accuracy": 1.0}))
    chosen = {"observation": agent.observation, "autoreset_mode": agent.autoreset_mode, **options}
    return SearchVectorEnv(lanes, task, chosen.pop("formulation", agent.formulations[0]), **chosen)
