"""The weights that a candidate starts with, without building its model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...envs.spaces import Network
from .builder import site_of

FloatArray = NDArray[np.float32]
Shape = tuple[int, ...]

_KERNELS: dict[str, Callable[..., Shape]] = {
    "conv": lambda layer, shape: (*layer["kernel"], shape[-1] // layer["groups"], layer["filters"]),
    "depthwise_conv": lambda layer, shape: (*layer["kernel"], shape[-1], 1),
    "dense": lambda layer, shape: (shape[-1], layer["units"]),
}


def initial_weights(network: Network, seed: int) -> dict[int, list[FloatArray]]:
    """Return the initial weights of every layer that has any, equal to ``build_model(network, seed=seed)``'s.

    Building and taking apart a Keras model takes a hundred times as long, which counts where thousands of
    candidates start.

    Args:
        network: a network of convolutions, normalisations and dense layers.
        seed: non-negative integer.

    Returns:
        Index of the layer → its arrays, in the order of the Keras layer's ``get_weights()``.

    Raises:
        ValueError: a layer is of a kind whose weights are not known here; the message names it.
    """
    weights: dict[int, list[FloatArray]] = {}
    for index, layer in enumerate(network.layers):
        shape = network.layers[layer.inputs[0]].shape if layer.inputs else layer.shape
        if layer.op in _KERNELS:
            kernel = np.asarray(site_of(network, index, seed).glorot_uniform()(_KERNELS[layer.op](layer, shape)))
            bias = [np.zeros(layer.shape[-1], dtype=np.float32)] if layer["bias"] else []
            weights[index] = [kernel, *bias]
        elif layer.op == "batch_norm":
            zeros, ones = (np.full(shape[-1], value, dtype=np.float32) for value in (0.0, 1.0))
            weights[index] = [ones, zeros, zeros, ones]  # scale, offset, moving mean, moving variance
        elif layer.op in ("layer_norm", "position", "attention"):
            raise ValueError(f"the initial weights of {layer.op!r} (layer {index}) are not known here: build the model")
    return weights
