"""Rewards and metrics of a whole table as one matrix, so that a step over thousands of lanes is one gather."""

from __future__ import annotations

import numpy as np

from .evaluation import Evaluation, FloatArray, IntArray, TabularEvaluator
from .lanes import code_strides
from .tasks import SearchTask

_LARGEST_BYTES = 256 * 2**20


class Lookup:
    """A tabular task's rewards and visible metrics for every architecture, built when first asked.

    Rows are in the order of the lanes' mixed-radix codes. Blocks are built per (epochs, seed).

    Args:
        task: a task whose evaluator is a `TabularEvaluator`.
    """

    def __init__(self, task: SearchTask) -> None:
        self._task = task
        self._evaluator: TabularEvaluator = task.evaluator  # type: ignore[assignment]
        self.size = task.space.size
        self.rewards = task.objective.objective.size
        self._blocks: dict[tuple[int, int], FloatArray] = {}
        self._order: IntArray | None = None

    @staticmethod
    def serves(task: SearchTask) -> bool:
        """Say whether a task can be answered this way: it only looks up, and the matrix is small enough."""
        width = task.objective.objective.size + len(task.visible_metrics) + 1
        return (
            isinstance(task.evaluator, TabularEvaluator)
            and code_strides(task.space) is not None
            and task.space.size * width * 8 <= _LARGEST_BYTES
        )

    def block(self, epochs: int, seed: int) -> FloatArray:
        """Return ``(size, k + m + 1)``: k rewards, the m visible metrics, ``cost_seconds``; NaN rows are missing."""
        key = (epochs, seed)
        if key not in self._blocks:
            self._blocks[key] = self._build(epochs, seed)
        return self._blocks[key]

    def _build(self, epochs: int, seed: int) -> FloatArray:
        order = self._code_order()
        columns = {name: self._evaluator.column(name, epochs, seed)[order] for name in self._task.evaluator.metrics}
        cost = self._evaluator.column("cost_seconds", epochs, seed)[order]
        whole = Evaluation(
            np.zeros(self.size, dtype=np.int8),
            np.full(self.size, epochs, dtype=np.int64),
            np.full(self.size, seed, dtype=np.int64),
            columns,
            cost,
        )
        rewards = self._task.objective(whole).reshape(self.size, self.rewards)
        rewards[np.isnan(cost)] = np.nan  # rows that the table lacks: the evaluator itself says so
        visible = [columns[name] for name in self._task.visible_metrics]
        return np.ascontiguousarray(np.column_stack([rewards, *visible, cost]))

    def _code_order(self) -> IntArray:
        if self._order is None:
            space = self._task.space
            strides = code_strides(space)
            codes = np.arange(self.size)[:, None] // strides % space.cardinalities
            self._order = space.index(codes)
        return self._order

    def gather(self, codes: IntArray, epochs: IntArray | int, seeds: IntArray | int) -> FloatArray:
        """Return the rows ``(e, k + m + 1)`` of some lanes; epochs and seeds may differ from lane to lane."""
        if isinstance(epochs, int) and isinstance(seeds, int):
            return self.block(epochs, seeds).take(codes, axis=0)
        epochs = np.broadcast_to(epochs, codes.shape)
        seeds = np.broadcast_to(seeds, codes.shape)
        rows = np.empty((len(codes), self.rewards + len(self._task.visible_metrics) + 1))
        for pair in set(zip(epochs.tolist(), seeds.tolist(), strict=True)):
            here = (epochs == pair[0]) & (seeds == pair[1])
            rows[here] = self.block(*pair).take(codes[here], axis=0)
        return rows
