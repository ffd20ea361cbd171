"""What is known of a task before anyone searches it, where its table is complete: stamped on the results."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...envs.core.evaluation import FloatArray
from ...envs.tables import TableEvaluator
from .benchmark_task import Competition
from .expectation import expected_after_draws, expected_curve, expected_within_seconds
from .pareto import hypervolume, nondominated

SHARES = (0.01, 0.001)
"""Targets beside the optimum: the value that this share of the architectures reaches."""


def task_facts(competition: Competition) -> dict[str, Any]:
    """Return the facts of a task as plain JSON.

    ``space``, ``accuracy``, ``objective``, ``epochs`` and ``terms`` always; of a table its ``table`` and
    ``checksum``; and, where everything that an agent can see is known, ``architectures`` (their number),
    ``optimum`` (the best value), ``optima`` (how many reach it), ``targets``, ``report_at_optimum``,
    ``best_report``, ``reference`` and ``front`` (of ``terms``), ``front_hypervolume``, and ``random``: what
    random search is expected to reach.
    """
    evaluator = competition.evaluator
    vector = competition.vector_objective
    facts: dict[str, Any] = {
        "space": evaluator.space.name,
        "accuracy": competition.accuracy,
        "objective": competition.objective.to_config(),
        "epochs": competition.epochs,
        "fidelities": list(evaluator.fidelities),
        "terms": {} if vector is None else dict(vector.terms),
    }
    if isinstance(evaluator, TableEvaluator):
        facts |= {"table": evaluator.table.header.name, "checksum": evaluator.table.header.sha256}
    known = competition.everything()
    if known is None:
        return facts
    architectures, evaluation = known
    values = competition.values(evaluation)
    reports = competition.reports(architectures, evaluation)
    if np.isnan(values).any():
        return facts
    optimum = float(values.max())
    facts |= {
        "architectures": len(values),
        "optimum": optimum,
        "optima": int((values == optimum).sum()),
        "targets": {f"top {share:.1%}": float(np.quantile(values, 1 - share, method="higher")) for share in SHARES},
    }
    facts["targets"]["optimum"] = optimum
    if not np.isnan(reports).any():
        facts |= {
            "report_at_optimum": float(reports[values == optimum].mean()),
            "best_report": float(reports.max()),
        }
    facts |= _trade_offs(competition.terms(evaluation))
    facts["random"] = _random(competition, values, reports, np.asarray(evaluation.cost_seconds))
    return facts


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


def _random(competition: Competition, values: FloatArray, reports: FloatArray, costs: FloatArray) -> dict[str, Any]:
    """Return what random search with repeats is expected to reach (see `expectation`)."""
    choice = competition.choice
    given = None if np.isnan(reports).any() else reports
    expected = None
    if choice.seconds is None and choice.evaluations is not None:
        expected = expected_after_draws(values, choice.evaluations, given)
    elif choice.evaluations is None and choice.seconds is not None and choice.seconds / 4095 <= 2 * costs.min():
        expected = expected_within_seconds(values, costs, choice.seconds, given, bounds=False)
    # Within a time, searches of small networks make more draws than the mean.
    most = choice.evaluations or int(np.ceil(1.3 * expected.evaluations if expected is not None else 100))
    draws = np.unique(np.geomspace(1, most, 48).round().astype(int))
    found: dict[str, Any] = {"draws": draws.tolist(), "curve": expected_curve(values, draws).tolist()}
    if expected is not None:
        found |= {
            "value": expected.value,
            "sd": expected.sd,
            "report": None if given is None else expected.report,
            "evaluations": expected.evaluations,
        }
    return found
