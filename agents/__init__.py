"""Search agents. They know Gymnasium and the environments' contract, not how a candidate is judged."""

from .asha import ASHA, ASHASettings
from .base import Agent, AskTellAgent, Settings
from .bayesian_optimization import BayesianOptimization, BayesianOptimizationSettings
from .bohb import BOHB, BOHBSettings
from .dehb import DEHB, DEHBSettings
from .dqn import DQN, DQNSettings
from .genetic import Genetic, GeneticSettings
from .grid import Grid, GridSettings
from .hyperband import Hyperband, HyperbandSettings
from .local_search import LocalSearch, LocalSearchSettings
from .nsga2 import NSGA2, NSGA2Settings
from .ppo import PPO, PPOSettings
from .predictor import Predictor, PredictorSettings
from .random_search import RandomSearch, RandomSearchSettings
from .registry import AGENTS, make_agent
from .regularized_evolution import RegularizedEvolution, RegularizedEvolutionSettings
from .reinforce import Reinforce, ReinforceSettings
from .successive_halving import SuccessiveHalving, SuccessiveHalvingSettings
from .tpe import TPE, TPESettings

__all__ = [
    "AGENTS",
    "ASHA",
    "BOHB",
    "DEHB",
    "DQN",
    "NSGA2",
    "PPO",
    "TPE",
    "ASHASettings",
    "Agent",
    "AskTellAgent",
    "BOHBSettings",
    "BayesianOptimization",
    "BayesianOptimizationSettings",
    "DEHBSettings",
    "DQNSettings",
    "Genetic",
    "GeneticSettings",
    "Grid",
    "GridSettings",
    "Hyperband",
    "HyperbandSettings",
    "LocalSearch",
    "LocalSearchSettings",
    "NSGA2Settings",
    "PPOSettings",
    "Predictor",
    "PredictorSettings",
    "RandomSearch",
    "RandomSearchSettings",
    "RegularizedEvolution",
    "RegularizedEvolutionSettings",
    "Reinforce",
    "ReinforceSettings",
    "Settings",
    "SuccessiveHalving",
    "SuccessiveHalvingSettings",
    "TPESettings",
    "make_agent",
]
