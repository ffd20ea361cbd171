"""Max pooling by slices, for XLA, which has no deterministic gradient of TensorFlow's own max pooling.

Importing this module imports Keras.
"""

from __future__ import annotations

from typing import Any

import keras


class SlicedMaxPooling2D(keras.layers.MaxPooling2D):
    """The same maxima as ``MaxPooling2D``, each the largest of k² strided slices; channels last."""

    def call(self, inputs: Any) -> Any:
        """Return ``(b, height', width', channels)``."""
        ops, (_, height, width, channels) = keras.ops, inputs.shape
        x, sizes = inputs, []
        before, after = [], []
        for size, kernel, stride in zip((height, width), self.pool_size, self.strides, strict=True):
            out = -(-size // stride) if self.padding == "same" else (size - kernel) // stride + 1
            lacking = max((out - 1) * stride + kernel - size, 0) if self.padding == "same" else 0
            before.append(lacking // 2)
            after.append(lacking - lacking // 2)
            sizes.append(out)
        if any(before) or any(after):
            least = -3e4 if keras.backend.standardize_dtype(x.dtype) == "float16" else -1e38
            padding = [(0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0)]
            x = ops.pad(x, padding, constant_values=least)
        largest = None
        for i in range(self.pool_size[0]):
            for j in range(self.pool_size[1]):
                (rows, columns), (down, across) = sizes, self.strides
                piece = x[:, i : i + (rows - 1) * down + 1 : down, j : j + (columns - 1) * across + 1 : across, :]
                largest = piece if largest is None else ops.maximum(largest, piece)
        return ops.reshape(largest, (-1, *sizes, channels))


def sliced(layer: Any) -> Any:
    """Return a max pooling that has not been called yet as one by slices; any other layer as it is."""
    if type(layer) is not keras.layers.MaxPooling2D:
        return layer
    return SlicedMaxPooling2D.from_config(layer.get_config())
