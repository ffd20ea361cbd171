"""``pynascent replay``: a search's folder, compared with what its task answers today."""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.error import Error as GymnasiumError

from ...envs import TASKS, SearchHistory, SearchTask
from ..errors import UsageError
from ..search.front import front_rows
from ..search.run import check_environment, environment_spec
from ..search.run_folder import ACTIONS, CONFIGURATION, HISTORY, SUMMARY
from .calls import replay_calls
from .history import NOTHING, Mismatch, OnRows, Replay, Rows, is_integer, replay_history


def replay_search(
    file: Path, module: str | None = None, store: Path | None = None, on_rows: OnRows | None = None
) -> Replay:
    """Replay a search from its folder, on the task that its ``search.json`` names.

    Args:
        file: a search's ``history.jsonl``, or its folder.
        module: a module to import first, which registers the environment: no file may name code to run.
        store: for live training, the evaluation store that may answer; None trains everything again, with a
            new, empty store.
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
    if module is not None:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise UsageError(f"--module {module}: {error}") from error
    with ExitStack() as stack:
        task = _task(configuration, module, store, stack)
        result = replay_history(rows, task, sequential=True, on_rows=on_rows)
        if result.mismatch is None:
            mismatch = _check_extent(rows, configuration) or _check_summary(summary, configuration, rows, result, task)
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


def _task(configuration: Mapping[str, Any], module: str | None, store: Path | None, stack: ExitStack) -> SearchTask:
    """Make the task that was searched; ``stack`` closes what it opens."""
    env = configuration.get("env")
    if not isinstance(env, str):
        raise UsageError(f"{CONFIGURATION} names the environment {env}: expected an id")
    needed, _, env = env.rpartition(":")
    if needed and env not in gymnasium.registry:
        raise UsageError(f"environment {env!r} is registered by the module {needed!r}: add --module {needed}")
    check_environment(env)
    given = configuration.get("evaluator") or {}
    if not isinstance(given, Mapping):
        raise UsageError(f"{CONFIGURATION} has the evaluator's arguments {given}: expected an object")
    evaluator = dict(given)
    space = evaluator.get("space")
    code = str(space.get("space", "")).rpartition(":")[0] if isinstance(space, Mapping) else ""
    if code not in ("", module):
        raise UsageError(f"{CONFIGURATION} names a space of the module {code!r}: add --module {code} to import it")
    name = environment_spec(env).kwargs.get("task")
    if name in TASKS and TASKS[name].install == "train":
        if store is None:
            store = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pynascent-"))) / "replay.sqlite"
        # Where it is trained does not change what comes out; a file does not choose whose cluster or store.
        evaluator = {key: value for key, value in evaluator.items() if key not in ("ray_address", "workers")}
        evaluator["store"] = str(store)
    elif store is not None:
        raise UsageError(f"--store is for live training: {env} looks candidates up")
    arguments: dict[str, Any] = {"evaluator": evaluator} if evaluator else {}
    arguments |= {key: configuration[key] for key in ("lam", "mu") if configuration.get(key) is not None}
    try:
        made = gymnasium.make(env, disable_env_checker=True, **arguments)
    except (GymnasiumError, TypeError) as error:
        raise UsageError(f"environment {env!r}: {error}") from error
    stack.callback(made.close)
    return made.unwrapped.task  # type: ignore[attr-defined]


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


def _check_summary(
    summary: Mapping[str, Any] | None, configuration: Mapping[str, Any], rows: Rows, replay: Replay, task: SearchTask
) -> Mismatch | None:
    """Compare what the summary says of the search with the replayed rows."""
    if summary is None:
        return None
    hidden = {name for name, metric in task.evaluator.metrics.items() if metric.split == "test"}
    best = replay.best or {}
    expected = {
        "configuration": dict(configuration),
        "objective": task.objective.objective.to_config(),
        "evaluations": replay.rows,
        "best": {key: value for key, value in best.items() if key not in hidden} or None,
        "test_accuracy": best.get("test_accuracy"),
    }
    if task.objective.objective.vector:
        expected["front"] = front_rows(SearchHistory([dict(row) for row in rows]))
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
