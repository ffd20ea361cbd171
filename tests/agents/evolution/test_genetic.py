"""The genetic algorithm, generation by generation."""

import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.envs.spaces import NASBench201Space

from support.by_hand import numbered

SPACE = NASBench201Space()


def begun(**settings):
    agent = numbered(make_agent("genetic", **settings))
    agent.begin(SPACE, (), np.random.default_rng(0))
    return agent


def tell(agent, rows, rewards):
    rewards = np.asarray(rewards, dtype=np.float64)
    agent.tell(rows, rewards, np.isfinite(rewards), {})


def test_copies_of_tournament_winners_without_variation():
    agent = begun(population_size=4, tournament=2, crossover=0.0, mutation=0.0, elites=0)
    founders = agent.ask(4)
    tell(agent, founders, [0, 1, 2, 3])
    keys = [row.tobytes() for row in founders]
    counts = np.bincount([keys.index(row.tobytes()) for row in agent.ask(4000)], minlength=4) / 4000
    assert counts == pytest.approx(np.array([1, 3, 5, 7]) / 16, abs=0.03)


def test_crossover_takes_each_choice_from_either_parent():
    agent = begun(population_size=2, tournament=1, crossover=1.0, mutation=0.0)
    founders = np.array([[0] * 6, [4] * 6])
    tell(agent, agent.ask(2), [1, 1])
    agent._population = [(row, np.zeros(1), 0.0) for row in founders]
    children = agent.ask(2000)
    assert set(np.unique(children)) == {0, 4}
    mixed = children[(children == 0).any(axis=1) & (children == 4).any(axis=1)]
    assert len(mixed) / 2000 == pytest.approx(0.5 * (1 - 2 / 64), abs=0.04)  # half the pairs have two parents
    assert (mixed == 4).mean(axis=0) == pytest.approx(np.full(6, 0.5), abs=0.06)


def test_each_choice_mutates_with_rate_one_in_n():
    agent = begun(population_size=2, tournament=1, crossover=0.0)
    tell(agent, agent.ask(2), [1, 1])
    parent = np.array([0, 1, 2, 3, 4, 0])
    agent._population = [(parent, np.zeros(1))] * 2
    changed = agent.ask(3000) != parent
    assert changed.mean(axis=0) == pytest.approx(np.full(6, 1 / 6), abs=0.03)
    assert (changed.sum(axis=1) == 0).mean() == pytest.approx((5 / 6) ** 6, abs=0.03)


def test_the_elites_live_on_and_everybody_else_is_replaced():
    agent = begun(population_size=4, elites=1)
    founders = agent.ask(4)
    tell(agent, founders, [1, 7, 3, 7])
    children = agent.ask(3)
    tell(agent, children[:2], [0, 0])
    assert [member[0].tobytes() for member in agent._population] == [row.tobytes() for row in founders]
    tell(agent, children[2:], [-1])
    members = [member[0].tobytes() for member in agent._population]
    assert members == [founders[1].tobytes(), *(row.tobytes() for row in children)]  # the first of equals


def test_a_failed_child_is_not_born():
    agent = begun(population_size=3, elites=1)
    founders = agent.ask(3)
    tell(agent, founders, [1, -np.inf, 2])
    tell(agent, agent.ask(1), [3])
    assert len(agent._population) == 3
    before = [member[0].tobytes() for member in agent._population]
    tell(agent, agent.ask(5), [-np.inf] * 5)
    assert [member[0].tobytes() for member in agent._population] == before and not agent._brood


def test_it_climbs_a_hill():
    agent, best = begun(), -np.inf
    for _ in range(40):
        rows = agent.ask(10)
        rewards = (rows == 4).sum(axis=1)
        tell(agent, rows, rewards)
        best = max(best, rewards.max())
    assert best == 6  # 400 uniform draws find it with probability 2.5 %


@pytest.mark.parametrize("setting", [{"elites": 20}, {"crossover": 1.5}, {"population_size": 1}, {"mutation": -1}])
def test_ranges_are_checked(setting):
    ((name, value),) = setting.items()
    with pytest.raises(ValueError, match=f"{name}={value}: give "):
        make_agent("genetic", **setting)
