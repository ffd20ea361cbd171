"""Features of architectures, as a surrogate model measures distances in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.spaces import SearchSpace

SAMPLE = 1000  # draws from which a large space's scales are measured

FloatArray = NDArray[np.float32]


class FeatureBlocks:
    """A space's `SearchSpace.features`, block by block in one scale.

    Each block is divided so that the mean squared distance between two architectures of a reference set is 1:
    a length scale of 1 then means the same in every block.

    Args:
        space: the space.
        reference: ``(b, n)`` architectures that the scales are measured on.
    """

    def __init__(self, space: Any, reference: np.ndarray) -> None:
        self._space = space
        blocks = space.features(reference)
        means = {name: block.mean(axis=0) for name, block in blocks.items()}
        spread = {name: 2.0 * ((block - means[name]) ** 2).sum(axis=1).mean() for name, block in blocks.items()}
        self.names = [name for name in blocks if spread[name] > 0]  # a constant block says nothing
        self._means = [means[name] for name in self.names]
        self._scales = [np.sqrt(spread[name]) for name in self.names]

    def __len__(self) -> int:
        """Return the number of blocks g."""
        return len(self.names)

    def __call__(self, architectures: np.ndarray) -> list[FloatArray]:
        """Return the g blocks of ``(b, n)`` architectures, each ``(b, k)`` float32."""
        blocks = self._space.features(architectures)
        return [
            ((blocks[name] - mean) / scale).astype(np.float32)
            for name, mean, scale in zip(self.names, self._means, self._scales, strict=True)
        ]


def cost_columns(space: Any, architectures: np.ndarray) -> FloatArray:
    """Return ln FLOPs and ln parameters ``(b, 2)`` of ``(b, n)`` architectures.

    There are none, ``(b, 0)``, in a space that leaves it to `SearchSpace.cost` to write out every network: that
    is too slow for thousands of candidates, and a space may have no networks.
    """
    if type(space).cost is SearchSpace.cost:
        return np.empty((len(architectures), 0), dtype=np.float32)
    cost = space.cost(architectures)
    counts = np.stack([cost["flops"], cost["parameters"]], axis=1)
    return np.log(np.maximum(counts, 1.0)).astype(np.float32)


def with_cost(space: Any, architectures: np.ndarray, blocks: list[FloatArray]) -> FloatArray:
    """Return the blocks of ``(b, n)`` architectures and their `cost_columns` side by side, ``(b, k)``."""
    return np.concatenate([*blocks, cost_columns(space, architectures)], axis=1)


def squared_distances(first: list[FloatArray], second: list[FloatArray]) -> FloatArray:
    """Return the squared distances ``(g, a, b)`` between the rows of a and of b architectures' blocks."""
    out = np.empty((len(first), len(first[0]), len(second[0])), dtype=np.float32)
    for block, (a, b) in enumerate(zip(first, second, strict=True)):
        np.matmul(-2.0 * a, b.T, out=out[block])
        out[block] += (a * a).sum(axis=1)[:, None]
        out[block] += (b * b).sum(axis=1)
    return np.maximum(out, 0.0, out=out)
