"""Cost of many NAS-Bench-101 cells at once, from the costs of their few kinds of parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..network.graph import Network, NetworkBuilder, Shape
from .additive import count_parts
from .base import BoolArray, FloatArray, IntArray
from .cells.graphs import edge_list


@dataclass(frozen=True)
class CellParts:
    """Cost of each part of a cell, by the channels that it can have.

    Attributes:
        channels: ``(w,)`` all the channel counts that a vertex of such a cell can have, ascending; the last is
            the output's.
        project: ``(w, columns)`` projection of the cell's input to so many channels.
        operate: ``(w, operations, columns)`` each operation on so many channels.
        add: ``(w, columns)`` addition of one more summand.
    """

    channels: IntArray
    project: FloatArray
    operate: FloatArray
    add: FloatArray

    @classmethod
    def count(
        cls,
        input_shape: Shape,
        width: int,
        inner: int,
        project: Callable[[NetworkBuilder, int, int], int],
        operations: list[Callable[[NetworkBuilder, int, int], int]],
    ) -> CellParts:
        """Count the parts of a cell of ``inner`` inner vertices that reads ``input_shape``, ``width`` channels wide.

        ``project`` and each of ``operations`` write a part: a function of (builder, layer, channels).
        """
        split = [width // n + extra for n in range(1, max(inner, 1) + 1) for extra in (0, 1) if n > 1 or not extra]
        channels = sorted({*split, width})
        size = input_shape[:2]

        def projection(target: int) -> Network:
            builder = NetworkBuilder(input_shape)
            return builder.build(project(builder, builder.input, target))

        def operation(target: int, place: int) -> Network:
            builder = NetworkBuilder((*size, target))
            return builder.build(operations[place](builder, builder.input, target))

        def addition(target: int) -> Network:
            builder = NetworkBuilder((*size, target))
            return builder.build(builder.add(builder.input, builder.input))

        return cls(
            np.array(channels),
            count_parts(projection, channels),
            count_parts(operation, channels, range(len(operations))),
            count_parts(addition, channels),
        )

    def __call__(self, edges: BoolArray, labels: IntArray, vertices: int) -> FloatArray:
        """Return the cost ``(b, columns)`` of one cell of each of these pruned graphs.

        Args:
            edges: ``(b, e)`` in the order of `edge_list`; pruned vertices have none.
            labels: ``(b, vertices − 2)`` operation of each inner vertex.
            vertices: number of vertices.
        """
        matrix = np.zeros((len(edges), vertices, vertices), dtype=bool)
        sources, targets = np.array(edge_list(vertices)).T
        matrix[:, sources, targets] = edges
        widths = vertex_widths(matrix, int(self.channels[-1]))  # (b, v)
        total = np.zeros((len(edges), self.add.shape[-1]))
        for v in range(1, vertices):
            place = np.searchsorted(self.channels, widths[:, v])
            joined = matrix[:, :, v].sum(axis=1)
            if v < vertices - 1:
                live = joined > 0
                total += np.where(live[:, None], self.operate[place * live, labels[:, v - 1]], 0)
                total += np.maximum(joined - 1, 0)[:, None] * self.add[place * live]
            else:  # inner vertices are concatenated, the input is added
                both = matrix[:, 0, v] & (joined > 1)
                total += both[:, None] * self.add[place]
            total += matrix[:, 0, v, None] * self.project[place * matrix[:, 0, v]]
        return total


def vertex_widths(matrix: BoolArray, width: int) -> IntArray:
    """Return each vertex's channels ``(b, v)``, 0 for the input and where a vertex is pruned.

    The output's channels are split evenly among the inner vertices it reads, the first of them get the rest.
    Other vertices are as wide as the widest they feed.

    Args:
        matrix: ``(b, v, v)`` pruned graphs.
        width: channels of the output.
    """
    b, vertices, _ = matrix.shape
    output = vertices - 1
    reads = matrix[:, 1:output, output]  # (b, v − 2)
    count = np.maximum(reads.sum(axis=1, keepdims=True), 1)
    rank = np.cumsum(reads, axis=1) - 1
    widths = np.zeros((b, vertices), dtype=np.int64)
    widths[:, 1:output] = np.where(reads, width // count + (rank < width % count), 0)
    widths[:, output] = width
    for v in range(output - 1, 0, -1):
        fed = np.where(matrix[:, v, 1:output], widths[:, 1:output], 0).max(axis=1)
        widths[:, v] = np.where(matrix[:, v, output], widths[:, v], fed)
    return widths
