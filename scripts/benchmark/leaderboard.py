"""The leaderboard: a file of records, each of which replay has reproduced on this machine's tables."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.recfunctions import repack_fields
from rich.markup import escape
from rich.table import Table as Grid

from ...envs.core.evaluation import TabularEvaluator
from ..errors import UsageError
from ..files import write_json
from ..replay.history import replay_history
from ..search.run import versions
from .benchmark_task import Competition, competition_of
from .choices import TaskChoice
from .folder import BenchmarkFolder
from .play import judged
from .protocols import fixed_seed
from .report.results import TaskResults, run_of
from .run_file import RunRecord
from .task_statistics import task_facts

_KEY = ("task", "table", "protocol", "objective", "budget", "agent", "settings", "by")


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
    facts: dict[str, dict[str, Any]] = {}
    for (task, agent), runs in grouped.items():
        wrong = None
        for record in runs:
            wrong = wrong or _wrong_question(record, configuration, task, agent) or verify_run(record)
            done += 1
            if on_runs is not None:
                on_runs(done, total)
        if wrong is not None:
            refused.append(f"{agent} on {task} is not entered: {wrong}")
            continue
        if task not in facts:
            facts[task] = task_facts(_competition(runs[0]))
        new = _record(runs, facts[task], by)
        records = [old for old in records if any(old[key] != new[key] for key in _KEY)] + [new]
        entered.append(f"{agent} on {task}: {new['runs']} runs, value {new['value']:.6g}")
    if entered:
        write_json(board, {"format": 1, "records": records})
    return entered, refused


def _wrong_question(record: RunRecord, configuration: Mapping[str, Any], task: str, agent: str) -> str | None:
    """Say where a run's file does not belong to the benchmark whose folder it lies in."""
    question = record.question
    known = configuration["tasks"][task], configuration["agents"][agent]
    expected = {"task": {key: value for key, value in known[0].items() if key != "facts"}, "agent": known[1]}
    expected |= {key: configuration[key] for key in ("protocol", "objective", "workers", "lanes")}
    for key, value in expected.items():
        if question[key] != value:
            return f"seed {question['seed']} was run with another {key} than the benchmark"
    return None


def _competition(record: RunRecord) -> Competition:
    evaluator = record.question["task"]["evaluator"]
    if set(evaluator) - {"table"} or not isinstance(evaluator.get("table", ""), str):
        # A space or a class named here would be imported: no file may name code to run.
        raise UsageError(f"a run names the evaluator's arguments {evaluator}: only a table's name is expected")
    return competition_of(*(record.question[key] for key in ("task", "protocol", "objective")))


def verify_run(record: RunRecord) -> str | None:
    """Replay a run: its rows, its clock and budget, and the columns by which it is judged.

    Returns:
        What does not reproduce, in one line; None where all does.
    """
    question = record.question
    seed = f"seed {question['seed']}"
    competition, rows = _competition(record), record.rows
    vector = rows["reward"].ndim > 1
    try:
        history = record.history_rows(competition.evaluator.space)
        result = replay_history(history, competition.task(vector), sequential=question["workers"] == 1)
    except ValueError as error:
        return f"{seed}: {error}"
    if result.mismatch is not None:
        return f"{seed}: {result.mismatch}"
    return (
        _wrong_budget(record, seed)
        or _wrong_fidelity(record, competition, seed)
        or _wrong_judgement(record, competition, seed)
    )


def _wrong_budget(record: RunRecord, seed: str) -> str | None:
    task, rows = TaskChoice(**record.question["task"]), record.rows
    if task.evaluations is not None and len(rows) > task.evaluations:
        return f"{seed}: {len(rows)} evaluations with a budget of {task.evaluations}"
    if task.seconds is not None and rows["clock_seconds"].max() > task.seconds:
        return f"{seed}: it ended after {rows['clock_seconds'].max()} s with a budget of {task.seconds} s"
    # However they are scheduled, W workers cannot have done more than W seconds of work in a second.
    worked, allowed = float(rows["cost_seconds"].sum()), record.question["workers"] * float(rows["clock_seconds"].max())
    if worked > allowed * (1 + 1e-9):
        return f"{seed}: {worked} s of evaluations do not fit into {allowed} s of its workers"
    return None


def _wrong_fidelity(record: RunRecord, competition: Competition, seed: str) -> str | None:
    rows, training = record.rows, fixed_seed(record.question["protocol"])
    if training is not None and (rows["seed"] != training).any():
        return f"{seed}: the protocol's training seed is {training}, and rows have others"
    if not competition.protocol.choose and (rows["epochs"] != competition.epochs).any():
        return f"{seed}: the protocol's evaluations are at {competition.epochs} epochs, and rows have others"
    return None


