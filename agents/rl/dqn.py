"""Deep Q-learning with TF-Agents, on the same adapter as PPO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from ..base import Agent, AnyEnv, Settings
from .ppo import one_lane
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

    learning_rate: float = 1e-3
    discount: float = 1.0
    epsilon: float = 0.1
    exploration: int = 60
    minibatch: int = 32
    gradient_steps: int = 16
    target_rate: float = 0.05
    memory: int = 100_000
    hidden: tuple[int, ...] = (64, 64)
    deterministic: bool = True
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Check the ranges."""
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate={self.learning_rate!r}: give a number above 0")
        for name in ("discount", "epsilon", "target_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)!r}: give 0 to 1")
        for name in ("exploration", "minibatch", "gradient_steps", "memory"):
            if not (isinstance(getattr(self, name), int) and getattr(self, name) >= 1):
                raise ValueError(f"{name}={getattr(self, name)!r}: give an integer of at least 1")
        if not self.hidden or any(not isinstance(width, int) or width < 1 for width in self.hidden):
            raise ValueError(f"hidden={self.hidden!r}: give one or more widths of at least 1")


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
        tensorflow_for_agents()
        self._learner: DQNLearner | None = None

    def play(self, env: AnyEnv, seed: int) -> None:
        """Play and learn, without end."""
        from .dqn_learner import DQNLearner
        from .tf_environment import GymnasiumEnvironment

        settings: DQNSettings = self.settings
        rng = np.random.default_rng(seed)
        lanes = GymnasiumEnvironment(env if isinstance(env, gymnasium.vector.VectorEnv) else one_lane(env), seed=seed)
        specs = (lanes.observation_spec(), lanes.action_spec())
        if not isinstance(specs[0], dict):
            raise ValueError(f"the agent {self.name!r} masks actions: make its environment with observation='masked'")
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


class Memory:
    """The newest transitions, in arrays that grow.

    Args:
        capacity: transitions kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity, self._count, self._arrays = capacity, 0, {}

    def __len__(self) -> int:
        """Return the number of transitions."""
        return min(self._count, self._capacity)

    def add(self, before: Any, actions: np.ndarray, after: Any) -> None:
        """Keep a step of N lanes, but of lanes whose state ended an episode: they were reset."""
        rows = {
            "state": before.observation["observation"],
            "mask": before.observation["action_mask"],
            "action": actions,
            "reward": after.reward,
            "discount": after.discount,
            "last": after.is_last(),
            "next_state": after.observation["observation"],
            "next_mask": after.observation["action_mask"],
        }
        for lane in np.flatnonzero(~before.is_last()):
            place = self._count % self._capacity
            for name, values in rows.items():
                self._room(name, values, place)[place] = values[lane]
            self._count += 1

    def _room(self, name: str, values: np.ndarray, place: int) -> np.ndarray:
        array = self._arrays.get(name)
        if array is None or place >= len(array):
            size = min(self._capacity, 256 if array is None else 2 * len(array))
            grown = np.zeros((size, *values.shape[1:]), dtype=values.dtype)
            if array is not None:
                grown[: len(array)] = array
            array = self._arrays[name] = grown
        return array

    def take(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return transitions ``rows`` of any shape, name → ``(…rows, …)``."""
        return {name: array[rows] for name, array in self._arrays.items()}
