"""Rewards and metrics of a whole table as arrays, so that a step over thousands of lanes is one gather."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.evaluation import MEAN_SEED, Evaluation, FloatArray, IntArray, Status, TabularEvaluator
from ..core.tasks import SearchTask
from ..mdp.dynamics import SearchDynamics
from ..mdp.lanes import BoolArray
from ..mdp.outcome import Columns
from ..spaces import SearchSpace

# Largest space of which whole columns are asked, and rows that are asked of the evaluator to compare.
_LARGEST, _COMPARED = 2**20, 16


class Block:
    """All answers for one (epochs, seed), in the order of the choices, the last varying fastest.

    Attributes:
        values: ``(size, k)`` objective of every architecture; NaN where the table has no row.
        metrics: ``(size, m)`` metrics as `Blanks.metrics` names them.
        complete: whether every architecture has a row.
        labels: status, epochs and training seed, the same for all rows.
    """

    def __init__(self, values: FloatArray, metrics: FloatArray, complete: bool, epochs: int, seed: int) -> None:
        self.values, self.metrics, self.complete = values, metrics, complete
        self.labels = {"status": np.int8(Status.OK), "epochs": np.int64(epochs), "training_seed": np.int64(seed)}


class Lookup:
    """A tabular task's answers for every architecture, built when first asked.

    Args:
        dynamics: a process that `answers_are_columns` of.
    """

    def __init__(self, dynamics: SearchDynamics) -> None:
        self._task: SearchTask = dynamics.task
        self._evaluator: TabularEvaluator = dynamics.task.evaluator  # type: ignore[assignment]
        self._names = dynamics.blanks.metrics[:-2]
        self._blanks = dynamics.blanks
        self._blocks: dict[tuple[int, int], Block | None] = {}

    def block(self, epochs: int, seed: int | str) -> Block | None:
        """Return the answers for a fidelity and a training seed; None where the evaluator itself must be asked."""
        key = (epochs, MEAN_SEED if seed == "mean" else int(seed))
        if key not in self._blocks:
            self._blocks[key] = self._build(*key)
        return self._blocks[key]

    def columns(self, block: Block, here: BoolArray, codes: IntArray) -> Columns:
        """Return what is known of architectures ``(N,)``, given by their place, in the lanes ``here``; else blanks."""
        found = np.where(here[:, None], block.metrics.take(codes, axis=0), 0.0)
        columns: Columns = {name: found[:, i] for i, name in enumerate(self._blanks.metrics)}
        for name, value in block.labels.items():
            columns[name] = np.where(here, value, self._blanks.values[name])
        return columns

    def __getstate__(self) -> dict:
        """Leave the blocks out: they are built again."""
        return {**self.__dict__, "_blocks": {}}

    def _build(self, epochs: int, seed: int) -> Block | None:
        space, wanted = self._task.space, self._task.objective.metrics
        try:
            order = [name for name in self._evaluator.metrics if name in wanted or name in self._names]
            rows = space.index(SearchSpace.from_index(space, np.arange(space.size)))  # a space may number otherwise
            columns = {name: np.asarray(self._evaluator.column(name, epochs, seed))[rows] for name in order}
            cost = np.asarray(self._evaluator.column("cost_seconds", epochs, seed))[rows]
        except ValueError:
            return None  # the evaluator says what is wrong when it is asked
        size = space.size
        whole = Evaluation(np.zeros(size, dtype=np.int8), np.full(size, epochs), np.full(size, seed), columns, cost)
        missing = np.isnan(cost)
        rewards, violations = self._task.objective.judge(whole)
        values = rewards.reshape(size, -1).copy()
        values[missing] = np.nan  # rows that the table lacks: the evaluator itself says so when asked
        metrics = np.column_stack([*(columns[name] for name in self._names), cost, violations])
        block = Block(values, metrics, not missing.any(), epochs, seed)
        return block if self._agrees(block, np.flatnonzero(~missing)) else None

    def _agrees(self, block: Block, known: IntArray) -> bool:
        """Ask the evaluator for a few rows, and say whether its answers are those of its columns."""
        if not known.size:
            return False
        codes = known[np.linspace(0, known.size - 1, min(known.size, _COMPARED)).astype(np.int64)]
        labels = block.labels
        epochs, seeds = np.full(len(codes), labels["epochs"]), np.full(len(codes), labels["training_seed"])
        answer = self._evaluator.evaluate(SearchSpace.from_index(self._task.space, codes), epochs, seeds)
        rewards, _ = self._task.objective.judge(answer)
        return bool((answer.status == Status.OK).all()) and np.array_equal(
            rewards.reshape(len(codes), -1), block.values[codes], equal_nan=True
        )


def answers_are_columns(evaluator: Any) -> bool:
    """Say whether an evaluator's ``evaluate`` is the one that its ``column`` belongs to.

    A subclass that overrides ``evaluate`` alone answers otherwise than the columns that it inherits.
    """
    if not isinstance(evaluator, TabularEvaluator) or "evaluate" in getattr(evaluator, "__dict__", {}):
        return False
    order = type(evaluator).__mro__

    def place(name: str) -> int:
        return next((i for i, kind in enumerate(order) if name in kind.__dict__), -1)

    return 0 <= place("column") <= place("evaluate")


def lookup_of(dynamics: SearchDynamics) -> Lookup | None:
    """Return the look-up of a process whose evaluator is a table of a space that can be listed, else None."""
    space = dynamics.task.space
    fits = not space.constrained and space.size <= _LARGEST
    fixed = dynamics.training_seed != "resample" or dynamics.task.evaluator.seeds is not None
    return Lookup(dynamics) if fits and fixed and answers_are_columns(dynamics.task.evaluator) else None
