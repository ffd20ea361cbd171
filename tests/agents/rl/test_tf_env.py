"""The TF-Agents adapter over Gymnasium's CartPole, scalar and vector, and over the suite's own."""

import gymnasium
import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.agents.rl.tensorflow_setup import tensorflow_for_agents
from pynascent.envs import BudgetExhausted, SearchBudget

from support.landscape import make_env

FIRST, MID, LAST = 0, 1, 2


@pytest.fixture(scope="module")
def tf_env():
    tensorflow_for_agents()
    from pynascent.agents import tf_env

    return tf_env


def vector(**options):
    return gymnasium.make_vec("CartPole-v1", 3, vectorization_mode="sync", **options)


@pytest.mark.parametrize("make", [lambda: gymnasium.make("CartPole-v1"), vector], ids=["scalar", "vector"])
def test_specs_hold(tf_env, make):
    from tf_agents.environments import utils

    utils.validate_py_environment(tf_env.GymnasiumEnvironment(make(), seed=0), episodes=5)


@pytest.mark.parametrize("formulation", ["build", "edit"])
def test_specs_hold_on_our_own(tf_env, formulation):
    from tf_agents.environments import utils

    agent = make_agent("ppo")
    env = tf_env.GymnasiumEnvironment(make_env(agent, formulation=formulation), seed=0)
    splitter = lambda observation: (observation["observation"], observation["action_mask"])  # noqa: E731
    utils.validate_py_environment(env, 10, splitter)
    assert env.batch_size == 4


def test_spaces(tf_env):
    spaces = gymnasium.spaces
    spec = tf_env.spec_from_space(spaces.Discrete(5, start=-2), "x")
    assert (spec.minimum, spec.maximum, spec.shape, spec.dtype) == (-2, 2, (), np.int64)
    spec = tf_env.spec_from_space(spaces.MultiDiscrete([4, 4]), "x")
    assert (spec.minimum, spec.maximum, spec.shape) == (0, 3, (2,))
    assert tf_env.spec_from_space(spaces.MultiDiscrete([4, 2]), "x").maximum.tolist() == [3, 1]
    nested = tf_env.spec_from_space(spaces.Dict(a=spaces.Box(-1, 1, (2, 3)), b=spaces.MultiBinary(4)), "x")
    assert nested["a"].dtype == np.float32 and nested["a"].shape == (2, 3)
    assert nested["b"].maximum == 1 and nested["b"].name == "x/b"
    with pytest.raises(ValueError, match="has no array spec"):
        tf_env.spec_from_space(spaces.Text(3), "x")


def test_lanes_equal_gymnasiums_rollout_and_reset_by_themselves(tf_env):
    env, plain = tf_env.GymnasiumEnvironment(vector(), seed=5), vector()
    time_step, (observation, _) = env.reset(), plain.reset(seed=5)
    assert (time_step.step_type == FIRST).all() and (time_step.discount == 1).all() and (time_step.reward == 0).all()
    rng, done, ends = np.random.default_rng(0), np.zeros(3, bool), 0
    for _ in range(120):
        assert np.array_equal(time_step.observation, observation)
        actions = rng.integers(0, 2, size=3)
        time_step = env.step(actions)
        observation, rewards, terminated, truncated, _ = plain.step(actions)
        expected = np.where(done, FIRST, np.where(terminated | truncated, LAST, MID))
        assert time_step.step_type.tolist() == expected.tolist()
        assert np.array_equal(time_step.reward, np.where(done, 0, rewards).astype(np.float32))
        assert np.array_equal(time_step.discount, np.where(terminated, 0, 1).astype(np.float32))
        assert time_step.reward.dtype == time_step.discount.dtype == np.float32
        done, ends = terminated | truncated, ends + terminated.sum()
    assert ends > 3
    again = tf_env.GymnasiumEnvironment(vector())
    again.seed(5)
    assert np.array_equal(again.reset().observation, plain.reset(seed=5)[0])


def test_scalar_resets_after_the_last_step(tf_env):
    env, plain = tf_env.GymnasiumEnvironment(gymnasium.make("CartPole-v1"), seed=1), gymnasium.make("CartPole-v1")
    time_step, (observation, _) = env.step(np.array(0)), plain.reset(seed=1)  # the first step resets
    assert time_step.is_first() and np.array_equal(time_step.observation, observation)
    while not time_step.is_last():
        time_step, (observation, *_) = env.step(np.array(1)), plain.step(1)
    assert time_step.discount == 0 and np.array_equal(time_step.observation, observation)
    time_step, (observation, _) = env.step(np.array(1)), plain.reset()
    assert time_step.is_first() and time_step.discount == 1 and np.array_equal(time_step.observation, observation)
    assert env.step(np.array(1)).is_mid()


@pytest.mark.parametrize("lanes", [None, 2])
def test_a_truncated_episode_keeps_its_discount(tf_env, lanes):
    if lanes is None:
        plain = gymnasium.make("CartPole-v1", max_episode_steps=3)
    else:
        plain = gymnasium.make_vec("CartPole-v1", lanes, vectorization_mode="sync", max_episode_steps=3)
    env = tf_env.GymnasiumEnvironment(plain, seed=0)
    time_step = env.reset()
    for step in range(3):
        time_step = env.step(np.full(lanes or (), step % 2))
    assert np.all(time_step.is_last()) and np.all(time_step.discount == 1)


def test_observations_are_copies(tf_env):
    env = tf_env.GymnasiumEnvironment(vector(vector_kwargs={"copy": False}), seed=0)
    first = env.reset().observation
    before = first.copy()
    env.step(np.zeros(3, dtype=np.int64))
    assert np.array_equal(first, before)


def test_other_autoreset_modes_are_refused(tf_env):
    env = vector(vector_kwargs={"autoreset_mode": gymnasium.vector.AutoresetMode.SAME_STEP})
    with pytest.raises(ValueError, match="'next_step', make the vector so"):
        tf_env.GymnasiumEnvironment(env)


def test_a_spent_budget_passes_through(tf_env):
    plain = make_env(make_agent("ppo"), 2)
    env = tf_env.GymnasiumEnvironment(plain, seed=0)
    with plain.search(SearchBudget(evaluations=1)) as history:
        env.reset()
        for _ in range(plain.task.space.n):
            time_step = env.step(np.zeros(2, dtype=np.int64))
        assert time_step.is_last().all()
        assert time_step.discount.tolist() == [0, 1]  # the second lane was not paid: truncated
        assert env.get_info()["status"].names().tolist() == ["ok", "unpaid"]
        with pytest.raises(BudgetExhausted):
            env.step(np.zeros(2, dtype=np.int64))
    assert len(history) == 1
