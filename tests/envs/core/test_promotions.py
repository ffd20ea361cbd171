"""What a promotion costs, in tables and in any evaluator that declares it."""

import copy
import pickle

import gymnasium
import numpy as np
import pytest

import pynascent.envs
from pynascent.agents import make_agent
from pynascent.envs import SearchBudget, make_task
from pynascent.envs.core.quantities.promotions import ContinuedTrainings, priced
from pynascent.envs.tables import TableEvaluator
from pynascent.scripts.replay.history import replay_history

ONE, OTHER = 0, 7  # places of two architectures that converge


@pytest.fixture(scope="module")
def table():
    return TableEvaluator("digits", promotions="continue")


def ask(evaluator, *questions):
    """Return the costs of (architecture's place, epochs, seed)."""
    places, epochs, seeds = (np.array(column) for column in zip(*questions, strict=True))
    return evaluator.evaluate(evaluator.space.from_index(places), epochs, seeds).cost_seconds


def test_a_promotion_costs_what_is_added(table):
    whole = {epochs: ask(table, (ONE, epochs, 0))[0] for epochs in (1, 3, 9, 27)}
    training = table.evaluate(table.space.from_index([ONE]), np.array([3]), np.array([0]))["training_seconds"][0]
    search = ContinuedTrainings(table)
    assert ask(search, (ONE, 3, 0))[0] == whole[3]
    assert ask(search, (ONE, 9, 0))[0] == pytest.approx(whole[9] - training)
    assert ask(search, (ONE, 3, 0))[0] == whole[3]  # nothing shorter: it costs what it cost
    assert ask(search, (ONE, 9, 1))[0] == ask(table, (ONE, 9, 1))[0]  # another training seed
    assert ask(search, (OTHER, 9, 0))[0] == ask(table, (OTHER, 9, 0))[0]


def test_rows_of_one_batch_count_in_their_order(table):
    together = ask(ContinuedTrainings(table), (ONE, 1, 0), (ONE, 3, 0), (OTHER, 3, 0), (ONE, 27, 0))
    search = ContinuedTrainings(table)
    alone = [ask(search, question)[0] for question in ((ONE, 1, 0), (ONE, 3, 0), (OTHER, 3, 0), (ONE, 27, 0))]
    np.testing.assert_array_equal(together, alone)


def test_the_default_is_to_restart():
    plain = TableEvaluator("digits")
    assert plain.promotions == "restart" and priced(plain) is plain


def test_it_survives_copies(table):
    for same in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert same.promotions == "continue" and isinstance(priced(same), ContinuedTrainings)


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="promotions='resume': choose one of restart, continue"):
        TableEvaluator("digits", promotions="resume")


def search(promotions, agent="successive_halving", evaluations=60, workers=1):
    """Return the history of a search on the digits, and its task."""
    task = make_task("Digits", {"promotions": promotions})
    env = pynascent.envs.SearchVectorEnv(1, task, "propose", epochs="choose")
    return make_agent(agent).search(env, SearchBudget(evaluations=evaluations, workers=workers), 3), task


@pytest.mark.parametrize("agent", ["successive_halving", "hyperband", "asha", "bohb", "dehb"])
def test_every_multi_fidelity_agent_pays_less_and_searches_the_same(agent):
    (restart, _), (go_on, _) = (search(promotions, agent) for promotions in ("restart", "continue"))
    questions = [[(row["architecture"], row["epochs"], row["seed"]) for row in found] for found in (restart, go_on)]
    assert questions[0] == questions[1]
    costs = [np.array([row["cost_seconds"] for row in found]) for found in (restart, go_on)]
    assert (costs[1] <= costs[0]).all() and costs[1].sum() < costs[0].sum()
    assert go_on.rows[-1]["clock_seconds"] == pytest.approx(costs[1].sum())


def test_two_searches_of_one_task_do_not_pay_for_each_other():
    task = make_task("Digits", {"promotions": "continue"})
    env = pynascent.envs.SearchVectorEnv(1, task, "propose", epochs="choose")
    one, two = (make_agent("hyperband").search(env, SearchBudget(evaluations=40), 0) for _ in range(2))
    assert [row["cost_seconds"] for row in one] == [row["cost_seconds"] for row in two]


def test_a_replay_pays_the_same():
    history, task = search("continue")
    assert replay_history(history.rows, task, sequential=True).mismatch is None
    mismatch = replay_history(history.rows, make_task("Digits")).mismatch
    assert mismatch is not None and "cost_seconds" in str(mismatch)


def test_an_environment_takes_it_as_an_argument():
    env = gymnasium.make("PyNASCENT/Digits-Propose-v0", epochs="choose", evaluator={"promotions": "continue"})
    assert env.unwrapped.task.evaluator.promotions == "continue"
    assert gymnasium.make(env.spec).unwrapped.task.evaluator.promotions == "continue"
