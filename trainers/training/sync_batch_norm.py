"""Batch normalisation over the batch of all ranks, so that their number does not change what is computed."""

from __future__ import annotations

from typing import Any

from ...evaluation.optional import require
from .communicator import Communicator


def synchronize_batch_norm(model: Any, communicator: Communicator) -> Any:
    """Return a copy of a model with the same weights whose batch normalisations use all ranks' statistics.

    Keras's own ``BatchNormalization(synchronized=True)`` needs tf.distribute; this one exchanges mean and
    mean square through the communicator, forwards and, by the exchange's gradient, backwards.

    Args:
        model: a functional ``keras.Model``.
        communicator: the group.

    Returns:
        A new ``keras.Model``; its weights are in the order of the original's.
    """
    keras = require("keras", "train", "training")

    class SyncBatchNormalization(keras.layers.BatchNormalization):
        def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            if not training:
                return super().call(inputs, training=training, mask=mask)
            ops = keras.ops
            x = ops.cast(inputs, "float32")
            axes = list(range(x.shape.rank - 1))
            mean = ops.mean(x, axes)
            square = ops.mean(ops.square(x - mean), axes) + ops.square(mean)
            mean, square = ops.unstack(communicator.mean(ops.stack([mean, square]), f"{self.name}_moments"))
            variance = ops.maximum(square - ops.square(mean), 0.0)
            for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + value * (1 - self.momentum))
            y = ops.batch_normalization(x, mean, variance, -1, self.beta, self.gamma, self.epsilon)
            return ops.cast(y, self.compute_dtype)

    def replace(layer: Any) -> Any:
        if hasattr(layer, "copied"):  # layers of a training alone, which no configuration describes
            return layer.copied()
        kind = SyncBatchNormalization if isinstance(layer, keras.layers.BatchNormalization) else type(layer)
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=replace)
    copy.set_weights(model.get_weights())
    return copy
