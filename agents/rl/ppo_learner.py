"""The networks, the policy and the update of PPO. Importing this imports TF-Agents."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from .tf_learner import TFLearner, any_rows, orthogonal, split, tf, traced  # noqa: F401

# isort: split
from tf_agents.agents.ppo import ppo_clip_agent
from tf_agents.networks import actor_distribution_network, mask_splitter_network, value_network
from tf_agents.trajectories import time_step as ts


class PPOLearner(TFLearner):
    """A policy that acts and learns: TF-Agents' networks, policy and loss, in two graphs of our own.

    Actions are sampled statelessly from seeds drawn in numpy, and minibatches permuted in numpy. All passes
    over an update's rows are one call of a graph.
    """

    def _build(self, observation: Any, action: Any) -> None:
        settings = self.settings
        masked = isinstance(observation, dict)
        inputs = observation["observation"] if masked else observation
        layers = {"fc_layer_params": settings.hidden, "activation_fn": tf.keras.activations.tanh}
        actor: Any = actor_distribution_network.ActorDistributionNetwork(inputs, action, **layers)
        value: Any = value_network.ValueNetwork(inputs, **layers)
        if masked:
            actor = mask_splitter_network.MaskSplitterNetwork(split, actor, True, input_tensor_spec=observation)
            value = mask_splitter_network.MaskSplitterNetwork(split, value, False, input_tensor_spec=observation)
        self._optimizer = tf.keras.optimizers.Adam(settings.learning_rate, epsilon=1e-5, jit_compile=False)
        self._agent: Any = ppo_clip_agent.PPOClipAgent(
            ts.time_step_spec(observation),
            action,
            optimizer=self._optimizer,
            actor_net=actor,
            value_net=value,
            importance_ratio_clipping=settings.clip,
            lambda_value=settings.gae_lambda,
            discount_factor=settings.discount,
            entropy_regularization=settings.entropy,
            value_pred_loss_coef=settings.value_loss,
            gradient_clipping=settings.gradient_clipping,
            num_epochs=1,  # the passes and minibatches are in `_gradient_steps`
            use_gae=True,
            normalize_rewards=False,  # `RewardScale` does it
            normalize_observations=False,  # they are one-hot, and a mask must not be normalised
            compute_value_and_advantage_in_train=False,
            update_normalizers_in_train=False,
            aggregate_losses_across_replicas=False,
            train_step_counter=tf.Variable(0, dtype=tf.int64, trainable=False),
        )
        self._agent.initialize()
        self._heads = [(actor, 0.01), (value, 1.0)]
        self._optimizer.build(self.variables)

    # -- acting ---------------------------------------------------------------------------------------

    @cached_property
    def _act(self) -> Any:
        return traced(self._sample, any_rows(self._agent.time_step_spec), tf.TensorSpec((2,), tf.int32))

    def act(self, time_step: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return actions ``(N,)`` drawn from the policy, its logits ``(N, A)`` and the values ``(N,)``."""
        seed = self._rng.integers(2**31, size=2, dtype=np.int64).astype(np.int32)
        with tf.device(self._device):
            actions, logits, values = self._act(time_step, seed)
        return actions.numpy(), logits.numpy(), values.numpy()

    def _sample(self, time_step: Any, seed: Any) -> Any:
        step = self._agent.collect_policy.distribution(time_step, ())
        return step.action.sample(seed=seed), step.info["dist_params"]["logits"], step.info["value_prediction"]

    # -- learning -------------------------------------------------------------------------------------

    @cached_property
    def _train(self) -> Any:
        agent = self._agent
        floats = tf.TensorSpec((None,), tf.float32)
        rows = {
            "step_type": tf.TensorSpec((None,), tf.int32),
            "observation": any_rows(agent.time_step_spec.observation),
            "action": any_rows(agent.action_spec),
            "log_probability": floats,
            "advantage": floats,
            "return": floats,
        }
        return traced(self._gradient_steps, rows, tf.TensorSpec((None, None), tf.int32))

    def update(self, rows: dict[str, Any]) -> float:
        """Take ``epochs`` passes over M rows of a `Rollout` and return the mean loss."""
        count = len(rows["action"])
        size = min(self.settings.minibatch, count)
        per_epoch = -(-count // size)
        batches = np.empty((self.settings.epochs * per_epoch, size), dtype=np.int32)
        for epoch in range(self.settings.epochs):
            order = self._rng.permutation(count)
            # Every batch is full: the last one is completed with the first rows of the permutation.
            batches[epoch * per_epoch : (epoch + 1) * per_epoch] = np.resize(order, (per_epoch, size))
        logits = rows["logits"] - rows["logits"].max(axis=1, keepdims=True)
        chosen = logits[np.arange(count), rows["action"]] - np.log(np.exp(logits).sum(axis=1))
        kept = {name: rows[name] for name in ("step_type", "observation", "action", "advantage", "return")}
        with tf.device(self._device):
            return float(self._train({**kept, "log_probability": chosen.astype(np.float32)}, batches))

    def _gradient_steps(self, rows: Any, batches: Any) -> Any:
        total = tf.zeros(())
        for batch in batches:
            total += self._gradient_step(tf.nest.map_structure(lambda x, b=batch: tf.gather(x, b), rows))
        return total / tf.cast(tf.shape(batches)[0], tf.float32)

    def _gradient_step(self, rows: Any) -> Any:
        """Descend TF-Agents' loss of one minibatch."""
        ones = tf.ones_like(rows["advantage"])
        mean, variance = tf.nn.moments(rows["advantage"], axes=[0])
        variables = self.variables
        with tf.GradientTape() as tape:
            loss = self._agent.get_loss(
                ts.TimeStep(rows["step_type"], ones, ones, rows["observation"]),
                rows["action"],
                rows["log_probability"],
                rows["return"],
                (rows["advantage"] - mean) / tf.sqrt(variance + 1e-8),
                None,  # the old distribution: only penalties on the divergence from it look at it
                ones,
                self._agent.train_step_counter,
                False,
                training=True,
            ).loss
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), self.settings.gradient_clipping)
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss
