"""A small table of made-up results on a real space, for the benchmark's tests."""

from pathlib import Path

import numpy as np

from pynascent.envs.core.evaluation import METRICS
from pynascent.envs.spaces import space_from_config
from pynascent.envs.tables import MetricData, TableData


def write_table(path: Path, config: dict | None = None) -> None:
    """Write a table of a whole space, of NAS-Bench-Macro's 6,561 networks by default.

    Accuracies are sums of effects of the choices plus noise that shrinks with epochs, at 12 and 200 epochs;
    many tie, since they are of 500 images.
    """
    space = space_from_config(config or {"space": "nasbench_macro"})
    architectures = np.concatenate(list(space.enumerate()))
    rng = np.random.default_rng(0)
    effects = np.stack(
        [rng.normal(0, 1, k)[column] for k, column in zip(space.cardinalities, architectures.T, strict=True)], axis=1
    )
    quality = effects.sum(axis=1)
    quality = (quality - quality.min()) / np.ptp(quality)
    noise = rng.normal(0, 1, (len(architectures), 2)) * [0.08, 0.02]
    accuracy = np.round(np.clip(0.4 + 0.4 * quality[:, None] + noise, 0, 1) * 500) / 500
    test = np.round(np.clip(accuracy + rng.normal(0, 0.01, accuracy.shape), 0, 1) * 1000) / 1000
    seconds = (50 + 100 * quality)[:, None] * [12, 200]
    metrics = [
        MetricData(METRICS["validation_accuracy"], accuracy[:, :, None], epochs=(12, 200)),
        MetricData(METRICS["test_accuracy"], test[:, :, None], epochs=(12, 200)),
        MetricData(METRICS["training_seconds"], seconds[:, :, None], epochs=(12, 200)),
        MetricData(METRICS["flops"], space.cost(architectures)["flops"]),
    ]
    data = TableData(
        name=path.stem,
        space=space,
        architectures=architectures,
        metrics=metrics,
        search_metric="validation_accuracy",
        cost_metric="training_seconds",
    )
    data.write(path)
