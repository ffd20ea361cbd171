"""Plays what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gymnasium

from pynascent.agents import make_agent
from pynascent.envs import SearchBudget
from pynascent.scripts.benchmark.runner import Benchmark, run_benchmark

from .groups import GROUPS, NAMES, POLICIES, TRANSFER, transfer

CIFAR10_SECONDS = 20_000.0  # a policy is what a search of the protocol `nats` leaves


def play(out: Path, names: Sequence[str] = (), seeds: str | None = None, processes: int | None = None) -> None:
    """Play the groups named (all by default), each in a folder of its own; finished runs are kept.

    Raises:
        RuntimeError: runs failed.
    """
    for name in names or NAMES:
        if name == TRANSFER:
            policies = [_policy(out / "policies" / f"{seed}.npz", seed) for seed in range(POLICIES)]
            _run(transfer(policies).benchmark(seeds), out / name, processes)
        else:
            _run(GROUPS[name].benchmark(seeds), out / name, processes)


def _run(benchmark: Benchmark, folder: Path, processes: int | None) -> None:
    outcomes = run_benchmark(benchmark, folder, folder.exists(), processes)
    if outcomes.failures:
        task, label, seed, why = outcomes.failures[0]
        raise RuntimeError(f"{len(outcomes.failures)} runs failed, the first {label} on {task}, seed {seed}: {why}")


def _policy(path: Path, seed: int) -> Path:
    """Search CIFAR-10 with PPO, and keep its policy."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        agent = make_agent("ppo")
        env = gymnasium.make_vec(
            "PyNASCENT/NASBench201-CIFAR10-Build-v0",
            num_envs=8,
            epochs=12,
            observation=agent.observation,
            autoreset_mode=agent.autoreset_mode,
        )
        agent.search(env, SearchBudget(seconds=CIFAR10_SECONDS), seed=10_000 + seed)
        agent.save_policy(path)
        env.close()
    return path
