"""Random search with and without repeats."""

import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.envs import SearchBudget
from pynascent.envs.spaces import ChainSpace

from support.landscape import make_env

SMALL = ChainSpace(stages=1, blocks=2, operations=("skip", "conv_1x1", "conv_3x3"), widths=(8,))  # 18 rows


def distinct(space):
    return len({row.tobytes() for row in space.canonical(np.concatenate(list(space.enumerate())))})


def test_it_is_uniform():
    agent = make_agent("random")
    history = agent.search(make_env(agent, 100, space=SMALL), SearchBudget(evaluations=9000), 0)
    counts = np.bincount(SMALL.index(np.array(history.column("architecture"))), minlength=SMALL.size)
    # chi-square with 17 degrees of freedom: 99.9 % quantile 40.8
    assert ((counts - 500) ** 2 / 500).sum() < 40.8


def test_without_repeats_each_architecture_comes_once_and_then_it_says_so():
    agent, known = make_agent("random", repeats=False), distinct(SMALL)
    history = agent.search(make_env(agent, 1, space=SMALL), SearchBudget(evaluations=known), 0)
    forms = SMALL.canonical(np.array(history.column("architecture")))
    assert len({form.tobytes() for form in forms}) == known
    with pytest.warns(UserWarning, match=f"all {known} distinct architectures"):
        history = agent.search(make_env(agent, 1, space=SMALL), SearchBudget(evaluations=known + 1), 0)
    assert len(history) == known + 1


def test_it_takes_the_largest_fidelity():
    agent = make_agent("random")
    history = agent.search(make_env(agent, 2, epochs="choose"), SearchBudget(evaluations=5), 0)
    assert set(history.column("epochs")) == {27}
    history = agent.search(make_env(agent, 2, epochs=3), SearchBudget(evaluations=5), 0)
    assert set(history.column("epochs")) == {3}


def test_build_and_propose_draw_the_same_architectures():
    agent = make_agent("random")
    played = [
        agent.search(make_env(agent, formulation=name), SearchBudget(evaluations=21), seed=5).column("architecture")
        for name in ("propose", "build")
    ]
    assert len(played[0]) == 21 and np.array_equal(*played)
