"""Search tasks: a space, an evaluator and an objective; and the registry of those that come by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..spaces import SearchSpace
from .budget import BudgetedEvaluator, SearchBudget
from .evaluation import METRICS, AsyncEvaluator, Evaluation, Evaluator, FloatArray, IntArray, metric_range
from .history import RecordSearch, SearchHistory
from .numbers import is_finite
from .objective import BoundObjective, Objective, flops_isi_objective, objective_from_config
from .quantities.promotions import priced
from .quantities.query import query
from .suggestions import did_you_mean, match_name
from .trials import NumberedTrials, live_evaluation


@dataclass(frozen=True)
class TaskSpec:
    """How a named task is made.

    Attributes:
        name: the ``<Task>`` of an id ``PyNASCENT/<Task>-<Formulation>-v0``.
        description: one line for listings.
        evaluator: ``"module:Class"``, imported when an environment of the task is made.
        arguments: the evaluator's keyword arguments, plain JSON.
        lam: default λ of accuracy − λ ln FLOPs − μ (1 − ISI).
        mu: default μ.
        accuracy: the metric that the objective's term ``accuracy`` stands for; an evaluator's own
            ``search_metric`` goes before it.
        install: the extra that the evaluator needs, for the error when it is missing.
        requires: arguments that a user has to give.
    """

    name: str
    description: str
    evaluator: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    lam: float = 0.0
    mu: float = 0.0
    accuracy: str = "validation_accuracy"
    install: str | None = None
    requires: tuple[str, ...] = ()


TASKS: dict[str, TaskSpec] = {}


def register_task(spec: TaskSpec) -> None:
    """Add a task to the registry.

    Raises:
        ValueError: a different task has that name already.
    """
    if TASKS.get(spec.name, spec) != spec:
        raise ValueError(f"a task {spec.name!r} is registered already: choose another name")
    TASKS[spec.name] = spec


def find_task(name: str) -> TaskSpec:
    """Return a registered task; the name's case does not matter (the table of the task ``Digits`` is ``digits``).

    Raises:
        ValueError: the name is unknown; the message lists the known ones.
    """
    found = match_name(name, TASKS)
    if found is None:
        hint = did_you_mean(name, TASKS)
        raise ValueError(f"task {name!r} is unknown{hint}: known are {', '.join(sorted(TASKS))}")
    return TASKS[found]


def make_evaluator(spec: TaskSpec, arguments: Mapping[str, Any] | None = None) -> Evaluator:
    """Make a task's evaluator, with arguments that override the task's own.

    Raises:
        ModuleNotFoundError: a package that it needs is missing; the message names the extra.
        ValueError: an argument does not fit.
    """
    module, _, name = spec.evaluator.partition(":")
    try:
        factory: Callable[..., Evaluator] = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if spec.install is None or (error.name or "").startswith("pynascent"):
            raise
        raise ModuleNotFoundError(
            f"the task {spec.name!r} needs the package {error.name!r}: pip install 'pynascent[{spec.install}]'",
            name=error.name,
        ) from error
    given = {**spec.arguments, **(arguments or {})}
    for name in spec.requires:
        if name not in given:
            raise ValueError(f"the task {spec.name!r} needs {name}=…: {spec.description}")
    try:
        return factory(**given)
    except TypeError as error:
        raise ValueError(f"evaluator of the task {spec.name!r}: {error}") from error


class SearchTask:
    """What is searched: a space, the evaluator that judges it, and the objective that rewards.

    Args:
        evaluator: judges architectures of its space.
        objective: metrics → reward.
        accuracy: the metric that the objective's term ``accuracy`` stands for.
    """

    def __init__(self, evaluator: Evaluator, objective: Objective, accuracy: str = "validation_accuracy") -> None:
        self.evaluator = evaluator
        self.objective: BoundObjective = objective.bind(evaluator.metrics, accuracy, partial(metric_range, evaluator))
        self.accuracy = accuracy
        self.budget: SearchBudget | None = None
        # What an environment shows: everything but what is measured on test data, which is for reports alone, and a
        # table's own columns with gaps: Gymnasium's checker takes NaN for unequal to itself. Histories have them.
        gaps = set(getattr(evaluator, "metrics_with_gaps", ())) - {*METRICS, accuracy, *self.objective.metrics}
        self.visible_metrics = tuple(
            name for name, metric in evaluator.metrics.items() if metric.split != "test" and name not in gaps
        )
        self._asked: Evaluator = evaluator

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return self.evaluator.space

    @property
    def decorated(self) -> bool:
        """Whether a budget or a record is attached, so that every evaluation must pass through them."""
        return self._asked is not self.evaluator

    def evaluate(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> tuple[Evaluation, FloatArray]:
        """Return the evaluation of ``(b, n)`` architectures and their rewards, ``(b,)`` or ``(b, k)``."""
        evaluation, rewards, _ = self.judge(architectures, epochs, seeds)
        return evaluation, rewards

    def judge(
        self, architectures: IntArray, epochs: IntArray, seeds: IntArray
    ) -> tuple[Evaluation, FloatArray, FloatArray]:
        """Return the evaluation of ``(b, n)`` architectures, their rewards, and their violations ``(b,)``."""
        evaluation = self._asked.evaluate(architectures, epochs, seeds)
        return evaluation, *self.objective.judge(evaluation)

    def query(self, architecture: Any, epochs: Any = None, seed: Any = 0) -> dict[str, Any]:
        """Return what the task says of an architecture, with its ``reward`` and ``violation`` (see `query.query`).

        It is charged to no budget and recorded nowhere.
        """
        return query(self, architecture, epochs, seed)

    @property
    def live(self) -> bool:
        """Whether candidates can be handed in (`submit`) and collected as they end: the evaluator trains live."""
        return isinstance(self.evaluator, AsyncEvaluator)

    def submit(self, architectures: IntArray, epochs: IntArray, seeds: IntArray) -> list[int]:
        """Hand in ``(b, n)`` architectures for training, during a `search`; the caller goes on meanwhile.

        Returns:
            The trial numbers of those that the budget covers, a prefix of the b. They are reserved from now on and
            paid when they are collected.

        Raises:
            TypeError: the evaluator is not one that works while the caller goes on (`live`).
            RuntimeError: no search is under way.
        """
        if not self.decorated:
            raise RuntimeError("trials are numbered within a search: submit within `with task.search(...)`")
        return live_evaluation(self._asked).submit(architectures, epochs, seeds)

    def collect(self, timeout: float | None = None) -> list[tuple[int, Evaluation, FloatArray, FloatArray]]:
        """Wait until a trial has ended.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes.

        Returns:
            For each trial that has ended (one, as a rule) its number, its evaluation of one row, its reward ``(1,)``
            or ``(1, k)`` and its violation ``(1,)``. Nothing under way, or nothing in time: []. The status of one
            that the budget turned out not to cover is ``UNPAID``.

        Raises:
            Exception: whatever the evaluator raises; trials that have ended can still be collected.
        """
        results = live_evaluation(self._asked).collect(timeout)
        return [(trial, evaluation, *self.objective.judge(evaluation)) for trial, evaluation in results]

    @contextmanager
    def search(
        self,
        budget: SearchBudget | None = None,
        on_evaluation: Callable[[dict[str, Any]], None] | None = None,
        order: Iterable[int] = (),
    ) -> Iterator[SearchHistory]:
        """Attach a budget and a record for the length of a ``with`` block; yields the history.

        Args:
            budget: what may be spent.
            on_evaluation: called with each new row.
            order: the column ``trial`` of a live search that is resumed or replayed: results are handed out in this
                order first, then as they come.

        Raises:
            RuntimeError: a search is already under way in this task.
        """
        if self.decorated:
            raise RuntimeError("this environment is in a search already: make another one for a second search")
        base = self._numbered(order)
        paid = base if budget is None else BudgetedEvaluator(base, budget)
        record = RecordSearch(paid, self.objective, on_evaluation)
        self.budget, self._asked = budget, record
        try:
            yield record.history
        finally:
            self.budget, self._asked = None, self.evaluator

    def attach(self, budget: SearchBudget) -> None:
        """Attach a budget for good (``budget=`` of an environment)."""
        self.budget, self._asked = budget, BudgetedEvaluator(self._numbered(), budget)

    def _numbered(self, order: Iterable[int] = ()) -> Evaluator:
        """Return the evaluator with its prices, and with numbered trials where it trains live."""
        live = isinstance(self.evaluator, AsyncEvaluator)
        return priced(NumberedTrials(self.evaluator, order) if live else self.evaluator)  # type: ignore[arg-type]


def make_task(
    task: str,
    evaluator: Evaluator | Mapping[str, Any] | None = None,
    objective: Objective | Mapping[str, Any] | None = None,
    lam: float | None = None,
    mu: float | None = None,
    table: str | None = None,
) -> SearchTask:
    """Make a named task, with parts of it replaced.

    Args:
        task: a name in the registry.
        evaluator: an evaluator to use instead, or arguments for the task's own.
        objective: an objective, or its plain JSON form; the default is accuracy − λ ln FLOPs − μ (1 − ISI).
        lam: λ; the default is the task's.
        mu: μ; the default is the task's.
        table: name or path of the table to look up, for a task that looks up: ``evaluator={"table": …}`` in short.

    Raises:
        ValueError: ``objective`` together with ``lam`` or ``mu``, or a part that does not fit.
    """
    spec = find_task(task)
    if objective is not None and (lam is not None or mu is not None):
        raise ValueError("give either objective or lam and mu: the two weights belong to the default objective")
    for name, weight in (("lam", lam), ("mu", mu)):
        if weight is not None and not (is_finite(weight) and weight >= 0):
            raise ValueError(f"{name}={weight!r}: give a finite weight of at least 0")
    if objective is None:
        chosen = flops_isi_objective(spec.lam if lam is None else lam, spec.mu if mu is None else mu)
    else:
        chosen = objective_from_config(objective)
    if table is not None:
        if not (evaluator is None or isinstance(evaluator, Mapping)):
            raise ValueError("give either table or an evaluator: the table is looked up by the task's own evaluator")
        evaluator = {**(evaluator or {}), "table": table}
    if evaluator is None or isinstance(evaluator, Mapping):
        evaluator = make_evaluator(spec, evaluator)
    return SearchTask(evaluator, chosen, getattr(evaluator, "search_metric", spec.accuracy))
