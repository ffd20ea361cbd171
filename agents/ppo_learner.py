"""The networks, the policy and the update of PPO. Importing this imports TF-Agents."""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .ppo import PPOSettings
from .tensorflow_setup import tensorflow_for_agents

tf: Any = tensorflow_for_agents()

from tf_agents.agents.ppo import ppo_clip_agent  # noqa: E402
from tf_agents.networks import actor_distribution_network, mask_splitter_network, value_network  # noqa: E402
from tf_agents.specs import tensor_spec  # noqa: E402
from tf_agents.trajectories import time_step as ts  # noqa: E402
from tf_agents.trajectories import trajectory  # noqa: E402


def _split(observation: Any) -> tuple[Any, Any]:
    return observation["observation"], observation["action_mask"]


def orthogonal(shape: tuple[int, int], gain: float, rng: np.random.Generator) -> np.ndarray:
    """Return a random matrix with orthogonal rows or columns (Saxe et al., 2014, ICLR), times a gain."""
    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    q *= np.sign(np.diag(r))  # uniform over the orthogonal matrices
    return (gain * (q if shape[0] >= shape[1] else q.T)).astype(np.float32)


class PPOLearner:
    """A policy that acts and learns; all its randomness comes from one numpy generator.

    Weights are drawn in numpy, actions sampled statelessly from seeds drawn in numpy, and minibatches
    permuted in numpy, so that nothing depends on TensorFlow's global seed or on what ran before.

    Args:
        observation_spec: array spec of a flat observation, or a dict of ``observation`` and ``action_mask``.
        action_spec: array spec of a discrete action.
        settings: PPO's.
        rng: the randomness.
    """

    def __init__(
        self, observation_spec: Any, action_spec: Any, settings: PPOSettings, rng: np.random.Generator
    ) -> None:
        self.settings, self._rng = settings, rng
        self._device = f"/{settings.device}"
        if settings.device == "cpu":
            _leave_gpus_alone()
        if settings.deterministic:
            tf.config.experimental.enable_op_determinism()
        # Nothing here draws from it, but op determinism refuses random ops without one.
        tf.random.set_seed(int(rng.integers(2**31)))
        with tf.device(self._device):
            self._build(tensor_spec.from_spec(observation_spec), tensor_spec.from_spec(action_spec))

    def _build(self, observation: Any, action: Any) -> None:
        settings = self.settings
        # TF-Agents sums gradient norms in the order of the layers' names: they must not depend on how many
        # layers this process has made before (dense_10 sorts before dense_9).
        tf.keras.backend.reset_uids()
        masked = isinstance(observation, dict)
        inputs = observation["observation"] if masked else observation
        layers = {"fc_layer_params": settings.hidden, "activation_fn": tf.keras.activations.tanh}
        actor: Any = actor_distribution_network.ActorDistributionNetwork(inputs, action, **layers)
        value: Any = value_network.ValueNetwork(inputs, **layers)
        if masked:
            actor = mask_splitter_network.MaskSplitterNetwork(_split, actor, True, input_tensor_spec=observation)
            value = mask_splitter_network.MaskSplitterNetwork(_split, value, False, input_tensor_spec=observation)
        optimizer = tf.keras.optimizers.Adam(settings.learning_rate, epsilon=1e-5, jit_compile=False)
        self._agent: Any = ppo_clip_agent.PPOClipAgent(
            ts.time_step_spec(observation),
            action,
            optimizer=optimizer,
            actor_net=actor,
            value_net=value,
            importance_ratio_clipping=settings.clip,
            lambda_value=settings.gae_lambda,
            discount_factor=settings.discount,
            entropy_regularization=settings.entropy,
            value_pred_loss_coef=settings.value_loss,
            gradient_clipping=settings.gradient_clipping,
            num_epochs=1,  # the passes and minibatches are in `_train`
            use_gae=True,
            normalize_rewards=False,  # `RewardScale` does it
            normalize_observations=False,  # they are one-hot, and a mask must not be normalised
            compute_value_and_advantage_in_train=False,
            update_normalizers_in_train=False,
            aggregate_losses_across_replicas=False,
            train_step_counter=tf.Variable(0, dtype=tf.int64, trainable=False),
        )
        self._agent.initialize()
        self._nets = (actor, value)
        self._initialise(actor.trainable_weights, head=0.01)
        self._initialise(value.trainable_weights, head=1.0)
        # TF-Agents trains the variables in the order of their names.
        optimizer.build(sorted(self.variables, key=lambda variable: variable.name))

    @property
    def variables(self) -> list[Any]:
        """All weights, the policy's before the value network's."""
        return [variable for net in self._nets for variable in net.trainable_weights]

    def _initialise(self, weights: list[Any], head: float) -> None:
        """Orthogonal kernels with gain √2, ``head`` for the last, and zero biases (OpenAI's baselines)."""
        kernels = [w for w in weights if len(w.shape) == 2]
        for weight in weights:
            if len(weight.shape) == 2:
                weight.assign(orthogonal(tuple(weight.shape), head if weight is kernels[-1] else 2**0.5, self._rng))
            else:
                weight.assign(np.zeros(weight.shape, dtype=np.float32))

    # -- acting ---------------------------------------------------------------------------------------

    @cached_property
    def _act(self) -> Any:
        return _traced(self._sample, _any_rows(self._agent.time_step_spec), tf.TensorSpec((2,), tf.int32))

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
        batches = tf.TensorSpec((None, None), tf.int32)
        return _traced(self._gradient_steps, _any_rows(self._agent.training_data_spec), batches)

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
        zeros = np.zeros(count, dtype=np.float32)
        experience = trajectory.Trajectory(
            step_type=rows["step_type"],
            observation=rows["observation"],
            action=rows["action"],
            policy_info={
                "dist_params": {"logits": rows["logits"]},
                "value_prediction": rows["value"],
                "return": rows["return"],
                "advantage": rows["advantage"],
            },
            next_step_type=np.ones(count, dtype=np.int32),
            reward=zeros,
            discount=zeros,
        )
        with tf.device(self._device):
            return float(self._train(tf.nest.map_structure(tf.convert_to_tensor, experience), batches))

    def _gradient_steps(self, experience: Any, batches: Any) -> Any:
        total = tf.zeros(())
        for batch in batches:
            rows = tf.nest.map_structure(lambda x, b=batch: tf.gather(x, b)[:, tf.newaxis], experience)
            total += self._agent.train(rows).loss
        return total / tf.cast(tf.shape(batches)[0], tf.float32)

    # -- files ----------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write all weights into an ``.npz`` file."""
        with path.open("wb") as file:
            np.savez(file, **{f"w{i}": variable.numpy() for i, variable in enumerate(self.variables)})

    def load(self, path: Path) -> None:
        """Read weights that `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is no policy, or one for other observations, actions or hidden layers.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                weights = [stored[f"w{i}"] for i in range(len(stored.files))]
        except (KeyError, ValueError, OSError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise ValueError(f"{path} is not a policy that PPO.save_policy wrote") from error
        mine = [tuple(variable.shape) for variable in self.variables]
        theirs = [weight.shape for weight in weights]
        if mine != theirs:
            raise ValueError(
                f"the policy in {path} has layers {theirs}, this task and these settings need {mine}: a policy goes "
                "with its observations, number of actions and hidden layers"
            )
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)


def _any_rows(specs: Any) -> Any:
    """Return tensor specs with a leading axis of any length."""
    return tf.nest.map_structure(lambda spec: tf.TensorSpec((None, *spec.shape), spec.dtype), specs)


def _traced(function: Any, *signature: Any) -> Any:
    """Return a function compiled once, for any number of lanes and rows."""
    compiled = tf.function(function, input_signature=signature)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # of TF-Agents' sources, which tracing compiles again
        compiled.get_concrete_function()
    return compiled


def _leave_gpus_alone() -> None:
    """Keep TensorFlow in this process off the GPUs, which belong to the trainings."""
    with suppress(RuntimeError):  # something in this process has initialised them already
        tf.config.set_visible_devices([], "GPU")
