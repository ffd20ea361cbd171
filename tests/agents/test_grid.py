"""Grid search: every architecture once, in the order that its settings say."""

from itertools import pairwise

import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.envs import SearchBudget
from pynascent.envs.spaces import ChainSpace, MobileSpace, NASBench101Space

from support.landscape import make_env

SMALL = ChainSpace(stages=1, blocks=2, operations=("skip", "conv_1x1", "conv_3x3"), widths=(8,))  # 18 rows


def indices(evaluations, seed=0, lanes=1, **settings):
    agent = make_agent("grid", **settings)
    history = agent.search(make_env(agent, lanes, space=SMALL), SearchBudget(evaluations=evaluations), seed)
    return SMALL.index(np.array(history.column("architecture"))).tolist()


def test_the_plain_grid_counts_on_from_its_start_and_wraps():
    size = SMALL.size
    assert indices(size, start=0) == list(range(size))
    assert indices(5, start=size - 2, lanes=2) == [size - 2, size - 1, 0, 1, 2]
    drawn = indices(4, seed=3)
    assert drawn == [(drawn[0] + i) % size for i in range(4)] == indices(4, seed=3)
    assert len({indices(1, seed=seed)[0] for seed in range(40)}) > 5


def test_any_stride_visits_every_architecture_once():
    size = SMALL.size
    assert size % 2 == 0
    assert indices(3, start=0, stride=2) == [0, 5, 10]  # 2, 3 and 4 share a divisor with 18
    for stride in (0, 2, 7, size, 1000):
        assert sorted(indices(size, stride=stride)) == list(range(size))


def test_the_golden_section_spreads_out():
    # 18 · 610 / 987 = 11: it leaves no gap above 7 after 3, where three neighbours would leave one of 16.
    assert indices(3, start=0, stride=0) == [0, 11, 4]


def test_a_spent_grid_says_so_and_starts_over():
    with pytest.warns(UserWarning, match="all 18 architectures of the space 'chain': it starts over"):
        assert indices(20, start=4)[18:] == [4, 5]


@pytest.mark.parametrize("space", [NASBench101Space(), MobileSpace()], ids=["constrained", "huge"])
def test_it_walks_constrained_and_huge_spaces(space):
    agent = make_agent("grid")
    agent.begin(space, (), np.random.default_rng(0))
    rows = agent.ask(300)
    assert space.valid(rows).all() and len({row.tobytes() for row in rows}) == 300
    weights = [int(np.prod([int(k) for k in space.cardinalities[j + 1 :]], dtype=object)) for j in range(space.n)]
    order = [sum(int(v) * w for v, w in zip(row, weights, strict=True)) for row in rows]
    turns = sum(after < before for before, after in pairwise(order))
    assert turns <= 1  # ascending, but for the wrap


def test_a_start_outside_is_one_line():
    with pytest.raises(ValueError, match=r"start=18: the space 'chain' has the indices 0\.\.17"):
        indices(1, start=18)
    with pytest.raises(ValueError, match="stride=-1: give an integer of at least 0"):
        make_agent("grid", stride=-1)
