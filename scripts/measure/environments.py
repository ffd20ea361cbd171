"""Steps per second of the environments beside Gymnasium's CartPole-v1, in one run.

    python -m pynascent.scripts.measure.environments [--table NASBench201-CIFAR10] [--lanes 4096] [--seconds 3]

Every environment goes through the same loop: actions are sampled from its action space, and steps that only
reset a lane (next-step autoreset) are not counted. The pairs are measured in turns, and the ratio is the
median over turns of the ratio within a turn, since shared machines drift. One process, one core.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import gymnasium
import numpy as np

import pynascent.envs  # noqa: F401  (registers the environments)


def scalar_rate(env: gymnasium.Env, seconds: float) -> float:
    """Return steps per second of one environment, resets included in the time."""
    env.action_space.seed(0)
    env.reset(seed=0)
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(200):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            steps += 1
            if terminated or truncated:
                env.reset()
    return steps / (time.perf_counter() - start)


def vector_rate(envs: gymnasium.vector.VectorEnv, seconds: float) -> float:
    """Return counted steps per second over all lanes."""
    envs.action_space.seed(0)
    envs.reset(seed=0)
    next_step = envs.metadata["autoreset_mode"] == gymnasium.vector.AutoresetMode.NEXT_STEP
    steps, resetting = 0, np.zeros(envs.num_envs, dtype=bool)
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(10):
            _, _, terminated, truncated, _ = envs.step(envs.action_space.sample())
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
    parser.add_argument("--table", default="NASBench201-CIFAR10", help="a table's name or path")
    parser.add_argument("--lanes", type=int, default=4096)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    seconds, lanes, turns = arguments.seconds, arguments.lanes, arguments.turns

    def scalar(id: str, **more) -> Callable[[], float]:
        env = gymnasium.make(id, **more)
        return lambda: scalar_rate(env, seconds)

    def vector(id: str, **more) -> Callable[[], float]:
        envs = gymnasium.make_vec(id, lanes, vectorization_mode="vector_entry_point", **more)
        return lambda: vector_rate(envs, seconds)

    table = {"table": arguments.table}
    print(f"{'':44s} {'ours':>9s} {'CartPole':>9s}   ratio of medians (range over {turns} turns)")
    print("thousand steps per second, one environment")
    cartpole = scalar("CartPole-v1")
    for formulation in ("Build", "Edit", "Propose"):
        ours = scalar(f"PyNASCENT/Table-{formulation}-v0", **table)
        compare(f"  {formulation}", ours, cartpole, turns, 1e3)
    print(f"million steps per second, {lanes} lanes")
    carts = vector("CartPole-v1")
    for name, formulation, mode in (
        ("  Build, in lockstep, same-step autoreset", "Build", "same_step"),
        ("  Build, in lockstep, next-step autoreset", "Build", "next_step"),
        ("  Edit, desynchronised, next-step autoreset", "Edit", "next_step"),
        ("  Edit, desynchronised, same-step autoreset", "Edit", "same_step"),
    ):
        ours = vector(f"PyNASCENT/Table-{formulation}-v0", autoreset_mode=mode, **table)
        compare(name, ours, carts, turns, 1e6)


if __name__ == "__main__":
    main()
