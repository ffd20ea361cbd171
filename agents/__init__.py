"""Search agents. They know Gymnasium and the environments' contract, not how a candidate is judged."""

from .base import Agent, AskTellAgent, Settings
from .evolution.genetic import Genetic, GeneticSettings
from .evolution.regularized_evolution import RegularizedEvolution, RegularizedEvolutionSettings
from .grid import Grid, GridSettings
from .local_search import LocalSearch, LocalSearchSettings
from .model_based.bayesian_optimization import BayesianOptimization, BayesianOptimizationSettings
from .model_based.predictor import Predictor, PredictorSettings
from .model_based.tpe import TPE, TPESettings
from .multi_fidelity.asha import ASHA, ASHASettings
from .multi_fidelity.bohb import BOHB, BOHBSettings
from .multi_fidelity.dehb import DEHB, DEHBSettings
from .multi_fidelity.hyperband import Hyperband, HyperbandSettings
from .multi_fidelity.successive_halving import SuccessiveHalving, SuccessiveHalvingSettings
from .multi_objective.nsga2 import NSGA2, NSGA2Settings
from .random_search import RandomSearch, RandomSearchSettings
from .registry import AGENTS, make_agent
from .rl.dqn import DQN, DQNSettings
from .rl.ppo import PPO, PPOSettings
from .rl.reinforce import Reinforce, ReinforceSettings

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
