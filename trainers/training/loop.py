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
from ..data.datasets import Dataset, Split
from ..keras.builder import build_model
from .communicator import Alone, Communicator
from .configuration import Recipe, batches
from .optimizers import make_update
from .sync_batch_norm import synchronize_batch_norm

Weights = list[NDArray[Any]]  # in the order of keras.Model.get_weights()


@dataclass
class TrainingResult:
    """What a training came to.

    Attributes:
        status: ``OK`` or ``DIVERGED``; a diverged training has no accuracies and no checkpoints.
        losses: mean training loss of each epoch begun, in nats; the last is not finite where it diverged.
        validation_accuracy: fraction 0..1 with the final weights.
        test_accuracy: fraction 0..1 with the final weights.
        checkpoints: weights at the end of each cycle; the last are the final weights.
        training_seconds: wall time from the model's construction to the last measurement.
    """

    status: Status
    losses: list[float]
    validation_accuracy: float = 0.0
    test_accuracy: float = 0.0
    checkpoints: list[Weights] = field(default_factory=list)
    training_seconds: float = 0.0


def train_candidate(
    network: Network,
    dataset: Dataset,
    recipe: Recipe,
    epochs: int,
    seed: int,
    communicator: Communicator | None = None,
    cycles: int = 9,
) -> TrainingResult:
    """Train one network and measure it.

    The result depends on the arguments and the number of ranks alone, on one kind of processor:
    initialisers are seeded layer by layer, the images' order comes from (seed, epoch), and
    `trainers.runtime.set_up_tensorflow` (one thread, deterministic operations) is to be called before.
    Ranks are given equal parts of each batch and work in step: gradients and batch statistics are averaged
    over them, so that R ranks compute what one would, up to the order of summation.

    Args:
        network: what to train; its output are the logits.
        dataset: what to train and measure it on.
        recipe: how.
        epochs: length, at least 1.
        seed: non-negative integer.
        communicator: the ranks that train together; None for this process alone.
        cycles: number of checkpoints, evenly spread; at least 2.

    Returns:
        The result, the same on every rank.

    Raises:
        ValueError: the batch does not divide by the ranks, or an argument is out of range.
    """
    started = time.perf_counter()
    group = communicator or Alone()
    if recipe.batch_size % group.size:
        raise ValueError(f"batch_size={recipe.batch_size} does not divide by {group.size} ranks: change one of them")
    order = batches(len(dataset.train), recipe, epochs, seed)  # (steps, batch)
    steps_per_epoch = len(order) // epochs
    kept = set(checkpoint_steps(epochs, steps_per_epoch, cycles).tolist())
    model = build_model(network, seed=seed, batch_norm_momentum=recipe.batch_norm_momentum)
    trained = synchronize_batch_norm(model, group) if group.size > 1 else model
    run = _training_loop(trained, dataset.train, recipe, order, steps_per_epoch, group)

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
        result.validation_accuracy = accuracy(trained, dataset.validation)
        result.test_accuracy = accuracy(trained, dataset.test)
    result.training_seconds = time.perf_counter() - started
    return result


def _training_loop(
    model: Any, train: Split, recipe: Recipe, order: NDArray[np.int32], steps_per_epoch: int, group: Communicator
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
    update, _ = make_update(recipe, sum(sizes))
    rates = tf.constant(recipe.learning_rates(len(order), steps_per_epoch))
    share = recipe.batch_size // group.size
    mine = tf.constant(order[:, group.rank * share : (group.rank + 1) * share])  # (steps, batch / ranks)
    classes = int(model.output_shape[-1])
    smooth = recipe.label_smoothing
    targets = tf.one_hot(train.labels, classes, on_value=1.0 - smooth + smooth / classes, off_value=smooth / classes)
    images = tf.constant(train.images)

    def flat(tensors: Sequence[Any]) -> Any:
        return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0)

    def step(index: Any, total: Any) -> tuple[Any, Any]:
        rows = tf.gather(mine, index)
        with tf.GradientTape() as tape:
            logits = model(tf.gather(images, rows), training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(tf.gather(targets, rows), logits))
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


def accuracy(model: Any, split: Split, batch_size: int = 1024) -> float:
    """Return the fraction of a split's images whose largest logit is their label's."""
    right = 0
    for start in range(0, len(split), batch_size):
        part = slice(start, start + batch_size)
        logits = np.asarray(model(split.images[part], training=False))
        right += int((logits.argmax(axis=-1) == split.labels[part]).sum())
    return right / len(split)


def model_with_weights(network: Network, weights: Sequence[NDArray[Any]]) -> Any:
    """Return the network's Keras model with these weights."""
    model = build_model(network, seed=0)
    model.set_weights(list(weights))
    return model
