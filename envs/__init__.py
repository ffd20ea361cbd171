"""Gymnasium environments for neural architecture search; importing this registers them."""

from .budget import BudgetExhausted, SearchBudget
from .evaluation import METRICS, AsyncEvaluator, Evaluation, Evaluator, Metric, Status
from .history import RecordSearch, SearchHistory
from .objective import Objective, flops_isi_objective, objective_from_config, resource_objective
from .registration import environment_id, register_all, register_environments, registered_ids
from .search_env import SearchEnv
from .tasks import TASKS, SearchTask, TaskSpec
from .vector_env import SearchVectorEnv

register_all()

__all__ = [
    "METRICS",
    "TASKS",
    "AsyncEvaluator",
    "BudgetExhausted",
    "Evaluation",
    "Evaluator",
    "Metric",
    "Objective",
    "RecordSearch",
    "SearchBudget",
    "SearchEnv",
    "SearchHistory",
    "SearchTask",
    "SearchVectorEnv",
    "Status",
    "TaskSpec",
    "environment_id",
    "flops_isi_objective",
    "objective_from_config",
    "register_environments",
    "registered_ids",
    "resource_objective",
]
