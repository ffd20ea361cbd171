"""What the TF-Agents learners share: weights, graphs and files. Importing this imports TF-Agents."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from .tensorflow_setup import tensorflow_for_agents

tf: Any = tensorflow_for_agents()

from tf_agents.specs import tensor_spec  # noqa: E402


class TFLearner(ABC):
    """Networks that act and learn; all their randomness comes from one numpy generator.

    Weights are drawn in numpy, and so is everything else that is random, so that nothing depends on
    TensorFlow's global seed or on what ran before. A learner serves one search after the other: `restart`
    makes it new, and keeps the graphs that were traced.

    Args:
        observation_spec: array spec of a flat observation, or a dict of ``observation`` and ``action_mask``.
        action_spec: array spec of a discrete action.
        settings: with ``device`` and ``deterministic``.
        rng: the randomness.
    """

    def __init__(self, observation_spec: Any, action_spec: Any, settings: Any, rng: np.random.Generator) -> None:
        self.settings, self.specs, self._rng = settings, (observation_spec, action_spec), rng
        self._device = f"/{settings.device}"
        if settings.device == "cpu":
            _leave_gpus_alone()
        if settings.deterministic:
            tf.config.experimental.enable_op_determinism()
        tf.random.set_seed(0)  # nothing here draws from it, but op determinism refuses random ops without one
        with tf.device(self._device):
            # TF-Agents sums gradient norms in the order of the layers' names: they must not depend on how many
            # layers this process has made before (dense_10 sorts before dense_9).
            tf.keras.backend.reset_uids()
            self._optimizer: Any = None
            self._heads: list[tuple[Any, float]] = []
            self._build(tensor_spec.from_spec(observation_spec), tensor_spec.from_spec(action_spec))
            self._fresh = [variable.numpy() for variable in _optimizer_state(self._optimizer)]
        self.restart(rng)

    @abstractmethod
    def _build(self, observation: Any, action: Any) -> None:
        """Make the agent, ``_optimizer`` and ``_heads``: networks, each with the gain of its last layer."""

    def restart(self, rng: np.random.Generator) -> None:
        """Draw new weights from a generator, which is the randomness from now on, and forget all learning."""
        self._rng = rng
        for variable, value in zip(_optimizer_state(self._optimizer), self._fresh, strict=True):
            variable.assign(value)
        for network, gain in self._heads:
            self._initialise(network.trainable_weights, gain)

    @property
    def variables(self) -> list[Any]:
        """All weights, network by network."""
        return [variable for network, _ in self._heads for variable in network.trainable_weights]

    def _initialise(self, weights: list[Any], head: float) -> None:
        """Orthogonal kernels with gain √2, ``head`` for the last, and zero biases (OpenAI's baselines)."""
        kernels = [w for w in weights if len(w.shape) == 2]
        for weight in weights:
            if len(weight.shape) == 2:
                gain = head if weight is kernels[-1] else 2**0.5
                weight.assign(orthogonal(tuple(weight.shape), gain, self._rng))
            else:
                weight.assign(np.zeros(weight.shape, dtype=np.float32))

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


def orthogonal(shape: tuple[int, int], gain: float, rng: np.random.Generator) -> np.ndarray:
    """Return a random matrix with orthogonal rows or columns (Saxe et al., 2014, ICLR), times a gain."""
    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    q *= np.sign(np.diag(r))  # uniform over the orthogonal matrices
    return (gain * (q if shape[0] >= shape[1] else q.T)).astype(np.float32)


def split(observation: Any) -> tuple[Any, Any]:
    """Return what a network sees of a masked observation, and the mask."""
    return observation["observation"], observation["action_mask"]


def any_rows(specs: Any) -> Any:
    """Return tensor specs with a leading axis of any length."""
    return tf.nest.map_structure(lambda spec: tf.TensorSpec((None, *spec.shape), spec.dtype), specs)


def traced(function: Any, *signature: Any) -> Any:
    """Return a function compiled once, for any number of lanes and rows."""
    compiled = tf.function(function, input_signature=signature)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # of TF-Agents' sources, which tracing compiles again
        compiled.get_concrete_function()
    return compiled


def _optimizer_state(optimizer: Any) -> list[Any]:
    variables: Any = optimizer.variables  # a method in older optimizers, a list in newer ones
    found: Any = variables() if callable(variables) else variables
    return list(found)


def _leave_gpus_alone() -> None:
    """Keep TensorFlow in this process off the GPUs, which belong to the trainings."""
    with suppress(RuntimeError):  # something in this process has initialised them already
        tf.config.set_visible_devices([], "GPU")
