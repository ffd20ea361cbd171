"""A registered task that is judged by analytic cost, for the command line's tests."""

from pynascent.envs import TaskSpec, register_environments

COST_TASK = TaskSpec(
    name="Cost",
    description="analytic cost alone",
    evaluator="support.cost_evaluator:CostEvaluator",
    lam=0.02,
)
register_environments(COST_TASK)
