"""Watches which actions an agent takes."""

import numpy as np

from pynascent.envs import SearchVectorEnv


def watch_masks(env: SearchVectorEnv) -> list[bool]:
    """Return a list that grows with every step of a Build environment: whether all actions taken were allowed."""
    allowed: list[bool] = []
    plain, lanes = env.step, np.arange(env.num_envs)

    def step(actions):
        masks = env.action_masks()
        fresh = env.dynamics.lanes.positions < env.task.space.n  # a finished lane's action is ignored
        allowed.append(bool(masks[lanes, actions][fresh].all()))
        return plain(actions)

    env.step = step
    return allowed
