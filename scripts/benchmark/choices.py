"""What was asked for on the command line: tasks and agents, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ...agents import AGENTS
from ...agents.base import Agent
from ...envs import TASKS
from ...envs.core.imports import import_reference
from ...envs.core.suggestions import did_you_mean
from ..errors import UsageError
from .parsing import check_label, parse_budget, parse_labelled_settings, table_label
from .protocols import Protocol
from .sources import agent_source


@dataclass(frozen=True)
class TaskChoice:
    """A task of a benchmark.

    Attributes:
        label: its name in the results.
        task: the registered task.
        evaluator: arguments of its evaluator.
        evaluations: budget of each run, in evaluations, or None.
        seconds: budget of each run, in simulated seconds, or None.
        source: what tells two versions of the user's code in it apart (see `sources`); None for the package's own.
    """

    label: str
    task: str
    evaluator: Mapping[str, Any] = field(default_factory=dict)
    evaluations: int | None = None
    seconds: float | None = None
    source: str | None = None


@dataclass(frozen=True)
class AgentChoice:
    """An agent of a benchmark.

    Attributes:
        label: its name in the results.
        agent: a registered name, or ``module:Class`` or ``file.py:Class``.
        settings: the settings that differ from its defaults.
        formulation: the formulation that it plays.
        source: what tells two versions of the user's code in it apart (see `sources`); None for the package's own.
    """

    label: str
    agent: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    formulation: str = "propose"
    source: str | None = None


def is_live(task: str) -> bool:
    """Say whether a registered task trains its candidates: its evaluator takes them in and hands them out later.

    That is asked of the evaluator's class (`AsyncEvaluator`), which is not made for it.

    Raises:
        UsageError: the class cannot be imported.
    """
    try:
        kind = import_reference(TASKS[task].evaluator, kind="evaluator")
    except ValueError as error:
        raise UsageError(f"task {task!r}: {error}") from error
    return all(callable(getattr(kind, method, None)) for method in ("submit", "collect"))


def parse_tasks(
    names: Sequence[str],
    budgets: Sequence[str],
    protocol: Protocol,
    evaluator: Mapping[str, Any] | None = None,
    live: Mapping[str, Any] | None = None,
) -> list[TaskChoice]:
    """Return the tasks that ``--tasks`` and ``--budget`` name.

    Args:
        names: registered tasks; ``Table:NAME`` is your own table, by name or path.
        budgets: ``BUDGET`` for all tasks, ``TASK=BUDGET`` for one.
        protocol: its own budgets hold where none is given.
        evaluator: arguments of every task's evaluator.
        live: arguments of the evaluators of live tasks.

    Raises:
        UsageError: a task is unknown or there twice, or has no budget.
    """
    common, own = None, {}
    for text in budgets:
        label, equals, amount = text.rpartition("=")
        if equals:
            own[label] = parse_budget(amount)
        elif common is not None:
            raise UsageError(f"--budget {text}: there is one for all tasks already; TASK=BUDGET is for one of them")
        else:
            common = parse_budget(amount)
    choices: dict[str, TaskChoice] = {}
    for name in names:
        task, _, table = name.partition(":")
        if task not in TASKS:
            raise UsageError(
                f"task {task!r} is unknown{did_you_mean(task, TASKS)}: known are {', '.join(sorted(TASKS))}"
            )
        needed = TASKS[task].requires
        if bool(table) != (needed == ("table",)):
            raise UsageError(f"task {name!r}: only the task Table takes (and needs) a table, as in Table:MyTable")
        label = table_label(table) if table else check_label(task)
        if label in choices:
            raise UsageError(f"--tasks has {label!r} twice")
        evaluations, seconds = own.pop(label, None) or common or (None, protocol.seconds.get(label))
        if evaluations is None and seconds is None:
            raise UsageError(f"the task {label!r} has no budget: give --budget 200, --budget 40000s or {label}=…")
        arguments = {**({"table": table} if table else {}), **(evaluator or {})}
        arguments |= dict(live) if live and is_live(task) else {}
        choices[label] = TaskChoice(label, task, arguments, evaluations, seconds)
    if own:
        raise UsageError(f"--budget for the task {next(iter(own))!r}, which is not among --tasks")
    if not choices:
        raise UsageError(f"--tasks is empty: known are {', '.join(sorted(TASKS))}")
    if live and not any(is_live(choice.task) for choice in choices.values()):
        option = next(iter(live)).replace("_", "-")
        raise UsageError(f"--{option} is for live training: {', '.join(choices)} looks candidates up")
    return list(choices.values())


def agent_class(agent: str) -> type[Agent]:
    """Return the class of a registered or outside agent.

    Raises:
        UsageError: there is none.
    """
    if ":" in agent:
        try:
            found = import_reference(agent, kind="agent")
        except ValueError as error:
            raise UsageError(str(error)) from error
        if not (isinstance(found, type) and issubclass(found, Agent)):
            raise UsageError(f"agent {agent!r}: {found!r} is no subclass of pynascent.agents.base.Agent")
        return found
    if agent not in AGENTS:
        raise UsageError(
            f"agent {agent!r} is unknown{did_you_mean(agent, AGENTS)}: known are {', '.join(AGENTS)}, or module:Class"
        )
    return AGENTS[agent]


def parse_agents(names: Sequence[str], settings: Sequence[str]) -> list[AgentChoice]:
    """Return the agents that ``--agents``, ``--agent`` and ``--setting`` name.

    Args:
        names: ``NAME``, ``module:Class`` or ``file.py:Class``, or one of these after ``LABEL=``.
        settings: ``LABEL.name=value``; ``LABEL.formulation=edit`` chooses what it plays.

    Raises:
        UsageError: an agent or setting is unknown, there twice, or does not fit.
    """
    given = parse_labelled_settings(settings)
    choices: dict[str, AgentChoice] = {}
    for name in names:
        label, equals, agent = name.rpartition("=")
        kind = agent_class(agent)
        label = check_label(label if equals else kind.name)
        if label in choices:
            raise UsageError(f"--agents has {label!r} twice: name one of them otherwise, as in LABEL={agent}")
        own = given.pop(label, {})
        formulation = own.pop("formulation", kind.formulations[0])
        if formulation not in kind.formulations:
            raise UsageError(f"the agent {label!r} plays {' or '.join(kind.formulations)}, not {formulation!r}")
        _check_settings(label, kind, own)
        choices[label] = AgentChoice(label, agent, own, formulation, agent_source(kind))
    if given:
        raise UsageError(f"--setting for the agent {next(iter(given))!r}, which is not among --agents")
    if not choices:
        raise UsageError(f"--agents is empty: known are {', '.join(AGENTS)}")
    return list(choices.values())


def _check_settings(label: str, kind: type[Agent], settings: Mapping[str, Any]) -> None:
    allowed = [entry.name for entry in fields(kind.Settings)]
    for setting in settings:
        if setting not in allowed:
            raise UsageError(
                f"the agent {label!r} has no setting {setting!r}: allowed are {', '.join(allowed) or 'none'}"
            )
    try:
        kind.Settings(**settings)
    except (TypeError, ValueError) as error:
        raise UsageError(f"--setting of the agent {label!r}: {error}") from error


def make_chosen_agent(choice: AgentChoice) -> Agent:
    """Make an agent.

    Raises:
        ModuleNotFoundError: a package that it needs is missing; the message names the extra.
    """
    kind = agent_class(choice.agent)
    return kind(kind.Settings(**choice.settings))
