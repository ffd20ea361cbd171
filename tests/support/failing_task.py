"""Registered tasks whose candidates crash: all of them, or until a file says that they need not."""

import os
from pathlib import Path

import numpy as np

from pynascent.envs import Evaluation, Status, TaskSpec, register_environments

from support.cost_evaluator import CostEvaluator


class WithReasons(Evaluation):
    """An evaluation whose failed rows say why."""

    def row(self, index):
        failed = self.status[index] != Status.OK
        return super().row(index) | ({"reason": "ValueError: no room [for] that"} if failed else {})


class FailingEvaluator(CostEvaluator):
    """Crashes on every candidate whose first choice is at least ``first``, while ``PYNASCENT_TEST_CRASH`` is a file."""

    def __init__(self, first: int = 0) -> None:
        super().__init__()
        self.first = first

    def evaluate(self, architectures, epochs, seeds) -> Evaluation:
        result = super().evaluate(architectures, epochs, seeds)
        if not Path(os.environ["PYNASCENT_TEST_CRASH"]).exists():
            return result
        crashed = np.asarray(architectures)[:, 0] >= self.first
        failed = Evaluation.failed(Status.CRASHED, epochs, seeds, self.metrics, self.space.largest_flops)
        metrics = {name: np.where(crashed, failed[name], result[name]) for name in self.metrics}
        status = np.where(crashed, np.int8(Status.CRASHED), result.status).astype(np.int8)
        return WithReasons(status, epochs, seeds, metrics, result.cost_seconds)


register_environments(
    TaskSpec(
        name="Failing",
        description="every candidate crashes",
        evaluator="support.failing_task:FailingEvaluator",
        lam=0.02,
    )
)
