"""The agents by name, or by reference."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ..envs.core.components import Registry
from ..envs.core.imports import Imports
from ..envs.core.suggestions import did_you_mean
from .base import Agent
from .evolution.genetic import Genetic
from .evolution.regularized_evolution import RegularizedEvolution
from .grid import Grid
from .local_search import LocalSearch
from .model_based.bayesian_optimization import BayesianOptimization
from .model_based.predictor import Predictor
from .model_based.tpe import TPE
from .multi_fidelity.asha import ASHA
from .multi_fidelity.bohb import BOHB
from .multi_fidelity.dehb import DEHB
from .multi_fidelity.hyperband import Hyperband
from .multi_fidelity.successive_halving import SuccessiveHalving
from .multi_objective.nsga2 import NSGA2
from .random_search import RandomSearch
from .rl.dqn import DQN
from .rl.ppo import PPO
from .rl.reinforce import Reinforce

AGENTS = Registry(
    "agent",
    {
        agent.name: agent
        for agent in (
            RandomSearch,
            Grid,
            LocalSearch,
            RegularizedEvolution,
            Genetic,
            NSGA2,
            SuccessiveHalving,
            Hyperband,
            ASHA,
            BOHB,
            TPE,
            DEHB,
            BayesianOptimization,
            Predictor,
            PPO,
            DQN,
            Reinforce,
        )
    },
)
"""The suite's agents, name → class."""


def agent_class(name: str, imports: Imports = True) -> type[Agent]:
    """Return the class of an agent.

    Args:
        name: a key of `AGENTS`, ``"module:Class"`` or ``"file.py:Class"``.
        imports: which modules may be imported for it (`pynascent.envs.core.imports`).

    Raises:
        ValueError: the name is unknown (the message lists the known ones), the module cannot be imported, or what it
            names is no agent.
    """
    found = AGENTS.resolve(name, imports)
    if not (isinstance(found, type) and issubclass(found, Agent)):
        raise ValueError(f"agent {name!r} is no subclass of pynascent.agents.Agent: derive it from AskTellAgent")
    return found


def make_agent(name: str, imports: Imports = True, **settings: Any) -> Agent:
    """Make an agent by name.

    Args:
        name: a key of `AGENTS`, ``"module:Class"`` or ``"file.py:Class"``.
        imports: which modules may be imported for it.
        settings: fields of the agent's ``Settings``; what is not given keeps its default.

    Raises:
        ValueError: the name or a setting is unknown (the message lists the known ones), or a value is out of range.
        ModuleNotFoundError: a package that the agent needs is missing; the message names the extra.
    """
    agent = agent_class(name, imports)
    allowed = [field.name for field in fields(agent.Settings)]
    for setting in settings:
        if setting not in allowed:
            listed = ", ".join(allowed) if allowed else "none"
            near = did_you_mean(setting, allowed)
            raise ValueError(f"the agent {name!r} has no setting {setting!r}{near}: allowed are {listed}")
    return agent(agent.Settings(**settings))
