"""One compiled program that trains every architecture of a chain space: a switch in every block.

A Keras model of its own is built, traced and optimised for every candidate, which costs as much as its
training where networks are small. Here TensorFlow traces once, with all operations in every block; which one
runs is an argument. The arithmetic is that of `train_candidate` up to the order of summation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ....envs.spaces import ChainSpace
from ....evaluation.metrics.isi import checkpoint_steps
from ....evaluation.optional import require
from ....trainers.data.dataset import DataSource
from ....trainers.keras.initial_weights import initial_weights
from ....trainers.training.configuration import TrainingConfiguration, batches
from ....trainers.training.optimizers import make_update

FloatArray = NDArray[np.float32]


@dataclass
class ChainTraining:
    """One training, measured after every epoch.

    Attributes:
        losses: ``(epochs,)`` mean training loss of each epoch, nats.
        validation_accuracy: ``(epochs,)`` fraction 0..1 after each epoch.
        test_accuracy: ``(epochs,)`` fraction 0..1 after each epoch.
        cpu_seconds: ``(epochs,)`` processor time of the optimiser's steps up to the end of each epoch.
        maps: fidelity → ``(cycles, probes, height, width, channels)`` gradient×input at its checkpoints.
        finite: whether all losses and maps are finite; a training that is not has diverged.
    """

    losses: FloatArray
    validation_accuracy: NDArray[np.float64]
    test_accuracy: NDArray[np.float64]
    cpu_seconds: NDArray[np.float64]
    maps: dict[int, FloatArray]
    finite: bool


class ChainProgram:
    """Trains the architectures of a `ChainSpace` that have one width.

    Args:
        space: the space; its residual flag may be shared, per block or absent.
        width: channels, one of the space's widths.
        dataset: what is trained and measured on.
        configuration: how; trainings last as long as its largest fidelity.
        cycles: checkpoints of each fidelity whose attribution maps are kept, at least 2.
    """

    def __init__(
        self, space: ChainSpace, width: int, dataset: DataSource, configuration: TrainingConfiguration, cycles: int = 9
    ) -> None:
        self._tf = tf = require("tensorflow", "train", "training")
        if width not in space.widths:
            raise ValueError(f"width={width}: the space has {', '.join(map(str, space.widths))}")
        self.space, self.width, self.dataset, self.configuration = space, width, dataset, configuration
        self.epochs = configuration.fidelities[-1]
        self._steps_per_epoch = len(dataset.train) // configuration.batch_size
        self._checkpoints = {
            epochs: checkpoint_steps(epochs, self._steps_per_epoch, cycles).tolist()
            for epochs in configuration.fidelities
        }
        self._places = space.stages * space.blocks
        self._sizes = self._layout()
        names = list(self._sizes)
        self._starts = dict(zip(names, np.cumsum([0, *self._sizes.values()])[:-1].tolist(), strict=True))
        count = sum(self._sizes.values())
        steps = self.epochs * self._steps_per_epoch
        self._weights = tf.Variable(tf.zeros(count))
        self._moments = tf.Variable(tf.zeros((self._places + 1, 2, width)))  # moving means and variances
        self._update, self._state = make_update(configuration, count)
        self._operations = tf.Variable(tf.zeros(self._places, tf.int32))
        self._flags = tf.Variable(tf.zeros(self._places))
        self._order = tf.Variable(tf.zeros((steps, configuration.batch_size), tf.int32))
        self._rates = tf.constant(configuration.learning_rates(steps, self._steps_per_epoch))
        smooth, classes = configuration.label_smoothing, dataset.classes
        self._targets = tf.one_hot(
            dataset.train.labels, classes, on_value=1.0 - smooth + smooth / classes, off_value=smooth / classes
        )
        self._images = tf.constant(dataset.train.images)
        judged = (dataset.validation, dataset.test)
        self._judged = tf.constant(np.concatenate([split.images for split in judged]))
        self._judged_labels = np.concatenate([split.labels for split in judged])
        self._probe, self._probe_labels = tf.constant(dataset.probe.images), tf.constant(dataset.probe.labels)
        scalar = tf.TensorSpec((), tf.int32)
        self._run = tf.function(self._steps, autograph=False, input_signature=[scalar, scalar])
        self._predict = tf.function(self._predictions, autograph=False, input_signature=[])
        self._explain = tf.function(self._attributions, autograph=False, input_signature=[])
        image = tf.TensorSpec((None, *dataset.input_shape), tf.float32)
        self.logits: Callable[[Any], Any] = tf.function(
            lambda images: self._forward(images, training=False)[0], autograph=False, input_signature=[image]
        )
        """Images ``(b, h, w, c)`` → logits ``(b, classes)`` of the network that was last loaded or trained."""
        self._run(tf.constant(0), tf.constant(0))  # no step; traces, which is no candidate's time

    # -- training ---------------------------------------------------------------------------------------

    def train(self, architecture: ArrayLike, seed: int) -> ChainTraining:
        """Train one architecture from the initial weights and image order that a seed gives `train_candidate`.

        Args:
            architecture: ``(n,)`` option indices, of this program's width.
            seed: non-negative integer.
        """
        self.load(architecture, seed)
        self._order.assign(batches(len(self.dataset.train), self.configuration, self.epochs, seed))
        kept = {step for steps in self._checkpoints.values() for step in steps}
        ends = range(self._steps_per_epoch, self.epochs * self._steps_per_epoch + 1, self._steps_per_epoch)
        maps: dict[int, FloatArray] = {}
        losses, right, seconds = [], [], []
        loss, done, spent = 0.0, 0, 0.0
        for stop in sorted(kept.union(ends)):
            started = time.process_time()
            loss += float(self._run(self._tf.constant(done), self._tf.constant(stop)))
            spent += time.process_time() - started
            done = stop
            if stop in kept:
                maps[stop] = self._explain().numpy()
            if stop % self._steps_per_epoch == 0:
                losses.append(loss / self._steps_per_epoch)
                right.append(self._predict().numpy() == self._judged_labels)
                seconds.append(spent)
                loss = 0.0
        correct, first = np.array(right), len(self.dataset.validation)
        return ChainTraining(
            np.array(losses, dtype=np.float32),
            correct[:, :first].mean(axis=1),
            correct[:, first:].mean(axis=1),
            np.array(seconds),
            {epochs: np.stack([maps[step] for step in steps]) for epochs, steps in self._checkpoints.items()},
            bool(np.isfinite(losses).all() and all(np.isfinite(m).all() for m in maps.values())),
        )

    def load(self, architecture: ArrayLike, seed: int) -> None:
        """Make an untrained architecture ``(n,)`` with the initial weights of a seed the program's network."""
        operations, flags = self._choices(architecture)
        weights = np.zeros(self._weights.shape, dtype=np.float32)
        moments = np.zeros(self._moments.shape, dtype=np.float32)
        moments[:, 1] = 1.0
        for name, values in self._named(operations, initial_weights(self.space.network(architecture), seed)).items():
            start = self._starts[name]
            weights[start : start + values.size] = values.ravel()
        self._weights.assign(weights)
        self._moments.assign(moments)
        for variable in self._state:
            variable.assign(self._tf.zeros_like(variable))
        self._operations.assign(operations)
        self._flags.assign(flags)

    def _choices(self, architecture: ArrayLike) -> tuple[NDArray[np.int64], FloatArray]:
        """Return operation and residual flag of every block, ``(places,)`` each."""
        row = self.space.check(architecture)[0]
        if self.space.widths[row[-1]] != self.width:
            raise ValueError(
                f"{self.space.to_string(row)} has the width {self.space.widths[row[-1]]}, this program {self.width}"
            )
        flags = self.space.residual_flags(row[None])[0].astype(np.float32)
        return row[: self._places], flags

    # -- the weights' places ------------------------------------------------------------------------------

    def _layout(self) -> dict[str, int]:
        """Return the size of every part of the weight vector; a block's kernel has room for the largest."""
        w = self.width
        room = max(9 * w + w * w, 25 * w * w)
        parts = {"stem": 9 * self.space.input_shape[-1] * w, "stem_scale": w, "stem_offset": w}
        for place in range(self._places):
            parts |= {f"kernel{place}": room, f"scale{place}": w, f"offset{place}": w}
        return parts | {"dense": w * self.dataset.classes, "bias": self.dataset.classes}

    def _named(self, operations: NDArray[np.int64], weights: Mapping[int, list[FloatArray]]) -> dict[str, FloatArray]:
        """Give the trainable weights of a network's layers, in their order, the names of the layout."""
        left = iter(weights.values())
        convolution, norm = next(left), next(left)
        named = {"stem": convolution[0], "stem_scale": norm[0], "stem_offset": norm[1]}
        for place, operation in enumerate(operations):
            kind = self.space.operations[operation]
            if "conv" not in kind:
                continue
            kernels = [next(left)[0].ravel() for _ in range(2 if kind.startswith("sep") else 1)]
            norm = next(left)
            named |= {f"kernel{place}": np.concatenate(kernels), f"scale{place}": norm[0], f"offset{place}": norm[1]}
        dense = next(left)
        return named | {"dense": dense[0], "bias": dense[1]}

    # -- what TensorFlow traces -------------------------------------------------------------------------

    def _forward(self, images: Any, training: bool) -> tuple[Any, Any]:
        """Return logits, and the batch's means and variances where it is training."""
        tf, space = self._tf, self.space
        pieces = dict(zip(self._sizes, tf.split(self._weights, list(self._sizes.values())), strict=True))
        kernel = tf.reshape(pieces["stem"], (3, 3, images.shape[-1], self.width))
        norm = self._batch_norm(pieces["stem_scale"], pieces["stem_offset"], self._moments[0], training)
        x, moments = norm(tf.nn.conv2d(images, kernel, 1, "SAME"))
        x, seen = tf.nn.relu(x), [moments]
        for place in range(self._places):
            if place and place % space.blocks == 0:
                x = tf.nn.max_pool2d(x, 2, 2, "VALID")
            norm = self._batch_norm(
                pieces[f"scale{place}"], pieces[f"offset{place}"], self._moments[place + 1], training
            )
            x, moments = self._block(x, pieces[f"kernel{place}"], norm, place)
            seen.append(moments)
        head = tf.reshape(pieces["dense"], (self.width, -1))
        return tf.reduce_mean(x, (1, 2)) @ head + pieces["bias"], tf.stack(seen)

    def _block(self, x: Any, kernel: Any, norm: Any, place: int) -> tuple[Any, Any]:
        tf, w = self._tf, self.width
        flag, unchanged = self._flags[place], self._moments[place + 1]

        def convolution(size: int) -> Any:
            return tf.nn.conv2d(x, tf.reshape(kernel[: size * size * w * w], (size, size, w, w)), 1, "SAME")

        def separable() -> Any:
            depthwise = tf.reshape(kernel[: 9 * w], (3, 3, w, 1))
            pointwise = tf.reshape(kernel[9 * w : 9 * w + w * w], (1, 1, w, w))
            return tf.nn.conv2d(tf.nn.depthwise_conv2d(x, depthwise, (1, 1, 1, 1), "SAME"), pointwise, 1, "SAME")

        def activated(convolve: Callable[[], Any]) -> tuple[Any, Any]:
            y, moments = norm(convolve())
            return tf.nn.relu(y + flag * x), moments

        branches: dict[str, Callable[[], tuple[Any, Any]]] = {
            "skip": lambda: (x, unchanged),
            "max_pool_3x3": lambda: (tf.nn.max_pool2d(x, 3, 1, "SAME"), unchanged),
            "conv_1x1": lambda: activated(lambda: convolution(1)),
            "sep_conv_3x3": lambda: activated(separable),
            "conv_3x3": lambda: activated(lambda: convolution(3)),
            "conv_5x5": lambda: activated(lambda: convolution(5)),
        }
        return tf.switch_case(self._operations[place], [branches[name] for name in self.space.operations])

    def _batch_norm(self, scale: Any, offset: Any, moments: Any, training: bool) -> Callable[[Any], tuple[Any, Any]]:
        """Return a function x → (normalised x, the means and variances that normalised it)."""
        tf = self._tf
        epsilon = 1e-3  # Keras's

        def norm(x: Any) -> tuple[Any, Any]:
            if not training:
                y = tf.raw_ops.FusedBatchNormV3(
                    x=x,
                    scale=scale,
                    offset=offset,
                    mean=moments[0],
                    variance=moments[1],
                    epsilon=epsilon,
                    is_training=False,
                )[0]
                return y, moments
            nothing = tf.zeros(0)
            y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x, scale=scale, offset=offset, mean=nothing, variance=nothing, epsilon=epsilon, is_training=True
            )
            examples = int(np.prod(x.shape[:3]))  # TensorFlow corrects the variance for the sample, Keras does not
            return y, tf.stack([mean, variance * ((examples - 1) / examples)])

        return norm

    def _steps(self, start: Any, stop: Any) -> Any:
        tf, keep = self._tf, self.configuration.batch_norm_momentum

        def step(index: Any, total: Any) -> tuple[Any, Any]:
            rows = tf.gather(self._order, index)
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(self._weights)
                logits, moments = self._forward(tf.gather(self._images, rows), training=True)
                loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(tf.gather(self._targets, rows), logits))
            gradient = tape.gradient(loss, self._weights)
            self._moments.assign(self._moments * keep + moments * (1.0 - keep))
            self._weights.assign(self._update(self._weights, gradient, tf.gather(self._rates, index), index))
            return index + 1, total + loss

        return tf.while_loop(lambda index, _: index < stop, step, (start, tf.zeros(())), parallel_iterations=1)[1]

    def _predictions(self) -> Any:
        tf = self._tf
        return tf.argmax(self._forward(self._judged, training=False)[0], -1, output_type=tf.int32)

    def _attributions(self) -> Any:
        """Return gradient×input of the true class's logit for the probe images."""
        tf = self._tf
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self._probe)
            logits = self._forward(self._probe, training=False)[0]
            chosen = tf.reduce_sum(tf.gather(logits, self._probe_labels, batch_dims=1))
        return tape.gradient(chosen, self._probe) * self._probe
