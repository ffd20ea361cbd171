"""The compiled steps of one candidate's training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...evaluation.optional import require
from ..data.dataset import DataSource
from .communicator import Communicator
from .configuration import TrainingConfiguration
from .loss_scaling import make_loss_scaling
from .losses import make_loss
from .memory.recomputation import rewrites_off
from .optimizers import make_update
from .reweighting import example_weights


class TrainingProgram:
    """Takes the optimiser steps of a training.

    All steps of a `run` are inside one TensorFlow loop, traced once per candidate; for networks this small,
    tracing and per-operation overhead is most of the cost, hence the optimizer over one vector of all weights.
    XLA is off by default: on one core its convolutions were measured 5 to 16 times slower than TensorFlow's, and it
    has no deterministic max-pool gradient. What a configuration leaves at its default adds nothing to the graph.

    Args:
        model: the Keras model that is trained.
        dataset: its training split is held in memory as a tensor.
        configuration: how.
        order: which examples each step takes, ``(steps, batch_size)``.
        steps_per_epoch: of ``order``.
        group: the ranks that train together.
        noise: where dropout and DropConnect get their random numbers; None without them.
        forward: computes the training output again in parts (`recomputing_forward`); None for the model itself.
        parts: that a step is worked through in, one after the other.

    Attributes:
        log: name → one number per epoch that has ended (see `TrainingResult`).
    """

    def __init__(
        self,
        model: Any,
        dataset: DataSource,
        configuration: TrainingConfiguration,
        order: NDArray[np.int32],
        steps_per_epoch: int,
        group: Communicator,
        *,
        noise: Any = None,
        forward: Callable[[Any], Any] | None = None,
        parts: int = 1,
    ) -> None:
        self._tf: Any = require("tensorflow", "train", "training")
        tf = self._tf
        self._model, self._configuration, self._group, self._noise = model, configuration, group, noise
        self._forward, self._parts = forward, parts
        self._variables = [variable.value for variable in model.trainable_variables]
        self._sizes = [int(np.prod(variable.shape)) for variable in self._variables]
        self._update, optimizer_state = make_update(configuration, sum(self._sizes))
        self._rates = tf.constant(configuration.learning_rates(len(order), steps_per_epoch, group.size))
        share = configuration.batch_size // group.size
        self._mine = tf.constant(order[:, group.rank * share : (group.rank + 1) * share])  # (steps, batch / ranks)
        self._loss = make_loss(configuration.loss, dataset.multi_label)
        self._classes = int(model.output_shape[-1])
        labels = dataset.train.labels
        self._targets = tf.constant(self._loss.targets(labels, self._classes, configuration.label_smoothing))
        self._inputs = tf.constant(dataset.train.inputs)
        weights = example_weights(configuration.reweighting, labels, self._classes)
        self._weights = None if weights is None else tf.constant(weights)
        self._scaling = make_loss_scaling(configuration.loss_scaling, configuration.precision)
        self._skipped = tf.Variable(0, dtype=tf.int32) if self._scaling else None
        scaling_state = [*self._scaling.begin(), self._skipped] if self._scaling else []
        self.state = [*optimizer_state, *scaling_state]  # tf.Variables: with the model's, all that a step changes
        self._l2 = tf.Variable(configuration.l2, dtype=tf.float32) if configuration.l2 else None
        self._kernels = tf.constant(np.repeat([np.float32(len(v.shape) > 1) for v in self._variables], self._sizes))
        self.log: dict[str, list[float]] = {}
        self._steps_per_epoch = steps_per_epoch
        self._sum, self._steps, self._skipped_before = 0.0, 0, 0
        scalar = tf.TensorSpec((), tf.int32)
        self._run = tf.function(self._steps_between, autograph=False, input_signature=[scalar, scalar])

    # -- from outside the graph ---------------------------------------------------------------------------

    def run(self, start: int, stop: int) -> None:
        """Take the steps ``start`` to ``stop`` − 1."""
        with nullcontext() if self._forward is None else rewrites_off():
            self._sum += float(self._run(self._tf.constant(start), self._tf.constant(stop)))
        self._steps += stop - start

    def average_moving_averages(self) -> None:
        """Give all ranks the mean of their moving averages, where each normalises by its own part of the batch."""
        variables = [variable.value for variable in self._model.non_trainable_variables]
        if self._group.size == 1 or self._configuration.sync_batch_norm or not variables:
            return
        sizes = [int(np.prod(variable.shape)) for variable in variables]
        mean = self._group.mean(self._flat(variables), "moving_averages")
        for variable, piece in zip(variables, self._tf.split(mean, sizes), strict=True):
            variable.assign(self._tf.reshape(piece, variable.shape))

    @property
    def loss(self) -> float:
        """Sum of the losses of this epoch's steps so far; not finite where the training diverged.

        With loss scaling a training has diverged when every step of an epoch was skipped.
        """
        return self._sum if self._taken or self._steps < self._steps_per_epoch else float("nan")

    @property
    def _taken(self) -> int:
        """Steps of this epoch that were not skipped."""
        skipped = 0 if self._skipped is None else int(self._skipped) - self._skipped_before
        return self._steps - skipped

    def end_epoch(self) -> float:
        """Return the mean loss of the epoch's steps, write the log, and begin the next epoch."""
        mean = self._sum / self._taken if self._taken else float("nan")
        if self._scaling is not None and self._skipped is not None:
            self._note("loss_scale", float(self._scaling.scale))
            self._note("skipped_steps", float(int(self._skipped) - self._skipped_before))
            self._skipped_before = int(self._skipped)
        if self._configuration.l2_adaptation is not None:
            self._note("l2", self.l2)
        self._sum, self._steps = 0.0, 0
        return mean

    def restore(self, variables: Sequence[NDArray[Any]], l2: float, log: Mapping[str, Sequence[float]]) -> None:
        """Go on from where another program of the same training stood at the end of an epoch."""
        for variable, value in zip(self.state, variables, strict=True):
            variable.assign(value)
        self.l2 = l2
        self.log.update({name: list(values) for name, values in log.items()})
        self._skipped_before = 0 if self._skipped is None else int(self._skipped)

    def _note(self, name: str, value: float) -> None:
        self.log.setdefault(name, []).append(value)

    @property
    def l2(self) -> float:
        """The present strength of L2 regularisation."""
        return 0.0 if self._l2 is None else float(self._l2)

    @l2.setter
    def l2(self, strength: float) -> None:
        if self._l2 is not None:
            self._l2.assign(strength)

    def loss_of(self, logits: NDArray[np.float32], labels: NDArray[Any]) -> float:
        """Return the mean of the minimised loss, without smoothing, weights or penalty, of logits ``(n, classes)``."""
        targets = self._loss.targets(labels, self._classes, 0.0)
        return float(np.mean(self._loss(self._tf.constant(targets), self._tf.constant(logits))))

    # -- inside the graph ---------------------------------------------------------------------------------

    def _steps_between(self, start: Any, stop: Any) -> Any:
        tf = self._tf
        step = tf.function(self._step, autograph=False, jit_compile=True) if self._configuration.xla else self._step
        _, total = tf.while_loop(lambda index, total: index < stop, step, (start, tf.zeros(())), parallel_iterations=1)
        return total

    def _step(self, index: Any, total: Any) -> tuple[Any, Any]:
        tf, scaling = self._tf, self._scaling
        held = None if scaling is None else [tf.identity(v.value) for v in self._model.non_trainable_variables]
        flat_gradient, loss = self._gradient(tf.gather(self._mine, index), index)
        gradient, loss = self._together(flat_gradient, loss)
        if scaling is None:
            self._assign(self._updated(gradient, index, index))
            return index + 1, total + loss
        gradient = gradient / scaling.scale
        finite = tf.logical_and(tf.math.is_finite(loss), tf.reduce_all(tf.math.is_finite(gradient)))
        norm = tf.norm(gradient)
        weights = self._flat(self._variables)
        taken = index - self._skipped  # type: ignore[operator]
        self._assign(tf.cond(finite, lambda: self._updated(gradient, index, taken), lambda: weights))
        for variable, before in zip(self._model.non_trainable_variables, held or [], strict=True):
            variable.assign(tf.where(finite, variable.value, before))  # what the overflow did to moving averages
        self._skipped.assign_add(tf.cast(tf.logical_not(finite), tf.int32))  # type: ignore[union-attr]
        scaling.after(finite, norm)
        return index + 1, total + tf.where(finite, loss, 0.0)

    def _together(self, gradient: Any, loss: Any) -> tuple[Any, Any]:
        """Return the gradient ``(n,)`` and the loss of all ranks."""
        tf, configuration = self._tf, self._configuration
        how = configuration.gradient_compression, configuration.gradient_reduction
        if how == ("none", "average"):
            # The loss rides along with the gradients, so that every rank learns of a divergence at once.
            mean = self._group.mean(tf.concat([gradient, tf.reshape(loss, [1])], 0), "gradients")
            return mean[:-1], mean[-1]
        return self._group.combine(gradient, "gradients", *how), self._group.mean(loss, "loss")

    def _gradient(self, rows: Any, index: Any) -> tuple[Any, Any]:
        """Return the flat gradient ``(n,)``, times the loss scale, and the unscaled loss of some examples."""
        parts = self._parts
        if parts == 1:
            return self._gradient_at_once(rows, index)
        tf = self._tf
        pieces = tf.reshape(rows, [parts, -1])

        def add(part: Any, gradient: Any, loss: Any) -> tuple[Any, Any, Any]:
            more, more_loss = self._gradient_at_once(tf.gather(pieces, part), index * parts + part)
            return part + 1, gradient + more, loss + more_loss

        zeros = (tf.constant(0), tf.zeros([sum(self._sizes)]), tf.zeros(()))
        _, gradient, loss = tf.while_loop(lambda part, *_: part < parts, add, zeros, parallel_iterations=1)
        return gradient / parts, loss / parts

    def _gradient_at_once(self, rows: Any, place: Any) -> tuple[Any, Any]:
        """Return the same of examples that pass the network together; ``place`` counts such passes."""
        tf = self._tf
        if self._noise is not None:
            self._noise.step = place
        with tf.GradientTape() as tape:
            inputs = tf.gather(self._inputs, rows)
            logits = self._model(inputs, training=True) if self._forward is None else self._forward(inputs)
            each = self._loss(tf.gather(self._targets, rows), tf.cast(logits, tf.float32))
            if self._weights is not None:
                each = each * tf.gather(self._weights, rows)
            loss = tf.reduce_mean(each)
            minimised = loss if self._scaling is None else loss * self._scaling.scale
        gradients = tape.gradient(minimised, self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return self._flat(gradients), loss

    def _updated(self, gradient: Any, index: Any, taken: Any) -> Any:
        """Return the new weights ``(n,)`` after a step of a gradient ``(n,)``."""
        weights = self._flat(self._variables)
        if self._l2 is not None:
            gradient = gradient + 2.0 * self._l2 * self._kernels * weights
        return self._update(weights, gradient, self._tf.gather(self._rates, index), taken)

    def _assign(self, weights: Any) -> None:
        for variable, piece in zip(self._variables, self._tf.split(weights, self._sizes), strict=True):
            variable.assign(self._tf.reshape(piece, variable.shape))

    def _flat(self, tensors: Sequence[Any]) -> Any:
        return self._tf.concat([self._tf.reshape(tensor, [-1]) for tensor in tensors], 0)
