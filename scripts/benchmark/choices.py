"""What was asked for on the command line: tasks, agents, seeds and budgets, as plain values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ...agents import AGENTS
from ...agents.base import Agent
from ...envs import TASKS
from ..errors import UsageError
from .outside import outside_agent, source_checksum
from .protocols import Protocol

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


def check_label(label: str) -> str:
    """Return a label that can name a folder.

    Raises:
        UsageError: it has other signs than letters, digits and ``_ . + -``.
    """
    if not _LABEL.fullmatch(label):
        raise UsageError(f"the label {label!r} may have letters, digits and _ . + - alone")
    return label


@dataclass(frozen=True)
class TaskChoice:
    """A task of a benchmark.

    Attributes:
        label: its name in the results.
        task: the registered task.
        evaluator: arguments of its evaluator.
        evaluations: budget of each run, in evaluations, or None.
        seconds: budget of each run, in simulated seconds, or None.
    """

    label: str
    task: str
    evaluator: Mapping[str, Any] = field(default_factory=dict)
    evaluations: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class AgentChoice:
    """An agent of a benchmark.

    Attributes:
        label: its name in the results.
        agent: a registered name, or ``module:Class`` or ``file.py:Class``.
        settings: the settings that differ from its defaults.
        formulation: the formulation that it plays.
        source: SHA-256 of an outside agent's file, so that a changed agent is not taken for the same.
    """

    label: str
    agent: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    formulation: str = "propose"
    source: str | None = None


def listed(values: Sequence[str]) -> list[str]:
    """Return the parts of options that may be repeated and may hold several parts between commas."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def parse_seeds(text: str) -> list[int]:
    """Return the seeds that ``0:50`` (50 of them), ``7`` or ``0,3,10:20`` stand for.

    Raises:
        UsageError: the text is nothing of the kind, or a seed is below 0 or there twice.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?::\s*(\d{1,9})\s*)?", part)
        if match is None or (match[2] and int(match[2]) <= int(match[1])):
            raise UsageError(f"--seeds {text}: give FROM:TO (TO not among them), as in 0:50, or 0,1,2")
        seeds += range(int(match[1]), int(match[2])) if match[2] else [int(match[1])]
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds {text}: a seed is there twice")
    return seeds


def parse_budget(text: str) -> tuple[int | None, float | None]:
    """Return evaluations and simulated seconds of ``200``, ``40000s`` or ``200+40000s``.

    Raises:
        UsageError: the text is nothing of the kind.
    """
    evaluations, seconds = None, None
    for part in text.split("+"):
        try:
            if part.strip().endswith("s") and seconds is None:
                seconds = float(part.strip()[:-1])
            elif evaluations is None:
                evaluations = int(part)
            else:
                raise ValueError
        except ValueError:
            evaluations = 0  # refused below
    if (evaluations is not None and evaluations < 1) or (seconds is not None and not 0 < seconds < math.inf):
        raise UsageError(f"--budget {text}: give evaluations (200), simulated seconds (40000s), or both (200+40000s)")
    return evaluations, seconds


def parse_tasks(names: Sequence[str], budgets: Sequence[str], protocol: Protocol) -> list[TaskChoice]:
    """Return the tasks that ``--tasks`` and ``--budget`` name.

    Args:
        names: registered tasks; ``Table:NAME`` is your own table, by name or path.
        budgets: ``BUDGET`` for all tasks, ``TASK=BUDGET`` for one.
        protocol: its own budgets hold where none is given.

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
            raise UsageError(f"task {task!r} is unknown: known are {', '.join(sorted(TASKS))}")
        needed = TASKS[task].requires
        if bool(table) != (needed == ("table",)):
            raise UsageError(f"task {name!r}: only the task Table takes (and needs) a table, as in Table:MyTable")
        label = check_label(table.rpartition("/")[2].removesuffix(".nastable") if table else task)
        if label in choices:
            raise UsageError(f"--tasks has {label!r} twice")
        evaluations, seconds = own.pop(label, None) or common or (None, protocol.seconds.get(label))
        if evaluations is None and seconds is None:
            raise UsageError(f"the task {label!r} has no budget: give --budget 200, --budget 40000s or {label}=…")
        choices[label] = TaskChoice(label, task, {"table": table} if table else {}, evaluations, seconds)
    if own:
        raise UsageError(f"--budget for the task {next(iter(own))!r}, which is not among --tasks")
    if not choices:
        raise UsageError(f"--tasks is empty: known are {', '.join(sorted(TASKS))}")
    return list(choices.values())


def agent_class(agent: str) -> type[Agent]:
    """Return the class of a registered or outside agent.

    Raises:
        UsageError: there is none.
    """
    if ":" in agent:
        return outside_agent(agent)
    if agent not in AGENTS:
        raise UsageError(f"agent {agent!r} is unknown: known are {', '.join(AGENTS)}, or module:Class")
    return AGENTS[agent]


def parse_agents(names: Sequence[str], settings: Sequence[str]) -> list[AgentChoice]:
    """Return the agents that ``--agents``, ``--agent`` and ``--settings`` name.

    Args:
        names: ``NAME``, ``module:Class`` or ``file.py:Class``, or one of these after ``LABEL=``.
        settings: ``LABEL.name=value``; ``LABEL.formulation=edit`` chooses what it plays.

    Raises:
        UsageError: an agent or setting is unknown, there twice, or does not fit.
    """
    given = _settings(settings)
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
        source = source_checksum(kind) if ":" in agent else None
        choices[label] = AgentChoice(label, agent, own, formulation, source)
    if given:
        raise UsageError(f"--settings for the agent {next(iter(given))!r}, which is not among --agents")
    if not choices:
        raise UsageError(f"--agents is empty: known are {', '.join(AGENTS)}")
    return list(choices.values())


def _settings(pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    given: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        label, dot, setting = name.rpartition(".")
        if not (equals and dot and label and setting):
            raise UsageError(f"--settings {pair}: give AGENT.name=value")
        try:
            given.setdefault(label, {})[setting] = json.loads(value)
        except json.JSONDecodeError:
            given.setdefault(label, {})[setting] = value
    return given


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
        raise UsageError(f"--settings of the agent {label!r}: {error}") from error


def make_chosen_agent(choice: AgentChoice) -> Agent:
    """Make an agent.

    Raises:
        ModuleNotFoundError: a package that it needs is missing; the message names the extra.
    """
    kind = agent_class(choice.agent)
    return kind(kind.Settings(**choice.settings))
