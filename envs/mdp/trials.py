"""What is asked about a trial that is not played step by step: its epochs and its training seed."""

from __future__ import annotations

import numpy as np

from ..core.evaluation import MEAN_SEED, IntArray
from .dynamics import _TRAINING, STREAMS, SearchDynamics
from .hashing import below, mix


def trial_questions(
    dynamics: SearchDynamics, lane_seed: int, trials: IntArray, fidelity: IntArray | None = None
) -> tuple[IntArray, IntArray]:
    """Return the epochs and the training seeds that an environment would ask the evaluator for.

    Trial i is episode i of one lane, in which a whole architecture is built or proposed without a masked action.

    Args:
        dynamics: the environment's rules (``build`` or ``propose``).
        lane_seed: the lane's seed.
        trials: ``(t,)`` trial numbers, from 0.
        fidelity: ``(t,)`` indices into the fidelities, where the action chooses one.

    Returns:
        ``(t,)`` epochs and ``(t,)`` training seeds.
    """
    if fidelity is None:
        epochs = np.full(len(trials), dynamics.epochs, dtype=np.int64)
    else:
        epochs = np.array(dynamics.rules.fidelities, dtype=np.int64)[fidelity]
    if dynamics.training_seed == "mean":
        return epochs, np.full(len(trials), MEAN_SEED, dtype=np.int64)
    if dynamics.training_seed != "resample":
        return epochs, np.full(len(trials), int(dynamics.training_seed), dtype=np.int64)
    steps = 1 if dynamics.rules.name == "propose" else dynamics.task.space.n
    bits = mix(mix(mix(np.uint64(0), lane_seed), np.asarray(trials) * STREAMS + _TRAINING), steps)
    known = dynamics.task.evaluator.seeds
    if known is None:
        return epochs, below(bits, 2**31)
    return epochs, np.array(known, dtype=np.int64)[below(bits, len(known))]
