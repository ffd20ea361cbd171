"""Optimizers over one flat vector of all weights, written out.

All are elementwise, so one update of the whole vector is what one update per variable would be, at a fraction
of the tracing and running cost for networks of many small variables. Keras's own optimizers, which they equal,
keep the graph that they were traced in alive: some 5 MB for every candidate of a warm worker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...envs.core.components import Registry, split_config
from ...evaluation.optional import require
from .configuration import TrainingConfiguration

Update = Callable[[Any, Any, Any, Any], Any]
"""(weights ``(n,)``, gradient ``(n,)``, learning rate, steps taken before) → new weights, inside a graph."""

Optimizer = tuple[Update, list[Any]]
"""An update, and the ``tf.Variable``s of its state, which is all zeros before the first step."""


def make_update(configuration: TrainingConfiguration, size: int) -> Optimizer:
    """Return the configuration's optimizer with fresh state for ``size`` weights."""
    tf: Any = require("tensorflow", "train", "training")
    reference, settings = split_config(configuration.optimizer, "optimizer")
    return OPTIMIZERS.resolve(reference)(tf, configuration, size, **settings)


def _adamw(tf: Any, configuration: TrainingConfiguration, size: int) -> Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019): β₁ 0.9, β₂ 0.999, ε 1e-7 as in Keras."""
    first, second = tf.Variable(tf.zeros(size)), tf.Variable(tf.zeros(size))

    def update(weights: Any, gradient: Any, rate: Any, steps: Any) -> Any:
        t = tf.cast(steps + 1, tf.float32)
        step_size = rate * tf.sqrt(1.0 - tf.pow(0.999, t)) / (1.0 - tf.pow(0.9, t))
        m = first.assign_add((gradient - first) * (1.0 - 0.9))
        v = second.assign_add((gradient * gradient - second) * (1.0 - 0.999))
        return weights * (1.0 - rate * configuration.weight_decay) - step_size * m / (tf.sqrt(v) + 1e-7)

    return update, [first, second]


def _sgd(tf: Any, configuration: TrainingConfiguration, size: int) -> Optimizer:
    """Stochastic gradient descent with momentum and decoupled weight decay."""
    velocity = tf.Variable(tf.zeros(size))

    def update(weights: Any, gradient: Any, rate: Any, steps: Any) -> Any:
        moved = velocity.assign(configuration.momentum * velocity - rate * gradient)
        return weights * (1.0 - rate * configuration.weight_decay) + moved

    return update, [velocity]


OPTIMIZERS = Registry("optimizer", {"adamw": _adamw, "sgd": _sgd})
"""Name → function (tf, configuration, number of weights, **settings) → `Optimizer`."""
