"""Analytic cost of a network: parameters and floating-point operations, layer by layer.

``flops`` is 2 × the multiply-accumulates of convolution and dense layers in the forward pass of one
example: the convention of the field (NAS-Bench-201 counts the same in MACs). Everything else is
``elementwise_flops``, counted as TensorFlow's profiler counts the inference graph that Keras traces, so
that ``flops + elementwise_flops`` is the profiler's total:

====================  ==============================================================================
batch normalisation   per channel 6 (add ε, reciprocal square root counted 2, scale, scale of the mean,
                      subtraction) and per value 2 (multiply, add)
max and mean pool     window size × output values; global mean: input values
bias, addition        output values (n − 1 additions for n inputs)
ReLU, reshape, concat 0: the profiler has no figure for them
====================  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from .network import Layer, Network, Shape


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


def _free(layer: Layer, inputs: list[Shape]) -> Cost:
    return Cost()


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
    "activation": _free,
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
