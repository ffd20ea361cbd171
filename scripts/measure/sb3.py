"""Steps per second of the Stable-Baselines3 adapter beside SB3's own ``make_vec_env``, in one run.

    python -m pynascent.scripts.measure.sb3

It needs Stable-Baselines3 and the NAS-Bench-201 tables. Actions are drawn beforehand; every info is looked into
as SB3's rollouts do. Each figure is the best of three rounds.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from pynascent.envs.adapters.sb3 import make_sb3


def steps_per_second(env: Any, seconds: float = 0.7, rounds: int = 3) -> float:
    """Return the rate of an SB3 ``VecEnv`` under random actions, in steps of single lanes."""
    lanes, best = env.num_envs, 0.0
    actions = np.random.default_rng(0).integers(0, env.action_space.n, (64, lanes))
    env.reset()
    for _ in range(rounds):
        steps, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds or steps < 3:
            for info in env.step(actions[steps % 64])[3]:
                _ = info.get("episode"), info.get("is_success")
            steps += 1
        best = max(best, lanes * steps / (time.perf_counter() - start))
    return best


def main() -> None:
    """Print a table."""
    from stable_baselines3.common.env_util import make_vec_env

    print(f"{'formulation':12}{'lanes':>6}{'make_sb3':>12}{'make_vec_env':>14}{'ratio':>8}")
    for formulation in ("Build", "Edit"):
        id = f"PyNASCENT/NASBench201-CIFAR100-{formulation}-v0"
        for lanes in (8, 64, 256):
            ours, theirs = steps_per_second(make_sb3(id, lanes)), steps_per_second(make_vec_env(id, lanes))
            print(f"{formulation:12}{lanes:6}{ours:12,.0f}{theirs:14,.0f}{ours / theirs:8.1f}")


if __name__ == "__main__":
    main()
