"""Optimizers over one flat vector of all weights.

All are elementwise, so one update of the whole vector is what one update per variable would be, at a fraction
of the tracing and running cost for networks of many small variables. ``adamw`` and ``sgd`` are written out and equal
Keras's; ``keras`` is any of Keras's own elementwise optimizers. What the vector saves is measured by
``python -m pynascent.scripts.measure.training.optimizers``.
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


def _sgd(tf: Any, configuration: TrainingConfiguration, size: int, nesterov: bool = False) -> Optimizer:
    """Stochastic gradient descent with momentum, Nesterov's on request, and decoupled weight decay."""
    velocity = tf.Variable(tf.zeros(size))

    def update(weights: Any, gradient: Any, rate: Any, steps: Any) -> Any:
        moved = velocity.assign(configuration.momentum * velocity - rate * gradient)
        if nesterov:
            moved = configuration.momentum * moved - rate * gradient
        return weights * (1.0 - rate * configuration.weight_decay) + moved

    return update, [velocity]


ELEMENTWISE = ("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "Nadam", "RMSprop", "SGD")
"""Keras's optimizers that treat every weight alone."""


def _keras(tf: Any, configuration: TrainingConfiguration, size: int, name: str = "AdamW", **settings: Any) -> Optimizer:
    """One of Keras's own optimizers, by its class name; the settings are Keras's (weight decay, clipping, averages).

    The learning rate is the schedule's. Optimizers that look at a layer's shape (Muon, LAMB, Adafactor) are refused,
    since they would see one vector.
    """
    if name not in ELEMENTWISE:
        raise ValueError(f"optimizer keras: name={name!r}: choose one of {', '.join(ELEMENTWISE)}")
    keras: Any = require("keras", "train", "training")
    if "learning_rate" in settings:
        raise ValueError("optimizer keras: learning_rate: give it as the training's learning_rate")
    try:
        optimizer = getattr(keras.optimizers, name)(learning_rate=configuration.learning_rate, **settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"optimizer keras {name}: {str(error).splitlines()[0]}") from error
    vector = keras.Variable(tf.zeros(size), dtype="float32", name="weights")
    optimizer.build([vector])

    def update(weights: Any, gradient: Any, rate: Any, steps: Any) -> Any:
        vector.assign(weights)
        optimizer.learning_rate = rate
        optimizer.apply([gradient], [vector])
        return tf.identity(vector.value)

    return update, [variable.value for variable in optimizer.variables if variable is not optimizer._learning_rate]


OPTIMIZERS = Registry("optimizer", {"adamw": _adamw, "sgd": _sgd, "keras": _keras})
"""Name → function (tf, configuration, number of weights, **settings) → `Optimizer`."""
