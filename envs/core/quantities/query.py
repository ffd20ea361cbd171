"""A task or an evaluator as a plain function, for a loop of one's own: architecture, epochs → metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .fidelity import as_fidelities


def query(source: Any, architecture: Any, epochs: Any = None, seed: Any = 0) -> dict[str, Any]:
    """Return everything that is known of an architecture, by name.

    It is not an environment: the metrics of the test split are there, too, no budget is charged and nothing is
    recorded. Report what the test split says; do not search by it.

    Args:
        source: a `SearchTask` or an evaluator.
        architecture: option indices ``(n,)``, the text of ``space.to_string``, or a dict of options by the choices'
            names; or ``(b, n)`` option indices, a batch.
        epochs: a fidelity, or one for each of the batch; None for the largest.
        seed: the training seed, −1 for the mean over those there are; or one for each of the batch.

    Returns:
        ``status``, ``epochs``, ``seed``, every metric and ``cost_seconds`` as plain Python values; of a task
        ``reward`` and ``violation`` (∞ where the evaluation failed), too. Lists of them for a batch, or where epochs
        or seeds are several.

    Raises:
        ValueError: the architecture is not of the space, or epochs or seed are not offered.
    """
    evaluator = getattr(source, "evaluator", source)
    rows, single = _rows(evaluator.space, architecture)
    epochs = evaluator.fidelities[-1] if epochs is None else epochs
    several = isinstance(epochs, (list, tuple, np.ndarray)) and np.ndim(epochs) > 0
    fidelities, seeds = as_fidelities(evaluator, epochs), np.atleast_1d(np.asarray(seed))
    if seeds.dtype.kind not in "iu":
        raise ValueError(f"seed={seed!r}: give an integer, or one for each architecture")
    single = single and not several and np.ndim(seed) == 0
    count = max(len(rows), len(fidelities), len(seeds))
    try:
        rows = np.ascontiguousarray(np.broadcast_to(rows, (count, rows.shape[1])))
        fidelities, seeds = (np.array(np.broadcast_to(part, count)) for part in (fidelities, seeds.astype(np.int64)))
    except ValueError:
        raise ValueError(
            f"{len(rows)} architectures, {len(fidelities)} epochs and {len(seeds)} seeds: give one of each, or as many"
        ) from None
    result = evaluator.evaluate(rows, fidelities, seeds)
    found = [result.row(i) for i in range(count)]
    if source is not evaluator:
        rewards, violations = source.objective.judge(result)
        for row, reward, violation in zip(found, rewards.tolist(), violations.tolist(), strict=True):
            row |= {"reward": reward, "violation": violation}
    return found[0] if single else {name: [row[name] for row in found] for name in found[0]}


def _rows(space: Any, architecture: Any) -> tuple[Any, bool]:
    """Return architectures ``(b, n)``, and whether one was meant."""
    if isinstance(architecture, str):
        return space.parse(architecture)[None], True
    if isinstance(architecture, Mapping):
        return space.from_options(architecture)[None], True
    return space.check(architecture), np.ndim(architecture) == 1
