"""Whether a run reproduces: its rows, its clock and budget, and the columns by which it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.recfunctions import repack_fields

from ....envs import TASKS
from ....envs.core.imports import may_import
from ...errors import UsageError
from ...replay.history import replay_history
from ..benchmark_task import BenchmarkTask, benchmark_task_of
from ..choices import TaskChoice
from ..play import full_question, judged
from ..protocols import fixed_seed
from ..run_file import JUDGEMENT, RunRecord
from ..sources import references

_ARGUMENTS = ("table", "missing", "space", "dataset", "workers", "ranks_per_candidate", "gpus_per_rank")
"""Arguments of an evaluator that a file from elsewhere may give; where it keeps results and runs Ray is ours."""
_PLACES = ("store", "ray_address")


def wrong_question(record: RunRecord, configuration: Mapping[str, Any], task: str, agent: str) -> str | None:
    """Say where a run's file does not belong to the benchmark whose folder it lies in."""
    question = full_question(record.question)
    entry = {key: value for key, value in configuration["tasks"][task].items() if key != "statistics"}
    expected = full_question({"task": entry, "agent": configuration["agents"][agent]})
    expected |= {key: configuration[key] for key in ("protocol", "objective", "workers", "lanes")}
    for key, value in expected.items():
        if question[key] != value:
            return f"seed {question['seed']} was run with another {key} than the benchmark"
    return None


def task_of(record: RunRecord) -> BenchmarkTask:
    """Make the task of a run that comes from elsewhere.

    Raises:
        UsageError: it is not registered here, or its evaluator's arguments name code that the user has not named.
    """
    question = full_question(record.question)
    task = question["task"]
    if task["task"] not in TASKS:
        raise UsageError(f"a run is of the task {task['task']!r}, which is not registered: add the --module that does")
    arguments = {name: value for name, value in task["evaluator"].items() if name not in _PLACES}
    for name, value in arguments.items():
        for reference in references(value if name != "table" else None):
            module = reference.rpartition(":")[0]
            if not may_import(module):
                raise UsageError(
                    f"a run names code of the module {module!r} ({name}: {reference}), which a file from elsewhere "
                    f"does not get to import: add --allow-import {module} if you trust it"
                )
        if name not in _ARGUMENTS or (name == "table" and not isinstance(value, str)):
            raise UsageError(
                f"a run gives its evaluator {name}={value!r}: of a file from elsewhere only {', '.join(_ARGUMENTS)} "
                "are taken"
            )
    if record.about["format"] == 1 and TASKS[task["task"]].evaluator.endswith(":TableEvaluator"):
        # Files of the first format left out columns of a table's own: what they did not record is not compared.
        names = [name for name in record.rows.dtype.names or () if name.startswith("metric.")]
        arguments["metrics"] = [name.removeprefix("metric.") for name in names]
    return benchmark_task_of({**task, "evaluator": arguments}, question["protocol"], question["objective"])


def verify_run(record: RunRecord) -> str | None:
    """Replay a run: its rows, its clock and budget, and the columns by which it is judged.

    Returns:
        What does not reproduce, in one line; None where all does.
    """
    question = record.question
    seed = f"seed {question['seed']}"
    task, rows = task_of(record), record.rows
    vector = rows["reward"].ndim > 1
    try:
        history = record.history_rows(task.evaluator.space)
        result = replay_history(history, task.task(vector), sequential=question["workers"] == 1)
    except ValueError as error:
        return f"{seed}: {error}"
    if result.mismatch is not None:
        return f"{seed}: {result.mismatch}"
    return _wrong_budget(record, seed) or _wrong_fidelity(record, task, seed) or _wrong_judgement(record, task, seed)


def _wrong_budget(record: RunRecord, seed: str) -> str | None:
    task, rows = TaskChoice(**record.question["task"]), record.rows
    if task.evaluations is not None and len(rows) > task.evaluations:
        return f"{seed}: {len(rows)} evaluations with a budget of {task.evaluations}"
    if task.seconds is not None and rows["clock_seconds"].max() > task.seconds * (1 + 1e-12 * len(rows)):
        return f"{seed}: it ended after {rows['clock_seconds'].max()} s with a budget of {task.seconds} s"
    if record.live:
        return None  # its workers are not simulated
    # However they are scheduled, W workers cannot have done more than W seconds of work in a second.
    worked, allowed = float(rows["cost_seconds"].sum()), record.question["workers"] * float(rows["clock_seconds"].max())
    if worked > allowed * (1 + 1e-9):
        return f"{seed}: {worked} s of evaluations do not fit into {allowed} s of its workers"
    return None


def _wrong_fidelity(record: RunRecord, task: BenchmarkTask, seed: str) -> str | None:
    rows, training = record.rows, fixed_seed(record.question["protocol"])
    if training is not None and (rows["seed"] != training).any():
        return f"{seed}: the protocol's training seed is {training}, and rows have others"
    if not task.protocol.choose and (rows["epochs"] != task.epochs).any():
        return f"{seed}: the protocol's evaluations are at {task.epochs} epochs, and rows have others"
    return None


def _wrong_judgement(record: RunRecord, task: BenchmarkTask, seed: str) -> str | None:
    kept = [name for name in record.rows.dtype.names or () if name not in JUDGEMENT]
    bare: Any = repack_fields(record.rows[kept])
    again = judged(task, bare)
    # Files of the first format did not know of violations.
    for name in JUDGEMENT[: 3 if record.about["format"] == 1 else 4]:
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
