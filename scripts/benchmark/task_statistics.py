"""What is known of a task before anyone searches it, where its table is complete: stamped on the results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...envs import Evaluation, Objective
from ...envs.core.evaluation import FloatArray, Metric, Status
from ...envs.spaces import SearchSpace
from ...envs.tables import TableEvaluator
from ...envs.tables.covered import CoveredSpace
from .benchmark_task import BenchmarkTask, JudgedRows
from .expectation import expected_after_draws, expected_curve, expected_within_seconds
from .pareto import hypervolume, nondominated

SHARES = (0.01, 0.001)
"""Targets beside the optimum: the value that this share of the (feasible) architectures reaches."""

ENUMERABLE = 2**22
"""Largest space whose architectures are all looked up to say what random search is expected to reach."""


def task_statistics(task: BenchmarkTask) -> dict[str, Any]:
    """Return the statistics of a task as plain JSON.

    ``space``, ``accuracy``, ``objective``, ``epochs``, ``terms``, ``live`` and, for what is shown, ``value``,
    ``report`` and ``search_metric`` (``label`` and ``factor``, a negative one where less is better) always; of a table
    its ``table`` and ``checksum``; and, where everything that an agent can see is known, ``architectures`` (their
    number), ``feasible`` (how many of them keep the constraints), ``optimum`` (the best value of a feasible one),
    ``optima`` (how many reach it), ``targets``, ``report_at_optimum``, ``best_report``, ``reference`` and ``front`` (of
    ``terms``), ``front_hypervolume``, and ``random``: what random search is expected to reach.
    """
    evaluator = task.evaluator
    vector = task.vector_objective
    found: dict[str, Any] = {
        "space": evaluator.space.name,
        "accuracy": task.accuracy,
        "objective": task.objective.to_config(),
        "epochs": task.epochs,
        "fidelities": list(evaluator.fidelities),
        "terms": {} if vector is None else dict(vector.terms),
        "value": shown_value(task),
        "report": _shown(task.report_metric),
        "search_metric": _shown(evaluator.metrics[task.accuracy]),
        "live": task.live,
    }
    if not isinstance(evaluator, TableEvaluator):
        return found
    found |= {"table": evaluator.table.header.name, "checksum": evaluator.table.header.sha256}
    architectures = evaluator.architectures()
    seen = task.look_up(architectures)
    if seen is None:
        return found
    judged = task.judge(architectures, seen)
    feasible = judged.violation == 0
    if not seen.ok.all() or not feasible.any():
        return found
    values = judged.value[feasible]
    optimum = float(values.max())
    found |= {
        "architectures": len(feasible),
        "feasible": int(feasible.sum()),
        "optimum": optimum,
        "optima": int((values == optimum).sum()),
        "targets": {f"top {share:.1%}": float(np.quantile(values, 1 - share, method="higher")) for share in SHARES},
    }
    found["targets"]["optimum"] = optimum
    reports = judged.report[feasible]
    if task.report_metric is not None and not np.isnan(reports).any():
        best = reports.max() if task.report_metric.maximize else reports.min()
        found |= {"report_at_optimum": float(reports[values == optimum].mean()), "best_report": float(best)}
    found |= _trade_offs(judged.terms)
    drawn = _every_draw(task, evaluator)
    if drawn is not None:
        found["random"] = _random(task, *drawn)
    return found


# -- how values are shown ---------------------------------------------------------------------------------


def shown_value(task: BenchmarkTask) -> dict[str, Any]:
    """Return label and factor of the value: of the metric itself where the objective is nothing but that.

    The value is always to be maximised. That of a metric of which less is better is its negative, so that the factor
    that shows the metric itself is negative.
    """
    terms = task.objective.terms
    bound = task.objective.bind(task.evaluator.metrics, task.accuracy)
    (term, weight), *others = terms.items()
    name = task.accuracy if term == "accuracy" else term
    metric = task.evaluator.metrics.get(name)
    if others or abs(weight) != 1.0 or metric is None:
        return {"label": "reward", "factor": 1.0}
    columns = {name: np.ones(1) for name in bound.metrics}
    number = np.ones(1, dtype=np.int64)
    one = Evaluation(np.array([Status.OK], dtype=np.int8), number, number, columns, np.zeros(1))
    terms_alone = Objective(terms).bind(task.evaluator.metrics, task.accuracy)
    sign = float(np.sign(terms_alone(one)[0]))
    shown = _shown(metric)
    return {**shown, "factor": sign * abs(shown["factor"])}


def _shown(metric: Metric | None) -> dict[str, Any]:
    """Return label and factor of a metric: fractions are shown in per cent, other units as they are."""
    if metric is None:
        return {"label": "test accuracy (%)", "factor": 100.0}
    words, sign = metric.name.replace("_", " "), 1.0 if metric.maximize else -1.0
    if metric.unit == "fraction":
        return {"label": f"{words} (%)", "factor": sign * 100.0}
    return {"label": f"{words} ({metric.unit})" if metric.unit else words, "factor": sign}


# -- fronts ---------------------------------------------------------------------------------------------


def _trade_offs(terms: FloatArray) -> dict[str, Any]:
    terms = terms[~np.isnan(terms).any(axis=1)]
    if terms.shape[1] < 2 or not len(terms):
        return {}
    front, reference = nondominated(terms), terms.min(axis=0)
    return {
        "reference": reference.tolist(),
        "front": front.tolist(),
        "front_hypervolume": hypervolume(front, reference),
    }


# -- random search --------------------------------------------------------------------------------------


def _every_draw(task: BenchmarkTask, evaluator: TableEvaluator) -> tuple[JudgedRows, FloatArray] | None:
    """Return every architecture that random search may draw, judged, and what each costs; None where that is unknown.

    They are those of the space, not the rows of the table: a row that stands for a canonical form is there as often
    as its class has members, which is how often a uniform draw hits it.
    """
    space = evaluator.space
    if isinstance(space, CoveredSpace):  # rows are what is drawn
        architectures = space.listed
    elif space.size > ENUMERABLE or type(space).sample is not SearchSpace.sample:
        return None  # a sampler of its own may draw otherwise than uniformly
    else:
        architectures = np.concatenate(list(space.enumerate()))
    if evaluator.missing == "error" and not evaluator.covers(architectures).all():
        return None
    seen = task.look_up(architectures)
    return None if seen is None else (task.judge(architectures, seen), np.asarray(seen.cost_seconds))


def _random(task: BenchmarkTask, judged: JudgedRows, costs: FloatArray) -> dict[str, Any]:
    """Return what random search with repeats is expected to reach (see `expectation`)."""
    choice = task.choice
    values = np.where(np.isnan(judged.value), -np.inf, judged.value)
    given = None if np.isnan(judged.report[values > -np.inf]).any() else judged.report
    expected = None
    if choice.seconds is None and choice.evaluations is not None:
        expected = expected_after_draws(values, choice.evaluations, given)
    elif choice.evaluations is None and choice.seconds is not None and choice.seconds / 4095 <= 2 * costs.min():
        expected = expected_within_seconds(values, costs, choice.seconds, given, bounds=False)
    # Within a time, searches of small networks make more draws than the mean.
    most = choice.evaluations or int(np.ceil(1.3 * expected.evaluations if expected is not None else 100))
    draws = np.unique(np.geomspace(1, most, 48).round().astype(int))
    found: dict[str, Any] = {
        "draws": draws.tolist(),
        "curve": expected_curve(values, draws).tolist(),
        "seconds_per_draw": float(costs.mean()),
    }
    if expected is not None:
        found |= {
            "value": expected.value,
            "sd": expected.sd,
            "report": None if given is None else expected.report,
            "evaluations": expected.evaluations,
            "nothing": expected.nothing,
        }
    return found


# -- files of before ------------------------------------------------------------------------------------


def of_configuration(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's entry of ``benchmark.json``, with what files of earlier versions call otherwise or lack."""
    found = dict(entry)
    statistics = dict(found.pop("facts", None) or found.get("statistics") or {})
    percent = list(statistics.get("objective", {}).get("terms", {}).items()) == [("accuracy", 1.0)]
    name = str(statistics.get("accuracy", "accuracy")).replace("_", " ")
    statistics.setdefault(
        "value", {"label": f"{name} (%)", "factor": 100.0} if percent else {"label": "reward", "factor": 1.0}
    )
    statistics.setdefault("report", {"label": "test accuracy (%)", "factor": 100.0})
    statistics.setdefault("live", False)
    return {**found, "statistics": statistics}
