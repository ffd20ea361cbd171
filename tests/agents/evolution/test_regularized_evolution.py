"""Regularised evolution: who joins, who becomes a parent, who leaves."""

import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.envs.spaces import NASBench201Space

from support.by_hand import numbered

SPACE = NASBench201Space()


def begun(**settings):
    agent = numbered(make_agent("regularized_evolution", **settings))
    agent.begin(SPACE, (), np.random.default_rng(0))
    return agent


def tell(agent, row, reward):
    agent.tell(row[None], np.array([reward]), np.array([np.isfinite(reward)]), {})


def near(one, other):
    return int((one != other).sum()) == 1


def test_the_oldest_leaves_however_good_it_is():
    agent = begun(population_size=3, sample_size=100)  # a tournament of a hundred finds the best of three
    founders = agent.ask(3)
    for row, reward in zip(founders, [9.0, 1.0, 2.0], strict=True):
        tell(agent, row, reward)
    for reward in (0.5, 0.25):  # the first child replaces founder 0, the second founder 1
        child = agent.ask(1)[0]
        assert near(child, founders[0] if reward == 0.5 else founders[2])
        tell(agent, child, reward)
    third = agent.ask(1)[0]
    assert near(third, founders[2])  # 2, 0.5, 0.25 are left
    tell(agent, third, 0.125)
    assert not near(agent.ask(1)[0], founders[2]) or near(child, founders[2])


def test_parents_are_drawn_by_tournaments_with_replacement():
    agent = begun(population_size=4, sample_size=2)
    for row, reward in zip(agent.ask(4), [0.0, 1.0, 2.0, 3.0], strict=True):
        tell(agent, row, reward)
    founders = [row for row, _ in agent._members]
    parents = [min(range(4), key=lambda i: (row != founders[i]).sum()) for row in agent.ask(4000)]
    # the best of two draws with replacement among four: (2 i + 1) / 16
    shares = np.bincount(parents, minlength=4) / 4000
    assert shares == pytest.approx(np.array([1, 3, 5, 7]) / 16, abs=0.03)


def test_failures_do_not_join():
    agent = begun(population_size=3, sample_size=1)
    founders = agent.ask(3)
    for row, reward in zip(founders, [-np.inf, 0.0, -np.inf], strict=True):
        tell(agent, row, reward)
    more = agent.ask(2)  # two places are left, and are drawn again
    for row in more:
        tell(agent, row, -np.inf)
    tell(agent, agent.ask(1)[0], 1.0)
    last = agent.ask(1)[0]
    tell(agent, last, 2.0)
    members = [row.tobytes() for row, _ in agent._members]
    assert len(members) == 3 and founders[1].tobytes() == members[0]
    child = agent.ask(1)[0]
    tell(agent, child, -np.inf)
    assert [row.tobytes() for row, _ in agent._members] == members


def test_founders_are_counted_while_under_way():
    agent = begun(population_size=4, sample_size=4)
    founders = agent.ask(6)  # nobody is there to be a parent: six founders for four places
    tell(agent, founders[3], 5.0)
    tell(agent, founders[0], 1.0)
    assert near(agent.ask(1)[0], founders[3])  # two are members, four under way
    for i in (1, 2, 4, 5):
        tell(agent, founders[i], 0.0)
    kept = [row.tobytes() for row, _ in agent._members]
    assert kept == [founders[i].tobytes() for i in (1, 2, 4, 5)]  # the order of telling is the order of age


def test_ranges_are_checked():
    with pytest.raises(ValueError, match="sample_size=0: give an integer of at least 1"):
        make_agent("regularized_evolution", sample_size=0)
