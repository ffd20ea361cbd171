"""DQN, the second TF-Agents agent on the adapter."""

import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.agents.rl.replay_memory import Memory
from pynascent.envs import SearchBudget

from support.landscape import make_env
from support.masks import watch_masks


def test_it_learns_and_never_takes_a_masked_action():
    agent = make_agent("dqn", exploration=40)
    env = make_env(agent, 4)
    allowed = watch_masks(env)
    reward = agent.search(env, SearchBudget(evaluations=160), 0).column("reward")
    assert len(allowed) > 200 and all(allowed)
    assert reward[-40:].mean() > reward[:40].mean() + 0.15


def test_it_plays_edit_and_the_same_seed_gives_the_same_history():
    agent = make_agent("dqn", gradient_steps=2)
    histories = [agent.search(make_env(agent, 3, formulation="edit"), SearchBudget(evaluations=30), 1) for _ in "ab"]
    rows = [[(row["architecture"], row["reward"]) for row in history] for history in histories]
    assert len(rows[0]) == 30 and rows[0] == rows[1]


def test_without_a_mask_it_says_so():
    agent = make_agent("dqn")
    with pytest.raises(ValueError, match="observation='masked'"):
        agent.search(make_env(agent, 2, observation="flat"), SearchBudget(evaluations=4), 0)


def test_the_memory_keeps_the_newest_and_no_resets():
    from types import SimpleNamespace

    memory = Memory(5)
    for step in range(4):
        seen = {"observation": np.full((3, 2), step), "action_mask": np.ones((3, 2))}
        before = SimpleNamespace(observation=seen, is_last=lambda: np.array([False, True, False]))
        after = SimpleNamespace(observation=seen, reward=np.arange(3) + 10.0 * step, discount=np.ones(3))
        after.is_last = lambda: np.zeros(3, dtype=bool)
        memory.add(before, np.zeros(3, dtype=int), after)
    assert len(memory) == 5
    assert sorted(memory.take(np.arange(5))["reward"].tolist()) == [12.0, 20.0, 22.0, 30.0, 32.0]


def test_settings_out_of_range():
    for setting in ({"epsilon": 1.5}, {"memory": 0}, {"hidden": ()}, {"learning_rate": -1.0}):
        with pytest.raises(ValueError, match=next(iter(setting))):
            make_agent("dqn", **setting)
