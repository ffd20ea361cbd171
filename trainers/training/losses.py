"""Losses: what a training minimises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.components import Registry
from ...evaluation.optional import require
from .configuration import Component


class Loss(ABC):
    """A loss; its keyword arguments are its settings. A loss of one's own derives from this class.

    It declares a ``version`` where a change of its code must not train anything again.
    """

    def targets(self, labels: NDArray[Any], classes: int, smoothing: float) -> NDArray[np.float32]:
        """Return what the logits are compared with, ``(n, classes)`` float32.

        One-hot rows, ``smoothing`` of each spread over all classes; multi-label rows are moved that far towards ½.

        Args:
            labels: ``(n,)`` class indices, or ``(n, classes)`` zeros and ones.
            classes: number of logits.
            smoothing: share 0..1.
        """
        if labels.ndim == 2:
            return (labels * (1.0 - smoothing) + 0.5 * smoothing).astype(np.float32)
        rows = np.full((len(labels), classes), smoothing / classes, dtype=np.float32)
        rows[np.arange(len(labels)), labels] = 1.0 - smoothing + smoothing / classes
        return rows

    @abstractmethod
    def __call__(self, targets: Any, logits: Any) -> Any:
        """Return the loss of each example, ``(b,)``, as a tensor; called inside a TensorFlow graph.

        Args:
            targets: ``(b, classes)`` rows of `targets`.
            logits: ``(b, classes)``.
        """


class CrossEntropy(Loss):
    """Softmax cross-entropy in nats: examples of one class each."""

    def __call__(self, targets: Any, logits: Any) -> Any:
        """See `Loss`."""
        return _tensorflow().nn.softmax_cross_entropy_with_logits(targets, logits)


class BinaryCrossEntropy(Loss):
    """Sigmoid cross-entropy in nats, the mean over the labels: examples with any number of labels."""

    def __call__(self, targets: Any, logits: Any) -> Any:
        """See `Loss`."""
        tf = _tensorflow()
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=-1)


LOSSES = Registry("loss", {"cross_entropy": CrossEntropy, "binary_cross_entropy": BinaryCrossEntropy})
"""Name → class whose keyword arguments are the settings."""


def default_loss(multi_label: bool) -> str:
    """Return the name of the loss that suits the labels."""
    return "binary_cross_entropy" if multi_label else "cross_entropy"


def make_loss(loss: Component | None, multi_label: bool) -> Loss:
    """Return a configuration's loss.

    Raises:
        ValueError: it is unknown or does not fit; the message says what there is.
    """
    return LOSSES.make(loss or default_loss(multi_label))


def _tensorflow() -> Any:
    return require("tensorflow", "train", "training")
