"""The NAS-Bench-101 cell: any small graph of convolutions and pools with at most nine edges."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property, partial
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..network.graph import Network, NetworkBuilder, Shape
from .additive import count_parts, named_columns
from .base import BoolArray, Choice, FloatArray, IntArray, SearchSpace
from .cells.features import path_counts
from .cells.graphs import canonical_graphs, connected, edge_list, live_vertices, missing_edges
from .nasbench101_cost import CellParts, vertex_widths

OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")


class NASBench101Space(SearchSpace):
    """The cell of NAS-Bench-101 (Ying et al., ICML 2019): 423,624 distinct cells.

    Vertex 0 is the cell's input, the last its output. One choice per pair i < j says whether an edge leads
    from i to j, in the order 0→1, 0→2, 1→2, 0→3, …: vertex by vertex, all edges into it. One choice per
    inner vertex follows for its operation. A cell is valid when its edges are at most ``max_edges`` and some
    path leads from input to output; `option_mask` offers only options from which a valid cell can still be
    reached, so a Build that obeys it always ends in one, and all valid cells can be built. Vertices that lie
    on no such path are allowed and pruned, as the benchmark does.

    `canonical` returns the very graph that the benchmark trained for all isomorphic ones (the first that its
    generator meets), and `network` and cost are of that graph, since the split of channels among parallel
    branches depends on the vertices' order. So ``trainable_parameters`` are the published ones.
    `sample` is uniform over valid encodings: cells with many encodings come up more often.

    The exported ConfigSpace forbids all cells without a path. That there are at most ``max_edges`` edges
    would take hundreds of thousands of clauses: test samples with `valid`.

    Args:
        vertices: vertices with input and output, at least 3.
        max_edges: edges that a cell may have, pruned ones included.
        channels: channels of the stem and the first stack; each later stack doubles them.
        stacks: stacks of cells, with a 2×2 max-pool between them.
        cells: cells in each stack.
        input_shape: (height, width, channels) of one image.
        classes: number of classes.
    """

    def __init__(
        self,
        vertices: int = 7,
        max_edges: int = 9,
        channels: int = 128,
        stacks: int = 3,
        cells: int = 3,
        input_shape: Sequence[int] = (32, 32, 3),
        classes: int = 10,
    ) -> None:
        least = {"vertices": 3, "max_edges": 1, "channels": vertices, "stacks": 1, "cells": 1, "classes": 1}
        given = (vertices, max_edges, channels, stacks, cells, classes)
        for (name, smallest), value in zip(least.items(), given, strict=True):
            if not isinstance(value, int) or value < smallest:
                raise ValueError(f"{name}={value!r}: give an integer of at least {smallest}")
        if vertices > 8:
            raise ValueError(f"vertices={vertices}: canonical forms try every order of the inner ones, 8 is the most")
        if len(input_shape) != 3 or min(input_shape) < 1:
            raise ValueError(f"input_shape={tuple(input_shape)}: give (height, width, channels), each at least 1")
        self.vertices, self.max_edges, self.channels = vertices, max_edges, channels
        self.stacks, self.cells, self.input_shape, self.classes = stacks, cells, tuple(input_shape), classes
        self._edges = edge_list(vertices)
        choices = [Choice(f"edge_{i}_{j}", (0, 1)) for i, j in self._edges]
        choices.extend(Choice(f"operation_{v}", OPERATIONS) for v in range(1, vertices - 1))
        super().__init__("nasbench101", choices)
        # The published count; other sizes would have to be listed.
        self.distinct = 423_624 if (vertices, max_edges) == (7, 9) else None

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("vertices", "max_edges", "channels", "stacks", "cells", "classes")
        return {name: getattr(self, name) for name in names} | {"input_shape": list(self.input_shape)}

    # -- validity -------------------------------------------------------------------------------------

    def valid(self, architectures: ArrayLike) -> BoolArray:
        """Say which rows ``(b, n)`` have at most ``max_edges`` edges and a path from input to output."""
        edges = np.atleast_2d(np.asarray(architectures))[:, : len(self._edges)] == 1
        return (edges.sum(axis=1) <= self.max_edges) & connected(edges, self.vertices)

    def option_mask(self, architectures: ArrayLike, positions: ArrayLike) -> BoolArray:
        """Say which options can still lead to a valid cell: edges enough must be left for a path."""
        rows = np.atleast_2d(np.asarray(architectures, dtype=np.int64))
        positions = np.asarray(positions, dtype=np.int64)
        mask = self._options_in_range(positions)
        asked = np.flatnonzero(positions < len(self._edges))  # operations are free
        if asked.size:
            state = rows[asked, : len(self._edges)].astype(np.int8)
            here = positions[asked]
            state[np.arange(len(self._edges)) >= here[:, None]] = -1
            for option in (0, 1):
                state[np.arange(asked.size), here] = option
                used = (state == 1).sum(axis=1) + missing_edges(state, self.vertices)
                mask[asked, option] = used <= self.max_edges
        return mask

    def count(self) -> int:
        """Return the number of valid encodings (there are far fewer distinct cells)."""
        graphs = 0
        for start in range(0, 2 ** len(self._edges), 1 << 16):
            codes = np.arange(start, min(start + (1 << 16), 2 ** len(self._edges)))
            edges = (codes[:, None] >> np.arange(len(self._edges)) & 1).astype(bool)
            edges = edges[edges.sum(axis=1) <= self.max_edges]
            graphs += int(connected(edges, self.vertices).sum())
        return graphs * len(OPERATIONS) ** (self.vertices - 2)

    def forbidden(self) -> list[dict[str, Any]]:
        """Return the cuts: for each split of the inner vertices, no edge at all from the input's side."""
        inner = range(1, self.vertices - 1)
        cuts = []
        for size in range(self.vertices - 1):
            for chosen in combinations(inner, size):
                side = {0, *chosen}
                cuts.append({f"edge_{i}_{j}": 0 for i, j in self._edges if i in side and j not in side})
        return cuts

    def canonical(self, architectures: ArrayLike) -> IntArray:
        """Return the benchmark's own graph of each row's class, its inner vertices first, unused ones last."""
        rows = self.check(architectures)
        edges, operations = canonical_graphs(
            rows[:, : len(self._edges)] == 1, rows[:, len(self._edges) :], self.vertices, len(OPERATIONS)
        )
        return np.concatenate([edges.astype(np.int64), operations], axis=1)

    def features(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Describe each row by its canonical graph.

        ``"choices"``: its one-hot code; ``"counts"``: live vertices of each operation, and edges; ``"paths"``:
        paths by the operations of the vertices on them (`path_counts`).
        """
        rows = self.canonical(architectures)
        edges, labels = rows[:, : len(self._edges)] == 1, rows[:, len(self._edges) :]
        used = np.stack(
            [
                edges[:, [c for c, (_, j) in enumerate(self._edges) if j == v]].any(axis=1)
                for v in range(1, self.vertices - 1)
            ],
            axis=1,
        )  # (b, v − 2): a canonical graph has edges into live vertices alone
        counts = ((labels[:, :, None] == np.arange(len(OPERATIONS))) & used[:, :, None]).sum(axis=1)
        targets = [j for _, j in self._edges]
        into = np.concatenate([labels, np.full((len(rows), 1), -1)], axis=1)[:, np.array(targets) - 1]  # output: −1
        return {
            "choices": self._one_hot(rows),
            "counts": np.concatenate([counts, edges.sum(axis=1, keepdims=True)], axis=1).astype(np.float64),
            "paths": path_counts(np.where(edges, into, -2), self.vertices, len(OPERATIONS), self.vertices - 2),
        }

    # -- other forms ----------------------------------------------------------------------------------

    def to_matrix(self, architecture: ArrayLike) -> tuple[IntArray, list[str]]:
        """Return the upper-triangular matrix ``(v, v)`` and the v labels, as the benchmark's API takes them."""
        row = self.check(architecture)[0]
        matrix = np.zeros((self.vertices, self.vertices), dtype=np.int64)
        for flag, (i, j) in zip(row, self._edges, strict=False):
            matrix[i, j] = flag
        return matrix, ["input", *(OPERATIONS[o] for o in row[len(self._edges) :]), "output"]

    def from_matrix(self, matrix: ArrayLike, labels: Sequence[str]) -> IntArray:
        """Return the architecture ``(n,)`` of an upper-triangular matrix and its labels.

        Cells of fewer vertices than the space has get inner vertices that nothing uses.

        Raises:
            ValueError: shapes do not fit, an operation is unknown, or the cell is invalid.
        """
        matrix = np.asarray(matrix)
        v = len(matrix)
        if matrix.shape != (v, v) or not 2 <= v <= self.vertices or len(labels) != v or np.tril(matrix).any():
            raise ValueError(
                f"matrix of shape {matrix.shape} with {len(labels)} labels: give an upper-triangular matrix of at "
                f"most {self.vertices} vertices and one label for each"
            )
        unknown = [label for label in labels[1:-1] if label not in OPERATIONS]
        if unknown:
            raise ValueError(f"operation {unknown[0]!r} is unknown: allowed are {', '.join(OPERATIONS)}")
        place = [*range(v - 1), self.vertices - 1]  # the output goes last
        full = np.zeros((self.vertices, self.vertices), dtype=np.int64)
        full[np.ix_(place, place)] = matrix != 0
        operations = [OPERATIONS.index(label) for label in labels[1:-1]] + [0] * (self.vertices - v)
        return self.check(np.array([full[i, j] for i, j in self._edges] + operations))[0]

    def to_string(self, architecture: ArrayLike) -> str:
        """Return each vertex after the input with what it reads: ``conv3x3-bn-relu(0) … output(0,3)``."""
        matrix, labels = self.to_matrix(architecture)
        return " ".join(
            f"{label}({','.join(map(str, np.flatnonzero(matrix[:, v])))})" for v, label in enumerate(labels) if v
        )

    def parse(self, text: str) -> IntArray:
        """Return the architecture ``(n,)`` that a text of `to_string` names.

        Raises:
            ValueError: the text is not of that form, or the cell is invalid.
        """
        parts = text.split()
        found = [re.fullmatch(r"([\w-]+)\(((?:\d+(?:,\d+)*)?)\)", part) for part in parts]
        if not parts or not all(found):
            raise ValueError(f"{text!r} is not of the form operation(inputs) … output(inputs)")
        labels = ["input", *(match[1] for match in found if match)]
        matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
        for v, match in enumerate(found, start=1):
            sources = [int(source) for source in match[2].split(",") if source] if match else []
            if any(source >= v for source in sources):
                raise ValueError(f"vertex {v} in {text!r} reads {max(sources)}: only earlier vertices can be read")
            matrix[sources, v] = 1
        if labels[-1] != "output":
            raise ValueError(f"{text!r} does not end in output(inputs)")
        return self.from_matrix(matrix, labels)

    # -- network --------------------------------------------------------------------------------------

    def network(self, architecture: ArrayLike) -> Network:
        """Return the layer graph of one architecture ``(n,)``, built from its canonical form."""
        matrix, labels = self.to_matrix(self.canonical(architecture))
        live = live_vertices(matrix)
        matrix, labels = matrix[np.ix_(live, live)], [labels[v] for v in live]
        builder, width = NetworkBuilder(self.input_shape), self.channels
        x = _conv_bn_relu(builder, builder.input, width, 3)
        for stack in range(self.stacks):
            if stack:
                width *= 2
                x = builder.max_pool(x, 2)
            for _ in range(self.cells):
                x = _cell(builder, x, matrix, labels, width)
        return builder.build(builder.dense(builder.global_avg_pool(x), self.classes))

    @cached_property
    def _cost_tables(self) -> tuple[FloatArray, list[tuple[int, CellParts]], FloatArray]:
        """Count the parts once: stem; how many cells there are of each kind, and their parts; the end."""

        def stem() -> Network:
            builder = NetworkBuilder(self.input_shape)
            return builder.build(_conv_bn_relu(builder, builder.input, self.channels, 3))

        def pool(shape: Shape) -> Network:
            builder = NetworkBuilder(shape)
            return builder.build(builder.max_pool(builder.input, 2))

        def end(shape: Shape) -> Network:
            builder = NetworkBuilder(shape)
            return builder.build(builder.dense(builder.global_avg_pool(builder.input), self.classes))

        def project(builder: NetworkBuilder, x: int, width: int) -> int:
            return _conv_bn_relu(builder, x, width, 1)

        operations = [partial(_operate, label=label) for label in OPERATIONS]
        fixed, cells = count_parts(stem), []
        shape: Shape = (*self.input_shape[:2], self.channels)
        for stack in range(self.stacks):
            width = self.channels * 2**stack
            if stack:
                fixed = fixed + count_parts(pool, [shape])[0]
                shape = (-(-shape[0] // 2), -(-shape[1] // 2), shape[2])
            for number, width_before in ((1, shape[2]), (self.cells - 1, width)):
                shape = (*shape[:2], width_before)
                cells.append((number, CellParts.count(shape, width, self.vertices - 2, project, operations)))
            shape = (*shape[:2], width)
        return fixed, cells, count_parts(end, [shape])[0]

    def cost(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Count each row's cost, ``(b,)`` columns, from counted parts of its canonical cell."""
        rows = self.canonical(architectures)
        edges, labels = rows[:, : len(self._edges)] == 1, rows[:, len(self._edges) :]
        stem, cells, end = self._cost_tables
        total = np.repeat((stem + end)[None], len(rows), axis=0)
        for number, parts in cells:
            if number:
                total += number * parts(edges, labels, self.vertices)
        return named_columns(total)

    def largest(self) -> IntArray:
        """Return a costliest cell: a chain of 3×3 convolutions, and projections of the input with edges left.

        A second branch into the output would split its channels, and an edge between inner vertices costs
        no multiplication, so nothing is costlier.
        """
        last, length = self.vertices - 1, min(self.vertices - 1, self.max_edges)
        chain = [*range(length), last]
        edges = set(pairwise(chain))
        for target in chain[2:]:
            if len(edges) < self.max_edges:
                edges.add((0, target))
        return np.array([int(edge in edges) for edge in self._edges] + [0] * (self.vertices - 2), dtype=np.int64)


def _conv_bn_relu(builder: NetworkBuilder, x: int, width: int, kernel: int) -> int:
    return builder.relu(builder.batch_norm(builder.conv(x, width, kernel)))


def _operate(builder: NetworkBuilder, x: int, width: int, label: str) -> int:
    if label == "maxpool3x3":
        return builder.max_pool(x, 3, stride=1)
    return _conv_bn_relu(builder, x, width, int(label[4]))


def _cell(builder: NetworkBuilder, x: int, matrix: IntArray, labels: Sequence[str], width: int) -> int:
    """Write one cell: sums into inner vertices, concatenation into the output, the input always projected."""
    output = len(labels) - 1
    widths = vertex_widths(matrix[None] == 1, width)[0].tolist()
    values = [x]
    for v in range(1, output):
        terms = [builder.truncate(values[u], widths[v]) for u in range(1, v) if matrix[u, v]]
        if matrix[0, v]:
            terms.append(_conv_bn_relu(builder, x, widths[v], 1))
        y = builder.add(*terms)
        values.append(_operate(builder, y, widths[v], labels[v]))
    joined = [values[v] for v in range(1, output) if matrix[v, output]]
    if not joined:
        return _conv_bn_relu(builder, x, width, 1)
    y = builder.concat(*joined)
    return builder.add(y, _conv_bn_relu(builder, x, width, 1)) if matrix[0, output] else y
