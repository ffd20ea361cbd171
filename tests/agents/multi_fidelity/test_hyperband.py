"""Hyperband's schedule against the paper's table, and successive halving step by step."""

import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.agents.multi_fidelity.hyperband import Bracket
from pynascent.agents.multi_fidelity.rungs import bracket_sizes, halved, rounded_down, rounded_up, rung_fidelities
from pynascent.envs import SearchBudget

from support.landscape import make_env


def test_brackets_of_the_papers_table():
    # Li et al. (2018), JMLR 18, table 1: R = 81, η = 3
    table = [[81, 27, 9, 3, 1], [27, 9, 3, 1], [9, 3, 1], [6, 2], [5]]
    assert [bracket_sizes(5, bracket) for bracket in range(5)] == table
    assert bracket_sizes(5, 5) == table[0]


def test_brackets_of_digits():
    assert [bracket_sizes(4, bracket) for bracket in range(4)] == [[27, 9, 3, 1], [9, 3, 1], [6, 2], [4]]


@pytest.mark.parametrize(
    ("fidelities", "rungs"),
    [
        ((1, 3, 9, 27), (1, 3, 9, 27)),
        ((1, 3, 9, 27, 81, 243), (1, 3, 9, 27, 81, 243)),  # log 243 / log 3 is below 5 in floating point
        ((12, 200), (12, 200)),
        (tuple(range(1, 201)), (3, 7, 22, 67, 200)),  # 2.47 is nearer to 3 than to 2 in ratio
        ((50,), (50,)),
        ((4, 12, 36, 108), (4, 12, 36, 108)),
    ],
)
def test_rungs_are_the_nearest_fidelities(fidelities, rungs):
    assert tuple(fidelities[i] for i in rung_fidelities(fidelities)) == rungs


def test_a_bracket_promotes_the_best_and_never_a_failed_one():
    drawn = iter(range(100))
    bracket = Bracket([4, 2, 1], [0, 1, 2])

    def draw():
        return np.array([next(drawn)])

    first = [bracket.next(draw) for _ in range(4)]
    assert [(int(c[0]), f) for c, f in first] == [(0, 0), (1, 0), (2, 0), (3, 0)]
    assert bracket.next(draw) is None  # results are awaited
    for (configuration, _), reward in zip(first, [0.5, -np.inf, 0.9, 0.5], strict=True):
        bracket.tell(configuration, reward, 0.0 if np.isfinite(reward) else np.inf)
    second = [bracket.next(draw) for _ in range(2)]
    assert [(int(c[0]), f) for c, f in second] == [(2, 1), (0, 1)]  # of equals the earlier
    for configuration, _ in second:
        bracket.tell(configuration, -np.inf, np.inf)
    configuration, fidelity = bracket.next(draw)
    assert (int(configuration[0]), fidelity) == (4, 2)  # none is left to promote: a fresh one takes the place
    bracket.tell(configuration, 1.0, 0.0)
    assert bracket.finished and bracket.next(draw) is None


@pytest.mark.parametrize("name", ["hyperband", "bohb"])
def test_one_lane_plays_the_brackets_in_order(name):
    agent = make_agent(name)
    history = agent.search(make_env(agent, 1, epochs="choose"), SearchBudget(evaluations=40 + 13 + 8 + 4), 0)
    expected = [1] * 27 + [3] * 9 + [9] * 3 + [27] + [3] * 9 + [9] * 3 + [27] + [9] * 6 + [27] * 2 + [27] * 4
    assert history.column("epochs").tolist() == expected
    rows = list(history)
    best = sorted(rows[:27], key=lambda row: -row["reward"])[:9]
    assert [row["architecture"] for row in rows[27:36]] == [row["architecture"] for row in best]


@pytest.mark.parametrize("name", ["hyperband", "bohb"])
def test_spare_lanes_go_to_the_next_bracket(name):
    agent = make_agent(name)
    history = agent.search(make_env(agent, 4, epochs="choose"), SearchBudget(evaluations=40 + 13), 0)
    # 27 = 6 · 4 + 3: the spare lane of the seventh batch opens the second bracket, of 9 at three epochs
    assert history.column("epochs").tolist()[24:40] == [1, 1, 1, 3] + [3] * 8 + [3, 3, 3, 3]
    assert len(history) == 53


def test_brackets_that_the_budget_cannot_finish_are_passed_over():
    # 24 evaluations: 40 are too many for the paper's first bracket; 9 + 3 + 1 and 6 + 2 fit, and of the
    # last, 4 at the top, there is room for 3.
    agent = make_agent("hyperband")
    env = make_env(agent, lanes=1, epochs="choose")
    history = agent.search(env, SearchBudget(evaluations=24), seed=0)
    assert history.column("epochs").tolist() == [3] * 9 + [9] * 3 + [27] + [9] * 6 + [27] * 5
    plain = make_agent("hyperband", fit_budget=False).search(env, SearchBudget(evaluations=24), seed=0)
    assert plain.column("epochs").tolist() == [1] * 24


@pytest.mark.parametrize("root", [2, 3, 5, 6, 7, 10, 12, 99])
@pytest.mark.parametrize("power", [2, 3, 4])
def test_powers_of_an_eta_that_is_no_integer_miss_no_integer(root, power):
    """η = root^(1/power) has η^power = root, which floating point gives as one too many or too few."""
    eta = root ** (1 / power)
    assert bracket_sizes(power + 1, 0, eta)[0] == root
    assert halved(root, power + 1, eta)[-1] == 1
    assert len(rung_fidelities([1, root], eta)) == 2
    assert rounded_up(eta**power) == rounded_down(eta**power) == root


def test_rounding_is_rounding():
    assert [rounded_down(x) for x in (0.0, 0.9, 2.999999, 3.0, 3.1)] == [0, 0, 2, 3, 3]
    assert [rounded_up(x) for x in (0.0, 0.1, 2.000001, 3.0, 3.1)] == [0, 1, 3, 3, 4]
