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

from .figures import Cost
from .layers import Layer, Network, Shape
from .operations import ACTIVATION_FLOPS, OPERATIONS, find_operation

__all__ = ["ACTIVATION_FLOPS", "LAYER_COSTS", "Cost", "layer_costs", "network_cost"]

LAYER_COSTS: dict[str, Callable[[Layer, list[Shape]], Cost]] = {
    name: operation.cost for name, operation in OPERATIONS.items()
}
"""The cost rules by operation. An operation of one's own is better registered whole (`register_operation`); a rule
that is put in here by hand goes before."""


def layer_costs(network: Network) -> list[Cost]:
    """Return the cost of each layer, in the network's order.

    Raises:
        KeyError: a layer's operation is unknown; the message lists those that are known.
    """
    costs = []
    for layer in network.layers:
        rule = LAYER_COSTS.get(layer.op)
        if rule is None:
            try:
                rule = find_operation(layer.op).cost
            except ValueError:
                known = sorted({*LAYER_COSTS, *OPERATIONS})
                raise KeyError(f"no cost is known for the operation {layer.op!r}: known are {known}") from None
        costs.append(rule(layer, [network.layers[i].shape for i in layer.inputs]))
    return costs


def network_cost(network: Network) -> Cost:
    """Return the summed cost of a network's layers."""
    return sum(layer_costs(network), Cost())
