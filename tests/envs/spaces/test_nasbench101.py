"""The NAS-Bench-101 cell against published counts and parameters, and against brute force."""

from itertools import permutations, product

import numpy as np
import pytest

from pynascent.envs.spaces import NASBench101Space
from pynascent.envs.spaces.cells.graphs import edge_list, live_vertices
from pynascent.envs.spaces.nasbench101_cost import vertex_widths

C1, C3, MP = "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"
# The Inception-like cell of google-research/nasbench's README, and what its API answers.
INCEPTION = (
    [
        [0, 1, 1, 1, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    ["input", C1, C3, C3, C3, MP, "output"],
)
ANSWERED = (
    [
        [0, 1, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    ["input", C3, C1, MP, C3, C3, "output"],
)


def test_the_readme_cell_has_the_published_graph_and_parameters():
    space = NASBench101Space()
    row = space.from_matrix(*INCEPTION)
    matrix, labels = space.to_matrix(space.canonical(row))
    np.testing.assert_array_equal(matrix, ANSWERED[0])
    assert labels == ANSWERED[1]
    assert space.cost(row)["trainable_parameters"][0] == 2_694_282


def test_parameters_span_the_published_range():
    space = NASBench101Space()
    least = space.parse(f"{MP}(0) {MP}(1) {MP}(1) {MP}(1) {C3}() output(1,2,3,4)")
    assert space.cost(least)["trainable_parameters"][0] == 227_274
    assert space.cost(space.largest())["trainable_parameters"][0] == 49_979_274


def _full_graphs(vertices: int, max_edges: int = 9) -> np.ndarray:
    """List all graphs without vertices to prune, every pair an edge or none."""
    n_edges = len(edge_list(vertices))
    space = NASBench101Space(vertices=vertices, max_edges=max_edges)
    graphs = []
    for start in range(0, 2**n_edges, 1 << 16):
        codes = np.arange(start, min(start + (1 << 16), 2**n_edges))
        edges = codes[:, None] >> np.arange(n_edges) & 1
        edges = edges[space.valid(np.pad(edges, ((0, 0), (0, vertices - 2))))]
        into = np.array([[j == v for v in range(1, vertices)] for _, j in edge_list(vertices)], dtype=int)
        out = np.array([[i == v for v in range(vertices - 1)] for i, _ in edge_list(vertices)], dtype=int)
        graphs.append(edges[(edges @ into > 0).all(axis=1) & (edges @ out > 0).all(axis=1)])
    return np.concatenate(graphs)


# google-research/nasbench's generator finds 1, 7, 91, 2,532, 64,542 and 423,624 cells of up to 2 … 7 vertices.
@pytest.mark.parametrize(("vertices", "distinct"), [(3, 6), (4, 84), (5, 2441), (6, 62010), (7, 359082)])
def test_distinct_cells_are_as_many_as_the_benchmark_has(vertices, distinct):
    space = NASBench101Space(vertices=vertices)
    graphs = _full_graphs(vertices)
    labels = np.array(list(product(range(3), repeat=vertices - 2)))
    weights = np.concatenate([2 ** np.arange(graphs.shape[1]) * len(labels), 3 ** np.arange(vertices - 2)])
    codes = []
    for start in range(0, len(graphs), 64):
        part = graphs[start : start + 64]
        rows = np.column_stack([np.repeat(part, len(labels), axis=0), np.tile(labels, (len(part), 1))])
        codes.append(np.unique(space.canonical(rows) @ weights))
    assert len(np.unique(np.concatenate(codes))) == distinct


def _brute_force_isomorphic(space, one, other) -> bool:
    (a, a_labels), (b, b_labels) = (space.to_matrix(row) for row in (one, other))
    a_live, b_live = live_vertices(a), live_vertices(b)
    if len(a_live) != len(b_live):
        return False
    a, b = a[np.ix_(a_live, a_live)], b[np.ix_(b_live, b_live)]
    a_labels, b_labels = [a_labels[v] for v in a_live], [b_labels[v] for v in b_live]
    inner = range(1, len(a) - 1)
    for order in permutations(inner):
        order = [0, *order, len(a) - 1]
        if [a_labels[v] for v in order] == b_labels and np.array_equal(a[np.ix_(order, order)], b):
            return True
    return False


def test_canonical_forms_are_equal_exactly_where_brute_force_finds_an_isomorphism():
    space = NASBench101Space(vertices=5, max_edges=6)
    rng = np.random.default_rng(3)
    first = space.sample(rng, 150)
    rows = np.concatenate([first, space.mutate(first, rng), space.canonical(first)])
    forms = space.canonical(rows)
    pairs = rng.integers(0, len(rows), size=(4000, 2))
    pairs = np.concatenate([pairs, np.column_stack([np.arange(150), np.arange(150) + 150])])
    same = [bool((forms[i] == forms[j]).all()) for i, j in pairs]
    assert 20 < sum(same) < len(same) - 20
    assert same == [_brute_force_isomorphic(space, rows[i], rows[j]) for i, j in pairs]


def test_relabelled_cells_have_one_canonical_form():
    space, rng = NASBench101Space(), np.random.default_rng(5)
    checked = 0
    for row in space.sample(rng, 300):
        matrix, labels = space.to_matrix(row)
        order = [0, *(1 + rng.permutation(5)), 6]
        moved = matrix[np.ix_(order, order)]
        if not np.tril(moved).any():
            other = space.from_matrix(moved, [labels[v] for v in order])
            np.testing.assert_array_equal(space.canonical(other), space.canonical(row))
            checked += (other != row).any()
    assert checked > 10


def test_counted_encodings_equal_enumerated_ones():
    assert NASBench101Space(vertices=4, max_edges=3).count() == sum(
        len(rows) for rows in NASBench101Space(vertices=4, max_edges=3).enumerate()
    )
    assert NASBench101Space().count() == 139_359_042  # 573,494 of 2²¹ graphs times 3⁵


def test_pruned_vertices_cost_nothing():
    space = NASBench101Space()
    used = space.from_matrix([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", C3, "output"])
    dangling = used.copy()
    dangling[space.choices.index(next(c for c in space.choices if c.name == "edge_0_2"))] = 1
    assert space.cost(dangling)["flops"] == space.cost(used)["flops"]
    np.testing.assert_array_equal(space.canonical(dangling), space.canonical(used))


def test_widths_split_the_outputs_channels_and_give_the_rest_to_the_first():
    def widths(matrix, width):
        return vertex_widths(np.array(matrix)[None] == 1, width)[0].tolist()

    assert widths(ANSWERED[0], 128) == [0, 32, 32, 32, 32, 32, 128]
    three = np.array([[0, 1, 1, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0] * 5])
    assert widths(three, 128) == [0, 43, 43, 42, 128]
    feeding = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0] * 4])
    assert widths(feeding, 9) == [0, 9, 9, 9]


@pytest.mark.parametrize(
    ("matrix", "labels", "message"),
    [
        ([[0, 1], [1, 0]], ["input", "output"], "upper-triangular"),
        ([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", "conv9x9", "output"], "conv9x9"),
        ([[0, 1, 0], [0, 0, 0], [0, 0, 0]], ["input", C3, "output"], "do not go together"),
        (np.triu(np.ones((5, 5)), 1), ["input", C3, C3, C3, "output"], "do not go together"),
        (np.triu(np.ones((8, 8)), 1), ["input"] * 8, "at most 7"),
    ],
)
def test_matrices_that_are_no_cell_are_refused(matrix, labels, message):
    with pytest.raises(ValueError, match=message):
        NASBench101Space().from_matrix(matrix, labels)
