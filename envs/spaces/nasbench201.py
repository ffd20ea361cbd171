"""The NAS-Bench-201 cell: five operations on the six edges of a four-node graph."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, cached_property
from random import Random
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike

from ..network.graph import Network, NetworkBuilder
from .additive import AdditiveCost
from .base import Choice, FloatArray, IntArray, SearchSpace
from .cells.features import path_counts
from .cells.graphs import live_edges

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
SIZE = len(OPERATIONS) ** len(EDGES)
ORDER_CHECKSUM = 0x1B65BFCD  # CRC-32 of the official order as little-endian uint16


class NASBench201Space(SearchSpace):
    """The cell of NAS-Bench-201 (Dong & Yang, ICLR 2020), known to NATS-Bench as its topology space.

    Node 0 is the cell's input, node 3 its output, and every node is the sum of the operations on the edges
    into it. The network is a 3×3 convolution with batch normalisation, three stages of ``cells`` equal
    cells, a residual block that halves the image and doubles the channels between stages, batch
    normalisation, ReLU, global mean and a dense layer. A convolution is ReLU, convolution, batch
    normalisation, all without bias.

    `index`, `from_index` and `enumerate` follow the benchmark's official order, 0..15,624.

    Cost equals the benchmark's for every cell: its convolutions count whether or not the output depends on
    them, and so do ours, since a ``none`` edge multiplies by zero what its node computed and so keeps it in
    the network. The published figures count the classifier's bias as ``classes`` multiply-accumulates,
    which our ``flops`` leave out (they count it in ``elementwise_flops``), and they are in millions:
    ``flops == 2 * (1e6 * published - classes)``. The published parameters are our ``trainable_parameters``,
    biases included; ``parameters`` adds the moving means and variances that Keras's ``count_params`` counts.

    Args:
        channels: channels of the first stage.
        cells: cells in each of the three stages.
        input_shape: (height, width, channels) of one image.
        classes: number of classes.
    """

    canonical_keeps_cost = False

    def __init__(
        self, channels: int = 16, cells: int = 5, input_shape: Sequence[int] = (32, 32, 3), classes: int = 10
    ) -> None:
        for name, value in (("channels", channels), ("cells", cells), ("classes", classes)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}={value!r}: give an integer of at least 1")
        if len(input_shape) != 3 or min(input_shape) < 1:
            raise ValueError(f"input_shape={tuple(input_shape)}: give (height, width, channels), each at least 1")
        self.channels, self.cells = channels, cells
        self.input_shape, self.classes = tuple(input_shape), classes
        super().__init__("nasbench201", [Choice(f"edge_{i}_{j}", OPERATIONS) for i, j in EDGES])

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "channels": self.channels,
            "cells": self.cells,
            "input_shape": list(self.input_shape),
            "classes": self.classes,
        }

    # -- official order -------------------------------------------------------------------------------

    def index(self, architectures: ArrayLike) -> IntArray:
        """Return each architecture's official index ``(b,)``."""
        return _official_order()[1][super().index(architectures)]

    def from_index(self, indices: ArrayLike) -> IntArray:
        """Return the architectures ``(b, 6)`` at these official indices."""
        indices = np.atleast_1d(np.asarray(indices, dtype=np.int64))
        inside = (indices >= 0) & (indices < SIZE)
        # The parent's message names an index that is outside.
        return super().from_index(np.where(inside, _official_order()[0][indices * inside], indices))

    def canonical(self, architectures: ArrayLike) -> IntArray:
        """Return the first architecture in official order of each row's class (there are 6,466).

        Classes are the benchmark's own: cells whose ``to_unique_str(consider_zero=True)`` is the same. It
        drops skips and what only zeros feed, though a convolution of zeros is trained and counted, so cells
        of one class may differ in cost, and did in accuracy.
        """
        codes = super().index(self.check(architectures))
        return super().from_index(_representatives()[codes])

    # -- what a model sees ----------------------------------------------------------------------------

    def features(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Describe each row by its live edges, their operations and its paths.

        An edge is live when it lies on a path from input to output. ``"choices"``: one-hot code of the
        canonical form, dead edges ``none``; ``"counts"``: live edges of each operation; ``"paths"``: paths by
        their sequence of operations (`path_counts`), 40 columns.
        """
        rows = self.canonical(architectures)
        on = rows != OPERATIONS.index("none")
        live = live_edges(on, 4)
        rows = np.where(live, rows, OPERATIONS.index("none"))
        counts = (rows[:, :, None] == np.arange(1, len(OPERATIONS))).sum(axis=1).astype(np.float64)
        terms = np.array([-2, -1, 0, 1, 2])[rows]  # none, skip, and what is an operation
        return {"choices": self._one_hot(rows), "counts": counts, "paths": path_counts(terms, 4, 3)}

    # -- readable form --------------------------------------------------------------------------------

    def to_string(self, architecture: ArrayLike) -> str:
        """Return the official string, ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``."""
        row = self.check(architecture)[0]
        nodes = []
        for node in (1, 2, 3):
            edges = [(option, i) for option, (i, j) in zip(row, EDGES, strict=True) if j == node]
            nodes.append("|" + "|".join(f"{OPERATIONS[option]}~{i}" for option, i in edges) + "|")
        return "+".join(nodes)

    def parse(self, text: str) -> IntArray:
        """Return the architecture ``(6,)`` that an official string names.

        Raises:
            ValueError: the text is not of that form, or an operation is unknown.
        """
        pattern = r"\+".join(r"\|" + "".join(rf"(\w+)~{i}\|" for i in range(node)) for node in (1, 2, 3))
        found = re.fullmatch(pattern, text.strip())
        if not found:
            raise ValueError(f"{text!r} is not of the form |op~0|+|op~0|op~1|+|op~0|op~1|op~2|")
        unknown = [name for name in found.groups() if name not in OPERATIONS]
        if unknown:
            raise ValueError(f"operation {unknown[0]!r} in {text!r}: allowed are {', '.join(OPERATIONS)}")
        return np.array([OPERATIONS.index(name) for name in found.groups()], dtype=np.int64)

    # -- network and cost -----------------------------------------------------------------------------

    def network(self, architecture: ArrayLike) -> Network:
        """Return the layer graph of one architecture ``(6,)``."""
        row = self.check(architecture)[0]
        builder, width = NetworkBuilder(self.input_shape), self.channels
        x = builder.batch_norm(builder.conv(builder.input, width, 3, label=f"stem 3x3, {width}"))
        for stage in range(3):
            if stage:
                width *= 2
                x = self._reduction(builder, x, width)
            for _ in range(self.cells):
                x = self._cell(builder, x, row)
        x = builder.relu(builder.batch_norm(x))
        return builder.build(builder.dense(builder.global_avg_pool(x), self.classes))

    @staticmethod
    def _relu_conv_bn(builder: NetworkBuilder, x: int, width: int, kernel: int, stride: int = 1) -> int:
        return builder.batch_norm(builder.conv(builder.relu(x), width, kernel, stride))

    def _reduction(self, builder: NetworkBuilder, x: int, width: int) -> int:
        y = self._relu_conv_bn(builder, self._relu_conv_bn(builder, x, width, 3, stride=2), width, 3)
        return builder.add(builder.conv(builder.avg_pool(x, 2), width, 1), y)

    def _cell(self, builder: NetworkBuilder, x: int, row: IntArray) -> int:
        nodes = [x]
        for node in (1, 2, 3):
            terms = [
                self._edge(builder, nodes[i], OPERATIONS[option])
                for option, (i, j) in zip(row, EDGES, strict=True)
                if j == node
            ]
            nodes.append(builder.add(*terms))
        return nodes[-1]

    def _edge(self, builder: NetworkBuilder, x: int, operation: str) -> int:
        if operation == "none":
            return builder.zeros(x)
        if operation == "skip_connect":
            return x
        if operation == "avg_pool_3x3":
            return builder.avg_pool(x, 3, stride=1)
        return self._relu_conv_bn(builder, x, builder.shape(x)[-1], int(operation[-1]))

    @cached_property
    def _additive_cost(self) -> AdditiveCost:
        return AdditiveCost(self)

    def cost(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Count each row's cost, ``(b,)`` columns: a constant plus one summand for each edge's operation."""
        return self._additive_cost(self.check(architectures))

    def largest(self) -> IntArray:
        """Return the costliest cell: a 3×3 convolution on every edge."""
        return np.full(len(EDGES), OPERATIONS.index("nor_conv_3x3"), dtype=np.int64)


@cache
def _official_order() -> tuple[IntArray, IntArray]:
    """Return (mixed-radix code of each official index, official index of each code), both ``(15625,)``.

    The authors listed all cells (last edge fastest) and shuffled the list with Python's generator seeded 88
    (D-X-Y/AutoDL-Projects, exps/NAS-Bench-201/main.py, ``generate_meta_info``).
    """
    shuffled = list(range(SIZE))
    Random(88).shuffle(shuffled)
    codes = np.array(shuffled, dtype=np.int64)
    if crc32(codes.astype("<u2").tobytes()) != ORDER_CHECKSUM:
        raise RuntimeError("this Python shuffles otherwise than CPython 3.2 to 3.14: NAS-Bench-201's order is unknown")
    indices = np.empty(SIZE, dtype=np.int64)
    indices[codes] = np.arange(SIZE)
    codes.setflags(write=False)
    indices.setflags(write=False)
    return codes, indices


@cache
def _representatives() -> IntArray:
    """Return for each mixed-radix code the code of its class's first member in official order, ``(15625,)``.

    A node's name is the sorted "+"-list of its summands: "#" for zero, the source's name for a skip, the
    operation of the source's name otherwise. Names are built node by node, so each is built once.
    """

    def term(source: str, operation: str) -> str:
        if operation == "none" or source == "#":
            return "#"
        return source if operation == "skip_connect" else f"({source})@{operation}"

    names = []  # in mixed-radix order: last edge fastest
    zeroth = [term("0", operation) for operation in OPERATIONS]
    for first in zeroth:
        firsts = [term(first, operation) for operation in OPERATIONS]
        for from_0 in zeroth:
            for from_1 in firsts:
                second = "+".join(sorted((from_0, from_1)))
                seconds = [term(second, operation) for operation in OPERATIONS]
                names.extend("+".join(sorted((a, b, c))) for a in zeroth for b in firsts for c in seconds)
    first_of: dict[str, int] = {}
    for code in _official_order()[0].tolist():
        first_of.setdefault(names[code], code)
    representatives = np.array([first_of[name] for name in names], dtype=np.int64)
    representatives.setflags(write=False)
    return representatives
