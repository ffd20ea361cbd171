"""What a cell computes, in numbers: how many paths lead through which operations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..base import FloatArray


def path_counts(
    terms: NDArray[np.signedinteger], nodes: int, operations: int, longest: int | None = None
) -> FloatArray:
    """Count a cell's paths from input to output by the sequence of operations on them.

    Multiplying a cell out gives a sum of paths (as if every operation were linear): the path encoding of
    White et al. (2021, "BANANAS", AAAI, section 3), with counts, and with skips dropped, so that isomorphic
    cells have equal codes.

    Args:
        terms: ``(b, e)`` what each edge i → j does, the edges in the order 0→1, 0→2, 1→2, 0→3, …: −2 no edge,
            −1 a skip, otherwise an operation 0..operations − 1.
        nodes: nodes of the cell; node 0 is its input, the last its output.
        operations: number of operations.
        longest: most operations on a path; None: nodes − 1.

    Returns:
        ``(b, k)`` counts, k the number of sequences of at most ``longest`` operations, short ones first.
    """
    longest = nodes - 1 if longest is None else longest
    sizes = np.cumsum(operations ** np.arange(longest + 1)).tolist()  # sequences of at most 0, 1, … operations
    # Sequences are numbered level by level: appending operation o to number s gives operations · s + 1 + o.
    counts = np.zeros((nodes, len(terms), sizes[-1]))
    counts[0, :, 0] = 1.0  # the input: one path without operations
    edge = 0
    for j in range(1, nodes):
        for i in range(j):
            term, size = terms[:, edge], sizes[min(i, longest)]  # node i has at most i operations before it
            skips = np.flatnonzero(term == -1)
            counts[j, skips, :size] += counts[i, skips, :size]
            size = sizes[min(i, longest - 1)]
            for operation in range(operations):
                taken = np.flatnonzero(term == operation)
                counts[j, taken, 1 + operation : 1 + operation + operations * size : operations] += counts[
                    i, taken, :size
                ]
            edge += 1
    return counts[-1]
