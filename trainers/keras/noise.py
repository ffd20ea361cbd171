"""Dropout and DropConnect whose random numbers depend on the training seed, the layer and the step alone.

Keras's own layers count their calls, so a training that goes on from a checkpoint, or that computes activations a
second time, would draw other numbers. Importing this module imports Keras and TensorFlow.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class Noise:
    """Where the random numbers of a training come from.

    Attributes:
        step: passes taken before, an int32 tensor of the graph that is being traced; the training sets it.
        rank: of this process; dropout differs between ranks, DropConnect does not.
    """

    def __init__(self, rank: int = 0) -> None:
        self.step: Any = 0
        self.rank = rank

    def kept(self, shape: Any, rate: float, seed: int, dtype: Any) -> Any:
        """Return 0 where a number is dropped, 1 / (1 − rate) elsewhere."""
        place = tf.stack([tf.cast(seed, tf.int32), tf.cast(self.step, tf.int32)])
        drawn = tf.random.stateless_uniform(shape, seed=place)
        return tf.cast(drawn >= rate, dtype) / tf.cast(1.0 - rate, dtype)


class Dropout(keras.layers.Layer):
    """Dropout (Srivastava et al., 2014) in training; nothing at inference."""

    def __init__(self, rate: float, noise: Noise, seed: int, **options: Any) -> None:
        super().__init__(**options)
        self.rate, self.noise, self.seed = rate, noise, seed

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the inputs, in training with a share of them zeroed and the rest scaled up."""
        if not training:
            return inputs
        return inputs * self.noise.kept(tf.shape(inputs), self.rate, self.seed + self.noise.rank, inputs.dtype)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the same shape."""
        return shape

    def copied(self) -> Dropout:
        """Return a layer that draws the same."""
        return Dropout(self.rate, self.noise, self.seed, name=self.name, dtype=self.dtype_policy)


class _DropConnected:
    """Mixed into a layer with a kernel: in training a share of the kernel's weights is zeroed in every step."""

    dropping: tuple[float, Noise, int] | None = None
    _training = False

    @property
    def kernel(self) -> Any:
        kernel = super().kernel  # type: ignore[misc]
        if not self._training or self.dropping is None:
            return kernel
        rate, noise, seed = self.dropping
        value = tf.convert_to_tensor(kernel)
        return value * noise.kept(tf.shape(value), rate, seed, value.dtype)

    def copied(self) -> Any:
        """Return a layer without weights that draws the same."""
        copy = type(self).from_config(self.get_config())  # type: ignore[attr-defined]
        copy.dropping = self.dropping
        return copy

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        self._training = bool(training)
        try:
            return super().call(inputs)  # type: ignore[misc]
        finally:
            self._training = False


class DropConnectConv2D(_DropConnected, keras.layers.Conv2D):
    """A convolution with DropConnect (Wan et al., 2013)."""


class DropConnectDense(_DropConnected, keras.layers.Dense):
    """A dense layer with DropConnect (Wan et al., 2013)."""


def drop_connected(layer: Any, rate: float, noise: Noise, seed: int) -> Any:
    """Return a convolution or dense layer with DropConnect; any other layer as it is.

    Args:
        layer: a Keras layer that has not been called yet.
        rate: share of the weights that is zeroed, 0..1.
        noise: where the random numbers come from.
        seed: of this layer.
    """
    kinds = {keras.layers.Conv2D: DropConnectConv2D, keras.layers.Dense: DropConnectDense}
    kind = kinds.get(type(layer))
    if kind is None:
        return layer
    dropping = kind.from_config(layer.get_config())
    dropping.dropping = (rate, noise, seed)
    return dropping
