"""Entering records: a benchmark's runs that all reproduce."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....envs.core.evaluation import TabularEvaluator
from ...errors import UsageError
from ...files import write_json
from ...versions import versions
from ..folder import BenchmarkFolder
from ..report.results import TaskResults, run_of
from ..run_file import RunRecord
from ..task_statistics import task_statistics
from .board import KEY, read_board
from .verification import task_of, verify_run, wrong_question


def add_records(
    board: Path,
    source: Path,
    agents: Sequence[str] | None = None,
    by: str = "",
    on_runs: Callable[[int, int], None] | None = None,
) -> tuple[list[str], list[str]]:
    """Replay a benchmark's runs and enter a record for each task and agent whose runs all reproduce.

    A record that is there already (same task, table, protocol, budget, agent, settings and ``by``) is replaced.

    Args:
        board: the leaderboard's file; it is made where there is none.
        source: a benchmark's folder.
        agents: labels of the agents to enter; None for all.
        by: whose records they are.
        on_runs: called after each run with the runs done and all runs.

    Returns:
        A line for each record entered, and one for each that was refused.

    Raises:
        UsageError: a file is no leaderboard or no benchmark, or an agent is not in it.
    """
    folder, records = BenchmarkFolder(source), read_board(board)
    configuration = folder.configuration()
    for label in agents or []:
        if label not in configuration["agents"]:
            raise UsageError(f"--agent {label}: {source} has {', '.join(configuration['agents'])}")
    grouped: dict[tuple[str, str], list[RunRecord]] = {}
    for task, agent, _, record in folder.runs():
        if not agents or agent in agents:
            grouped.setdefault((task, agent), []).append(record)
    if not grouped:
        raise UsageError(f"{source} has no finished run to enter")
    entered, refused, done = [], [], 0
    total = sum(map(len, grouped.values()))
    statistics: dict[str, dict[str, Any]] = {}
    for (task, agent), runs in grouped.items():
        wrong = None
        for record in runs:
            wrong = wrong or wrong_question(record, configuration, task, agent) or verify_run(record)
            done += 1
            if on_runs is not None:
                on_runs(done, total)
        if wrong is not None:
            refused.append(f"{agent} on {task} is not entered: {wrong}")
            continue
        if task not in statistics:
            statistics[task] = task_statistics(task_of(runs[0]))
        new = _record(runs, statistics[task], by)
        records = [old for old in records if any(old[key] != new[key] for key in KEY)] + [new]
        value = "no value in some" if new["value"] is None else f"value {new['value']:.6g}"
        entered.append(f"{agent} on {task}: {new['runs']} runs, {value}")
    if entered:
        write_json(board, {"format": 1, "records": records})
    return entered, refused


def _record(runs: Sequence[RunRecord], statistics: dict[str, Any], by: str) -> dict[str, Any]:
    question = runs[0].question
    task, agent = question["task"], question["agent"]
    results = TaskResults(task["label"], {**task, "statistics": statistics})
    results.runs[agent["label"]] = [run_of(run, results.report_sign) for run in runs]
    values = results.scores(agent["label"], "value")
    reports = results.report_sign * results.scores(agent["label"], "report")
    digest = hashlib.sha256(b"".join(run.rows.tobytes() for run in runs)).hexdigest()
    found = results.runs[agent["label"]]

    def sd(numbers: np.ndarray) -> float | None:
        return float(numbers.std(ddof=1)) if len(numbers) > 1 else None

    finite, reported = bool(np.isfinite(values).all()), results.has_reports and bool(np.isfinite(reports).all())
    return {
        "task": task["label"],
        "table": statistics.get("checksum"),
        "protocol": question["protocol"],
        "objective": statistics["objective"],
        "budget": {**{key: task[key] for key in ("evaluations", "seconds")}, "workers": question["workers"]},
        "agent": agent["label"],
        "settings": {**agent, "lanes": question["lanes"]},
        "by": by,
        "runs": len(runs),
        "seeds": [run.question["seed"] for run in runs],
        "value": float(values.mean()) if finite else None,
        "value_sd": sd(values) if finite else None,
        "report": float(reports.mean()) if reported else None,
        "report_sd": sd(reports) if reported else None,
        "at_optimum": None if results.optimum is None else float((values >= results.optimum).mean()),
        "shown": {name: statistics[name] for name in ("value", "report")},
        "decision_ms": 1e3 * float(np.concatenate([run.decision_seconds for run in found]).mean()),
        "rows": digest,
        "exact": isinstance(task_of(runs[0]).evaluator, TabularEvaluator),
        "validated": {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "versions": versions()},
    }
