"""What surrogate models see of an architecture: equal for isomorphic ones, and counted right."""

from itertools import product

import numpy as np
import pytest

from pynascent.envs.spaces import (
    ChainSpace,
    MobileSpace,
    NASBench101Space,
    NASBench201Space,
    NASBenchMacroSpace,
    VisionTransformerSpace,
)
from pynascent.envs.spaces.cells.features import path_counts

SPACES = [
    ChainSpace(),
    ChainSpace(residual="per_block"),
    MobileSpace(),
    NASBench101Space(),
    NASBench201Space(),
    NASBenchMacroSpace(),
    VisionTransformerSpace(),
]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_isomorphic_architectures_have_equal_features(space):
    rows = space.sample(np.random.default_rng(0), 300)
    blocks, same = space.features(rows), space.features(space.canonical(rows))
    assert "choices" in blocks
    for name, block in blocks.items():
        assert block.dtype == np.float64 and block.ndim == 2 and len(block) == 300
        assert (block == same[name]).all() and np.isfinite(block).all()
    alone = space.features(rows[:1])
    assert all((alone[name] == block[:1]).all() for name, block in blocks.items())


@pytest.mark.parametrize("nodes", [3, 4, 5])
def test_paths_are_those_that_enumeration_finds(nodes):
    operations, rng = 3, np.random.default_rng(nodes)
    edges = [(i, j) for j in range(1, nodes) for i in range(j)]
    terms = rng.integers(-2, operations, size=(60, len(edges)))
    codes = [code for length in range(nodes) for code in product(range(operations), repeat=length)]
    counted = path_counts(terms, nodes, operations)
    assert counted.shape == (60, len(codes))

    def walk(row, node):
        """Yield the operations on every path from the input to a node."""
        if node == 0:
            yield ()
        for (i, j), term in zip(edges, row, strict=True):
            if j == node and term != -2:
                for code in walk(row, i):
                    yield code if term == -1 else (*code, int(term))

    for row, counts in zip(terms, counted, strict=True):
        found = list(walk(row, nodes - 1))
        assert counts.tolist() == [found.count(code) for code in codes]


def test_a_nasbench201_cell_is_described_by_what_is_alive():
    space = NASBench201Space()
    dead = space.parse("|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|")
    alive = space.parse("|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|")
    first, second = space.features(dead), space.features(alive)
    assert all((first[name] == second[name]).all() for name in first)
    assert first["counts"].tolist() == [[0, 1, 0, 0]]  # skip, 1x1, 3x3, pool
    assert first["paths"].sum() == 1


def test_counts_come_with_choices_that_share_their_options():
    space = NASBenchMacroSpace()
    blocks = space.features(space.parse("02012100"))
    assert blocks["counts"].tolist() == [[4, 2, 2]]
    assert blocks["stages"].reshape(3, 3).tolist() == [[1, 0, 1], [1, 1, 1], [2, 1, 0]]
    assert set(VisionTransformerSpace().features(VisionTransformerSpace().sample(np.random.default_rng(0)))) == {
        "choices"
    }
