"""One run of a benchmark: an agent, a task, a seed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from ...agents.base import Agent, AskTellAgent
from ...envs import SearchBudget, SearchEnv, SearchVectorEnv
from ..errors import UsageError
from ..search.run import versions
from .benchmark_task import Competition, competition_of
from .choices import AgentChoice, make_chosen_agent
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


def make_env(competition: Competition, agent: Agent, formulation: str, lanes: int) -> Any:
    """Make the environment that an agent asks for: scalar for one lane, else a vector environment."""
    arguments: dict[str, Any] = {
        "task": competition.task(bool(getattr(agent, "multi_objective", False))),
        "formulation": formulation,
        "observation": agent.observation,
        "epochs": competition.epochs,
        "training_seed": competition.protocol.training_seed,
    }
    if formulation == "propose" and competition.chooses(agent.multi_fidelity):
        arguments["epochs"] = "choose"
    if lanes == 1:
        return SearchEnv(**arguments)
    return SearchVectorEnv(lanes, autoreset_mode=agent.autoreset_mode, **arguments)


def play(question: Mapping[str, Any]) -> bytes:
    """Play one run and return its file; see `play_record`."""
    return encode(play_record(question))


def play_record(question: Mapping[str, Any]) -> RunRecord:
    """Play one run.

    Raises:
        UsageError: the budget did not cover a single evaluation.
    """
    competition = competition_of(question["task"], question["protocol"], question["objective"])
    choice = AgentChoice(**question["agent"])
    agent = make_chosen_agent(choice)
    # On one lane ask/tell agents keep simulated workers busy asynchronously; stepped agents need a lane for each.
    lanes = question["lanes"] or (1 if isinstance(agent, AskTellAgent) else question["workers"])
    env = make_env(competition, agent, choice.formulation, lanes)
    budget = SearchBudget(competition.choice.evaluations, competition.choice.seconds, question["workers"])
    started = time.perf_counter()
    history = agent.search(env, budget, question["seed"])
    seconds = time.perf_counter() - started
    if not len(history):
        raise UsageError(f"the budget of the task {competition.choice.label!r} does not cover a single evaluation")
    rows = rows_of(history.rows, list(competition.evaluator.metrics))
    about = {"question": dict(question), "versions": _versions(), "wall_seconds": round(seconds, 6)}
    return RunRecord(about, judged(competition, rows))


def judged(competition: Competition, rows: np.ndarray) -> np.ndarray:
    """Return structured rows with the columns by which a run is judged."""
    evaluation, architectures = evaluation_of(rows), rows["architecture"].astype(np.int64)
    columns = {
        "value": competition.values(evaluation),
        "report": competition.reports(architectures, evaluation),
        "terms": competition.terms(evaluation),
    }
    return with_judgement(rows, columns)
