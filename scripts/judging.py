"""How rows of a search are compared and worded: feasible first, and each metric in its own direction and unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..envs import Evaluation, Metric, SearchHistory, SearchTask, Status

Row = Mapping[str, Any]
MEASURED = ("ok", "incomplete")
"""How an evaluation ends that has measured something; of an incomplete one a later stage failed."""


def violation(task: SearchTask, row: Row) -> float:
    """Return by how much a row breaks the objective's constraints: 0 where it keeps them, ∞ where it failed."""
    if row["status"] not in MEASURED:
        return math.inf
    if not task.objective.objective.constraints:
        return 0.0
    columns = {name: np.array([_number(row.get(name))]) for name in task.objective.metrics}
    one = np.ones(1, dtype=np.int64)
    evaluation = Evaluation(np.array([Status.OK], dtype=np.int8), one, one, columns, np.zeros(1))
    return float(task.objective.judge(evaluation)[1][0])


def worth(task: SearchTask, row: Row) -> tuple[float, float, float]:
    """Return a key for ``max``: the largest fidelity first, then the least violation, then the reward.

    Where rewards are vectors, the task's accuracy stands in for them, in its direction.
    """
    reward = row["reward"]
    if isinstance(reward, list):
        value = _number(row.get(task.accuracy))
        reward = value if accuracy_metric(task).maximize else -value
        reward = -math.inf if math.isnan(reward) else reward
    return row["epochs"], -violation(task, row), reward


def best_row(history: SearchHistory, task: SearchTask) -> dict[str, Any] | None:
    """Return the best of the rows that are compared (`SearchHistory.comparable`), the first of equals, or None.

    None too where rewards are vectors, of which none need be the best.
    """
    compared = [] if task.objective.objective.vector else history.comparable()
    return max(compared, key=lambda row: worth(task, row), default=None)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)  # JSON has no NaN


def accuracy_metric(task: SearchTask) -> Metric:
    """Return the metric that the task's term ``accuracy`` stands for: it may be a loss."""
    return task.evaluator.metrics.get(task.accuracy) or Metric(task.accuracy, "", maximize=True)


def metric_text(metric: Metric, value: Any) -> str:
    """Return a metric's value with its unit: ``0.8125``, ``0.4132 nats``, ``12.5 ms``."""
    if value is None or not math.isfinite(value):
        return "unknown"
    plain = metric.unit in ("", "fraction")
    return f"{value:.4f}" if plain else f"{value:.4g} {metric.unit}"


def metric_label(metric: Metric, unit: bool = True) -> str:
    """Return a metric's name in words, with its unit: ``validation accuracy``, ``validation loss (nats)``."""
    words = metric.name.replace("_", " ")
    return f"{words} ({metric.unit})" if unit and metric.unit not in ("", "fraction") else words
