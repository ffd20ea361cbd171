"""Deep Q-learning with TF-Agents, on the same adapter as PPO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from ..base import Agent, AnyEnv
from ..settings import Settings, setting
from .one_lane import vector_of
from .replay_memory import Memory
from .rollout import RewardScale
from .tensorflow_setup import tensorflow_for_agents

if TYPE_CHECKING:
    from .dqn_learner import DQNLearner


@dataclass(frozen=True)
class DQNSettings(Settings):
    """Settings of DQN.

    Mnih et al. (2015) train on tens of millions of frames; a search has some hundred episodes. The
    defaults are guesses for small budgets, not tuned.

    Attributes:
        learning_rate: of Adam.
        discount: γ; 1, since episodes are short and only their end pays.
        epsilon: share of random actions at the end of the exploration.
        exploration: finished episodes over which that share falls from 1 in a line.
        minibatch: transitions of a gradient step (32, Mnih et al.).
        gradient_steps: gradient steps after each step of the lanes in which an episode ended.
        target_rate: share of the network that goes into the target network with each gradient step
            (Lillicrap et al., 2016, ICLR).
        memory: transitions kept, the newest.
        hidden: widths of the hidden layers, ReLU.
        deterministic: as in PPO.
        device: as in PPO.
    """

    learning_rate: float = setting(1e-3, above=0)
    discount: float = setting(1.0, least=0, most=1)
    epsilon: float = setting(0.1, least=0, most=1)
    exploration: int = setting(60, least=1)
    minibatch: int = setting(32, least=1)
    gradient_steps: int = setting(16, least=1)
    target_rate: float = setting(0.05, least=0, most=1)
    memory: int = setting(100_000, least=1)
    hidden: tuple[int, ...] = setting((64, 64), least=1)
    deterministic: bool = True
    device: str = "cpu"


class DQN(Agent):
    """Double DQN (van Hasselt et al., 2016, AAAI; Mnih et al., 2015, Nature 518), TF-Agents' agent.

    It takes a vector environment with ``observation="masked"``: masked actions are neither taken nor
    counted in the target. Rewards are centred and scaled by the returns seen so far, as PPO's are.

    Raises:
        ModuleNotFoundError: TF-Agents is missing; the message names the extra.
        RuntimeError: this process has bound ``tf.keras`` to Keras 3.
    """

    name = "dqn"
    formulations = ("build", "edit")
    observation = "masked"
    autoreset_mode = "next_step"
    Settings = DQNSettings

    def __init__(self, settings: DQNSettings | None = None) -> None:
        super().__init__(settings)
        tensorflow_for_agents(f"the agent {self.name!r}")
        self._learner: DQNLearner | None = None

    def check_environment(self, env: AnyEnv) -> None:
        """Refuse observations without a mask."""
        seen: Any = getattr(env, "single_observation_space", env.observation_space)
        if not isinstance(seen, spaces.Dict) or "action_mask" not in seen.spaces:
            raise ValueError(f"the agent {self.name!r} masks actions: make its environment with observation='masked'")

    def play(self, env: AnyEnv, seed: int) -> None:
        """Play and learn, without end."""
        from .dqn_learner import DQNLearner
        from .tf_environment import GymnasiumEnvironment

        settings: DQNSettings = self.settings
        rng = np.random.default_rng(seed)
        lanes = GymnasiumEnvironment(vector_of(env), seed=seed)
        specs = (lanes.observation_spec(), lanes.action_spec())
        if self._learner is not None and self._learner.specs == specs:
            self._learner.restart(rng)
        else:
            self._learner = DQNLearner(*specs, settings, rng)
        learner, scale, memory = self._learner, RewardScale(), Memory(settings.memory)
        time_step: Any = lanes.reset()
        returns, episodes = np.zeros(lanes.batch_size or 1), 0
        while True:
            share = max(settings.epsilon, 1 - (1 - settings.epsilon) * episodes / settings.exploration)
            actions = learner.act(time_step, share)
            following: Any = lanes.step(actions)
            last = following.is_last()
            memory.add(time_step, actions, following)
            returns += following.reward
            scale.add(returns[last])
            returns[last] = 0.0
            episodes += int(last.sum())
            time_step = following
            if last.any():
                learner.update(memory, scale)
