"""Training of one candidate, the same bit for bit wherever it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.evaluation import Status
from ...envs.spaces import Network
from ...evaluation.metrics.isi import checkpoint_steps
from ...evaluation.optional import require
from ..data.dataset import DataSource, Split
from ..keras.builder import build_model
from .communicator import Alone, Communicator
from .configuration import TrainingConfiguration, batches
from .losses import make_loss
from .optimizers import make_update
from .sync_batch_norm import synchronize_batch_norm

Logits = NDArray[np.float32]
Weights = list[NDArray[Any]]  # in the order of keras.Model.get_weights()


@dataclass
class TrainingResult:
    """What a training came to.

    Attributes:
        status: ``OK`` or ``DIVERGED``; a diverged training has no logits and no checkpoints.
        losses: mean training loss of each epoch begun; the last is not finite where it diverged.
        validation_logits: ``(n, classes)`` float32 with the final weights.
        test_logits: ``(n, classes)`` float32 with the final weights.
        checkpoints: weights at the end of each cycle; the last are the final weights.
        training_seconds: wall time from the model's construction to the last validation.
        test_seconds: wall time of the test, which no search pays for.
    """

    status: Status
    losses: list[float]
    validation_logits: Logits = field(default_factory=lambda: np.empty((0, 0), np.float32))
    test_logits: Logits = field(default_factory=lambda: np.empty((0, 0), np.float32))
    checkpoints: list[Weights] = field(default_factory=list)
    training_seconds: float = 0.0
    test_seconds: float = 0.0


def train_candidate(
    network: Network,
    dataset: DataSource,
    configuration: TrainingConfiguration,
    epochs: int,
    seed: int,
    communicator: Communicator | None = None,
    cycles: int = 9,
) -> TrainingResult:
    """Train one network and measure it.

    The result depends on the arguments and the number of ranks alone, on one kind of processor:
    initialisers are seeded layer by layer, the examples' order comes from (seed, epoch), and
    `trainers.runtime.set_up_tensorflow` (one thread, deterministic operations) is to be called before.
    Ranks are given equal parts of each batch and work in step: gradients and batch statistics are averaged
    over them, so that R ranks compute what one would, up to the order of summation.

    Args:
        network: what to train; its output are the logits.
        dataset: what to train and measure it on.
        configuration: how.
        epochs: length, at least 1.
        seed: non-negative integer.
        communicator: the ranks that train together; None for this process alone.
        cycles: number of checkpoints, evenly spread; a training with fewer steps has one for each.

    Returns:
        The result, the same on every rank.

    Raises:
        ValueError: the batch does not divide by the ranks, or an argument is out of range.
    """
    started = time.perf_counter()
    group = communicator or Alone()
    batch_size = configuration.batch_size
    if batch_size % group.size:
        raise ValueError(f"batch_size={batch_size} does not divide by {group.size} ranks: change one of them")
    order = batches(len(dataset.train), configuration, epochs, seed)  # (steps, batch)
    steps_per_epoch = len(order) // epochs
    kept = {len(order)}
    if min(cycles, len(order)) > 1:
        kept = set(checkpoint_steps(epochs, steps_per_epoch, min(cycles, len(order))).tolist())
    model = build_model(network, seed=seed, batch_norm_momentum=configuration.batch_norm_momentum)
    trained = synchronize_batch_norm(model, group) if group.size > 1 else model
    run = _training_loop(trained, dataset, configuration, order, steps_per_epoch, group)

    result = TrainingResult(Status.OK, [])
    epoch_loss, done = 0.0, 0
    for stop in sorted(kept | set(range(steps_per_epoch, len(order) + 1, steps_per_epoch))):
        epoch_loss += run(done, stop)
        done = stop
        weights = trained.get_weights() if stop in kept else []
        finite = np.isfinite(epoch_loss) and all(np.isfinite(w).all() for w in weights)
        if stop % steps_per_epoch == 0 or not finite:
            result.losses.append(epoch_loss / ((stop - 1) % steps_per_epoch + 1))
            epoch_loss = 0.0
        if not finite:
            result.status, result.checkpoints = Status.DIVERGED, []
            break
        if weights:
            result.checkpoints.append(weights)
    if result.status == Status.OK:
        result.validation_logits = predict(trained, dataset.validation)
    result.training_seconds = time.perf_counter() - started
    if result.status == Status.OK:
        result.test_logits = predict(trained, dataset.test)
        result.test_seconds = time.perf_counter() - started - result.training_seconds
    return result


def _training_loop(
    model: Any,
    dataset: DataSource,
    configuration: TrainingConfiguration,
    order: NDArray[np.int32],
    steps_per_epoch: int,
    group: Communicator,
) -> Any:
    """Return a function (start, stop) that takes these optimiser steps and returns the sum of their losses.

    All steps of a call run inside one TensorFlow loop, traced once per candidate; for networks this small,
    tracing and per-operation overhead is most of the cost, hence the optimizer over one vector of all weights.
    XLA is not used: on one core its convolutions were measured 5 to 16 times slower than TensorFlow's, and it
    has no deterministic max-pool gradient.
    """
    tf = require("tensorflow", "train", "training")
    variables = [variable.value for variable in model.trainable_variables]
    sizes = [int(np.prod(variable.shape)) for variable in variables]
    update, _ = make_update(configuration, sum(sizes))
    rates = tf.constant(configuration.learning_rates(len(order), steps_per_epoch))
    share = configuration.batch_size // group.size
    mine = tf.constant(order[:, group.rank * share : (group.rank + 1) * share])  # (steps, batch / ranks)
    loss_of = make_loss(configuration.loss, dataset.multi_label)
    classes = int(model.output_shape[-1])
    targets = tf.constant(loss_of.targets(dataset.train.labels, classes, configuration.label_smoothing))
    inputs = tf.constant(dataset.train.inputs)

    def flat(tensors: Sequence[Any]) -> Any:
        return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0)

    def step(index: Any, total: Any) -> tuple[Any, Any]:
        rows = tf.gather(mine, index)
        with tf.GradientTape() as tape:
            logits = model(tf.gather(inputs, rows), training=True)
            loss = tf.reduce_mean(loss_of(tf.gather(targets, rows), logits))
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        # The loss rides along with the gradients, so that every rank learns of a divergence at once.
        mean = group.mean(flat([*gradients, loss]), "gradients")
        updated = update(flat(variables), mean[:-1], tf.gather(rates, index), index)
        for variable, piece in zip(variables, tf.split(updated, sizes), strict=True):
            variable.assign(tf.reshape(piece, variable.shape))
        return index + 1, total + mean[-1]

    scalar = tf.TensorSpec((), tf.int32)

    @tf.function(autograph=False, input_signature=[scalar, scalar])
    def run(start: Any, stop: Any) -> Any:
        _, total = tf.while_loop(lambda index, total: index < stop, step, (start, tf.zeros(())), parallel_iterations=1)
        return total

    return lambda start, stop: float(run(tf.constant(start), tf.constant(stop)))


def predict(model: Any, split: Split, batch_size: int = 1024) -> Logits:
    """Return a model's logits ``(n, classes)`` float32 on a split, in inference mode."""
    parts = [slice(start, start + batch_size) for start in range(0, len(split), batch_size)]
    return np.concatenate([np.asarray(model(split.inputs[part], training=False)) for part in parts])


def model_with_weights(network: Network, weights: Sequence[NDArray[Any]]) -> Any:
    """Return the network's Keras model with these weights."""
    model = build_model(network, seed=0)
    model.set_weights(list(weights))
    return model
