"""The folder of a benchmark: what was asked, a file for each run, and what comes of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..files import replace_file, write_json
from .play import full_question
from .run_file import RunRecord, read_run
from .task_statistics import of_configuration

CONFIGURATION, RUNS = "benchmark.json", "runs"
RESULTS, TESTS, REPORT = "results.csv", "tests.csv", "report.html"

# What must be the same when a benchmark is gone on with; agents, tasks and seeds may be added.
_FIXED = ("protocol", "objective", "workers", "lanes")
# Statistics that say whether a task is the same; the others are computed from it, to the last bit or nearly so.
_IDENTITY = ("space", "accuracy", "objective", "epochs", "fidelities", "terms", "table", "checksum")


class BenchmarkFolder:
    """A benchmark's folder.

    ``benchmark.json`` is written first. ``runs/TASK/AGENT/SEED.npz`` is written under another name and then
    renamed, so a run that is there is complete. ``results.csv``, ``tests.csv`` and ``report.html`` are made
    of these alone.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def run_path(self, task: str, agent: str, seed: int) -> Path:
        """Return the file of a run."""
        return self.path / RUNS / task / agent / f"{seed}.npz"

    def open(self, configuration: dict[str, Any], resume: bool) -> dict[str, Any]:
        """Claim the folder; returns the configuration together with what an earlier one asked for.

        Args:
            configuration: ``protocol``, ``objective``, ``workers``, ``lanes``, and by label ``tasks`` (each with
                its ``statistics``) and ``agents``; ``seeds``.
            resume: go on with the benchmark there.

        Raises:
            UsageError: the folder holds something else, or (resuming) another configuration.
        """
        file = self.path / CONFIGURATION
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"--out {self.path} is a file: give a folder")
        if not file.exists():
            if self.path.exists() and any(self.path.iterdir()):
                raise UsageError(f"--out {self.path} holds other files ({CONFIGURATION} is missing): give a new folder")
        elif not resume:
            raise UsageError(
                f"--out {self.path} holds a benchmark: add --resume to go on with it, or give a new folder"
            )
        else:
            configuration = _joined(self.configuration(), configuration, self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(file, configuration)
        except OSError as error:
            raise UsageError(f"cannot write to {self.path}: {error.strerror}; choose another --out") from error
        return configuration

    def configuration(self) -> dict[str, Any]:
        """Return what was asked.

        Raises:
            UsageError: the folder holds no benchmark.
        """
        file = self.path / CONFIGURATION
        if not file.is_file():
            raise UsageError(f"{self.path} holds no benchmark ({CONFIGURATION} is missing)")
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(f"{file} is no JSON: {error}") from error
        missing = [key for key in (*_FIXED, "tasks", "agents", "seeds") if key not in found]
        if missing:
            raise UsageError(f"{file} lacks {missing[0]!r}: it is no benchmark's configuration")
        return found | {"tasks": {label: of_configuration(entry) for label, entry in found["tasks"].items()}}

    def has(self, question: Mapping[str, Any]) -> bool:
        """Say whether a run is there.

        Raises:
            UsageError: the file there is of another question, or damaged.
        """
        path = self.run_path(question["task"]["label"], question["agent"]["label"], question["seed"])
        if not path.exists():
            return False
        before = full_question(read_run(path).question)
        for kind in ("task", "agent"):
            _check_source(f"{kind} {question[kind]['label']}", before[kind]["source"], question[kind]["source"], path)
        if before != question:
            raise UsageError(f"--resume: {path} is of another configuration: delete it, or give a new folder")
        return True

    def write(self, question: Mapping[str, Any], content: bytes) -> None:
        """Write a run's file, all or nothing."""
        path = self.run_path(question["task"]["label"], question["agent"]["label"], question["seed"])
        path.parent.mkdir(parents=True, exist_ok=True)

        def write(temporary: Path) -> None:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())

        replace_file(path, write)

    def runs(self) -> Iterator[tuple[str, str, int, RunRecord]]:
        """Yield task, agent, seed and record of each run, in the order of the configuration and the seeds.

        Raises:
            UsageError: a run's file is damaged.
        """
        configuration = self.configuration()
        for task in configuration["tasks"]:
            for agent in configuration["agents"]:
                folder = self.path / RUNS / task / agent
                seeds = sorted(int(file.stem) for file in folder.glob("*.npz") if file.stem.isdigit())
                for seed in seeds:
                    yield task, agent, seed, read_run(self.run_path(task, agent, seed))


def _joined(begun: dict[str, Any], asked: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return two configurations joined; what both have must agree."""
    before = json.loads(json.dumps(asked))  # tuples become lists, as in the file
    pairs = [(key, begun[key], before[key]) for key in _FIXED]
    for kind in ("tasks", "agents"):
        for label in before[kind]:
            if label not in begun[kind]:
                continue
            old, new = (_identity(entries[kind][label]) for entries in (begun, before))
            _check_source(f"{kind[:-1]} {label}", old.pop("source", None), new.pop("source", None), path)
            pairs += [(f"{kind[:-1]} {label} {key}", old.get(key), new.get(key)) for key in sorted({*old, *new})]
    for what, old, new in pairs:
        if old != new:
            raise UsageError(
                f"--resume: the benchmark in {path} was begun with another {what}: {_short(old)}, not {_short(new)}; "
                "give the same, or a new folder"
            )
    joined = {key: begun[key] for key in _FIXED}
    joined |= {kind: {**before[kind], **begun[kind]} for kind in ("tasks", "agents")}
    return joined | {"seeds": sorted({*begun["seeds"], *before["seeds"]})}


def _check_source(what: str, old: str | None, new: str | None, path: Path) -> None:
    """Refuse to go on with other code: runs of before would answer for it."""
    if old != new:
        raise UsageError(
            f"--resume: the code of the {what} (its module, or one that it imports beside it) has changed since the "
            f"runs in {path} were played: give a new folder, or delete these runs and its entry"
        )


def _identity(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what of a task's or agent's entry must not change."""
    statistics = entry.get("statistics", {})
    rest = {key: value for key, value in entry.items() if key != "statistics"}
    return rest | {key: statistics[key] for key in _IDENTITY if key in statistics}


def _short(value: Any, most: int = 160) -> str:
    text = json.dumps(value)
    return text if len(text) <= most else text[:most] + "…"
