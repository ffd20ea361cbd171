"""The record of actions: a search is played again call by call, and what differs is found."""

import copy
import json
import pickle

import gymnasium
import numpy as np
import pytest

from pynascent.envs import BudgetExhausted, Objective, SearchBudget, SearchEnv, SearchTask, SearchVectorEnv
from pynascent.envs.adapters.action_record import record_actions, replay_actions

from support.landscape import Landscape

OBJECTIVE = Objective({"accuracy": 1.0, "ln_flops": -0.02})


def scalar(formulation, **more):
    return SearchEnv(SearchTask(Landscape(), OBJECTIVE), formulation, **more)


def vector(formulation, lanes=3, mode="next_step", **more):
    return SearchVectorEnv(lanes, SearchTask(Landscape(), OBJECTIVE), formulation, autoreset_mode=mode, **more)


def play(env, steps=30, seed=5):
    """Play at random; returns the record as it comes back from a file, and whether the budget ended it."""
    env = record_actions(env)
    env.action_space.seed(seed)
    single = isinstance(env, gymnasium.Env)
    try:
        env.reset(seed=seed)
        for _ in range(steps):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if single and (terminated or truncated):
                env.reset()
        return json.loads(json.dumps(env.record)), False
    except BudgetExhausted:
        return json.loads(json.dumps(env.record)), True


@pytest.mark.parametrize("formulation", ["build", "edit", "propose"])
@pytest.mark.parametrize("make", [scalar, vector])
@pytest.mark.parametrize("observation", ["flat", "structured", "masked"])
def test_what_was_played_is_played_again(make, formulation, observation):
    record, _ = play(make(formulation, observation=observation))
    assert len(record) > 30 and record[0]["seed"] == 5 and record[1]["call"] == "step"
    assert replay_actions(make(formulation, observation=observation), record) is None


def test_lanes_that_are_reset_by_masks_and_given_starts():
    env = record_actions(vector("edit", mode="disabled"))
    start = env.unwrapped.task.space.sample(np.random.default_rng(0), 2)
    env.reset(seed=[4, None, 9])
    env.reset(options={"reset_mask": np.array([True, False, True]), "architecture": start})
    env.step(np.array([1, 2, 3]))
    record = json.loads(json.dumps(env.record))
    assert record[0]["seed"] == [4, None, 9] and record[1]["options"]["architecture"] == start.tolist()
    assert replay_actions(vector("edit", mode="disabled"), [*record[1:]]) is not None  # lane 1 has another seed
    # Lane 1 was seeded by entropy: all else is as recorded where it is given a seed.
    record[0]["seed"][1] = 7
    mismatch = replay_actions(vector("edit", mode="disabled"), record)
    assert mismatch is not None and (mismatch.index, mismatch.field) == (0, "state")


def test_a_search_is_replayed_to_the_end_of_its_budget():
    env = vector("edit")
    with env.search(SearchBudget(evaluations=20)) as history:
        record, ended = play(env, steps=1000)
    assert ended and record[-1]["raised"] == "BudgetExhausted" and "state" not in record[-1]
    again = vector("edit")
    with again.search(SearchBudget(evaluations=20)) as replayed:
        assert replay_actions(again, record) is None
    assert [row["architecture"] for row in replayed] == [row["architecture"] for row in history]
    other = vector("edit")
    with other.search(SearchBudget(evaluations=19)):
        mismatch = replay_actions(other, record)
    assert mismatch is not None and mismatch.index >= 1


@pytest.mark.parametrize("make", [scalar, vector])
def test_every_change_of_the_record_is_found(make):
    record, _ = play(make("edit"))
    for index in (0, 7, len(record) - 1):
        for field in ("state", "reward"):
            changed = copy.deepcopy(record)
            if field in changed[index]:
                changed[index][field] = "0" * 16
                mismatch = replay_actions(make("edit"), changed)
                assert mismatch is not None and (mismatch.index, mismatch.field) == (index, field)
                assert (mismatch.recorded, mismatch.found) == ("0" * 16, record[index][field])
    changed = copy.deepcopy(record)
    changed[0]["seed"] += 1
    assert replay_actions(make("edit"), changed).field == "state"  # type: ignore[union-attr]
    changed = copy.deepcopy(record)
    del changed[3]
    assert replay_actions(make("edit"), changed) is not None


def test_rewards_that_are_measured_may_differ():
    record, _ = play(scalar("propose"))
    cheaper = SearchEnv(SearchTask(Landscape(), Objective({"accuracy": 1.0})), "propose")
    mismatch = replay_actions(cheaper, record)
    assert mismatch is not None and (mismatch.index, mismatch.field) == (1, "reward")
    assert replay_actions(cheaper, record, rewards=False) is None


@pytest.mark.parametrize(
    "call",
    [{"call": "jump"}, {"call": "step"}, {"call": "step", "action": "a"}, {"call": "step", "action": 2**70}, {}],
)
def test_what_is_no_call_is_refused(call):
    env = scalar("edit")
    with pytest.raises(ValueError):
        replay_actions(env, [{"call": "reset", "seed": 0, "options": None, "state": _state(env)}, call])


def _state(env):
    recorded = record_actions(env)
    recorded.reset(seed=0)
    return recorded.record[0]["state"]


def test_the_wrapper_is_transparent():
    env = record_actions(scalar("edit"))
    observation, info = env.reset(seed=3)
    plain, plain_info = scalar("edit").reset(seed=3)
    assert np.array_equal(observation, plain) and info.keys() == plain_info.keys()
    copied = pickle.loads(pickle.dumps(env))
    assert copied.record == env.record
