"""``pynascent search``: one agent, one environment, one folder of results."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import Error as GymnasiumError

from ...agents import AGENTS, PPO, make_agent
from ...agents.base import Agent
from ...envs import TASKS, SearchBudget, SearchHistory, environment_id, registered_ids
from ...envs.core.action_record import record_actions
from ..errors import UsageError
from ..files import replace_file, write_json
from ..plots import plot_search
from ..progress import SearchProgress
from .front import front_rows
from .run_folder import ACTIONS, BEST_MODEL, PLOT, POLICY, SUMMARY, RunFolder, plain


@dataclass(frozen=True)
class SearchConfiguration:
    """Everything that determines a search; it is compared on ``--resume``.

    Attributes:
        env: environment id.
        agent: agent's name.
        evaluations: budget.
        seed: seed of the agent and the environment.
        epochs: fidelity of every evaluation, or None for the environment's default.
        lam: λ, or None for the task's.
        mu: μ, or None for the task's.
        lanes: candidates evaluated side by side.
        settings: the agent's settings that differ from its defaults.
        evaluator: arguments of the task's evaluator.
    """

    env: str
    agent: str
    evaluations: int
    seed: int = 0
    epochs: int | None = None
    lam: float | None = None
    mu: float | None = None
    lanes: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    evaluator: Mapping[str, Any] = field(default_factory=dict)


def check_environment(env: str) -> None:
    """Refuse an id that is not registered.

    Raises:
        UsageError: the id is unknown; the message lists the known ones.
    """
    name = env.partition(":")[2] or env  # "module:id" imports a user's module first, as Gymnasium does
    if ":" in env:
        try:
            importlib.import_module(env.partition(":")[0])
        except ModuleNotFoundError as error:
            raise UsageError(f"--env {env}: {error}") from error
    if name not in gymnasium.registry:
        raise UsageError(f"environment {name!r} is unknown: known are {', '.join(registered_ids())}")


def environment_spec(env: str) -> EnvSpec:
    """Return what is registered under ``id`` or ``module:id``; no module is imported for it."""
    return gymnasium.spec(env.rpartition(":")[2])


def make_search_agent(configuration: SearchConfiguration) -> Agent:
    """Make the agent and check that it plays the environment's formulation."""
    if configuration.agent not in AGENTS:
        raise UsageError(f"agent {configuration.agent!r} is unknown: known are {', '.join(AGENTS)}")
    agent = make_agent(configuration.agent, **configuration.settings)
    spec = environment_spec(configuration.env)
    formulation = spec.kwargs.get("formulation")
    if formulation not in agent.formulations:
        task = spec.kwargs.get("task")
        fitting = environment_id(task, agent.formulation) if task in TASKS else f"a {agent.formulation} environment"
        raise UsageError(
            f"the agent {agent.name!r} plays {' or '.join(agent.formulations)}, not {formulation}: use --env {fitting}"
        )
    return agent


def make_environment(configuration: SearchConfiguration, agent: Agent) -> gymnasium.vector.VectorEnv:
    """Make the vector environment that the agent asks for."""
    arguments: dict[str, Any] = {"evaluator": dict(configuration.evaluator)} if configuration.evaluator else {}
    for name in ("lam", "mu", "epochs"):
        if getattr(configuration, name) is not None:
            arguments[name] = getattr(configuration, name)
    if agent.multi_fidelity and "epochs" not in arguments:
        arguments["epochs"] = "choose"
    try:
        return gymnasium.make_vec(
            configuration.env,
            num_envs=configuration.lanes,
            vectorization_mode="vector_entry_point",
            autoreset_mode=agent.autoreset_mode,
            observation=agent.observation,
            **arguments,
        )
    except GymnasiumError as error:
        raise UsageError(f"environment {configuration.env!r}: {error}") from error


def run_search(
    configuration: SearchConfiguration, out: Path, resume: bool = False, actions: bool = False
) -> dict[str, Any]:
    """Search, and fill the folder ``out``; returns the summary.

    Args:
        configuration: the search.
        out: a new folder, or (``resume``) that of the same search.
        resume: go on with what is in the folder.
        actions: write down every call of reset and step, too (`pynascent.envs.core.action_record`).

    Raises:
        UsageError: the configuration or the folder does not fit (nothing is written then).
    """
    check_environment(configuration.env)
    budget = SearchBudget(evaluations=configuration.evaluations)
    agent = make_search_agent(configuration)
    folder = RunFolder(out)
    if resume and folder.finished:
        folder.open(asdict(configuration), resume=True)  # refuses another search's folder
        return folder.read_summary()
    env: Any = make_environment(configuration, agent)
    if actions:
        env = record_actions(env)
    try:
        agent.check(env)
        file = folder.open(asdict(configuration), resume)
        started = time.perf_counter()
        try:
            with SearchProgress(configuration.evaluations, env.unwrapped.task.accuracy) as progress:

                def on_evaluation(row: dict[str, Any]) -> None:
                    file.write(row)
                    progress.update(row)

                history = agent.search(env, budget, configuration.seed, on_evaluation)
        finally:
            file.close()
        if actions:
            lines = "".join(f"{json.dumps(call)}\n" for call in env.record)
            replace_file(out / ACTIONS, lambda path: path.write_text(lines, encoding="utf-8"))
        if isinstance(agent, PPO):
            replace_file(out / POLICY, agent.save_policy)
        summary = _finish(configuration, folder, env, history, time.perf_counter() - started)
    finally:
        env.close()
    return summary


def _finish(
    configuration: SearchConfiguration,
    folder: RunFolder,
    env: Any,
    history: SearchHistory,
    seconds: float,
) -> dict[str, Any]:
    task = env.unwrapped.task
    vector = task.objective.objective.vector
    best = None if vector else history.best()
    statuses = [row["status"] for row in history]
    summary: dict[str, Any] = {
        "configuration": asdict(configuration),
        "objective": task.objective.objective.to_config(),
        "evaluations": len(history),
        "failed": len(statuses) - statuses.count("ok"),
        "wall_seconds": round(seconds, 3),
        "cost_seconds": round(sum(row["cost_seconds"] for row in history), 3),
        "best": None,
        "test_accuracy": None,
        "versions": versions(),
    }
    if best is not None:
        # What the search saw, and apart from it what it must not see.
        hidden = {name for name, metric in task.evaluator.metrics.items() if metric.split == "test"}
        summary["best"] = {key: plain(value) for key, value in best.items() if key not in hidden}
        summary["test_accuracy"] = best.get("test_accuracy")
        save = getattr(task.evaluator, "best_model", None)
        if save is not None:
            replace_file(
                folder.path / BEST_MODEL,
                lambda path: save(best["architecture"], best["epochs"], best["seed"], path),
            )
    if vector:
        summary["front"] = front_rows(history)
    title = f"{configuration.agent} on {configuration.env}, seed {configuration.seed}"
    try:
        plot_search(folder.path / PLOT, history.rows, task.accuracy, title)
    except ModuleNotFoundError as error:  # the core has no matplotlib, and a search is none the worse for it
        sys.stderr.write(f"pynascent: no {PLOT}: {error}\n")
    write_json(folder.path / SUMMARY, summary)
    return summary


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on, where installed."""
    found = {"python": platform.python_version()}
    for package in ("pynascent", "numpy", "gymnasium", "tensorflow", "keras", "tf-agents", "ray", "horovod", "shap"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
