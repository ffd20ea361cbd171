"""The tables of a benchmark: a line for each run (``results.csv``), and a line for each pair (``tests.csv``)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ....evaluation.statistics import a12, cohens_d, holm, paired_tests, rank_biserial, welch
from .results import NEVER, TaskResults

TESTS = ("t", "wilcoxon", "welch")


def result_rows(tasks: Sequence[TaskResults], configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a line for each run: its budget and what it came to; times to targets are empty where not reached."""
    rows = []
    for task in tasks:
        for agent, runs in task.runs.items():
            volumes = task.hypervolumes.get(agent)
            for i, run in enumerate(runs):
                row: dict[str, Any] = {
                    "task": task.label,
                    "agent": agent,
                    "seed": run.seed,
                    "protocol": configuration["protocol"]["name"],
                    "budget_evaluations": task.config["evaluations"],
                    "budget_seconds": task.config["seconds"],
                    "evaluations": run.evaluations,
                    "failed": run.failed,
                    "infeasible": run.infeasible,
                    "least_violation": run.least_violation,
                    "simulated_seconds": float(run.clock[-1]),
                    "value": float(run.best[-1]),
                    "value_at_equal_cost": float(run.at(np.array([task.equal_cost]), "best")[0]),
                    "report": task.report_sign * float(run.report[-1]),
                    "at_optimum": None if task.optimum is None else int(run.best[-1] >= task.optimum),
                    "hypervolume": None if volumes is None else float(volumes[i]),
                    "decision_ms": 1e3 * float(run.decision_seconds.mean()),
                    "wall_seconds": run.wall_seconds,
                }
                for name, target in task.targets.items():
                    row[f"evaluations to {name}"] = run.evaluations_to(target)
                    row[f"seconds to {name}"] = run.seconds_to(target)
                if run.in_training is not None:
                    row |= {"mean_in_training": run.in_training.mean, "per_hour": run.in_training.per_hour}
                for name, found in run.found.items():
                    row[f"best {name}"] = " ".join(map(str, found)) if isinstance(found, list) else found
                rows.append(row)
    return rows


def pair_rows(task: TaskResults) -> list[dict[str, Any]]:
    """Return a line for each pair of agents and each measure: tests, corrected among all pairs, and effect sizes.

    Paired tests take the seeds that both agents have, Welch's test and the unpaired effect sizes all runs.
    Runs without a result (−∞) are left out, and pairs with fewer than two seeds in common.
    """
    rows = []
    for measure in task.measures:
        family = []
        scores = {agent: task.scores(agent, measure) for agent in task.runs}
        for one, other in combinations(task.runs, 2):
            by_seed = [
                {
                    run.seed: score
                    for run, score in zip(task.runs[agent], scores[agent], strict=True)
                    if np.isfinite(score)
                }
                for agent in (one, other)
            ]
            seeds = sorted(set(by_seed[0]) & set(by_seed[1]))
            if len(seeds) < 2:
                continue
            x, y = (np.array([found[seed] for seed in seeds]) for found in by_seed)
            all_x, all_y = (np.array(list(found.values())) for found in by_seed)
            p = paired_tests(x, y) | {"welch": welch(all_x, all_y)}
            family.append(
                {
                    "task": task.label,
                    "measure": measure,
                    "agent": one,
                    "other": other,
                    "pairs": len(seeds),
                    "difference": float(all_x.mean() - all_y.mean()),
                    **{f"p_{test}": p[test] for test in TESTS},
                    "cohens_d": cohens_d(all_x, all_y),
                    "a12": a12(all_x, all_y),
                    "rank_biserial": rank_biserial(x, y),
                }
            )
        for test in TESTS:
            adjusted = holm(np.array([row[f"p_{test}"] for row in family]))
            for row, p_holm in zip(family, adjusted, strict=True):
                row[f"p_{test}_holm"] = float(p_holm)
        rows += family
    return rows


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return lines as CSV under the union of their columns; what is missing, never or not a number is empty.

    A text that begins as a formula does (``= + - @``) gets a ``'`` before it, so that no spreadsheet computes it.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and (math.isnan(value) or value in (NEVER, -NEVER))):
        return ""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"  # a spreadsheet would take it for a formula
    return repr(value) if isinstance(value, float) else value
