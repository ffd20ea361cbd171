"""Search agents. They know Gymnasium and the environments' contract, not how a candidate is judged."""

from .base import Agent, AskTellAgent, Settings
from .bohb import BOHB, BOHBSettings
from .hyperband import Hyperband, HyperbandSettings
from .ppo import PPO, PPOSettings
from .random_search import RandomSearch, RandomSearchSettings
from .registry import AGENTS, make_agent

__all__ = [
    "AGENTS",
    "BOHB",
    "PPO",
    "Agent",
    "AskTellAgent",
    "BOHBSettings",
    "Hyperband",
    "HyperbandSettings",
    "PPOSettings",
    "RandomSearch",
    "RandomSearchSettings",
    "Settings",
    "make_agent",
]
