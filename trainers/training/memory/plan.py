"""What to compute again, and how to divide a step, so that it fits a budget of memory."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ....envs.spaces import Network
from ..configuration import TrainingConfiguration
from .estimate import kept_tensors, step_megabytes


def blocks(network: Network) -> list[range]:
    """Return the network's layers in pieces that a single tensor joins, the input left out.

    Each piece ends at a layer whose output is all that later layers read of what came before.
    """
    last_reader = list(range(len(network.layers)))
    for index, layer in enumerate(network.layers):
        for i in layer.inputs:
            last_reader[i] = max(last_reader[i], index)
    pieces, start, furthest = [], 1, last_reader[0]
    for index in range(1, len(network.layers)):
        if furthest <= index or index == len(network.layers) - 1:
            pieces.append(range(start, index + 1))
            start = index + 1
        furthest = max(furthest, last_reader[index])
    return pieces


def chosen_blocks(network: Network, batch_size: int, value_bytes: int, budget: float | None) -> list[range]:
    """Return the pieces to compute again in the backward pass.

    Neighbouring pieces of `blocks` are joined until each keeps about as much as all that is kept between them, which
    needs least memory (Chen et al., 2016). With a budget, the pieces from the front are taken until the estimate fits;
    none where the plain training fits.

    Args:
        network: the layer graph.
        batch_size: examples that pass the network together.
        value_bytes: bytes of an activation.
        budget: MB (10⁶ bytes) for a step; None for as little as can be had.

    Returns:
        Pieces of consecutive layers, in order.
    """
    if budget is not None and step_megabytes(network, batch_size, value_bytes) <= budget:
        return []
    kept = kept_tensors(network)
    sized = [
        (piece, sum(prod(network.layers[i].shape) for i in {i for index in piece for i in kept[index]}))
        for piece in blocks(network)
    ]
    total = sum(values for _, values in sized)
    limits = {round(total / parts) for parts in range(1, min(len(network.layers), 64) + 1)}
    plans = [_joined(sized, limit) for limit in sorted(limits)]
    needs = [step_megabytes(network, batch_size, value_bytes, plan) for plan in plans]
    best = plans[needs.index(min(needs))]
    if budget is None:
        return best
    for count in range(1, len(best)):
        if step_megabytes(network, batch_size, value_bytes, best[:count]) <= budget:
            return best[:count]
    return best


def memory_plan(network: Network, configuration: TrainingConfiguration, examples: int) -> tuple[list[range], int]:
    """Return the pieces that a training computes again, and the number of parts that a step is worked through in.

    Computing again changes no result and comes first; parts change batch normalisation.

    Args:
        network: the layer graph.
        configuration: ``remat``, ``accumulation`` and ``memory_mb``, ``precision``.
        examples: a rank's examples of a step.

    Raises:
        ValueError: no number of parts makes a step fit, or the number given does not divide the examples.
    """
    value_bytes = 4 if configuration.precision == "float32" else 2
    budget = configuration.memory_mb

    def pieces(count: int) -> list[range]:
        if configuration.remat == "none":
            return []
        return chosen_blocks(network, count, value_bytes, budget if configuration.remat == "auto" else None)

    parts = configuration.accumulation
    if parts:
        if examples % parts:
            raise ValueError(
                f"accumulation={parts} does not divide a rank's {examples} examples per step: change one of them"
            )
        return pieces(examples // parts), parts
    need = 0.0
    for parts in (n for n in range(1, examples + 1) if examples % n == 0):
        plan = pieces(examples // parts)
        need = step_megabytes(network, examples // parts, value_bytes, plan)
        if need <= budget:
            return plan, parts
    raise ValueError(f"memory_mb={budget:g}: a step of one example needs {need:.1f} MB: give more")


def _joined(sized: Sequence[tuple[range, int]], limit: int) -> list[range]:
    """Join neighbouring pieces, each with the values that it keeps, as long as they keep no more than a limit."""
    joined: list[range] = []
    size = 0
    for piece, values in sized:
        if joined and size + values <= limit:
            joined[-1] = range(joined[-1].start, piece.stop)
            size += values
        else:
            joined.append(piece)
            size = values
    return joined
