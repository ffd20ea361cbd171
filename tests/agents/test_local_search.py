"""Local search: climbs to a local optimum, and starts again."""

import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.envs import SearchBudget
from pynascent.envs.spaces import ChainSpace, NASBench201Space

from support.by_hand import numbered
from support.landscape import make_env

SPACE = NASBench201Space()


def play(agent, score, evaluations, seed=0, batch=1):
    """Ask and tell without an environment; returns the rows in order of asking."""
    numbered(agent)
    agent.begin(SPACE, (), np.random.default_rng(seed))
    rows = []
    while len(rows) < evaluations:
        asked = agent.ask(batch)
        rewards = np.array([score(row) for row in asked])
        agent.tell(asked, rewards, np.isfinite(rewards), {})
        rows.extend(asked)
    return np.array(rows)


def hill(row):
    """One optimum, all fours, and every step towards it better."""
    return float((row == 4).sum())


def distance(one, other):
    return int((one != other).sum())


@pytest.mark.parametrize("repeats", [False, True])
def test_it_climbs_by_single_changes_and_restarts_only_at_the_optimum(repeats):
    at, restarts = None, []
    for row in play(make_agent("local_search", repeats=repeats), hill, 600):
        if at is not None and distance(row, at) != 1:
            restarts.append(hill(at))
            at = None
        at = row if at is None or hill(row) > hill(at) else at
        if len(restarts) == 1 and not repeats:
            break  # later walks step over what the first one knows
    assert restarts and set(restarts) == {6}


def test_best_improvement_looks_at_the_whole_neighbourhood_before_it_moves():
    values = np.random.default_rng(0).standard_normal((6, 5))
    additive = lambda row: float(values[np.arange(6), row].sum())  # noqa: E731
    rows = play(make_agent("local_search", improvement="best", repeats=True), additive, 1 + 2 * 24)
    start, around = rows[0], rows[1:25]
    assert {row.tobytes() for row in around} == {row.tobytes() for row in SPACE.neighbours(start)}
    second = max(around, key=additive)
    assert {row.tobytes() for row in rows[25:]} == {row.tobytes() for row in SPACE.neighbours(second)}


def test_first_improvement_moves_at_once():
    rows = play(make_agent("local_search", repeats=True), hill, 60)
    at = rows[0]
    for row in rows[1:]:
        assert distance(row, at) == 1
        if hill(row) > hill(at):
            at = row
        if hill(at) == 6:
            break
    assert hill(at) == 6


@pytest.mark.parametrize("improvement", ["first", "best"])
def test_a_local_optimum_costs_its_neighbourhood_and_no_more(improvement):
    flat = make_agent("local_search", improvement=improvement, repeats=True)
    rows = play(flat, lambda row: 0.0, 51)
    assert [distance(row, rows[0]) for row in rows[1:25]] == [1] * 24
    assert len({row.tobytes() for row in rows[:25]}) == 25
    assert distance(rows[25], rows[0]) > 1
    assert [distance(row, rows[25]) for row in rows[26:50]] == [1] * 24


def test_without_repeats_nothing_is_paid_twice_until_a_small_space_is_known():
    rows = play(make_agent("local_search"), hill, 1500)
    assert len({row.tobytes() for row in rows}) == 1500
    agent, space = make_agent("local_search"), ChainSpace(stages=1, blocks=3, widths=(8, 16))
    history = agent.search(make_env(agent, 3, space=space), SearchBudget(evaluations=space.size + 50), 0)
    assert len(history) == space.size + 50
    assert len({tuple(row["architecture"]) for row in history}) > 0.9 * space.size


def test_failed_architectures_are_left_at_once_and_never_moved_to():
    def broken(row):
        return -np.inf if row[0] == 0 else hill(row)

    rows = play(make_agent("local_search", repeats=True), broken, 400)
    at, restarts = None, 0
    for row in rows:
        if at is None or distance(row, at) != 1:
            assert at is None or hill(at) == 6
            at, restarts = (None if row[0] == 0 else row), restarts + 1
        elif broken(row) > hill(at):
            at = row
    assert restarts > 3


@pytest.mark.parametrize("improvement", ["first", "best"])
@pytest.mark.parametrize("batch", [7, 64])
def test_batches_and_results_out_of_order_still_climb(improvement, batch):
    agent = make_agent("local_search", improvement=improvement)
    rows = play(agent, hill, 512, batch=batch)
    assert max(map(hill, rows)) == 6
    assert len({row.tobytes() for row in rows}) == len(rows)  # walks share what is under way
    agent.begin(SPACE, (), np.random.default_rng(1))
    waiting, rng, best = list(agent.ask(16)), np.random.default_rng(2), -np.inf
    for _ in range(400):
        row = waiting.pop(rng.integers(len(waiting)))
        best = max(best, hill(row))
        agent.tell(row[None], np.array([hill(row)]), np.array([True]), {})
        waiting.extend(agent.ask(1))
    assert best == 6


def test_an_unknown_improvement_lists_the_known_ones():
    with pytest.raises(ValueError, match="improvement='steepest': give one of first, best"):
        make_agent("local_search", improvement="steepest")
