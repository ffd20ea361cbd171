"""Memory that a training step needs, counted on the network.

What is counted are the tensors that a step holds at its fullest moment: activations that the backward pass needs,
the gradients that are on their way through the network, and copies of the weights. TensorFlow's own program is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ....envs.spaces import Network, network_cost

MEGABYTE = 1e6
WEIGHT_COPIES = 6
"""Float32 copies of all weights that a step makes: gradients, their vector, the weights' vector, the new weights, and
two products of the optimizer. The weights and the optimizer's state are there before the first step."""

_KEPT: dict[str, tuple[bool, bool]] = {
    "input": (False, False),
    "conv": (True, False),
    "depthwise_conv": (True, False),
    "dense": (True, False),
    "batch_norm": (True, False),
    "max_pool": (True, True),
    "avg_pool": (False, False),
    "global_avg_pool": (False, False),
    "add": (False, False),
    "concat": (False, False),
    "reshape": (False, False),
    "truncate": (False, False),
    "position": (False, False),
    "zeros": (False, False),
}
"""Operation → whether its backward pass needs its inputs, and its output; other operations need both."""

_TEMPORARY = {"batch_norm": 2.0, "layer_norm": 3.0, "attention": 2.0}
"""Tensors of the output's size that an operation makes besides its gradients, while its backward pass runs."""


def kept_tensors(network: Network) -> list[set[int]]:
    """Return, for each layer, the layers whose outputs its backward pass needs; none for one that is not computed."""
    computed, kept = _computed(network), []
    for index, layer in enumerate(network.layers):
        if index not in computed:
            kept.append(set())
            continue
        inputs, output = _KEPT.get(layer.op, (True, True))
        if layer.op == "activation" and layer.attributes.get("function") == "relu":
            inputs, output = False, True
        kept.append({*(layer.inputs if inputs else ()), *([index] if output else ())})
    same = _shared(network)
    return [{same[i] for i in tensors} for tensors in kept]


def _shared(network: Network) -> list[int]:
    """Return, for each layer, the first layer that computes the same; TensorFlow computes such layers once."""
    seen: dict[Any, int] = {}
    same: list[int] = []
    for index, layer in enumerate(network.layers):
        if layer.op not in ("activation", "avg_pool", "max_pool"):
            same.append(index)
            continue
        what = (layer.op, tuple(same[i] for i in layer.inputs), repr(sorted(layer.attributes.items())))
        same.append(seen.setdefault(what, index))
    return same


def _computed(network: Network) -> set[int]:
    """Return the layers whose values matter: what only zeros are made of is not computed."""
    needed, stack = set(), [len(network.layers) - 1]
    while stack:
        index = stack.pop()
        if index not in needed:
            needed.add(index)
            if network.layers[index].op != "zeros":
                stack.extend(network.layers[index].inputs)
    return needed


def step_megabytes(network: Network, batch_size: int, value_bytes: int = 4, recomputed: Sequence[range] = ()) -> float:
    """Return the most memory that a training step needs at one time, in MB (10⁶ bytes), above what it began with.

    Args:
        network: the layer graph.
        batch_size: examples that pass the network together.
        value_bytes: bytes of an activation: 4, or 2 in mixed precision.
        recomputed: pieces of the network (`pynascent.trainers.training.memory.plan.blocks`) of which only the input is
            kept in the forward pass.
    """
    sizes = [float(prod(layer.shape) * batch_size * value_bytes) for layer in network.layers]
    kept = kept_tensors(network)
    piece_of = {index: piece for piece in recomputed for index in piece}
    held = {i for index, tensors in enumerate(kept) if index not in piece_of for i in tensors}
    held |= {i for piece in recomputed for i in network.layers[piece.start].inputs}
    most = max(_forward(network, sizes, held), _backward(network, sizes, kept, held, piece_of))
    images = sizes[0] * 4 / value_bytes
    return (most + images + WEIGHT_COPIES * 4 * network_cost(network).parameters) / MEGABYTE


def _forward(network: Network, sizes: list[float], held: set[int]) -> float:
    """Return the most bytes of the forward pass, where the layers' outputs in ``held`` stay."""
    last_reader = dict.fromkeys(range(len(network.layers)), 0)
    for index, layer in enumerate(network.layers):
        last_reader |= dict.fromkeys(layer.inputs, index)
    alive, most = {0} if 0 in held else set(), 0.0
    now = sum(sizes[i] for i in alive)
    for index, layer in enumerate(network.layers[1:], start=1):
        alive.add(index)
        now += sizes[index]
        most = max(most, now + _TEMPORARY.get(layer.op, 0.0) * sizes[index])
        over = {i for i in (*layer.inputs, index) if last_reader[i] <= index and i not in held} & alive
        alive -= over
        now -= sum(sizes[i] for i in over)
    return most


def _backward(
    network: Network, sizes: list[float], kept: list[set[int]], held: set[int], piece_of: dict[int, range]
) -> float:
    """Return the most bytes of the backward pass, which begins with the layers' outputs in ``held``."""
    computed, last = _computed(network), len(network.layers) - 1
    alive, most = set(held), 0.0
    activations = sum(sizes[i] for i in alive)
    # Gradients not used yet: layer → the tensors that are to be added up to its output's gradient. An addition hands
    # one tensor on to all that it reads; a tensor is named by the layer whose gradient it was made as.
    waiting: dict[int, list[int]] = {last: [last]}
    made = {last: sizes[last]}
    for index in range(last, 0, -1):
        layer = network.layers[index]
        if index not in computed or layer.op == "zeros":
            activations -= sizes[index] if index in alive else 0.0
            alive.discard(index)
            continue
        piece = piece_of.get(index)
        if piece is not None and index == piece.stop - 1:
            again = {i for j in piece for i in kept[j]} - alive
            alive |= again
            activations += sum(sizes[i] for i in again)
        parts = waiting.pop(index, [])
        inputs = [i for i in layer.inputs if i and network.layers[i].op != "zeros"]
        shares = layer.op in ("add", "reshape")
        new = sizes[index] if len(parts) > 1 else 0.0
        new += 0.0 if shares else sum(sizes[i] for i in inputs)
        now = activations + sum(made.values())
        most = max(most, now + new + _TEMPORARY.get(layer.op, 0.0) * sizes[index])
        handed = parts[0] if len(parts) == 1 else -index
        made[handed] = sizes[index]
        for place, i in enumerate(inputs):
            token = handed if shares else index * len(network.layers) + place + last + 1
            made[token] = sizes[index] if shares else sizes[i]
            waiting.setdefault(i, []).append(token)
        used = {token for tokens in waiting.values() for token in tokens}
        made = {token: size for token, size in made.items() if token in used}
        if index in alive:  # those after it are gone already
            alive.remove(index)
            activations -= sizes[index]
    return most
