"""Playing a recorded search again, call by call (``pynascent search --record-actions``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...agents.base import Agent
from ...envs import SearchTask, SearchVectorEnv
from ...envs.adapters.action_record import replay_actions
from ..errors import UsageError
from ..search.configuration import SearchConfiguration
from ..search.environments import environment_spec, make_search_agent
from ..search.growth import GrowingBudget
from .history import Mismatch, Rows, rewards_reproduce

# What `SearchTask` stands for among a registered environment's arguments.
_OF_THE_TASK = {"task", "evaluator", "objective", "lam", "mu", "table"}


def replay_calls(
    file: Path, calls: Sequence[Mapping[str, Any]], rows: Rows, configuration: Mapping[str, Any], task: SearchTask
) -> Mismatch | None:
    """Make all calls of a search again, within its budget, and compare what came of them.

    Args:
        file: where the calls stand, for messages.
        calls: the record (`pynascent.envs.adapters.action_record`).
        rows: the search's history: the calls must lead to the same evaluations.
        configuration: of the search, as in ``search.json``.
        task: what was searched, without a budget or record attached.

    Raises:
        UsageError: the configuration or a call is none that a search can have had.
    """
    try:
        search = SearchConfiguration(**configuration)
        agent, budget = make_search_agent(search), GrowingBudget(search)
        envs = _environment(search, agent, task)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{file} belongs to no search that can be made again: {error}") from error
    with envs.search(budget) as history:
        try:
            found = replay_actions(envs, calls, rewards_reproduce(task))
        except ValueError as error:
            raise UsageError(f"{file}: {error}") from error
    if found is not None:
        return Mismatch(found.index, found.field, found.recorded, found.found, "call")
    questions = [[(row["architecture"], row["epochs"], row["seed"]) for row in part] for part in (rows, history.rows)]
    for i, (recorded, asked) in enumerate(zip(*questions, strict=False)):
        if recorded != asked:
            return Mismatch(i, "evaluation", recorded, asked)
    if len(rows) != len(history):
        return Mismatch(min(len(rows), len(history)), "evaluations", len(rows), len(history))
    return None


def _environment(search: SearchConfiguration, agent: Agent, task: SearchTask) -> SearchVectorEnv:
    """Make the environment that the search was in (`make_environment`), around a task that is there."""
    arguments = {key: value for key, value in environment_spec(search.env).kwargs.items() if key not in _OF_THE_TASK}
    if search.epochs is not None:
        arguments["epochs"] = search.epochs
    elif agent.multi_fidelity:
        arguments["epochs"] = "choose"
    arguments |= {"autoreset_mode": agent.autoreset_mode, "observation": agent.observation}
    return SearchVectorEnv(search.lanes, task, **arguments)
