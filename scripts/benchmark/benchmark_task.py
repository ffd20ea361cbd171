"""A task under a protocol: what every run of it plays, and what there is to know of it beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ...envs import METRICS, TASKS, Evaluation, Evaluator, Objective, SearchTask, objective_from_config
from ...envs.core.evaluation import MEAN_SEED, AsyncEvaluator, FloatArray, IntArray, Metric, TabularEvaluator
from ...envs.core.objective import BoundObjective, flops_isi_objective
from ...envs.core.tasks import make_evaluator
from ...envs.tables import TableError, TableEvaluator, find_table
from ..errors import UsageError
from .choices import TaskChoice
from .protocols import Protocol, fixed_seed

_VECTOR = {"accuracy": 1.0, "ln_flops": -1.0}
OWN_METRICS = 32
"""Columns of a table's own that every row of a run keeps, at most."""


@dataclass
class JudgedRows:
    """How rows are judged beside the reward that the agent saw.

    Attributes:
        value: ``(b,)`` the scalar objective, to be maximised; NaN where a row failed, was of other epochs than the
            protocol's, or breaks a constraint.
        report: ``(b,)`` the metric of the test split, as it is; NaN where unknown.
        terms: ``(b, k)`` the objectives between which there is a trade-off, to be maximised; NaN as ``value``.
        violation: ``(b,)`` by how much a row breaks the constraints; ∞ where it failed.
    """

    value: FloatArray
    report: FloatArray
    terms: FloatArray
    violation: FloatArray


class BenchmarkTask:
    """A task under a protocol.

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
        elif "flops" in full.metrics and self.accuracy != "flops":
            self.vector_objective = Objective(_VECTOR, self.objective.constraints, vector=True)
        else:
            self.vector_objective = None
        self.evaluator = _with_metrics(full, {self.accuracy, *needed})
        self.report_metric = _report_metric(self.accuracy, self.evaluator.metrics)
        self.epochs = protocol.value_epochs(self.evaluator.fidelities, choice.label)
        self.tabular = isinstance(self.evaluator, TabularEvaluator)
        self._value = self.objective.bind(self.evaluator.metrics, self.accuracy)
        self._terms: BoundObjective | None = None
        if self.vector_objective is not None:
            self._terms = self.vector_objective.bind(self.evaluator.metrics, self.accuracy)

    @property
    def live(self) -> bool:
        """Whether candidates are trained for real, by workers of their own: the evaluator hands them out later."""
        return isinstance(self.evaluator, AsyncEvaluator)

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

    def judge(self, architectures: IntArray, evaluation: Evaluation) -> JudgedRows:
        """Return how the rows of ``(b, n)`` architectures are judged."""
        values, violations = self._value.judge(evaluation)
        counted = (violations == 0) & (evaluation.epochs == self.epochs)
        terms = np.empty((len(evaluation), 0))
        if self._terms is not None:
            found, broken = self._terms.judge(evaluation)
            terms = np.where(((broken == 0) & (evaluation.epochs == self.epochs))[:, None], found, np.nan)
        return JudgedRows(
            np.where(counted, values, np.nan), self._reports(architectures, evaluation), terms, violations
        )

    def _reports(self, architectures: IntArray, evaluation: Evaluation) -> FloatArray:
        """Return the test metric of each row ``(b,)``: a table's, or that of the training itself; or NaN."""
        metric = self.report_metric
        if metric is None:
            return np.full(len(evaluation), np.nan)
        if not self.tabular:
            return np.where(evaluation.ok, evaluation[metric.name], np.nan)
        b = len(architectures)
        epochs = np.full(b, self.protocol.report_epochs or self.evaluator.fidelities[-1])
        found = self.evaluator.evaluate(architectures, epochs, np.full(b, MEAN_SEED))
        return np.where(found.ok, found[metric.name], np.nan)

    # -- what is known of a table beforehand ------------------------------------------------------------

    def look_up(self, architectures: IntArray) -> Evaluation | None:
        """Return what an agent would see of architectures ``(b, n)`` of a table; None where that is unknown."""
        seed = fixed_seed({"training_seed": self.protocol.training_seed})
        if not isinstance(self.evaluator, TableEvaluator) or seed is None:
            return None
        b = len(architectures)
        return self.evaluator.evaluate(architectures, np.full(b, self.epochs), np.full(b, seed))


def _form(objective: Objective, vector: bool) -> Objective:
    return Objective(
        objective.terms, objective.constraints, objective.infeasible_reward, vector, allow_test=objective.allow_test
    )


def _report_metric(accuracy: str, metrics: Mapping[str, Metric]) -> Metric | None:
    """Return the test metric that goes with a search metric, ``test_loss`` with ``validation_loss``; or accuracy's."""
    own = accuracy.replace("validation", "test")
    for name in (own, "test_accuracy"):
        if name in metrics and metrics[name].split == "test":
            return metrics[name]
    return None


def _with_metrics(evaluator: Evaluator, needed: set[str]) -> Evaluator:
    """Leave out what no row of a run has room for: of a table's own columns, those after the first `OWN_METRICS`.

    What the objective uses stays, and so do the usual metrics. A subclass of `TableEvaluator` stays as it is.
    """
    if type(evaluator) is not TableEvaluator:
        return evaluator
    usual = [name for name in evaluator.metrics if name in METRICS or name in needed]
    own = [name for name in evaluator.metrics if name not in usual][:OWN_METRICS]
    if len(usual) + len(own) == len(evaluator.metrics):
        return evaluator
    kept = [name for name in evaluator.metrics if name in usual or name in own]
    return TableEvaluator(
        evaluator.table, evaluator.space, evaluator.fidelities, kept, evaluator.missing, evaluator.promotions
    )


@lru_cache(maxsize=16)
def _cached(key: str) -> BenchmarkTask:
    """Make a task once in each process."""
    config = json.loads(key)
    return BenchmarkTask(TaskChoice(**config["task"]), Protocol(**config["protocol"]), config["objective"])


def benchmark_task_of(task: Mapping[str, Any], protocol: Mapping[str, Any], objective: Any) -> BenchmarkTask:
    """Return the task that plain values describe; a process makes it once for each state of its table."""
    made_of = {key: value for key, value in task.items() if key != "source"}  # a process has one version of any code
    described = {"task": made_of, "protocol": protocol, "objective": objective, "table": _table_file(task)}
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
