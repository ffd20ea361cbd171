"""Test examples of the data that a search was trained on: which are drawn, and in which form they are explained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...envs import SearchTask
from ..errors import UsageError


def examples_of(task: SearchTask) -> tuple[np.ndarray, np.ndarray, list[str] | None]:
    """Return the test split of a live task's data set.

    Returns:
        Inputs ``(n, h, w, c)`` or ``(n, f)``; the class of each, ``(n,)``; and the classes' names, where the data set
        has them. Of examples with several labels the class is the first that holds; those with none are left out.

    Raises:
        UsageError: the evaluator has no data set that can be read.
    """
    data: Any = getattr(task.evaluator, "dataset", None)
    test = getattr(data, "test", None)
    inputs = getattr(test, "inputs", getattr(test, "images", None))
    labels = getattr(test, "labels", None)
    if inputs is None or labels is None:
        raise UsageError(
            f"the evaluator {type(task.evaluator).__name__} has no test examples to explain: it needs an attribute "
            "dataset with dataset.test.inputs and dataset.test.labels"
        )
    inputs, labels = np.asarray(inputs), np.asarray(labels)
    if labels.ndim == 2:
        some = labels.any(axis=1)
        inputs, labels = inputs[some], labels[some].argmax(axis=1)
    names = getattr(data, "class_names", None)
    return inputs, labels.astype(np.int64), None if names is None else [str(name) for name in names]


def choose_examples(labels: np.ndarray, count: int, classes: Sequence[int] | None = None) -> np.ndarray:
    """Return indices ``(count,)`` of examples of as many classes as there is room for.

    The first example of each class, then the second of each, …. Where there are more classes than examples, classes
    are taken at even distances over all, so that the last ones are seen as well as the first ones.

    Args:
        labels: ``(n,)`` class indices.
        count: number of examples; all there are, where these are fewer.
        classes: the classes to take from; None for all that occur.

    Raises:
        UsageError: a class does not occur.
    """
    known = np.unique(labels)
    for k in classes or ():
        if k not in known:
            raise UsageError(f"--classes {k}: the test split has the classes {_ranges(known)}")
    taken = known if classes is None else np.unique(np.asarray(classes))
    if len(taken) > count:
        taken = taken[np.round(np.linspace(0, len(taken) - 1, count)).astype(np.int64)]
    found = []  # (rank within its class, class, index)
    for k in taken.tolist():
        found += [(rank, k, i) for rank, i in enumerate(np.flatnonzero(labels == k)[:count].tolist())]
    return np.array([i for _, _, i in sorted(found)[:count]], dtype=np.int64)


def _ranges(classes: np.ndarray) -> str:
    """Write ascending integers in short: ``0-9``, ``0, 2, 5``."""
    if len(classes) > 2 and classes[-1] - classes[0] == len(classes) - 1:
        return f"{classes[0]}-{classes[-1]}"
    return ", ".join(map(str, classes))


def probabilities_of(logits: np.ndarray, multi_label: bool = False) -> np.ndarray:
    """Return the softmax of ``(b, k)`` logits or, where any number of labels may hold, the logistic function."""
    if multi_label:
        return 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    return probabilities / probabilities.sum(axis=1, keepdims=True)
