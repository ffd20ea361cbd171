"""What a policy is worth, for the examples beside this file: one episode in each of many lanes."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium
import numpy as np

import pynascent.envs  # noqa: F401 (registers the environments)

Policy = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Actions ``(N,)`` for flat observations ``(N, d + 2)`` and masks ``(N, mask size)`` bool."""


def play(id: str, policy: Policy, episodes: int = 1000, seed: int = 10_000) -> dict[str, float]:
    """Play one episode in each of ``episodes`` lanes (so that long ones count as much as short ones).

    Returns:
        ``return``: mean sum of rewards; ``accuracy``: mean validation accuracy of the architectures that
        the episodes end with; ``best``: the best of these.
    """
    envs = gymnasium.make_vec(id, num_envs=episodes)
    observations, infos = envs.reset(seed=seed)
    returns, accuracy, alive = np.zeros(episodes), np.zeros(episodes), np.ones(episodes, dtype=bool)
    ended = ~alive
    while True:
        if "validation_accuracy" in infos:
            seen = alive & infos["_validation_accuracy"]
            accuracy[seen] = infos["validation_accuracy"][seen]
        alive &= ~ended
        if not alive.any():
            return {"return": returns.mean(), "accuracy": accuracy.mean(), "best": accuracy.max()}
        actions = policy(observations, infos["action_mask"].astype(bool))
        observations, rewards, terminated, truncated, infos = envs.step(actions)
        returns[alive] += rewards[alive]
        ended = terminated | truncated


def random_policy(rng: np.random.Generator) -> Policy:
    """Return the policy that draws among the allowed actions."""
    return lambda observations, masks: np.where(masks, rng.random(masks.shape), -1.0).argmax(axis=1)


def report(id: str, policy: Policy, title: str, seed: int, steps: int, seconds: float) -> None:
    """Print a policy's figures beside those of random allowed actions."""
    rng = np.random.default_rng(seed)
    trained, chance = play(id, policy), play(id, random_policy(rng))
    print(f"{title} on {id}, seed {seed}: {steps:,} steps, {steps / seconds:,.0f} steps/s")
    for name, figures in (("trained", trained), ("random", chance)):
        print(f"  {name:8}" + "  ".join(f"{key} {value:.4f}" for key, value in figures.items()))
