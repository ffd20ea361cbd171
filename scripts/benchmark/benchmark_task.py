"""A task under a protocol: what every run of it plays, and what there is to know of it beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from ...envs import METRICS, TASKS, Evaluation, Evaluator, Objective, SearchTask, objective_from_config
from ...envs.core.evaluation import MEAN_SEED, FloatArray, IntArray, TabularEvaluator
from ...envs.core.objective import BoundObjective, flops_isi_objective
from ...envs.core.tasks import make_evaluator
from ...envs.tables import TableError, TableEvaluator, find_table
from ..errors import UsageError
from .choices import TaskChoice
from .protocols import Protocol, fixed_seed

_VECTOR = {"accuracy": 1.0, "ln_flops": -1.0}


class Competition:
    """A task under a protocol.

    A run's rows are judged by three columns beside the reward that the agent saw: its ``value`` (the scalar
    objective, at the protocol's epochs), its ``report`` (test accuracy) and its ``terms`` (the objectives
    between which there is a trade-off, each to be maximised).

    Args:
        choice: the task.
        protocol: the protocol.
        objective: another objective than the task's, as plain JSON; None for the task's own. Agents with
            vector rewards see its terms one by one, the others their sum.

    Raises:
        UsageError: the task has not the protocol's epochs, or the objective does not fit.
    """

    def __init__(self, choice: TaskChoice, protocol: Protocol, objective: Mapping[str, Any] | None = None) -> None:
        self.choice, self.protocol = choice, protocol
        spec = TASKS[choice.task]
        full = make_evaluator(spec, choice.evaluator)
        self.accuracy: str = getattr(full, "search_metric", spec.accuracy)
        chosen = flops_isi_objective(spec.lam, spec.mu) if objective is None else objective_from_config(objective)
        self.objective = _form(chosen, vector=False)
        needed = self.objective.bind(full.metrics, self.accuracy).metrics
        # With a single objective, accuracy against FLOPs is what there is to trade.
        several = len(self.objective.terms) > 1
        if several:
            self.vector_objective: Objective | None = _form(chosen, vector=True)
        else:
            self.vector_objective = Objective(_VECTOR, vector=True) if "flops" in full.metrics else None
        self.evaluator = _relevant(full, {self.accuracy, *needed})
        self.epochs = protocol.value_epochs(self.evaluator.fidelities, choice.label)
        self.tabular = isinstance(self.evaluator, TabularEvaluator)
        self._value = self.objective.bind(self.evaluator.metrics, self.accuracy)
        self._terms: BoundObjective | None = None
        if self.vector_objective is not None:
            self._terms = Objective(
                self.vector_objective.terms, self.vector_objective.constraints, float("nan"), vector=True
            ).bind(self.evaluator.metrics, self.accuracy)

    @property
    def live(self) -> bool:
        """Whether candidates are trained for real, by workers of their own."""
        return TASKS[self.choice.task].install == "train"

    def task(self, vector: bool) -> SearchTask:
        """Make the task of one run.

        Raises:
            UsageError: a vector of rewards is asked for where there is but one objective.
        """
        objective = self.vector_objective if vector else self.objective
        if objective is None:
            raise UsageError(
                f"the task {self.choice.label!r} has a single objective and no FLOPs, so an agent with vector rewards "
                "has nothing to trade: give an --objective of several terms"
            )
        return SearchTask(self.evaluator, objective, self.accuracy)

    def chooses(self, multi_fidelity: bool) -> bool:
        """Say whether an agent chooses each evaluation's fidelity."""
        return multi_fidelity and self.protocol.choose and len(self.evaluator.fidelities) > 1

    # -- the columns by which a run is judged -----------------------------------------------------------

    def values(self, evaluation: Evaluation) -> FloatArray:
        """Return the value of each row ``(b,)``; NaN where it failed or was of other epochs."""
        return np.where(evaluation.ok & (evaluation.epochs == self.epochs), self._value(evaluation), np.nan)

    def terms(self, evaluation: Evaluation) -> FloatArray:
        """Return the objectives of each row ``(b, k)``; NaN where there is no value, or no feasible one."""
        if self._terms is None:
            return np.empty((len(evaluation), 0))
        counted = evaluation.ok & (evaluation.epochs == self.epochs)
        return np.where(counted[:, None], self._terms(evaluation), np.nan)

    def reports(self, architectures: IntArray, evaluation: Evaluation) -> FloatArray:
        """Return the test accuracy of each row ``(b,)``: a table's, or that of the training itself; or NaN."""
        if "test_accuracy" not in evaluation.metrics:
            return np.full(len(evaluation), np.nan)
        if not self.tabular:
            return np.where(evaluation.ok, evaluation["test_accuracy"], np.nan)
        b = len(architectures)
        epochs = np.full(b, self.protocol.report_epochs or self.evaluator.fidelities[-1])
        return np.array(self.evaluator.evaluate(architectures, epochs, np.full(b, MEAN_SEED))["test_accuracy"])

    # -- what is known of a table beforehand ------------------------------------------------------------

    def everything(self) -> tuple[IntArray, Evaluation] | None:
        """Return all architectures of a table and what an agent would see of each; None where that is unknown."""
        seed = fixed_seed({"training_seed": self.protocol.training_seed})
        if not isinstance(self.evaluator, TableEvaluator) or seed is None:
            return None
        architectures = self.evaluator.architectures()
        b = len(architectures)
        return architectures, self.evaluator.evaluate(architectures, np.full(b, self.epochs), np.full(b, seed))


def _form(objective: Objective, vector: bool) -> Objective:
    return Objective(
        objective.terms, objective.constraints, objective.infeasible_reward, vector, allow_test=objective.allow_test
    )


def _relevant(evaluator: Evaluator, needed: set[str]) -> Evaluator:
    """Leave out a table's columns that neither agents nor results use: dozens of latencies would slow every row."""
    if not isinstance(evaluator, TableEvaluator):
        return evaluator
    kept = [name for name in evaluator.metrics if name in METRICS or name in needed]
    chosen: Any = TableEvaluator(evaluator.table, evaluator.space, evaluator.fidelities, kept)
    return chosen


@lru_cache(maxsize=16)
def _cached(key: str) -> Competition:
    """Make a competition once in each process."""
    config = json.loads(key)
    return Competition(TaskChoice(**config["task"]), Protocol(**config["protocol"]), config["objective"])


def competition_of(task: Mapping[str, Any], protocol: Mapping[str, Any], objective: Any) -> Competition:
    """Return the competition that plain values describe; a process makes it once for each state of its table."""
    described = {"task": task, "protocol": protocol, "objective": objective, "table": _table_file(task)}
    return _cached(json.dumps(described, sort_keys=True))


def _table_file(task: Mapping[str, Any]) -> list[Any] | None:
    """Return path and state of a task's table: a name leads elsewhere under another PYNASCENT_DATA."""
    table = {**TASKS[task["task"]].arguments, **task["evaluator"]}.get("table")
    if table is None:
        return None
    try:
        path = find_table(table).resolve()
    except TableError:
        return None  # whoever takes that argument says what is wrong with it, or knows what it means
    state = path.stat()
    return [str(path), state.st_mtime_ns, state.st_size]
