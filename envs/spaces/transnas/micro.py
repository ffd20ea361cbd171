"""The micro space of TransNAS-Bench-101: four operations on the six edges of a cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...network.graph import Network, NetworkBuilder
from ..additive import AdditiveCost
from ..base import Choice, FloatArray, IntArray, SearchSpace
from ..cells.features import path_counts
from ..cells.graphs import edge_list, live_edges
from .frame import TransNASNetwork, relu_conv_bn

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
EDGES = tuple(edge_list(4))
MODULES = "41414"  # 4: half the size and twice the channels; 1: neither


class TransNASMicroSpace(SearchSpace):
    """The cells of TransNAS-Bench-101 (Duan et al., CVPR 2021): 4⁶ = 4,096, their macro skeleton 41414.

    The cell is NAS-Bench-201's without pooling: node 0 is its input, node 3 its output, every node the sum of the
    operations on the edges into it. Five modules of two cells; the first, third and fifth halve the image and
    double the channels in their first cell, on the edges from node 0: a convolution strides, a skip becomes a
    factorised reduction (ReLU, two strided 1×1 convolutions to half of the channels each, the second one
    position off, batch normalisation). See `TransNASNetwork` for stem and classifier.

    An architecture's string is the benchmark's, ``64-41414-1_02_333``: the digits are operations, node by node.
    Cost counts the backbone and a dense classifier (75 classes by default, as for ``class_object``), on images of
    256×256; the decoders of the benchmark's other tasks are not part of the space. The benchmark's own FLOPs
    are not in the public extract, so they were compared with nothing.

    Args:
        channels: channels behind the stem, even.
        input_shape: (height, width, channels) of one image.
        classes: number of classes.
    """

    canonical_keeps_cost = False  # convolutions that nothing reads are counted

    def __init__(self, channels: int = 64, input_shape: Sequence[int] = (256, 256, 3), classes: int = 75) -> None:
        self.frame = TransNASNetwork(channels, input_shape, classes)
        super().__init__("transnas_micro", [Choice(f"edge_{i}_{j}", OPERATIONS) for i, j in EDGES])

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return self.frame.arguments()

    def canonical(self, architectures: ArrayLike) -> IntArray:
        """Return representatives: edges on no path from input to output are ``none``; see below for nodes 1 and 2.

        Where no edge joins nodes 1 and 2 they can change places, and the order whose options come first is taken.
        """
        rows = self.check(architectures).copy()
        rows[~live_edges(rows != 0, 4)] = 0
        # Edges in the order 0→1, 0→2, 1→2, 0→3, 1→3, 2→3.
        first, second = rows[:, 0] * 4 + rows[:, 4], rows[:, 1] * 4 + rows[:, 5]
        swapped = rows[:, [1, 0, 2, 3, 5, 4]]
        change = (rows[:, 2] == 0) & (second < first)
        return np.where(change[:, None], swapped, rows)

    def features(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Describe each row by its live edges, how many have each operation, and its paths (`path_counts`)."""
        rows = self.canonical(architectures)
        counts = (rows[:, :, None] == np.arange(1, len(OPERATIONS))).sum(axis=1).astype(np.float64)
        return {"choices": self._one_hot(rows), "counts": counts, "paths": path_counts(rows - 2, 4, 2)}

    # -- readable form --------------------------------------------------------------------------------

    def to_string(self, architecture: ArrayLike) -> str:
        """Return the benchmark's string, ``64-41414-1_02_333``."""
        a, b, c, d, e, f = self.check(architecture)[0]
        return f"{self.frame.channels}-{MODULES}-{a}_{b}{c}_{d}{e}{f}"

    def parse(self, text: str) -> IntArray:
        """Return the architecture ``(6,)`` that a string of the benchmark names.

        Raises:
            ValueError: the text is not of that form, or of other channels.
        """
        found = re.fullmatch(rf"{self.frame.channels}-{MODULES}-([0-3])_([0-3]{{2}})_([0-3]{{3}})", text.strip())
        if not found:
            raise ValueError(
                f"{text!r} is not of the form {self.frame.channels}-{MODULES}-0_00_000, with digits 0 to 3 for "
                f"{', '.join(OPERATIONS)}"
            )
        return np.array([int(digit) for digit in "".join(found.groups())], dtype=np.int64)

    # -- network and cost -----------------------------------------------------------------------------

    def network(self, architecture: ArrayLike) -> Network:
        """Return the layer graph of one architecture ``(6,)``."""
        row = self.check(architecture)[0]
        builder, width = NetworkBuilder(self.frame.input_shape), self.frame.channels
        x = self.frame.stem(builder)
        for module in MODULES:
            shrinks = module == "4"
            width *= 2 if shrinks else 1
            x = self._cell(builder, x, row, width, shrinks)
            x = self._cell(builder, x, row, width, False)
        return builder.build(self.frame.head(builder, x))

    def _cell(self, builder: NetworkBuilder, x: int, row: IntArray, width: int, shrinks: bool) -> int:
        nodes = [x]
        for node in (1, 2, 3):
            terms = [
                self._edge(builder, nodes[i], OPERATIONS[option], width, shrinks and i == 0)
                for option, (i, j) in zip(row, EDGES, strict=True)
                if j == node
            ]
            nodes.append(builder.add(*terms))
        return nodes[-1]

    @staticmethod
    def _edge(builder: NetworkBuilder, x: int, operation: str, width: int, shrinks: bool) -> int:
        if operation == "none":
            return builder.layer("blank", x, label="zero") if shrinks else builder.zeros(x)
        if operation == "skip_connect":
            if not shrinks:
                return x
            y = builder.relu(x)
            halves = [builder.conv(z, width // 2, 1, 2) for z in (y, builder.shift(y))]
            return builder.batch_norm(builder.concat(*halves))
        return relu_conv_bn(builder, x, width, int(operation[-1]), 2 if shrinks else 1)

    @cached_property
    def _additive_cost(self) -> AdditiveCost:
        return AdditiveCost(self)

    def cost(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Count each row's cost, ``(b,)`` columns: a constant plus one summand for each edge's operation."""
        return self._additive_cost(self.check(architectures))

    def largest(self) -> IntArray:
        """Return the costliest cell: a 3×3 convolution on every edge."""
        return np.full(len(EDGES), OPERATIONS.index("nor_conv_3x3"), dtype=np.int64)
