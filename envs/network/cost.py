"""Analytic cost of a network: parameters and floating-point operations, layer by layer.

``flops`` is 2 × the multiply-accumulates of convolution and dense layers in the forward pass of one
example: the convention of the field (NAS-Bench-201 counts the same in MACs). The two matrix products of
attention, queries by keys and weights by values, count as dense. Everything else is
``elementwise_flops``, counted as TensorFlow's profiler counts the inference graph that Keras traces, so
that ``flops + elementwise_flops`` is the profiler's total:

====================  ==============================================================================
batch normalisation   per channel 6 (add ε, reciprocal square root counted 2, scale, scale of the mean,
                      subtraction) and per value 2 (multiply, add)
max and mean pool     window size × output values; global mean: input values
bias, addition        output values (n − 1 additions for n inputs)
layer normalisation   per value 9 (mean, squared difference 2, mean, scale and offset 5), per position 4
attention             per query value 1 (scale), per weight 5 (softmax)
activation            per value, `ACTIVATION_FLOPS`: GELU 4, SiLU 2, hard swish 3, …; ReLU 0
reshape, concat, …    0: the profiler has no figure for them
====================  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from .graph import Layer, Network, Shape


@dataclass(frozen=True)
class Cost:
    """Cost of a layer or network: trainable and non-trainable parameters, and FLOPs of one forward pass."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("parameters", "trainable_parameters", "flops", "elementwise_flops")

    parameters: int = 0  # as Keras's count_params: trainable and not
    flops: int = 0
    elementwise_flops: int = 0
    trainable_parameters: int = 0  # without moving means and variances: what published benchmarks count

    def __add__(self, other: Cost) -> Cost:
        """Sum field by field."""
        return Cost(
            self.parameters + other.parameters,
            self.flops + other.flops,
            self.elementwise_flops + other.elementwise_flops,
            self.trainable_parameters + other.trainable_parameters,
        )


def _conv(layer: Layer, inputs: list[Shape]) -> Cost:
    height, width = layer["kernel"]
    weights = height * width * (inputs[0][2] // layer["groups"]) * layer["filters"]
    return _weighted(layer, weights, layer.shape[0] * layer.shape[1], layer["filters"])


def _depthwise_conv(layer: Layer, inputs: list[Shape]) -> Cost:
    height, width = layer["kernel"]
    return _weighted(layer, height * width * inputs[0][2], layer.shape[0] * layer.shape[1], inputs[0][2])


def _dense(layer: Layer, inputs: list[Shape]) -> Cost:
    return _weighted(layer, inputs[0][-1] * layer["units"], prod(layer.shape[:-1]), layer["units"])


def _weighted(layer: Layer, weights: int, positions: int, outputs: int) -> Cost:
    bias = outputs if layer["bias"] else 0
    return Cost(weights + bias, 2 * weights * positions, prod(layer.shape) if bias else 0, weights + bias)


def _batch_norm(layer: Layer, inputs: list[Shape]) -> Cost:
    channels = layer.shape[-1]
    return Cost(4 * channels, 0, 6 * channels + 2 * prod(layer.shape), 2 * channels)


def _pool(layer: Layer, inputs: list[Shape]) -> Cost:
    return Cost(elementwise_flops=prod(layer["kernel"]) * prod(layer.shape))


def _global_avg_pool(layer: Layer, inputs: list[Shape]) -> Cost:
    return Cost(elementwise_flops=prod(inputs[0]))


def _add(layer: Layer, inputs: list[Shape]) -> Cost:
    return Cost(elementwise_flops=(len(inputs) - 1) * prod(layer.shape))


def _activation(layer: Layer, inputs: list[Shape]) -> Cost:
    function = layer["function"]
    if function not in ACTIVATION_FLOPS:
        raise KeyError(f"no cost is known for the activation {function!r}: known are {sorted(ACTIVATION_FLOPS)}")
    return Cost(elementwise_flops=ACTIVATION_FLOPS[function] * prod(layer.shape))


def _layer_norm(layer: Layer, inputs: list[Shape]) -> Cost:
    features = layer.shape[-1]
    return Cost(2 * features, 0, 9 * prod(layer.shape) + 4 * prod(layer.shape[:-1]), 2 * features)


def _position(layer: Layer, inputs: list[Shape]) -> Cost:
    values = prod(layer.shape)
    return Cost(values, 0, values, values)


def _attention(layer: Layer, inputs: list[Shape]) -> Cost:
    tokens, features = layer.shape
    products = 2 * (2 * tokens * tokens * features)  # queries by keys, weights by values
    return Cost(flops=products, elementwise_flops=tokens * features + 5 * layer["heads"] * tokens * tokens)


def _free(layer: Layer, inputs: list[Shape]) -> Cost:
    return Cost()


ACTIVATION_FLOPS = {
    "linear": 0,
    "relu": 0,
    "relu6": 0,
    "leaky_relu": 0,
    "elu": 0,
    "selu": 0,
    "sigmoid": 0,
    "tanh": 0,
    "mish": 1,
    "silu": 2,
    "hard_sigmoid": 2,
    "hard_swish": 3,
    "gelu": 4,
    "softmax": 5,
}
"""Profiled operations per value of each activation, as Keras 3 writes it (sigmoid, tanh, … have no figure)."""

LAYER_COSTS: dict[str, Callable[[Layer, list[Shape]], Cost]] = {
    "input": _free,
    "conv": _conv,
    "depthwise_conv": _depthwise_conv,
    "dense": _dense,
    "batch_norm": _batch_norm,
    "max_pool": _pool,
    "avg_pool": _pool,
    "global_avg_pool": _global_avg_pool,
    "add": _add,
    "activation": _activation,
    "layer_norm": _layer_norm,
    "position": _position,
    "attention": _attention,
    "concat": _free,
    "reshape": _free,
    "truncate": _free,
    "zeros": _free,
}


def layer_costs(network: Network) -> list[Cost]:
    """Return the cost of each layer, in the network's order.

    Raises:
        KeyError: a layer's operation has no entry in `LAYER_COSTS`; the message lists those that have.
    """
    costs = []
    for layer in network.layers:
        if layer.op not in LAYER_COSTS:
            raise KeyError(f"no cost is known for the operation {layer.op!r}: known are {sorted(LAYER_COSTS)}")
        costs.append(LAYER_COSTS[layer.op](layer, [network.layers[i].shape for i in layer.inputs]))
    return costs


def network_cost(network: Network) -> Cost:
    """Return the summed cost of a network's layers."""
    return sum(layer_costs(network), Cost())
