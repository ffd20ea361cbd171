"""Precision: what each layer of a candidate computes in.

Weights are float32 whatever it is (Keras's mixed policies); so are the loss, the gradients that are averaged over the
ranks, and the optimizer.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...envs.spaces import Network

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")

AUTOMATIC = ("attention", "batch_norm", "layer_norm", "softmax", "first", "last")
"""What ``"auto"`` keeps in float32: where sums of many terms or exponentials are taken, and both ends."""


def policies(network: Network, precision: str, float32_layers: str | Sequence[str]) -> list[str]:
    """Return the Keras dtype policy of every layer of a network, by its place.

    Args:
        network: the layer graph.
        precision: one of `PRECISIONS`.
        float32_layers: what stays float32: operations (``"batch_norm"``), activation functions (``"softmax"``),
            ``"first"`` and ``"last"`` for the first and last layer with weights, places (``"7"``); or ``"auto"`` for
            `AUTOMATIC`.

    Raises:
        ValueError: a place is beyond the network.
    """
    if precision == "float32":
        return ["float32"] * len(network.layers)
    names = set(AUTOMATIC if float32_layers == "auto" else float32_layers)
    beyond = [name for name in names if name.isdigit() and int(name) >= len(network.layers)]
    if beyond:
        raise ValueError(f"float32_layers: there is no layer {beyond[0]}: the network has {len(network.layers)}")
    weighted = [i for i, layer in enumerate(network.layers) if layer.op in ("conv", "depthwise_conv", "dense")]
    ends = {"first": weighted[:1], "last": weighted[-1:]}
    kept = {i for name in names for i in ends.get(name, [])}
    return [
        "float32"
        if i in kept or str(i) in names or layer.op in names or layer.attributes.get("function") in names
        else precision
        for i, layer in enumerate(network.layers)
    ]
