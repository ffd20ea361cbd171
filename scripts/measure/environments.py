"""Steps per second of the environments beside Gymnasium's CartPole-v1, in one run.

    python -m pynascent.scripts.measure.environments [--table NASBench201-CIFAR10] [--lanes 4096] [--seconds 3]

Without a table it is the task in the package, Digits, which needs no import. Every environment goes through the
same loop: actions are sampled from its action space, uniformly or (``masked``) from what ``info["action_mask"]``
allows, and steps that only reset a lane (next-step autoreset) are not counted. The pairs are measured in turns, and
the ratio is the median over turns of the ratio within a turn, since shared machines drift. One process, one core.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np

import pynascent.envs  # noqa: F401  (registers the environments)


def scalar_rate(env: gymnasium.Env, seconds: float, masked: bool = False) -> float:
    """Return steps per second of one environment, resets included in the time."""
    env.action_space.seed(0)
    _, info = env.reset(seed=0)
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(200):
            action = env.action_space.sample(info["action_mask"]) if masked else env.action_space.sample()
            _, _, terminated, truncated, info = env.step(action)
            steps += 1
            if terminated or truncated:
                _, info = env.reset()
    return steps / (time.perf_counter() - start)


def vector_rate(envs: gymnasium.vector.VectorEnv, seconds: float, masked: bool = False) -> float:
    """Return counted steps per second over all lanes."""
    envs.action_space.seed(0)
    _, infos = envs.reset(seed=0)
    next_step = envs.metadata["autoreset_mode"] == gymnasium.vector.AutoresetMode.NEXT_STEP
    steps, resetting = 0, np.zeros(envs.num_envs, dtype=bool)
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(10):
            actions = envs.action_space.sample(infos["action_mask"]) if masked else envs.action_space.sample()
            _, _, terminated, truncated, infos = envs.step(actions)
            steps += envs.num_envs - int(np.count_nonzero(resetting))
            if next_step:
                resetting = terminated | truncated
    return steps / (time.perf_counter() - start)


def compare(name: str, ours: Callable[[], float], theirs: Callable[[], float], turns: int, unit: float) -> None:
    """Print both rates and their ratio."""
    pairs = [(ours(), theirs()) for _ in range(turns)]
    ratios = [a / b for a, b in pairs]
    mine, cartpole = (statistics.median(column) / unit for column in zip(*pairs, strict=True))
    print(
        f"{name:44s} {mine:9.2f} {cartpole:9.2f}   {statistics.median(ratios):5.2f}"
        f"  ({min(ratios):.2f} to {max(ratios):.2f})",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", help="a table's name or path instead of the task Digits")
    parser.add_argument("--lanes", type=int, default=4096)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    seconds, lanes, turns = arguments.seconds, arguments.lanes, arguments.turns

    def make(formulation: str, mode: str | None = None) -> gymnasium.Env | gymnasium.vector.VectorEnv:
        task, more = ("Digits", {}) if arguments.table is None else ("Table", {"table": arguments.table})
        name = f"PyNASCENT/{task}-{formulation}-v0"
        return gymnasium.make(name, **more) if mode is None else vector(name, autoreset_mode=mode, **more)

    def vector(name: str, **more: Any) -> gymnasium.vector.VectorEnv:
        return gymnasium.make_vec(name, lanes, vectorization_mode="vector_entry_point", **more)

    print(f"{'':44s} {'ours':>9s} {'CartPole':>9s}   ratio of medians (range over {turns} turns)")
    print("thousand steps per second, one environment")
    cartpole: Any = gymnasium.make("CartPole-v1")
    for formulation in ("Build", "Edit", "Propose"):
        ours: Any = make(formulation)
        for masked in (False, True):
            name = f"  {formulation}, {'masked' if masked else 'uniform'} sampling"
            rates = partial(scalar_rate, ours, seconds, masked), partial(scalar_rate, cartpole, seconds)
            compare(name, *rates, turns, 1e3)
    print(f"million steps per second, {lanes} lanes")
    cartpole = vector("CartPole-v1")
    for formulation in ("Build", "Edit", "Propose"):
        for mode in ("next_step", "same_step"):
            ours = make(formulation, mode)
            for masked in (False, True):
                name = f"  {formulation}, {'masked' if masked else 'uniform'} sampling, {mode.replace('_', '-')}"
                rates = partial(vector_rate, ours, seconds, masked), partial(vector_rate, cartpole, seconds)
                compare(name, *rates, turns, 1e6)


if __name__ == "__main__":
    main()
