"""Between which values an evaluator's metrics lie: what the reward of infeasible rows is reckoned from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .evaluation import Evaluator, FloatArray

_LISTED = 2**20  # architectures of the largest space of which a whole column is asked


def metric_range(evaluator: Evaluator, name: str) -> tuple[float, float]:
    """Return the smallest and the largest value that a metric can have, in the metric's unit.

    What the metric declares; where that is not finite, what a table holds over its fidelities and seeds, or (of
    ``flops``) the FLOPs of the space's largest architecture; ±∞ where nothing is known.
    """
    metric = evaluator.metrics[name]
    low, high = metric.lower, metric.upper
    if np.isfinite([low, high]).all():
        return low, high
    seen_low, seen_high = np.inf, -np.inf
    for column in _columns(evaluator, name):
        known = column[np.isfinite(column)]
        seen_low, seen_high = known.min(initial=seen_low), known.max(initial=seen_high)
    if seen_low <= seen_high:
        return float(seen_low), float(seen_high)
    if name == "flops" and np.isfinite(evaluator.space.largest_flops):
        return low, float(evaluator.space.largest_flops)
    return low, high


def _columns(evaluator: Evaluator, name: str) -> Iterator[FloatArray]:
    """Yield a table's columns of a metric, one for each fidelity and seed; none of what is no table."""
    # A table has the rows that it covers as `values`; another tabular evaluator has a column of its whole space.
    values = getattr(evaluator, "values", None)
    if values is None and evaluator.space.size <= _LISTED:
        values = getattr(evaluator, "column", None)
    if values is None or evaluator.seeds is None:
        return
    for fidelity in evaluator.fidelities:
        for seed in evaluator.seeds:
            try:
                yield np.asarray(values(name, fidelity, seed), dtype=np.float64)
            except ValueError:  # not known at this fidelity or of this training
                continue
