"""Between which values an evaluator's metrics lie: what the reward of infeasible rows is reckoned from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..evaluation import MEAN_SEED, Evaluator


def metric_range(evaluator: Evaluator, name: str) -> tuple[float, float]:
    """Return the smallest and the largest value that a metric can have.

    What the metric declares; where that is not finite, what a table holds over all its fidelities and seeds, or
    (of ``flops``) the FLOPs of the space's largest architecture; ∞ where nothing is known.
    """
    metric = evaluator.metrics[name]
    low, high = metric.lower, metric.upper
    if np.isfinite([low, high]).all():
        return low, high
    # A table of a space too large to list has its rows as `values`, any other one a column of the whole space.
    values: Callable[..., Any] | None = getattr(evaluator, "values", None) or getattr(evaluator, "column", None)
    if values is not None and evaluator.seeds is not None:
        return _seen(values, name, evaluator)
    if name == "flops" and np.isfinite(evaluator.space.largest_flops):
        return low, float(evaluator.space.largest_flops)
    return low, high


def _seen(values: Callable[..., Any], name: str, evaluator: Evaluator) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for fidelity in evaluator.fidelities:
        for seed in (*(evaluator.seeds or ()), MEAN_SEED):
            try:
                column = np.asarray(values(name, fidelity, seed), dtype=np.float64)
            except ValueError:  # not known at this fidelity
                continue
            known = column[np.isfinite(column)]
            low, high = min(low, known.min(initial=np.inf)), max(high, known.max(initial=-np.inf))
    metric = evaluator.metrics[name]
    return (low, high) if low <= high else (metric.lower, metric.upper)
