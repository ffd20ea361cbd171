"""TF-Agents' REINFORCE on the suite's vector environment, through its adapter.

    pip install 'pynascent[ppo]'
    python scripts/examples/tf_agents_reinforce.py --env PyNASCENT/NASBench201-CIFAR100-Build-v0 --seed 0

TF-Agents sees no ``info``: the action mask comes with ``observation="masked"``, and masked actions get
probability 0. (The suite's own PPO agent, ``pynascent search --agent ppo``, runs on the same adapter.)
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import gymnasium
import numpy as np
from measure import report

from pynascent.agents.tf_env import GymnasiumEnvironment  # before TensorFlow, which it sets up

# isort: split
import tensorflow as tf
from tf_agents.agents import ReinforceAgent
from tf_agents.environments.tf_py_environment import TFPyEnvironment
from tf_agents.networks.actor_distribution_network import ActorDistributionNetwork
from tf_agents.networks.mask_splitter_network import MaskSplitterNetwork
from tf_agents.networks.value_network import ValueNetwork
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory
from tf_agents.utils import common

ROLLOUT = 14  # steps in each lane between updates: an episode or more


def split(observation: dict[str, Any]) -> tuple[Any, Any]:
    """Return what the network sees, and the mask."""
    return observation["observation"], observation["action_mask"]


def main() -> None:
    """Train, and compare with random actions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="PyNASCENT/NASBench201-CIFAR100-Build-v0")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--lanes", type=int, default=32)
    args = parser.parse_args()
    tf.random.set_seed(args.seed)

    lanes = GymnasiumEnvironment(gymnasium.make_vec(args.env, args.lanes, observation="masked"), args.seed)
    env: Any = TFPyEnvironment(lanes)
    seen, actions = env.observation_spec()["observation"], env.action_spec()
    actor = ActorDistributionNetwork(seen, actions, fc_layer_params=(64, 64))
    critic = ValueNetwork(seen, fc_layer_params=(64, 64))
    agent: Any = ReinforceAgent(
        env.time_step_spec(),
        actions,
        actor_network=MaskSplitterNetwork(split, actor, passthrough_mask=True),  # type: ignore[arg-type]
        value_network=MaskSplitterNetwork(split, critic, passthrough_mask=False),  # type: ignore[arg-type]
        optimizer=tf.keras.optimizers.legacy.Adam(3e-3),
        gamma=0.95,
        entropy_regularization=0.001,
    )
    agent.initialize()
    act, train = common.function(agent.collect_policy.action), common.function(agent.train)
    time_step: Any = env.reset()
    steps = 0
    start = time.perf_counter()
    while steps < args.steps:
        collected = []
        for _ in range(ROLLOUT):
            action = act(time_step)
            following: Any = env.step(action.action)
            collected.append(trajectory.from_transition(time_step, action, following))
            steps += int(tf.reduce_sum(tf.cast(~time_step.is_last(), tf.int32)))  # a lane's reset is no step
            time_step = following
        train(tf.nest.map_structure(lambda *parts: tf.stack(parts, axis=1), *collected))  # (lanes, ROLLOUT, …)
    seconds = time.perf_counter() - start

    def policy(observations: np.ndarray, masks: np.ndarray) -> np.ndarray:
        seen = {"observation": tf.constant(observations), "action_mask": tf.constant(masks, tf.int8)}
        return act(ts.restart(seen, batch_size=len(observations))).action.numpy()

    report(args.env, policy, "TF-Agents REINFORCE", args.seed, steps, seconds)


if __name__ == "__main__":
    main()
