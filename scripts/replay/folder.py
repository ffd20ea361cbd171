"""``pynascent replay``: a search's folder, compared with what its task answers today."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ...envs import SearchHistory, SearchTask
from ..errors import UsageError
from ..judging import violation
from ..received import received_files
from ..search.front import front_rows
from ..search.recorded import recorded_task
from ..search.run_folder import ACTIONS, CONFIGURATION, HISTORY, SUMMARY
from .calls import replay_calls
from .history import NOTHING, Mismatch, OnRows, Replay, Rows, is_integer, replay_history


def replay_search(
    file: Path,
    modules: Sequence[str] = (),
    allow_import: Sequence[str] = (),
    place: Mapping[str, Any] | None = None,
    on_rows: OnRows | None = None,
) -> Replay:
    """Replay a search from its folder, on the task that its ``search.json`` names.

    Args:
        file: a search's ``history.jsonl``, or its folder.
        modules: modules or files to import first, which register the environment or hold components.
        allow_import: further modules that the record may have imported: otherwise no file names code to run.
        place: for live training, the evaluator's arguments ``store``, ``workers`` and ``ray_address``. A store may
            answer; without one everything is trained again, with a new, empty one.
        on_rows: called after each batch with the rows done and all rows.

    Raises:
        UsageError: there is no such file, it is no history, or what the search needs is missing.
    """
    path = file / HISTORY if file.is_dir() else file
    folder = path.parent
    if not path.is_file():
        raise UsageError(f"{path} does not exist: give a search's {HISTORY}, or its folder")
    configuration = _read_object(folder / CONFIGURATION, "the search's configuration")
    summary = _read_object(folder / SUMMARY, "its summary") if (folder / SUMMARY).exists() else None
    rows = _read_rows(path, whole=summary is not None)
    calls = _read_rows(folder / ACTIONS, whole=True, what="call") if (folder / ACTIONS).exists() else []
    with received_files(modules, allow_import), ExitStack() as stack:
        task = recorded_task(configuration, stack, place)
        result = replay_history(
            rows, task, sequential=not (task.live and any("ended_seconds" in row for row in rows)), on_rows=on_rows
        )
        if result.mismatch is None:
            mismatch = _check_extent(rows, configuration) or _check_trials(rows, task)
            mismatch = mismatch or _check_summary(summary, configuration, rows, result, task)
            if mismatch is None and calls:
                mismatch = replay_calls(folder / ACTIONS, calls, rows, configuration, task)
            result = Replay(result.rows, result.best, mismatch, summary is not None, len(calls))
    return result


def _read_object(path: Path, what: str) -> dict[str, Any]:
    if not path.is_file():
        raise UsageError(f"{path} is missing: a replay needs {what} beside the history")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path} holds a {type(value).__name__}: expected an object")
    return value


def _read_rows(path: Path, whole: bool, what: str = "evaluation") -> list[dict[str, Any]]:
    """Read a history; the half line that a killed search can leave is passed over unless it must be whole."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text: {error}") from error
    if lines[-1] and whole:
        raise UsageError(f"{path} ends within line {len(lines)}, though its search was finished: it has been cut")
    rows = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path} line {number} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise UsageError(f"{path} line {number} holds a {type(row).__name__}: expected an object")
        rows.append(row)
    if not rows:
        raise UsageError(f"{path} holds no {what}: there is nothing to replay")
    return rows


def _check_extent(rows: Rows, configuration: Mapping[str, Any]) -> Mismatch | None:
    """Compare the rows with what the search was allowed."""
    evaluations, epochs = configuration.get("evaluations"), configuration.get("epochs")
    if isinstance(evaluations, int) and len(rows) > evaluations:
        return Mismatch(evaluations, "index", evaluations, f"a budget of {evaluations} evaluations, spent before it")
    if is_integer(epochs):
        for i, row in enumerate(rows):
            if row["epochs"] != epochs:
                return Mismatch(i, "epochs", row["epochs"], f"epochs={epochs} for all evaluations of this search")
    return None


def _check_trials(rows: Rows, task: SearchTask) -> Mismatch | None:
    """Check that every candidate was told once and, where nothing runs side by side, in the order of asking."""
    told: set[int] = set()
    for i, row in enumerate(rows):
        if "trial" not in row and "trial" not in rows[0]:  # a record from before trials had numbers
            continue
        trial = row.get("trial", NOTHING)
        if not is_integer(trial) or trial < 0 or (trial != i and not task.live):
            return Mismatch(i, "trial", trial, i)
        if trial in told:
            return Mismatch(i, "trial", trial, "a trial that has ended before")
        told.add(trial)
    return None


def _check_summary(
    summary: Mapping[str, Any] | None, configuration: Mapping[str, Any], rows: Rows, replay: Replay, task: SearchTask
) -> Mismatch | None:
    """Compare what the summary says of the search with the replayed rows."""
    if summary is None:
        return None
    hidden = {name for name, metric in task.evaluator.metrics.items() if metric.split == "test"}
    best = replay.best or {}
    expected: dict[str, Any] = {
        "configuration": dict(configuration),
        "objective": task.objective.objective.to_config(),
        "evaluations": replay.rows,
        "best": {key: value for key, value in best.items() if key not in hidden} or None,
        "test_accuracy": best.get("test_accuracy"),
    }
    # What summaries have not always had is compared where they have it.
    if "feasible" in summary:
        expected["feasible"] = violation(task, best) == 0 if best else None
    if "test" in summary:
        expected["test"] = {name: best[name] for name in sorted(hidden & set(best))}
    if task.objective.objective.vector:
        expected["front"] = front_rows(SearchHistory([dict(row) for row in rows]), task)
    for name, value in expected.items():
        recorded = summary.get(name, NOTHING)
        if recorded == value:
            continue
        if name == "best" and isinstance(recorded, dict) and isinstance(value, dict):
            for key in sorted({*recorded, *value}):
                if recorded.get(key, NOTHING) != value.get(key, NOTHING):
                    return Mismatch(None, f"best.{key}", recorded.get(key, NOTHING), value.get(key, NOTHING))
        return Mismatch(None, name, recorded, value)
    return None
