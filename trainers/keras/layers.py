"""Keras layers that Keras has not: importing this module imports Keras, so the builder does it when needed.

They are registered for serialisation: to load a saved model that holds one in a fresh process, import this module
first (Keras refuses to import modules that a file names).
"""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="pynascent")
class Truncate(keras.layers.Layer):
    """Keeps the first ``channels`` features of the last axis."""

    def __init__(self, channels: int, **options: Any) -> None:
        super().__init__(**options)
        self.channels = channels

    def call(self, x: Any) -> Any:
        """Return ``x[..., :channels]``."""
        return x[..., : self.channels]

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with the last axis shortened."""
        return (*shape[:-1], self.channels)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "channels": self.channels}


@keras.saving.register_keras_serializable(package="pynascent")
class PositionEmbedding(keras.layers.Layer):
    """Adds one learned vector for each position to a sequence (b, tokens, features)."""

    def __init__(self, initializer: Any = "random_normal", **options: Any) -> None:
        super().__init__(**options)
        self.initializer = keras.initializers.get(initializer)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the embedding, of shape (tokens, features)."""
        self.embedding = self.add_weight(shape=shape[1:], initializer=self.initializer, name="embedding")

    def call(self, x: Any) -> Any:
        """Return the sum."""
        return keras.ops.add(x, self.embedding)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the same shape."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "initializer": keras.initializers.serialize(self.initializer)}


@keras.saving.register_keras_serializable(package="pynascent")
class DotProductAttention(keras.layers.Layer):
    """Scaled dot-product attention of several heads on [query, key, value], each (b, tokens, features).

    It has no weights: the projections before and after are dense layers of their own. Its two products are
    plain batched matrix products, which TensorFlow's profiler counts (it has no figure for the einsums of
    `keras.layers.MultiHeadAttention`).
    """

    def __init__(self, heads: int, **options: Any) -> None:
        super().__init__(**options)
        self.heads = heads

    def call(self, inputs: list[Any]) -> Any:
        """Return the attended values, (b, tokens, features)."""
        _, tokens, features = inputs[0].shape
        depth = features // self.heads
        query, key, value = (
            keras.ops.transpose(keras.ops.reshape(x, (-1, tokens, self.heads, depth)), (0, 2, 1, 3)) for x in inputs
        )
        scores = keras.ops.matmul(query * depth**-0.5, keras.ops.transpose(key, (0, 1, 3, 2)))
        mixed = keras.ops.matmul(keras.ops.softmax(scores, axis=-1), value)  # (b, heads, tokens, depth)
        return keras.ops.reshape(keras.ops.transpose(mixed, (0, 2, 1, 3)), (-1, tokens, features))

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Return the query's shape."""
        return shapes[0]

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "heads": self.heads}
