"""Proximal policy optimisation with TF-Agents, over the lanes of a vector environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import Agent, AnyEnv, check_fit
from ..settings import Settings, setting
from .one_lane import vector_of
from .rollout import RewardScale, Rollout
from .tensorflow_setup import tensorflow_for_agents

if TYPE_CHECKING:
    from .ppo_learner import PPOLearner
    from .tf_environment import GymnasiumEnvironment


@dataclass(frozen=True)
class PPOSettings(Settings):
    """Settings of PPO.

    Those that Schulman et al. (2017) give are theirs (table 3, Mujoco). Where they would not suit the few,
    short, dear episodes of architecture search the default was chosen on synthetic landscapes.

    Attributes:
        learning_rate: of Adam, whose ε is 1e-5 as in OpenAI's baselines.
        clip: ε of the clipped importance ratio (Schulman et al., 2017: 0.2).
        gae_lambda: λ of the advantages (0.95).
        discount: γ; 1, since episodes are short and only their end pays.
        entropy: weight of the entropy bonus; rewards are scaled to a standard deviation of about 1.
        value_loss: weight of the value network's loss; the networks share nothing, so it scales its gradient.
        gradient_clipping: largest global norm of a gradient.
        epochs: passes over the rows of an update (10).
        minibatch: rows of a gradient step (64); all rows where there are fewer.
        episodes_per_update: finished episodes, over all lanes, that an update of the policy waits for.
        hidden: widths of the hidden layers (64, 64), tanh, of the policy and of the value network.
        deterministic: turn on TensorFlow's deterministic operations, process-wide, so that a seed gives the
            same search bit for bit on a GPU too.
        device: ``"cpu"`` (networks this small are faster there, and the GPUs' memory is left to the
            trainings) or a TensorFlow device such as ``"gpu:0"``.
        policy: file of `PPO.save_policy` to start from, or None.
    """

    learning_rate: float = setting(3e-3, above=0)
    clip: float = setting(0.2, above=0)
    gae_lambda: float = setting(0.95, least=0, most=1)
    discount: float = setting(1.0, least=0, most=1)
    entropy: float = setting(0.05, least=0)
    value_loss: float = setting(0.5, least=0)
    gradient_clipping: float = setting(0.5, above=0)
    epochs: int = setting(10, least=1)
    minibatch: int = setting(64, least=1)
    episodes_per_update: int = setting(8, least=1)
    hidden: tuple[int, ...] = setting((64, 64), least=1)
    deterministic: bool = True
    device: str = "cpu"
    policy: str | None = None


class PPO(Agent):
    """PPO with a clipped importance ratio (Schulman et al., 2017, arXiv:1707.06347), TF-Agents' agent.

    It takes a vector environment with ``observation="masked"`` (masked actions then have probability 0)
    or ``"flat"``. Making one imports TensorFlow: do it before the process uses Keras through ``tf.keras``.

    Raises:
        ModuleNotFoundError: TF-Agents is missing; the message names the extra.
        RuntimeError: this process has bound ``tf.keras`` to Keras 3.
    """

    name = "ppo"
    formulations = ("build", "edit")
    observation = "masked"
    autoreset_mode = "next_step"
    Settings = PPOSettings

    def __init__(self, settings: PPOSettings | None = None) -> None:
        super().__init__(settings)
        tensorflow_for_agents(f"the agent {self.name!r}")
        self._learner: PPOLearner | None = None

    def check_environment(self, env: AnyEnv) -> None:
        """Refuse an environment that the ``policy`` that it starts from does not fit.

        Raises:
            FileNotFoundError: there is no such policy.
            ValueError: the policy does not fit.
        """
        if self.settings.policy is not None:
            self._begin(env, 0)  # nothing but the networks that the policy has to fit; a search draws them anew

    def play(self, env: AnyEnv, seed: int) -> None:
        """Play and learn, without end."""
        self._play(*self._begin(env, seed))

    def train(self, env: AnyEnv, steps: int, seed: int) -> int:
        """Learn from an environment outside a search: nothing is charged and nothing recorded.

        Args:
            env: as for `search`.
            steps: environment steps to take, over all lanes; the update that reaches them is the last.
            seed: determines everything random.

        Returns:
            The steps taken. A lane's reset is none.
        """
        check_fit(self, env)
        return self._play(*self._begin(env, seed), steps)

    def _begin(self, env: AnyEnv, seed: int) -> tuple[GymnasiumEnvironment, PPOLearner]:
        """Return the environment as TF-Agents has it, and a learner with new weights."""
        from .ppo_learner import PPOLearner
        from .tf_environment import GymnasiumEnvironment

        rng = np.random.default_rng(seed)
        lanes = GymnasiumEnvironment(vector_of(env), seed=seed)
        specs = (lanes.observation_spec(), lanes.action_spec())
        if self._learner is not None and self._learner.specs == specs:
            self._learner.restart(rng)
        else:
            self._learner = PPOLearner(*specs, self.settings, rng)
        if self.settings.policy is not None:
            self._learner.load(Path(self.settings.policy))
        return lanes, self._learner

    def save_policy(self, path: str | Path) -> None:
        """Write the networks of the last search into an ``.npz`` file, for ``policy=``.

        Raises:
            RuntimeError: there was no search yet.
        """
        if self._learner is None:
            raise RuntimeError("this agent has no policy yet: search first")
        self._learner.save(Path(path))

    def _play(self, lanes: GymnasiumEnvironment, learner: PPOLearner, steps: int | None = None) -> int:
        scale, rollout, taken = RewardScale(), Rollout(), 0
        time_step: Any = lanes.reset()
        returns = np.zeros(lanes.batch_size or 1)
        while True:
            actions, logits, values = learner.act(time_step)
            if rollout.finished >= self.settings.episodes_per_update:
                learner.update(rollout.rows(values, scale, self.settings.discount, self.settings.gae_lambda))
                rollout = Rollout()
                if steps is not None and taken >= steps:
                    return taken
            following: Any = lanes.step(actions)
            last = following.is_last()
            rollout.step_types.append(time_step.step_type)
            rollout.observations.append(time_step.observation)
            rollout.actions.append(actions)
            rollout.logits.append(logits)
            rollout.values.append(values)
            rollout.rewards.append(following.reward)
            rollout.discounts.append(following.discount)
            rollout.last.append(last)
            rollout.finished += int(last.sum())
            taken += int((time_step.step_type != 2).sum())
            returns += following.reward
            scale.add(returns[last])
            returns[last] = 0.0
            time_step = following
