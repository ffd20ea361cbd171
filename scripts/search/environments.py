"""The environment and the agent of a search, from its configuration."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import Error as GymnasiumError

from ...agents import make_agent
from ...agents.base import Agent
from ...envs import TASKS, environment_id, registered_ids
from ...envs.core.suggestions import did_you_mean
from ..arguments import import_modules
from ..errors import UsageError
from .configuration import SearchConfiguration


def check_environment(env: str) -> None:
    """Refuse an id that is not registered.

    Raises:
        UsageError: the id is unknown; the message lists the known ones.
    """
    module, _, name = env.rpartition(":")  # "module:id" imports a user's module first, as Gymnasium does
    if module:
        import_modules([module])
    if name not in gymnasium.registry:
        raise UsageError(f"environment {name!r} is unknown{_suggestion(name)}: known are {', '.join(registered_ids())}")


def _suggestion(name: str) -> str:
    """Suggest the id of the task that is closest: what all ids share says nothing."""
    parts = re.fullmatch(r"(?:PyNASCENT/)?(.+?)(?:-(?:Build|Edit|Propose))?(?:-v\d+)?", name, re.IGNORECASE)
    return did_you_mean(parts[1] if parts else name, TASKS)


def environment_spec(env: str) -> EnvSpec:
    """Return what is registered under ``id`` or ``module:id``; no module is imported for it."""
    return gymnasium.spec(env.rpartition(":")[2])


def evaluator_factory(env: str) -> Any:
    """Return the class (or function) that makes the evaluator of an environment's task, None where there is no task.

    Raises:
        ModuleNotFoundError: a package that it needs is missing; the message names the extra.
    """
    task = environment_spec(env).kwargs.get("task")
    if task not in TASKS:
        return None
    spec = TASKS[task]
    module, _, name = spec.evaluator.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if spec.install is None or (error.name or "").startswith("pynascent"):
            raise
        raise ModuleNotFoundError(
            f"the task {spec.name!r} needs the package {error.name!r}: pip install 'pynascent[{spec.install}]'",
            name=error.name,
        ) from error


def trains_live(env: str) -> bool:
    """Say whether an environment's candidates are trained while the caller goes on (`AsyncEvaluator`)."""
    factory = evaluator_factory(env)
    if isinstance(factory, type):
        return hasattr(factory, "submit") and hasattr(factory, "collect")
    return factory is None or TASKS[environment_spec(env).kwargs["task"]].install == "train"


def accepts(factory: Any, argument: str) -> bool:
    """Say whether a class or function takes an argument of that name."""
    parameters = inspect.signature(factory).parameters
    return argument in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def make_search_agent(configuration: SearchConfiguration) -> Agent:
    """Make the agent and check that it plays the environment's formulation.

    Raises:
        ValueError: agent, setting or formulation do not fit.
        ModuleNotFoundError: a package that the agent needs is missing; the message names the extra.
    """
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


def task_arguments(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the environment's keyword arguments that make its task, of a configuration's parts that are given."""
    evaluator = dict(configuration.get("evaluator") or {})
    arguments: dict[str, Any] = {"evaluator": evaluator} if evaluator else {}
    parts = ("lam", "mu", "objective")
    return arguments | {name: configuration[name] for name in parts if configuration.get(name) is not None}


def make_environment(configuration: SearchConfiguration, agent: Agent) -> gymnasium.vector.VectorEnv:
    """Make the vector environment that the agent asks for.

    Raises:
        UsageError: an argument does not fit.
    """
    arguments = task_arguments(configuration.record())
    if configuration.epochs is not None:
        arguments["epochs"] = configuration.epochs
    elif agent.multi_fidelity:
        arguments["epochs"] = "choose"
    try:
        return gymnasium.make_vec(
            configuration.env.rpartition(":")[2],
            num_envs=configuration.lanes,
            vectorization_mode="vector_entry_point",
            autoreset_mode=agent.autoreset_mode,
            observation=agent.observation,
            **arguments,
        )
    except GymnasiumError as error:
        raise UsageError(f"environment {configuration.env!r}: {error}") from error
