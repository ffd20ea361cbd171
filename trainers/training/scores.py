"""Scores: how good a network's predictions are, on validation data for a search and on test data for reports."""

from __future__ import annotations

from math import inf
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...envs.core.components import Registry
from .configuration import Component


class Score(Protocol):
    """A score; its keyword arguments are its settings.

    Attributes:
        name: of the metrics: ``validation_<name>`` and ``test_<name>``.
        unit: for reports.
        lower: smallest value.
        upper: largest value.
        maximize: whether more is better.
    """

    name: str
    unit: str
    lower: float
    upper: float
    maximize: bool

    def __call__(self, logits: NDArray[np.float32], labels: NDArray[Any]) -> float:
        """Return the score of logits ``(n, classes)`` against labels ``(n,)`` or ``(n, classes)``."""
        ...


class Accuracy:
    """Share of the examples whose largest logit is their class's; of a multi-label set, of labels told right."""

    name, unit, lower, upper, maximize = "accuracy", "fraction", 0.0, 1.0, True

    def __call__(self, logits: NDArray[np.float32], labels: NDArray[Any]) -> float:
        """See `Score`."""
        if labels.ndim == 2:
            return float(((logits > 0) == (labels > 0.5)).mean())
        return int((logits.argmax(axis=-1) == labels).sum()) / len(labels)


class AucRoc:
    """Area under the ROC curve, the mean over the labels that have examples of both kinds (½ where none has).

    The share of pairs of a positive and a negative example that the logit orders rightly, ties counting half
    (Mann and Whitney, 1947). Of a set of single classes it is each class against the others.
    """

    name, unit, lower, upper, maximize = "auc_roc", "fraction", 0.0, 1.0, True

    def __call__(self, logits: NDArray[np.float32], labels: NDArray[Any]) -> float:
        """See `Score`."""
        from scipy.stats import rankdata

        positive = labels > 0.5 if labels.ndim == 2 else labels[:, None] == np.arange(logits.shape[1])
        count = positive.sum(axis=0)
        both = (count > 0) & (count < len(positive))
        if not both.any():
            return 0.5
        ranks = rankdata(logits[:, both], axis=0)
        count = count[both]
        pairs = (ranks * positive[:, both]).sum(axis=0) - count * (count + 1) / 2
        return float((pairs / (count * (len(positive) - count))).mean())


class CrossEntropyScore:
    """Mean cross-entropy in nats (of the sigmoid, over the labels, for a multi-label set); less is better."""

    name, unit, lower, upper, maximize = "cross_entropy", "nats", 0.0, inf, False

    def __call__(self, logits: NDArray[np.float32], labels: NDArray[Any]) -> float:
        """See `Score`."""
        z = logits.astype(np.float64)
        if labels.ndim == 2:
            return float((np.logaddexp(0.0, z) - labels * z).mean())
        top = z.max(axis=1)
        total = top + np.log(np.exp(z - top[:, None]).sum(axis=1))
        return float((total - z[np.arange(len(z)), labels]).mean())


SCORES = Registry("score", {"accuracy": Accuracy, "auc_roc": AucRoc, "cross_entropy": CrossEntropyScore})
"""Name → class whose keyword arguments are the settings."""


def make_score(score: Component | None, multi_label: bool) -> Score:
    """Return a configuration's score.

    Raises:
        ValueError: it is unknown or does not fit; the message says what there is.
    """
    return SCORES.make(score or ("auc_roc" if multi_label else "accuracy"))
