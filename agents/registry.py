"""The agents by name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

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
