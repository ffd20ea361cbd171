"""Batches of small directed acyclic graphs: connection, pruning, canonical order.

A batch of graphs on v vertices is an array ``(b, v (v − 1) / 2)`` with one column per pair i < j in the
order of `edge_list`. Vertex 0 is the input and v − 1 the output.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ..base import BoolArray, IntArray

CHUNK = 8192  # graphs that are ordered at a time


def edge_list(vertices: int) -> list[tuple[int, int]]:
    """Return the pairs i < j in the order 0→1, 0→2, 1→2, 0→3, …."""
    return [(i, j) for j in range(1, vertices) for i in range(j)]


def connected(edges: BoolArray, vertices: int) -> BoolArray:
    """Say which graphs have a path from input to output, ``(b,)``."""
    return _reached(edges, vertices)[:, -1]


def _reached(edges: BoolArray, vertices: int) -> BoolArray:
    """Say which vertices a path from the input reaches, ``(b, v)``."""
    columns = np.ascontiguousarray(edges.T)  # whole columns at a time are what is combined
    reached = np.zeros((vertices, len(edges)), dtype=bool)
    reached[0] = True
    for column, (i, j) in enumerate(edge_list(vertices)):  # j ascending: all that i can get is there
        reached[j] |= reached[i] & columns[column]
    return reached.T


def _useful(edges: BoolArray, vertices: int) -> BoolArray:
    """Say from which vertices a path leads to the output, ``(b, v)``."""
    columns = np.ascontiguousarray(edges.T)
    useful = np.zeros((vertices, len(edges)), dtype=bool)
    useful[-1] = True
    for column, (i, j) in reversed(list(enumerate(edge_list(vertices)))):
        useful[i] |= useful[j] & columns[column]
    return useful.T


def live_vertices(matrix: IntArray) -> list[int]:
    """Return the vertices of one graph, given as its matrix ``(v, v)``, on paths from input to output."""
    vertices = len(matrix)
    edges = np.array([[matrix[i, j] for i, j in edge_list(vertices)]], dtype=bool)
    return np.flatnonzero((_reached(edges, vertices) & _useful(edges, vertices))[0]).tolist()


def live_edges(edges: BoolArray, vertices: int) -> BoolArray:
    """Say which edges ``(b, e)`` lie on a path from input to output."""
    sources, targets = np.array(edge_list(vertices)).T
    return edges & _reached(edges, vertices)[:, sources] & _useful(edges, vertices)[:, targets]


def missing_edges(state: NDArray[np.signedinteger], vertices: int) -> IntArray:
    """Return how many undecided edges the shortest completion to a path needs, ``(b,)``.

    Args:
        state: ``(b, e)``: 1 for an edge, 0 for none, −1 where it is undecided.
        vertices: number of vertices.

    Returns:
        Counts, larger than the number of edges where no path is possible.
    """
    far = state.shape[1] + 1
    price = np.array([1, far, 0], dtype=np.int16)[np.ascontiguousarray(state.T) + 1]  # undecided, none, edge
    needed = np.full((vertices, len(state)), far * vertices, dtype=np.int16)
    needed[0] = 0
    for column, (i, j) in enumerate(edge_list(vertices)):
        np.minimum(needed[j], needed[i] + price[column], out=needed[j])
    return needed[-1].astype(np.int64)


@cache
def _orders(vertices: int) -> tuple[IntArray, IntArray, BoolArray]:
    """Return all orders of the inner vertices and what each does to the edges.

    Returns:
        New place of each inner vertex, ``(p, v − 2)`` from 0; new column of each edge, ``(p, e)``; and
        whether the edge would point backwards, ``(p, e)``.
    """
    pairs = edge_list(vertices)
    column = {pair: place for place, pair in enumerate(pairs)}
    places, columns, backwards = [], [], []
    for order in permutations(range(vertices - 2)):
        moved = [0, *(place + 1 for place in order), vertices - 1]
        new = [(moved[i], moved[j]) for i, j in pairs]
        places.append(order)
        columns.append([column[min(pair), max(pair)] for pair in new])
        backwards.append([i > j for i, j in new])
    return np.array(places), np.array(columns), np.array(backwards)


def canonical_graphs(edges: BoolArray, labels: IntArray, vertices: int, label_count: int) -> tuple[BoolArray, IntArray]:
    """Prune each labelled graph and return the first isomorphic one in the benchmark's order.

    Of all orders of the inner vertices in which edges point forwards, the first is the one with the smallest
    edge code (bit c of it is column c) and then the smallest labels, read as digits: the order in which
    google-research/nasbench's ``generate_graphs`` meets them. Pruned vertices go last, with label 0.

    Args:
        edges: ``(b, e)`` connected graphs.
        labels: ``(b, v − 2)`` labels 0..label_count − 1 of the inner vertices.
        vertices: v.
        label_count: number of labels.
    """
    if len(edges) > CHUNK:  # the table of all orders would not fit into memory
        starts = range(0, len(edges), CHUNK)
        parts = [canonical_graphs(edges[i : i + CHUNK], labels[i : i + CHUNK], vertices, label_count) for i in starts]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    sources, targets = np.array(edge_list(vertices)).T
    live = _reached(edges, vertices) & _useful(edges, vertices)  # (b, v)
    edges = edges & live[:, sources] & live[:, targets]
    inner = live[:, 1:-1]
    labels = np.where(inner, labels, 0)
    places, columns, backwards = _orders(vertices)
    label_weights = label_count ** np.arange(vertices - 3, -1, -1)  # (v − 2,)
    edge_weights = label_count ** (vertices - 2) * 2 ** np.arange(edges.shape[1])  # (e,)
    # One matrix product says it for all orders at once; codes stay below 2⁵³, so float64 is exact.
    edge_values, inner_values, label_values = (a.astype(np.float64) for a in (edges, inner, labels))
    code = edge_values @ edge_weights[columns].T + label_values @ label_weights[places].T  # (b, p)
    n_live = inner.sum(axis=1, keepdims=True)
    first = inner_values @ places.T == n_live * (n_live - 1) / 2  # pruned vertices go last
    forwards = edge_values @ backwards.T.astype(np.float64) == 0
    best = np.where(first & forwards, code, np.inf).argmin(axis=1)
    new_edges, new_labels = np.zeros_like(edges), np.zeros_like(labels)
    np.put_along_axis(new_edges, columns[best], edges, axis=1)
    np.put_along_axis(new_labels, places[best], labels, axis=1)
    return new_edges, new_labels
