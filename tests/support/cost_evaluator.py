"""An evaluator of analytic cost alone: real metrics, no training, so that environments can be tested fast."""

import numpy as np

from pynascent.envs.core.evaluation import METRICS, Evaluation, Metric
from pynascent.envs.spaces import ChainSpace, SearchSpace


class CostEvaluator:
    """FLOPs and parameters of any space, with a score that rewards a middle size, blurred by seed and epochs.

    The score stands in for an accuracy: a smooth function of ln FLOPs plus a draw that depends on
    (architecture, seed) and shrinks with epochs, so that fidelities and seeds matter.
    """

    def __init__(self, space: SearchSpace | None = None, fidelities=(1, 3, 9, 27), seeds=None) -> None:
        self.space = space or ChainSpace()
        self.fidelities, self.seeds = tuple(fidelities), seeds
        names = ("validation_accuracy", "test_accuracy", "flops", "parameters")
        self.metrics: dict[str, Metric] = {name: METRICS[name] for name in names}
        self.calls: list[int] = []

    def evaluate(self, architectures, epochs, seeds) -> Evaluation:
        self.calls.append(len(architectures))
        cost = self.space.cost(architectures)
        size = np.log(cost["flops"]) / np.log(self.space.largest_flops)
        draws = np.array([np.random.default_rng([s, *a]).random() for a, s in zip(architectures, seeds, strict=True)])
        accuracy = np.clip(1 - (size - 0.9) ** 2 * 4 + 0.1 * (draws - 0.5) / np.sqrt(epochs), 0, 1)
        return Evaluation(
            np.zeros(len(epochs), dtype=np.int8),
            epochs,
            seeds,
            {
                "validation_accuracy": accuracy,
                "test_accuracy": np.clip(accuracy - 0.01, 0, 1),
                "flops": cost["flops"],
                "parameters": cost["parameters"],
            },
            epochs * 10.0,
        )
