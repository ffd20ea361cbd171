"""Stable-Baselines3's PPO on a search environment.

    pip install pynascent stable-baselines3
    python scripts/examples/sb3_ppo.py --env PyNASCENT/NASBench201-CIFAR100-Build-v0 --seed 0

``--vec make_vec_env`` takes SB3's own helper over scalar environments, ``--vec make_sb3`` (default) the suite's
vector environment. Both train on the same episodes.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from measure import report
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from pynascent.envs.adapters.sb3 import make_sb3


def main() -> None:
    """Train, and compare with random actions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="PyNASCENT/NASBench201-CIFAR100-Build-v0")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--lanes", type=int, default=64)
    parser.add_argument("--vec", choices=("make_sb3", "make_vec_env"), default="make_sb3")
    args = parser.parse_args()
    torch.set_num_threads(1)  # the networks are small

    env = make_sb3(args.env, args.lanes) if args.vec == "make_sb3" else make_vec_env(args.env, args.lanes)
    # SB3 adds a value to the reward of a truncated episode (Edit's horizon): keep gamma below 1.
    settings = {"n_steps": 32, "batch_size": 256, "learning_rate": 1e-3, "gamma": 0.95, "ent_coef": 0.001}
    model = PPO("MlpPolicy", env, seed=args.seed, device="cpu", **settings)
    start = time.perf_counter()
    model.learn(args.steps)
    seconds = time.perf_counter() - start

    def policy(observations: np.ndarray, masks: np.ndarray) -> np.ndarray:
        return model.predict(observations)[0]

    report(args.env, policy, f"SB3 PPO ({args.vec})", args.seed, model.num_timesteps, seconds)


if __name__ == "__main__":
    main()
