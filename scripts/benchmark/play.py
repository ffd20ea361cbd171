"""One run of a benchmark: an agent, a task, a seed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from ...agents.base import Agent, AskTellAgent
from ...envs import SearchBudget, SearchEnv, SearchVectorEnv
from ..errors import UsageError
from ..versions import versions
from .benchmark_task import BenchmarkTask, benchmark_task_of
from .choices import AgentChoice, TaskChoice, make_chosen_agent
from .report.in_training import in_training
from .run_file import RunRecord, encode, evaluation_of, rows_of, with_judgement

_versions = cache(versions)


def question_of(
    task: Mapping[str, Any],
    agent: Mapping[str, Any],
    seed: int,
    protocol: Mapping[str, Any],
    objective: Mapping[str, Any] | None,
    workers: int,
    lanes: int | None,
) -> dict[str, Any]:
    """Return all that determines a run, as plain JSON."""
    return {
        "task": dict(task),
        "agent": dict(agent),
        "seed": seed,
        "protocol": dict(protocol),
        "objective": None if objective is None else dict(objective),
        "workers": workers,
        "lanes": lanes,
    }


def full_question(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return a question with the defaults of what earlier versions did not ask."""
    whole = {"task": TaskChoice, "agent": AgentChoice}
    return dict(question) | {name: asdict(kind(**question[name])) for name, kind in whole.items()}


def make_env(task: BenchmarkTask, agent: Agent, formulation: str, lanes: int) -> Any:
    """Make the environment that an agent asks for: scalar for one lane, else a vector environment."""
    arguments: dict[str, Any] = {
        "task": task.task(bool(getattr(agent, "multi_objective", False))),
        "formulation": formulation,
        "observation": agent.observation,
        "epochs": task.epochs,
        "training_seed": task.protocol.training_seed,
    }
    if formulation == "propose" and task.chooses(agent.multi_fidelity):
        arguments["epochs"] = "choose"
    if lanes == 1:
        return SearchEnv(**arguments)
    return SearchVectorEnv(lanes, autoreset_mode=agent.autoreset_mode, **arguments)


def lanes_of(task: BenchmarkTask, agent: Agent, workers: int, lanes: int | None) -> int:
    """Return how many candidates an agent proposes at a time.

    On one lane ask/tell agents keep the workers busy asynchronously, simulated ones and live ones; stepped agents need
    a lane for each worker.
    """
    if lanes is not None:
        return lanes
    if isinstance(agent, AskTellAgent):
        return 1
    return max(workers, worker_groups(task)) if task.live else workers


def worker_groups(task: BenchmarkTask) -> int:
    """Return how many candidates a live task's evaluator has room for at a time."""
    settings = getattr(task.evaluator, "settings", None)
    return int(getattr(task.evaluator, "parallelism", None) or getattr(settings, "workers", None) or 1)


def play(question: Mapping[str, Any]) -> bytes:
    """Play one run and return its file; see `play_record`."""
    return encode(play_record(question))


def play_record(question: Mapping[str, Any]) -> RunRecord:
    """Play one run.

    Raises:
        UsageError: the budget did not cover a single evaluation.
    """
    task = benchmark_task_of(question["task"], question["protocol"], question["objective"])
    choice = AgentChoice(**question["agent"])
    agent = make_chosen_agent(choice)
    env = make_env(task, agent, choice.formulation, lanes_of(task, agent, question["workers"], question["lanes"]))
    more: dict[str, Any] = {}
    workers = question["workers"]
    if task.live:  # as many candidates in training at any moment as there are worker groups
        workers = more["parallelism"] = max(workers, worker_groups(task))
    budget = SearchBudget(task.choice.evaluations, task.choice.seconds, workers)
    started = time.perf_counter()
    history = agent.search(env, budget, question["seed"], **more)
    seconds = time.perf_counter() - started
    if not len(history):
        raise UsageError(f"the budget of the task {task.choice.label!r} does not cover a single evaluation")
    rows = rows_of(history.rows, list(task.evaluator.metrics))
    about = {"question": dict(question), "versions": _versions(), "wall_seconds": round(seconds, 6)}
    record = RunRecord(about, judged(task, rows))
    if record.live:
        about["in_training"] = in_training(rows["started_seconds"], rows["ended_seconds"]).record()
    return record


def judged(task: BenchmarkTask, rows: np.ndarray) -> np.ndarray:
    """Return structured rows with the columns by which a run is judged."""
    found = task.judge(rows["architecture"].astype(np.int64), evaluation_of(rows))
    return with_judgement(rows, vars(found))