def _wrong_judgement(record: RunRecord, competition: Competition, seed: str) -> str | None:
    kept = [name for name in record.rows.dtype.names or () if name not in ("value", "report", "terms")]
    bare: Any = repack_fields(record.rows[kept])
    again = judged(competition, bare)
    for name in ("value", "report", "terms"):
        if not np.array_equal(again[name], record.rows[name], equal_nan=True):
            row = int(
                np.argmax(
                    [
                        not np.array_equal(a, b, equal_nan=True)
                        for a, b in zip(again[name], record.rows[name], strict=True)
                    ]
                )
            )
            recorded, found = record.rows[name][row], again[name][row]
            return f"{seed}: row {row} does not reproduce: {name} is recorded as {recorded}, found {found}"
    return None


def _record(runs: Sequence[RunRecord], facts: dict[str, Any], by: str) -> dict[str, Any]:
    question = runs[0].question
    task, agent = question["task"], question["agent"]
    results = TaskResults(task["label"], {**task, "facts": facts}, {agent["label"]: [run_of(run) for run in runs]})
    values = results.scores(agent["label"], "value")
    reports = results.scores(agent["label"], "report")
    competition = _competition(runs[0])
    digest = hashlib.sha256(b"".join(run.rows.tobytes() for run in runs)).hexdigest()
    found = results.runs[agent["label"]]

    def sd(numbers: np.ndarray) -> float | None:
        return float(numbers.std(ddof=1)) if len(numbers) > 1 else None

    finite, reported = bool(np.isfinite(values).all()), results.has_reports and bool(np.isfinite(reports).all())
    return {
        "task": task["label"],
        "table": facts.get("checksum"),
        "protocol": question["protocol"],
        "objective": facts["objective"],
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
        "decision_ms": 1e3 * float(np.concatenate([run.decision_seconds for run in found]).mean()),
        "rows": digest,
        "exact": isinstance(competition.evaluator, TabularEvaluator),
        "validated": {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "versions": versions()},
    }


def read_board(path: Path) -> list[dict[str, Any]]:
    """Return a leaderboard's records; none where there is no file.

    Raises:
        UsageError: the file is no leaderboard.
    """
    if not path.exists():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        records = found["records"]
        if found["format"] != 1 or not all(set(_KEY) <= set(record) for record in records):
            raise ValueError(f"its format is {found['format']}")
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no leaderboard ({error}): give another --board") from error
    return records


def board_tables(path: Path, task: str | None = None) -> Iterator[Grid]:
    """Yield a table for each task, table, protocol, objective and budget; the best mean value comes first.

    Raises:
        UsageError: there is no leaderboard, or no such task in it.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist: enter a record first, with pynascent leaderboard add DIR")
    records = read_board(path)
    shown = [record for record in records if task in (None, record["task"])]
    if not shown:
        raise UsageError(f"--task {task}: {path} has {', '.join(sorted({record['task'] for record in records}))}")
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in shown:
        key = json.dumps(
            [record[name] for name in ("task", "table", "protocol", "objective", "budget")], sort_keys=True
        )
        groups.setdefault(key, []).append(record)
    for members in groups.values():
        yield _grid(sorted(members, key=_order))


def _order(record: Mapping[str, Any]) -> tuple[float, float]:
    value, share = record["value"], record["at_optimum"]
    return -(share or 0.0) if record["protocol"]["name"] == "direct" else 0.0, np.inf if value is None else -value


def _grid(records: Sequence[Mapping[str, Any]]) -> Grid:
    first, budget = records[0], []
    limits = first["budget"]
    budget += [f"{limits['evaluations']} evaluations"] if limits["evaluations"] else []
    budget += [f"{limits['seconds']:,.0f} simulated s"] if limits["seconds"] else []
    budget += [f"{limits['workers']} workers"] if limits["workers"] > 1 else []
    title = f"{first['task']}, protocol {first['protocol']['name']}, {', '.join(budget)}"
    grid = Grid(title=escape(title), title_justify="left")
    for heading in ("", "agent", "by", "runs", "value", "test (%)", "optimum", "decision"):
        grid.add_column(heading, justify="left" if heading in ("agent", "by") else "right", no_wrap=True)
    for place, record in enumerate(records, start=1):
        share = record["at_optimum"]
        grid.add_row(
            str(place),
            escape(record["agent"]),
            escape(record["by"]),
            str(record["runs"]),
            _with_sd(record["value"], record["value_sd"], 1.0, 5),
            _with_sd(record["report"], record["report_sd"], 100.0, 2),
            "-" if share is None else f"{share:.0%}",
            f"{record['decision_ms']:.2f} ms",
        )
    return grid


def _with_sd(mean: float | None, sd: float | None, scale: float, digits: int) -> str:
    if mean is None:
        return "-"
    return f"{scale * mean:.{digits}f}" + ("" if sd is None else f" ± {scale * sd:.{digits}f}")
