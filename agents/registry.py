"""The agents by name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from .asha import ASHA
from .base import Agent
from .bayesian_optimization import BayesianOptimization
from .bohb import BOHB
from .dehb import DEHB
from .dqn import DQN
from .genetic import Genetic
from .grid import Grid
from .hyperband import Hyperband
from .local_search import LocalSearch
from .nsga2 import NSGA2
from .ppo import PPO
from .predictor import Predictor
from .random_search import RandomSearch
from .regularized_evolution import RegularizedEvolution
from .reinforce import Reinforce
from .successive_halving import SuccessiveHalving
from .tpe import TPE

AGENTS: dict[str, type[Agent]] = {
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
}


def make_agent(name: str, **settings: Any) -> Agent:
    """Make an agent by name.

    Args:
        name: a key of `AGENTS`.
        settings: fields of the agent's ``Settings``; what is not given keeps its default.

    Raises:
        ValueError: the name or a setting is unknown (the message lists the known ones), or a value is out of range.
        ModuleNotFoundError: a package that the agent needs is missing; the message names the extra.
    """
    if name not in AGENTS:
        raise ValueError(f"agent {name!r} is unknown: known are {', '.join(sorted(AGENTS))}")
    agent = AGENTS[name]
    allowed = [field.name for field in fields(agent.Settings)]
    for setting in settings:
        if setting not in allowed:
            listed = ", ".join(allowed) if allowed else "none"
            raise ValueError(f"the agent {name!r} has no setting {setting!r}: allowed are {listed}")
    return agent(agent.Settings(**settings))
