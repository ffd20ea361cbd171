"""``pynascent search``: one agent, one environment, one folder of results."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...agents import PPO
from ...envs import SearchBudget, SearchHistory, SearchTask
from ...envs.adapters.action_record import record_actions
from ..errors import pool_errors
from ..files import replace_file, write_json
from ..judging import MEASURED, best_row, violation
from ..plots import plot_search
from ..progress import SearchProgress
from ..versions import versions
from .configuration import SearchConfiguration
from .environments import check_environment, environment_spec, make_environment, make_search_agent
from .front import front_rows
from .growth import GrowingBudget
from .run_folder import ACTIONS, BEST_MODEL, PLOT, POLICY, SUMMARY, RunFolder, plain

__all__ = [
    "SearchConfiguration",
    "check_environment",
    "environment_spec",
    "make_environment",
    "make_search_agent",
    "run_search",
    "versions",
]


def run_search(
    configuration: SearchConfiguration,
    out: Path,
    resume: bool = False,
    actions: bool = False,
    watch: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Search, and fill the folder ``out``; returns the summary.

    Args:
        configuration: the search.
        out: a new folder, or (``resume``) that of the same search, whose budget may have been smaller.
        resume: go on with what is in the folder. A finished search is left as it is, unless no evaluation succeeded
            or the budget has grown.
        actions: write down every call of reset and step, too (`pynascent.envs.adapters.action_record`).
        watch: the argument ``watch`` of a live evaluator; it is not recorded.

    Raises:
        UsageError: the configuration or the folder does not fit (nothing is written then).
    """
    check_environment(configuration.env)
    SearchBudget(evaluations=configuration.evaluations)  # refuses what is no budget
    agent = make_search_agent(configuration)
    folder = RunFolder(out)
    if resume and folder.is_complete(configuration.record()):
        return folder.read_summary()
    begun = folder.begun() if resume else None
    if begun is not None:
        configuration = configuration.grown(begun)
    budget = GrowingBudget(configuration)
    more = {} if watch is None else {"watch": watch}
    env: Any = make_environment(replace(configuration, evaluator={**configuration.evaluator, **more}), agent)
    if actions or (resume and (out / ACTIONS).exists()):
        env = record_actions(env)
        actions = True
    try:
        with _one_line_warnings():
            agent.check(env)
            watching = getattr(env.unwrapped.task.evaluator, "watching", None)
            if watching is not None and (url := watching.serve()):  # now, since the port may be taken
                sys.stderr.write(f"pynascent: metrics at {url}\n")
            file = folder.open(configuration.record(), resume)
            live = env.unwrapped.task.live
            started = time.perf_counter()
            try:
                with SearchProgress(configuration.evaluations, env.unwrapped.task) as progress:

                    def on_evaluation(row: dict[str, Any]) -> None:
                        file.write(row)
                        progress.update(row)

                    more = {"order": file.order, "parallelism": configuration.lanes} if live else {}
                    agent.search(env, budget, configuration.seed, on_evaluation, **more)
            except pool_errors() as error:
                kept = f"{len(file.rows)} finished evaluations are kept, --resume goes on"
                raise type(error)(f"{error}; {kept}") from error
            finally:
                file.close()
        if actions:
            lines = "".join(f"{json.dumps(call)}\n" for call in env.record)
            replace_file(out / ACTIONS, lambda path: path.write_text(lines, encoding="utf-8"))
        if isinstance(agent, PPO):
            replace_file(out / POLICY, agent.save_policy)
        history = SearchHistory(file.rows)  # as on disk, so that summary and history agree
        summary = _finish(configuration, folder, env.unwrapped.task, history, time.perf_counter() - started)
    finally:
        env.close()
    return summary


@contextmanager
def _one_line_warnings() -> Iterator[None]:
    """Show what agents and environments warn of as one line each, not with a place in our source."""
    show = warnings.showwarning

    def one_line(message: Any, category: type[Warning], filename: str, *more: Any, **options: Any) -> None:
        if category is UserWarning and _is_ours(filename):
            sys.stderr.write(f"pynascent: {' '.join(str(message).split())}\n")
        else:
            show(message, category, filename, *more, **options)

    warnings.showwarning = one_line
    try:
        yield
    finally:
        warnings.showwarning = show


def _is_ours(filename: str) -> bool:
    return Path(filename).is_relative_to(Path(__file__).parents[2])


def _finish(
    configuration: SearchConfiguration, folder: RunFolder, task: SearchTask, history: SearchHistory, seconds: float
) -> dict[str, Any]:
    vector = task.objective.objective.vector
    best = best_row(history, task)
    failed = [row for row in history if row["status"] not in MEASURED]
    incomplete = [row for row in history if row["status"] == "incomplete"]
    wrong = [*failed, *incomplete][:1]
    hidden = {name for name, metric in task.evaluator.metrics.items() if metric.split == "test"}
    summary: dict[str, Any] = {
        "configuration": configuration.record(),
        "objective": task.objective.objective.to_config(),
        "accuracy": task.accuracy,
        "evaluations": len(history),
        "failed": len(failed),
        "incomplete": len(incomplete),
        "reason": wrong[0].get("reason") or wrong[0]["status"] if wrong else None,
        "wall_seconds": round(seconds, 3),
        "cost_seconds": round(sum(row["cost_seconds"] for row in history), 3),
        "best": None,
        "feasible": None,
        "test_accuracy": None,
        "test": {},
        "versions": versions(),
    }
    if best is not None:
        # What the search saw, and apart from it what it must not see.
        summary["best"] = {key: plain(value) for key, value in best.items() if key not in hidden}
        summary["feasible"] = violation(task, best) == 0
        summary["test_accuracy"] = plain(best.get("test_accuracy"))
        summary["test"] = {name: plain(best[name]) for name in task.evaluator.metrics if name in hidden & set(best)}
        save = getattr(task.evaluator, "best_model", None)
        if save is not None:
            replace_file(
                folder.path / BEST_MODEL,
                lambda path: save(best["architecture"], best["epochs"], best["seed"], path),
            )
    if vector:
        summary["front"] = front_rows(history, task)
    title = f"{configuration.agent} on {configuration.env}, seed {configuration.seed}"
    if "table" in configuration.evaluator:
        title += f", {Path(str(configuration.evaluator['table'])).stem}"
    try:
        plot_search(folder.path / PLOT, history.rows, task, title)
    except ModuleNotFoundError as error:  # the core has no matplotlib, and a search is none the worse for it
        sys.stderr.write(f"pynascent: no {PLOT}: {error}\n")
    write_json(folder.path / SUMMARY, summary)
    return summary
