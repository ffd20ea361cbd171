"""Environment steps per second of training: the suite's PPO (TF-Agents) beside Stable-Baselines3's, in one run.

    python -m pynascent.scripts.measure.ppo_training --sb3-python /path/to/venv/bin/python

Both train the same networks (two hidden layers of 64, tanh, policy and value apart) on the same vector environment
and observations, with the same number of lanes, rollout, minibatch, passes, learning rate and threads. They take
turns, each in a process of its own; the time begins after a first update, which compiles. What the trained policies
earn is printed beside the rates, so that neither is fast because it does not learn. It needs the NAS-Bench-201
tables, and an interpreter that has ``pynascent`` and ``stable_baselines3`` (this one, if not given).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

ENV = "PyNASCENT/NASBench201-CIFAR100-Build-v0"
LANES, ROLLOUT, EPISODE = 64, 24, 6  # four episodes of six steps in each lane between updates: 1,536 rows
SETTINGS = {"learning_rate": 1e-3, "gae_lambda": 0.95}
EPOCHS, MINIBATCH, GAMMA, ENTROPY, VALUE, NORM = 10, 256, 0.95, 0.001, 0.5, 0.5


def ours(updates: int, seed: int, observation: str) -> tuple[int, float, list[np.ndarray]]:
    """Train the suite's agent; return steps, seconds and the rewards of every step."""
    import gymnasium

    from pynascent.agents import make_agent

    agent: Any = make_agent(
        "ppo",
        **SETTINGS,
        epochs=EPOCHS,
        minibatch=MINIBATCH,
        episodes_per_update=LANES * ROLLOUT // EPISODE,
        discount=GAMMA,
        entropy=ENTROPY,
        value_loss=VALUE,
        gradient_clipping=NORM,
        hidden=(64, 64),
    )
    seen: list[np.ndarray] = []

    class Recorder(gymnasium.vector.VectorWrapper):
        def step(self, actions: Any) -> Any:
            result = super().step(actions)
            seen.append(result[1])
            return result

    made = gymnasium.make_vec(ENV, LANES, observation=observation, autoreset_mode=agent.autoreset_mode)
    env: Any = Recorder(made)
    agent.train(env, 1, seed)
    seen.clear()
    start = time.perf_counter()
    steps = agent.train(env, updates * LANES * ROLLOUT, seed)
    return steps, time.perf_counter() - start, seen


def theirs(updates: int, seed: int) -> tuple[int, float, list[np.ndarray]]:
    """Train Stable-Baselines3's agent; return steps, seconds and the rewards of every step."""
    import torch
    from stable_baselines3 import PPO

    from pynascent.envs.adapters.sb3 import make_sb3

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    env = make_sb3(ENV, LANES)
    seen: list[np.ndarray] = []
    plain = env.step_wait

    def step_wait() -> Any:
        result = plain()
        seen.append(result[1])
        return result

    env.step_wait = step_wait  # type: ignore[method-assign]
    model = PPO(
        "MlpPolicy",
        env,
        **SETTINGS,
        n_steps=ROLLOUT,
        batch_size=MINIBATCH,
        n_epochs=EPOCHS,
        gamma=GAMMA,
        ent_coef=ENTROPY,
        vf_coef=VALUE,
        max_grad_norm=NORM,
        seed=seed,
        device="cpu",
    )
    model.learn(LANES * ROLLOUT)
    seen.clear()
    before, start = model.num_timesteps, time.perf_counter()
    model.learn(updates * LANES * ROLLOUT, reset_num_timesteps=False)
    return model.num_timesteps - before, time.perf_counter() - start, seen


def child(side: str, updates: int, seed: int) -> None:
    """Train in this process and print the figures as JSON."""
    steps, seconds, seen = theirs(updates, seed) if side == "sb3" else ours(updates, seed, side)
    last = np.concatenate(seen[-4 * EPISODE :])
    print(json.dumps({"rate": steps / seconds, "steps": steps, "accuracy": float(last[last > 0].mean())}))


def main() -> None:
    """Run both sides in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sb3-python", default=sys.executable, help="interpreter that has stable_baselines3")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=30, help="updates of 1,536 steps in a round")
    parser.add_argument("--threads", type=int, default=1, help="threads of TensorFlow and of PyTorch")
    parser.add_argument("--side", choices=("flat", "masked", "sb3"), help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        child(args.side, args.updates, args.seed)
        return
    names = {"sb3": "Stable-Baselines3 PPO", "flat": "ppo", "masked": "ppo, masked observation"}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), str(args.threads))
    figures: dict[str, list[dict[str, float]]] = {side: [] for side in names}
    for seed in range(args.rounds):
        for side in names:
            python = args.sb3_python if side == "sb3" else sys.executable
            command = [python, "-m", "pynascent.scripts.measure.ppo_training", "--side", side, "--seed", str(seed)]
            command += ["--updates", str(args.updates)]
            environment = {**os.environ, **threads, "TF_CPP_MIN_LOG_LEVEL": "3"}
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
            figures[side].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"round {seed + 1}  {names[side]:24} {figures[side][-1]['rate']:9,.0f} steps/s", file=sys.stderr)
    reference = statistics.median(run["rate"] for run in figures["sb3"])
    print(f"{'':26}{'steps/s':>10}{'lowest':>10}{'highest':>10}{'ratio':>8}{'accuracy':>10}")
    for side, runs in figures.items():
        rates = [run["rate"] for run in runs]
        accuracy = statistics.mean(run["accuracy"] for run in runs)
        middle = statistics.median(rates)
        row = f"{names[side]:26}{middle:10,.0f}{min(rates):10,.0f}{max(rates):10,.0f}"
        print(f"{row}{middle / reference:8.2f}{accuracy:10.4f}")


if __name__ == "__main__":
    main()
