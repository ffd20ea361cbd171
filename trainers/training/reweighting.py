"""Cost-sensitive reweighting: rare classes count more in the loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REWEIGHTINGS = ("none", "balanced")


def balanced_weights(labels: NDArray[np.int32], classes: int) -> NDArray[np.float64]:
    """Return the weight of each class, w_c = N / (C · N_c) (the paper's equation 3, which prints c for C).

    Every class then adds equally to the loss, and the examples' weights average 1. It is what scikit-learn calls
    ``class_weight="balanced"``.

    Args:
        labels: ``(n,)`` class indices of the training split.
        classes: C; a class without examples has the weight 0, and does not count in C.

    Returns:
        ``(classes,)`` weights, 0 or more.
    """
    counts = np.bincount(labels, minlength=classes)
    present = counts > 0
    return np.where(present, len(labels) / (present.sum() * np.maximum(counts, 1)), 0.0)


def example_weights(reweighting: str, labels: NDArray[np.int32], classes: int) -> NDArray[np.float32] | None:
    """Return the weight of each training example, ``(n,)``; None where all weigh the same."""
    if reweighting == "none":
        return None
    return balanced_weights(labels, classes)[labels].astype(np.float32)
