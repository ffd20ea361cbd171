"""PPO in one file, as CleanRL writes it, on the suite's vector environment.

    pip install pynascent torch tyro
    python scripts/examples/cleanrl_ppo.py --env PyNASCENT/NASBench201-CIFAR100-Build-v0 --seed 0

After CleanRL's ``ppo.py`` (Huang et al., 2022, JMLR 23(274)), whose autoreset is Gymnasium's ``same_step``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
import tyro
from measure import report
from torch import nn
from torch.distributions.categorical import Categorical

import pynascent.envs  # noqa: F401 (registers the environments)


@dataclass
class Args:
    """PPO's arguments."""

    env: str = "PyNASCENT/NASBench201-CIFAR100-Build-v0"
    """id of the environment"""
    seed: int = 0
    """seed of the environment, the networks and the draws"""
    steps: int = 50_000
    """environment steps, over all lanes"""
    lanes: int = 64
    """episodes side by side"""
    rollout: int = 32
    """steps in each lane between updates"""
    learning_rate: float = 1e-3
    """of Adam, falling to 0 in a line"""
    gamma: float = 0.95
    """discount"""
    gae_lambda: float = 0.95
    """λ of the generalised advantage estimation"""
    minibatches: int = 8
    """minibatches of an update"""
    epochs: int = 10
    """passes of an update over the rollout"""
    clip: float = 0.2
    """ε of the clipped importance ratio"""
    entropy: float = 0.001
    """weight of the entropy bonus"""
    value: float = 0.5
    """weight of the value loss"""
    max_grad_norm: float = 0.5
    """largest norm of a gradient"""


def layer(inputs: int, outputs: int, std: float = 2**0.5) -> nn.Linear:
    """Return a dense layer with orthogonal weights."""
    dense = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(dense.weight, std)
    nn.init.zeros_(dense.bias)
    return dense


class Agent(nn.Module):
    """Actor and critic."""

    def __init__(self, inputs: int, actions: int) -> None:
        super().__init__()
        self.critic = nn.Sequential(layer(inputs, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, 1, 1.0))
        self.actor = nn.Sequential(layer(inputs, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, actions, 0.01))


def main(args: Args) -> None:
    """Train, and compare with random actions."""
    torch.set_num_threads(1)  # the networks are small
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    envs = gymnasium.make_vec(args.env, num_envs=args.lanes, autoreset_mode="same_step")
    assert isinstance(envs.single_action_space, gymnasium.spaces.Discrete), "Discrete actions only: Build or Edit"
    size = int(np.prod(envs.single_observation_space.shape or ()))
    agent = Agent(size, int(envs.single_action_space.n))
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)

    shape = (args.rollout, args.lanes)
    obs, actions = torch.zeros((*shape, size)), torch.zeros(shape, dtype=torch.long)
    logprobs, rewards, dones, values = (torch.zeros(shape) for _ in range(4))
    next_obs, next_done = torch.as_tensor(envs.reset(seed=args.seed)[0]), torch.zeros(args.lanes)
    updates = -(-args.steps // (args.rollout * args.lanes))
    start = time.perf_counter()
    for update in range(updates):
        optimizer.param_groups[0]["lr"] = args.learning_rate * (1 - update / updates)
        for t in range(args.rollout):
            obs[t], dones[t] = next_obs, next_done
            with torch.no_grad():
                policy, values[t] = Categorical(logits=agent.actor(next_obs)), agent.critic(next_obs).flatten()
            actions[t] = policy.sample()
            logprobs[t] = policy.log_prob(actions[t])
            observed, reward, terminated, truncated, _ = envs.step(actions[t].numpy())
            rewards[t] = torch.as_tensor(reward)
            next_obs, next_done = torch.as_tensor(observed), torch.as_tensor(terminated | truncated).float()

        with torch.no_grad():
            advantages, last = torch.zeros(shape), torch.zeros(args.lanes)
            following, alive = agent.critic(next_obs).flatten(), 1 - next_done
            for t in reversed(range(args.rollout)):
                delta = rewards[t] + args.gamma * following * alive - values[t]
                advantages[t] = last = delta + args.gamma * args.gae_lambda * alive * last
                following, alive = values[t], 1 - dones[t]
        flat = [x.flatten(0, 1) for x in (obs, actions, logprobs, advantages, advantages + values)]
        for _ in range(args.epochs):
            for rows in np.array_split(rng.permutation(args.rollout * args.lanes), args.minibatches):
                b_obs, b_actions, b_logprobs, b_advantages, b_returns = (x[torch.as_tensor(rows)] for x in flat)
                policy = Categorical(logits=agent.actor(b_obs))
                ratio = (policy.log_prob(b_actions) - b_logprobs).exp()
                gain = (b_advantages - b_advantages.mean()) / (b_advantages.std() + 1e-8)
                surrogate = torch.min(gain * ratio, gain * ratio.clamp(1 - args.clip, 1 + args.clip)).mean()
                error = 0.5 * ((agent.critic(b_obs).flatten() - b_returns) ** 2).mean()
                optimizer.zero_grad()
                (args.value * error - surrogate - args.entropy * policy.entropy().mean()).backward()
                nn.utils.clip_grad_norm_(agent.parameters(), args.max_grad_norm)
                optimizer.step()
    seconds = time.perf_counter() - start

    def act(observations: np.ndarray, masks: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return Categorical(logits=agent.actor(torch.as_tensor(observations))).sample().numpy()

    report(args.env, act, "CleanRL-style PPO", args.seed, updates * args.rollout * args.lanes, seconds)


if __name__ == "__main__":
    main(tyro.cli(Args))
