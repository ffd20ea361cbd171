"""Gymnasium environments for neural architecture search; importing this registers them."""

from importlib import import_module
from importlib.util import find_spec

from .core.budget import BudgetExhausted, SearchBudget
from .core.evaluation import METRICS, AsyncEvaluator, Evaluation, Evaluator, Metric, Status
from .core.history import RecordSearch, SearchHistory
from .core.objective import Objective, flops_isi_objective, objective_from_config, resource_objective
from .core.quantities.fidelity import Fidelity
from .core.quantities.query import query
from .core.registration import environment_id, register_all, register_environments, registered_ids
from .core.searchable import SearchableEnv, SearchableVectorEnv
from .core.tasks import TASKS, SearchTask, TaskSpec, make_task
from .mdp.search_env import SearchEnv
from .mdp.vector_env import SearchVectorEnv

# Accelerators are optional: without the folder everything works, slower.
if find_spec(f"{__name__}.fast") is not None:
    import_module(f"{__name__}.fast").install()
register_all()

__all__ = [
    "METRICS",
    "TASKS",
    "AsyncEvaluator",
    "BudgetExhausted",
    "Evaluation",
    "Evaluator",
    "Fidelity",
    "Metric",
    "Objective",
    "RecordSearch",
    "SearchBudget",
    "SearchEnv",
    "SearchHistory",
    "SearchTask",
    "SearchVectorEnv",
    "SearchableEnv",
    "SearchableVectorEnv",
    "Status",
    "TaskSpec",
    "environment_id",
    "flops_isi_objective",
    "make_task",
    "objective_from_config",
    "query",
    "register_environments",
    "registered_ids",
    "resource_objective",
]
