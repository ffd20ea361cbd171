"""Advantages and reward scaling against values worked out by hand."""

import numpy as np
import pytest

from pynascent.agents.rl.rollout import RewardScale, Rollout, generalized_advantages


def test_advantages_by_hand():
    # Lane 0: two steps, terminates with reward 1. Lane 1: truncated after the first step, then goes on.
    rewards = np.array([[0.0, 2.0], [1.0, 0.0]])
    discounts = np.array([[1.0, 1.0], [0.0, 1.0]])
    last = np.array([[False, True], [True, False]])
    values = np.array([[0.5, 0.25], [0.75, 4.0], [9.0, 1.0]])
    advantages = generalized_advantages(rewards, discounts, last, values, 0.5)
    # lane 0: δ₁ = 1 − 0.75 = 0.25; δ₀ = 0.75 − 0.5 = 0.25, plus ½ δ₁
    # lane 1: δ₀ = 2 + 4 − 0.25, the truncated state keeps its value 4; δ₁ = 1 − 4
    assert advantages == pytest.approx(np.array([[0.375, 5.75], [0.25, -3.0]]))


def test_lambda_one_gives_returns_minus_values():
    rng = np.random.default_rng(0)
    rewards, values = rng.random((5, 1)), rng.random((6, 1))
    discounts, last = np.ones((5, 1)), np.zeros((5, 1), bool)
    discounts[-1], last[-1] = 0.0, True
    returns = rewards[::-1].cumsum(axis=0)[::-1]
    assert generalized_advantages(rewards, discounts, last, values, 1.0) == pytest.approx(returns - values[:-1])


def test_reward_scale_centres_episodes_and_divides_by_the_deviation():
    scale = RewardScale()
    assert scale.scaled(np.array([[3.0]]), np.array([[True]])) == pytest.approx(3.0)
    scale.add(np.array([-4.0, -6.0]))
    scale.add(np.array([-5.0]))
    deviation = np.std([-4.0, -6.0, -5.0])
    rewards, last = np.array([[-0.1, -4.0, -99.0]]), np.array([[False, True, True]])
    assert scale.scaled(rewards, last) == pytest.approx(np.array([[-0.1 / deviation, 1.0 / deviation, -5.0]]))


def test_rows_leave_out_the_states_that_end_an_episode():
    rollout = Rollout()
    for kind, action in ((0, 7), (2, 8), (0, 9)):  # FIRST, LAST, FIRST: episodes of one step
        rollout.step_types.append(np.array([kind, kind]))
        rollout.observations.append({"observation": np.full((2, 3), action), "action_mask": np.ones((2, 4))})
        rollout.actions.append(np.array([action, -action]))
        rollout.logits.append(np.zeros((2, 4)))
        rollout.values.append(np.zeros(2))
        rollout.rewards.append(np.array([1.0, 2.0]) * (kind == 0))
        rollout.discounts.append(np.array([float(kind), float(kind)]) / 2)
        rollout.last.append(np.array([kind == 0, kind == 0]))
    rows = rollout.rows(np.zeros(2), RewardScale(), 1.0, 0.95)
    assert rows["action"].tolist() == [7, -7, 9, -9]
    assert rows["observation"]["observation"].shape == (4, 3)
    assert rows["return"] == pytest.approx([1.0, 2.0, 1.0, 2.0])
