"""NSGA-II: Pareto order against brute force, and searches with several rewards."""

from itertools import product

import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.agents.multi_objective.nondominated import (
    crowding_distances,
    dominates,
    first_front,
    nondominated_fronts,
)
from pynascent.envs import Objective, SearchBudget, SearchEnv, SearchTask, SearchVectorEnv

from support.by_hand import numbered
from support.landscape import Landscape

TERMS = {"accuracy": 1.0, "flops": -1e-3}


def brute_force(values):
    """Fronts by the definition: peel off what nothing left dominates."""
    left, fronts = set(range(len(values))), []
    while left:
        front = {
            i for i in left if not any((values[j] >= values[i]).all() and (values[j] > values[i]).any() for j in left)
        }
        fronts.append(sorted(front))
        left -= front
    return fronts


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("integers", [False, True])
def test_fronts_are_those_of_brute_force(k, integers):
    rng = np.random.default_rng(k)
    for _ in range(20):
        values = rng.integers(0, 4, (25, k)).astype(float) if integers else rng.standard_normal((25, k))
        fronts = brute_force(values)
        assert [front.tolist() for front in nondominated_fronts(values)] == fronts
        assert first_front(values).tolist() == fronts[0]
    assert first_front(np.empty((0, k))).tolist() == []


def test_domination_by_hand():
    values = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 0.0], [1.0, 2.0], [-np.inf, -np.inf]])
    expected = np.zeros((5, 5), dtype=bool)
    expected[1, 0] = expected[3, 0] = True
    expected[:4, 4] = True
    assert np.array_equal(dominates(values), expected)


def test_crowding_by_hand():
    # Deb et al. (2002), figure 1: half the cuboid's perimeter, in shares of the ranges 4 and 8
    values = np.array([[0.0, 8.0], [1.0, 4.0], [3.0, 2.0], [4.0, 0.0]])
    assert crowding_distances(values) == pytest.approx([np.inf, 3 / 4 + 6 / 8, 3 / 4 + 4 / 8, np.inf])
    assert crowding_distances(np.ones((3, 2))).tolist() == [0, 0, 0]
    assert crowding_distances(np.array([[1.0, 5.0]])).tolist() == [0]


def landscape_task(fail=0.0):
    return SearchTask(Landscape(fail=fail), Objective(TERMS, vector=True))


def search(evaluations, seed, lanes=20, fail=0.0, **settings):
    agent = make_agent("nsga2", **settings)
    env = SearchVectorEnv(lanes, landscape_task(fail), "propose", autoreset_mode="disabled")
    return agent.search(env, SearchBudget(evaluations=evaluations), seed)


def hypervolume(values, reference):
    """Of two rewards, by strips."""
    front = sorted({tuple(v) for v in values if (v > reference).all()}, reverse=True)
    volume, height = 0.0, reference[1]
    for x, y in front:
        if y > height:
            volume, height = volume + (x - reference[0]) * (y - height), y
    return volume


def test_it_covers_more_than_random_search_and_repeats_exactly():
    reference = np.array([0.0, -20.0])

    def mean(histories):
        volumes = []
        for history in histories:
            good = history.column("status") == "ok"
            volumes.append(hypervolume(history.column("reward")[good], reference))
        return np.mean(volumes)

    ours = [search(240, seed, fail=0.1) for seed in range(5)]
    random = [search(240, seed, fail=0.1, population_size=240) for seed in range(5)]  # its founders alone
    task = landscape_task(fail=0.1)
    rows = np.concatenate(list(task.space.enumerate()))
    result, values = task.evaluate(rows, np.full(len(rows), 27), np.zeros(len(rows), dtype=int))
    whole = hypervolume(values[result.status == 0], reference)
    assert mean(random) < 0.97 * whole
    assert mean(ours) > 0.5 * (mean(random) + whole)  # at least half of what random search leaves
    again = search(240, 0, fail=0.1)
    assert np.array_equal(again.column("reward"), ours[0].column("reward"))


def test_survivors_are_whole_fronts_and_the_least_crowded_of_the_last():
    agent = make_agent("nsga2", population_size=4)
    agent.begin(Landscape().space, (), np.random.default_rng(0))
    rows = np.arange(8)[:, None].repeat(agent._space.n, axis=1)
    # One front of seven on a line, unevenly spread, and one dominated: the ends stay, and the loneliest two.
    values = [[0, 6], [0.1, 5.9], [2, 4], [3.5, 2.5], [3.6, 2.4], [5.8, 0.2], [6, 0], [0, 0]]
    members = [(row, np.array(value, dtype=float), 0.0) for row, value in zip(rows, values, strict=True)]
    kept = agent.survivors(members[:4], members[4:])
    # half the crowding distances of 2, 5 and 4 are 3.4 / 6, 2.4 / 6 and 2.3 / 6
    assert sorted(int(row[0]) for row, _, _ in kept) == [0, 2, 5, 6]


def test_children_are_new_unless_duplicates_are_allowed():
    for allowed in (False, True):
        agent = numbered(make_agent("nsga2", population_size=10, duplicates=allowed))
        agent.begin(Landscape().space, (), np.random.default_rng(0))
        known = agent.ask(10)
        agent.tell(known, np.random.default_rng(1).random((10, 2)), np.ones(10, dtype=bool), {})
        rows = np.concatenate([known, agent.ask(10)])
        distinct = len({row.tobytes() for row in rows})
        assert distinct < 20 if allowed else distinct == 20


def test_a_scalar_environment_with_a_vector_of_rewards_does():
    env = SearchEnv(landscape_task(), "propose")
    history = make_agent("nsga2", population_size=8).search(env, SearchBudget(evaluations=60), 0)
    assert history.column("reward").shape == (60, 2)


def test_the_front_of_a_small_space_is_found_exactly():
    agent = numbered(make_agent("nsga2", population_size=12))
    agent.begin(Landscape().space, (), np.random.default_rng(3))
    cardinalities = agent._space.cardinalities
    values = [np.random.default_rng(4 + j).random((int(k), 2)) for j, k in enumerate(cardinalities)]

    def score(rows):
        return sum(values[j][rows[:, j]] for j in range(rows.shape[1]))

    everything = np.array(list(product(*(range(int(k)) for k in cardinalities))))
    best = nondominated_fronts_of_all(score(everything))
    found = np.empty((0, 2))
    for _ in range(400):
        rows = agent.ask(12)
        rewards = score(rows)
        agent.tell(rows, rewards, np.ones(12, dtype=bool), {})
        found = np.concatenate([found, rewards])
    ours = nondominated_fronts_of_all(found)
    # what it found of the true front, and nothing that pretends to be better
    assert len(ours & best) >= 0.5 * min(len(best), 12)
    assert all(not any(b[0] > o[0] and b[1] > o[1] for o in ours) for b in best)


def nondominated_fronts_of_all(values):
    """The first front's distinct points, by a sweep that large sets can afford."""
    front, height = set(), -np.inf
    for x, y in sorted({tuple(v) for v in values.tolist()}, reverse=True):
        if y > height:
            front.add((round(x, 9), round(y, 9)))
            height = y
    return front
