"""Explainers that differentiate: gradient×input and integrated gradients."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..optional import require
from .base import FloatMaps, check_classes, check_completeness, check_inputs, in_graph, infer


def logit_gradients(model: Any, images: FloatMaps, labels: NDArray[np.int64]) -> FloatMaps:
    """Return d logit of the given class / d image, (b, h, w, c) float32."""
    tf = require("tensorflow", "train", "an explanation")
    values = tf.constant(images)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        logits = infer(model, values)
        check_classes(labels, logits.shape[-1])
        # In inference mode an example's logit depends on no other example: one sum, one backward pass.
        chosen = tf.reduce_sum(tf.gather(logits, labels, batch_dims=1))
    return tape.gradient(chosen, values, unconnected_gradients=tf.UnconnectedGradients.ZERO).numpy()


@dataclass(frozen=True)
class GradientXInput:
    """Gradient times input (Shrikumar et al. 2016, arXiv:1605.01713): the logit's linear part at the image."""

    name: ClassVar[str] = "gradient_x_input"
    stochastic: ClassVar[bool] = False
    complete: ClassVar[bool] = False

    @property
    def settings(self) -> dict[str, Any]:
        """Constructor arguments."""
        return asdict(self)

    def explain(self, model: Any, images: ArrayLike, labels: ArrayLike) -> FloatMaps:
        """See `Explainer.explain`."""
        images, labels = check_inputs(images, labels)
        return logit_gradients(model, images, labels) * images


@dataclass(frozen=True)
class IntegratedGradients:
    """Integrated gradients (Sundararajan et al. 2017, eq. 3): gradients averaged on the way from a baseline.

    Attributions sum to logit(image) − logit(baseline) up to the error of the midpoint rule, which falls with
    ``steps``; `completeness_gap` measures it.

    Args:
        steps: points on the straight line from the baseline to the image.
        baseline: value of every pixel of the image to start from.
        tolerance: when given, the largest gap allowed, relative to 1 + |sum of attributions|; a larger one
            raises `CompletenessError` instead of returning maps that are too coarse.
        batch_size: examples in one gradient pass, a matter of memory only.
    """

    steps: int = 32
    baseline: float = 0.0
    tolerance: float | None = None
    batch_size: int = 1024
    name: ClassVar[str] = "integrated_gradients"
    stochastic: ClassVar[bool] = False
    complete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        for key in ("steps", "batch_size"):
            if getattr(self, key) < 1:
                raise ValueError(f"{key}={getattr(self, key)}: give an integer of at least 1")

    @property
    def settings(self) -> dict[str, Any]:
        """Constructor arguments."""
        return asdict(self)

    def explain(self, model: Any, images: ArrayLike, labels: ArrayLike) -> FloatMaps:
        """See `Explainer.explain`."""
        images, labels = check_inputs(images, labels)
        model = in_graph(model, images.shape[1:])
        offset = images - np.float32(self.baseline)
        at = ((np.arange(self.steps) + 0.5) / self.steps).astype(np.float32)  # (steps,) midpoints
        total = np.zeros_like(images, dtype=np.float64)
        chunk = max(1, self.batch_size // max(1, len(images)))  # steps in one pass
        for start in range(0, self.steps, chunk):
            part = at[start : start + chunk]
            ways = part.reshape(-1, *[1] * offset.ndim)
            points = np.float32(self.baseline) + ways * offset  # (k, b, …)
            gradients = self._gradients(model, points.reshape(-1, *images.shape[1:]), np.tile(labels, len(part)))
            total += gradients.reshape(points.shape).sum(axis=0, dtype=np.float64)
        maps = (total / self.steps * offset).astype(np.float32)
        if self.tolerance is not None:
            check_completeness(self.name, model, images, labels, maps, self.baseline, self.tolerance)
        return maps

    def _gradients(self, model: Any, points: FloatMaps, labels: NDArray[np.int64]) -> FloatMaps:
        parts = [slice(i, i + self.batch_size) for i in range(0, len(points), self.batch_size)]
        return np.concatenate([logit_gradients(model, points[part], labels[part]) for part in parts] or [points])
