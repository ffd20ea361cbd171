"""The network and the update of DQN. Importing this imports TF-Agents."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from .replay_memory import Memory
from .rollout import RewardScale
from .tf_learner import TFLearner, any_rows, split, tf, traced

# isort: split
from tf_agents.agents.dqn import dqn_agent
from tf_agents.networks import q_network
from tf_agents.trajectories import policy_step, trajectory
from tf_agents.trajectories import time_step as ts


class DQNLearner(TFLearner):
    """TF-Agents' double DQN; explores and draws its minibatches in numpy."""

    def _build(self, observation: Any, action: Any) -> None:
        settings = self.settings
        network = q_network.QNetwork(observation["observation"], action, fc_layer_params=settings.hidden)
        self._optimizer = tf.keras.optimizers.Adam(settings.learning_rate, jit_compile=False)
        self._agent: Any = dqn_agent.DdqnAgent(
            ts.time_step_spec(observation),
            action,
            q_network=network,
            optimizer=self._optimizer,
            observation_and_action_constraint_splitter=split,
            target_update_tau=settings.target_rate,
            target_update_period=1,
            gamma=settings.discount,
            train_step_counter=tf.Variable(0, dtype=tf.int64, trainable=False),
        )
        self._agent.initialize()
        self._network, self._heads = network, [(network, 1.0)]
        self._optimizer.build(self.variables)

    def restart(self, rng: np.random.Generator) -> None:
        """Draw new weights, for the target network too."""
        super().restart(rng)
        self._agent.initialize()

    @cached_property
    def _values(self) -> Any:
        return traced(
            lambda seen: self._network(seen)[0], any_rows(self._agent.time_step_spec.observation["observation"])
        )

    def act(self, time_step: Any, epsilon: float) -> np.ndarray:
        """Return actions ``(N,)``: the best allowed ones, or with probability ε any allowed one."""
        seen, mask = split(time_step.observation)
        with tf.device(self._device):
            values = self._values(seen).numpy()
        draws = self._rng.random(values.shape)
        guess = self._rng.random(len(values)) < epsilon
        return np.where(mask > 0, np.where(guess[:, None], draws, values), -np.inf).argmax(axis=1)

    @cached_property
    def _train(self) -> Any:
        floats, bools = tf.TensorSpec((None, None), tf.float32), tf.TensorSpec((None, None), tf.bool)
        observation, action = self._agent.time_step_spec.observation, self._agent.action_spec
        state = tf.TensorSpec((None, None, *observation["observation"].shape), observation["observation"].dtype)
        mask = tf.TensorSpec((None, None, *observation["action_mask"].shape), observation["action_mask"].dtype)
        rows = {"state": state, "mask": mask, "next_state": state, "next_mask": mask, "reward": floats}
        rows |= {"discount": floats, "last": bools, "action": tf.TensorSpec((None, None), action.dtype)}
        return traced(self._gradient_steps, rows)

    def update(self, memory: Memory, scale: RewardScale) -> float:
        """Take ``gradient_steps`` on minibatches drawn from memory and return the mean loss."""
        shape = (self.settings.gradient_steps, self.settings.minibatch)
        rows = memory.take(self._rng.integers(len(memory), size=shape))
        rows["reward"] = scale.scaled(rows["reward"], rows["last"])
        with tf.device(self._device):
            return float(self._train(rows))

    def _gradient_steps(self, rows: Any) -> Any:
        total = tf.zeros(())
        for step in tf.range(tf.shape(rows["reward"])[0]):
            total += self._gradient_step({name: values[step] for name, values in rows.items()})
        return total / tf.cast(tf.shape(rows["reward"])[0], tf.float32)

    def _gradient_step(self, rows: Any) -> Any:
        kind = tf.ones_like(rows["action"], dtype=tf.int32)  # StepType.MID: no row's state has ended an episode
        ones = tf.ones_like(rows["reward"])
        before = {"observation": rows["state"], "action_mask": rows["mask"]}
        after = {"observation": rows["next_state"], "action_mask": rows["next_mask"]}
        transition = trajectory.Transition(
            ts.TimeStep(kind, ones, ones, before),
            policy_step.PolicyStep(rows["action"], (), ()),
            ts.TimeStep(tf.where(rows["last"], 2, kind), rows["reward"], rows["discount"], after),
        )
        return self._agent.train(transition).loss
