"""Rewards and metrics of a whole table as arrays, so that a step over thousands of lanes is one gather."""

from __future__ import annotations

import numpy as np

from ..core.evaluation import Evaluation, FloatArray, TabularEvaluator
from ..core.tasks import SearchTask
from .coding import Coder


class Block:
    """All answers for one (epochs, seed).

    Attributes:
        values: ``(size, k)`` objective of every state of the choices; NaN where undecided or not in the table.
        metrics: ``(size, m + 1)`` the task's visible metrics and ``cost_seconds``.
        complete: whether every complete architecture has a row.
    """

    def __init__(self, values: FloatArray, metrics: FloatArray, complete: bool) -> None:
        self.values, self.metrics, self.complete = values, metrics, complete


class Lookup:
    """A tabular task's rewards and visible metrics for every code, built when first asked.

    Args:
        task: a task whose evaluator is a `TabularEvaluator`.
        coder: numbers the states that lanes can be in.
    """

    def __init__(self, task: SearchTask, coder: Coder) -> None:
        self._task, self._coder = task, coder
        self._evaluator: TabularEvaluator = task.evaluator  # type: ignore[assignment]
        self._blocks: dict[tuple[int, int], Block] = {}

    def block(self, epochs: int, seed: int) -> Block:
        """Return the answers for a fidelity and a training seed."""
        key = (epochs, seed)
        if key not in self._blocks:
            self._blocks[key] = self._build(epochs, seed)
        return self._blocks[key]

    def __getstate__(self) -> dict:
        """Leave the blocks out: they are built again."""
        return {**self.__dict__, "_blocks": {}}

    def _build(self, epochs: int, seed: int) -> Block:
        size, space = self._coder.size, self._task.space
        architectures = self._coder.decode(np.arange(size))
        decided = np.flatnonzero((architectures >= 0).all(axis=1))
        order = space.index(architectures[decided])
        names = [name for name in self._evaluator.metrics if name in self._task.objective.metrics]
        names += [name for name in self._task.visible_metrics if name not in names]
        columns = {name: self._evaluator.column(name, epochs, seed)[order] for name in names}
        cost = self._evaluator.column("cost_seconds", epochs, seed)[order]
        count = len(decided)
        whole = Evaluation(
            np.zeros(count, dtype=np.int8),
            np.full(count, epochs, dtype=np.int64),
            np.full(count, seed, dtype=np.int64),
            columns,
            cost,
        )
        missing = np.isnan(cost)
        rewards = self._task.objective(whole).reshape(count, -1)
        rewards[missing] = np.nan  # rows that the table lacks: the evaluator itself says so when asked
        values = np.full((size, rewards.shape[1]), np.nan)
        values[decided] = rewards
        metrics = np.zeros((size, len(self._task.visible_metrics) + 1))
        metrics[decided] = np.column_stack([*(columns[name] for name in self._task.visible_metrics), cost])
        return Block(values, metrics, not missing.any())
