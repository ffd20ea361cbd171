"""Successive halving and ASHA: who is promoted, and when."""

import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.agents.multi_fidelity.asha import Rung
from pynascent.envs import SearchBudget

from support.by_hand import numbered
from support.landscape import Landscape, make_env


def epochs(name, budget, seed=0, lanes=1, **settings):
    agent = make_agent(name, **settings)
    return agent.search(make_env(agent, lanes, epochs="choose"), budget, seed)


def test_one_bracket_after_the_other():
    history = epochs("successive_halving", SearchBudget(evaluations=80))
    assert history.column("epochs").tolist() == ([1] * 27 + [3] * 9 + [9] * 3 + [27]) * 2
    rows = list(history)
    for bracket in (rows[:40], rows[40:]):
        for below, above in ((bracket[:27], bracket[27:36]), (bracket[27:36], bracket[36:39])):
            best = sorted(below, key=lambda row: -row["reward"])[: len(above)]
            assert [row["architecture"] for row in above] == [row["architecture"] for row in best]
    fewer = epochs("successive_halving", SearchBudget(evaluations=24), configurations=8)
    assert fewer.column("epochs").tolist() == [1] * 8 + [3] * 2 + [9, 27] + [1] * 8 + [3] * 2 + [9, 27]


def test_it_fits_its_brackets_into_a_budget_of_evaluations():
    history = epochs("successive_halving", SearchBudget(evaluations=24))
    assert history.column("epochs").tolist() == [1] * 17 + [3] * 5 + [9, 27]  # 18 would make 6, 2 and 1 more
    history = epochs("successive_halving", SearchBudget(evaluations=42))
    assert history.column("epochs").tolist()[40:] == [9, 27]  # two are left for four rungs
    plain = epochs("successive_halving", SearchBudget(evaluations=24), fit_budget=False)
    assert plain.column("epochs").tolist() == [1] * 24


def test_a_rung_promotes_the_best_third_once():
    rung, names = Rung(), {}

    def tell(name, reward, ok=True):
        names[name] = np.array([len(names)])
        rung.tell(names[name], reward, 0.0 if ok else np.inf)

    def promoted(count):
        found = [rung.promote(3.0) for _ in range(count)]
        return [next((n for n, row in names.items() if row is f), None) for f in found]

    tell("a", 0.5)
    tell("b", 0.4)
    assert promoted(1) == [None]  # a third of two is none
    tell("c", 0.7)
    assert promoted(2) == ["c", None]
    for name, reward in (("d", 0.9), ("e", 0.7), ("f", -np.inf)):
        tell(name, reward, ok=np.isfinite(reward))
    assert promoted(2) == ["d", None]  # of six the best two are d and c, told before e; c has gone up
    for name in "ghi":
        tell(name, -np.inf, ok=False)
    assert promoted(2) == ["e", None]  # nine were told, failures count


def test_failures_are_never_promoted_however_many():
    rung = Rung()
    for _ in range(30):
        rung.tell(np.zeros(1), -np.inf, np.inf)
    assert rung.promote(3.0) is None


def test_asha_by_hand():
    agent = numbered(make_agent("asha"))
    agent.begin(Landscape().space, (1, 3, 9, 27), np.random.default_rng(0))
    n = agent._space.n

    def tell(row, reward):
        agent.tell(row[None], np.array([reward]), np.array([True]), {})

    first = agent.ask(9)  # nothing is known: nine on the lowest rung
    assert first[:, n].tolist() == [0] * 9
    for i in (4, 2, 0):
        tell(first[i], float(i))
    after = agent.ask(2)
    assert after[:, n].tolist() == [1, 0] and np.array_equal(after[0, :n], first[4, :n])
    for i in (8, 7, 6):
        tell(first[i], float(i))
    after_more = agent.ask(3)  # of six: 8 and 7
    assert after_more[:, n].tolist() == [1, 1, 0]
    assert np.array_equal(after_more[:2, :n], first[[8, 7], :n])
    for row, reward in ((after[0], 1.0), (after_more[1], 3.0), (after_more[0], 2.0)):
        tell(row, reward)
    top = agent.ask(2)  # the highest rung that has something goes first
    assert top[0, n] == 2 and np.array_equal(top[0, :n], first[7, :n])
    assert top[1, n] == 0


def test_asha_spends_most_evaluations_below_and_reaches_the_top():
    history = epochs("asha", SearchBudget(evaluations=200), lanes=4)
    counts = [(history.column("epochs") == e).sum() for e in (1, 3, 9, 27)]
    assert counts[0] > counts[1] > counts[2] > counts[3] >= 1 and sum(counts) == 200
    # a third of each rung at any time, and those that were in it once (Li et al., 2020, section 3.3)
    assert counts[0] // 3 <= counts[1] <= counts[0] / 2
    later = epochs("asha", SearchBudget(evaluations=60), early_stopping=2)
    assert set(later.column("epochs")) == {9, 27}
    with pytest.raises(ValueError, match=r"early_stopping=4: there are the rungs 0\.\.3"):
        epochs("asha", SearchBudget(evaluations=5), early_stopping=4)


@pytest.mark.parametrize("name", ["asha", "successive_halving"])
def test_fixed_epochs_make_it_random_search(name):
    agent = make_agent(name)
    history = agent.search(make_env(agent, 3, epochs=9), SearchBudget(evaluations=40), 5)
    random = make_agent("random").search(make_env(agent, 3, epochs=9), SearchBudget(evaluations=40), 5)
    assert np.array_equal(history.column("architecture"), random.column("architecture"))
