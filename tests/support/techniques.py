"""What the tests of training techniques do in a training process; TensorFlow is imported there alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from pynascent.envs.network.graph import NetworkBuilder
from pynascent.envs.spaces import ChainSpace, Network
from pynascent.trainers.data.dataset import Dataset, Split
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.training.communicator import Alone
from pynascent.trainers.training.configuration import TrainingConfiguration, batches


def _program(network: Network, data: Any, configuration: TrainingConfiguration, steps_epochs: int = 1) -> Any:
    from pynascent.trainers.keras.training_model import training_model
    from pynascent.trainers.training.program import TrainingProgram

    group = Alone()
    order = batches(len(data.train), configuration, steps_epochs, 0)
    model, noise = training_model(network, configuration, 0, group)
    program = TrainingProgram(
        model,
        data,
        configuration,
        order,
        len(order) // steps_epochs,
        group,
        noise=noise,
        parts=configuration.accumulation,
    )
    return model, program


def plain_network() -> Network:
    """Return a network without normalisation, so that parts of a batch do not matter to each other."""
    b = NetworkBuilder((8, 8, 1))
    return b.build(b.dense(b.global_avg_pool(b.relu(b.conv(b.input, filters=8, kernel=3, bias=True))), 10))


def dtypes(architecture: tuple[int, ...], precision: str, float32_layers: Any) -> dict[str, set[str]]:
    """Return what the layers of each operation compute in, and the dtypes of all weights."""
    from pynascent.trainers.keras.training_model import training_model

    configuration = TrainingConfiguration(precision=precision, float32_layers=float32_layers)
    model, _ = training_model(ChainSpace().network(architecture), configuration, 0, Alone())
    found: dict[str, set[str]] = {"weights": {str(w.dtype) for w in model.weights}}
    for layer in model.layers[1:]:
        found.setdefault(layer.name.partition("_")[2], set()).add(layer.compute_dtype)
    return found


def policy_after_building() -> str:
    """Return Keras's global policy after a model of another policy was built."""
    import keras

    dtypes((4, 3, 2, 5, 1, 0), "mixed_float16", ())
    return keras.config.dtype_policy().name


def overflow(initial: float, growth_steps: int = 2000, steps: int = 1) -> tuple[list, list, list[float], int]:
    """Return weights before and after float16 steps, the scales from first to last, and the steps skipped."""
    scaling = {"component": "dynamic", "settings": {"initial": initial, "growth_steps": growth_steps}}
    configuration = TrainingConfiguration(precision="mixed_float16", loss_scaling=scaling)
    model, program = _program(ChainSpace().network((4, 3, 2, 5, 1, 0)), load_dataset("digits"), configuration)
    before, scales = model.get_weights(), [initial]
    for step in range(steps):
        program.run(step, step + 1)
        scales.append(float(program._scaling.scale))
    return before, model.get_weights(), scales, int(program._skipped)


def scales_beside_keras(finite: list[int], growth_steps: int) -> tuple[list[float], list[float]]:
    """Return the scale after each step by our rule and by Keras's `LossScaleOptimizer`."""
    import keras
    import tensorflow as tf

    from pynascent.trainers.training.loss_scaling import Dynamic

    rule = Dynamic(initial=1024.0, growth_steps=growth_steps)
    rule.begin()
    variable = keras.Variable(np.zeros(2, np.float32))
    theirs = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=1024.0, dynamic_growth_steps=growth_steps
    )
    ours_seen, theirs_seen = [], []
    for good in finite:
        rule.after(tf.constant(bool(good)), tf.constant(1.0))
        theirs.apply([tf.constant([1.0, 1.0 if good else np.inf])], [variable])
        ours_seen.append(float(rule.scale))
        theirs_seen.append(float(theirs.dynamic_scale))
    return ours_seen, theirs_seen


def scales_of_the_printed_rule(steps: int, norm: float) -> list[float]:
    """Return the scales of equation (2) over steps whose gradients are finite and of one norm."""
    import tensorflow as tf

    from pynascent.trainers.training.loss_scaling import GradientNorm

    rule = GradientNorm()
    rule.begin()
    seen = [float(rule.scale)]
    for _ in range(steps):
        rule.after(tf.constant(True), tf.constant(norm))
        seen.append(float(rule.scale))
    return seen


def l2_gradient(architecture: tuple[int, ...], l2: float) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much a step of plain SGD moves the weights because of L2, and −rate · 2 · l2 · kernel."""
    network, data = ChainSpace().network(architecture), load_dataset("digits")
    moved = []
    for strength in (0.0, l2):
        configuration = TrainingConfiguration(optimizer="sgd", momentum=0.0, weight_decay=0.0, l2=strength)
        model, program = _program(network, data, configuration)
        kernels = [float(len(v.shape) > 1) * np.asarray(v).ravel() for v in model.trainable_variables]
        program.run(0, 1)
        moved.append(np.concatenate([np.asarray(v).ravel() for v in model.trainable_variables]))
    return moved[1] - moved[0], -configuration.learning_rate * 2 * l2 * np.concatenate(kernels)


def gradients(parts: tuple[int, ...]) -> list[np.ndarray]:
    """Return the gradient of one batch, worked through in so many parts each."""
    import tensorflow as tf

    found = []
    for accumulation in parts:
        configuration = TrainingConfiguration(accumulation=accumulation)
        _, program = _program(plain_network(), load_dataset("digits"), configuration)
        gradient, _ = tf.function(program._gradient)(program._mine[0], tf.constant(0))
        found.append(gradient.numpy())
    return found


def rarest_recall(reweighting: str) -> float:
    """Return the recall of a class with a fifteenth of the other's examples, after a short training."""
    from pynascent.trainers.training.loop import train_candidate

    rng = np.random.default_rng(0)

    def split(common: int, rare: int) -> Split:
        labels = np.repeat(np.array([0, 1], np.int32), [common, rare])
        images = rng.normal(size=(len(labels), 8, 8, 1)).astype(np.float32) + 0.25 * labels[:, None, None, None]
        return Split(images, labels)

    data = Dataset("rare", 2, split(600, 40), split(100, 100), split(20, 20), split(10, 10))
    configuration = TrainingConfiguration(reweighting=reweighting)
    result = train_candidate(ChainSpace(classes=2).network((4, 3, 2, 5, 1, 0)), data, configuration, 3, 0)
    rare = data.validation.labels == 1
    return float((result.validation_logits.argmax(axis=1) == 1)[rare].mean())


def pooling_differences(kernel: int, stride: int, padding: str) -> tuple[float, float]:
    """Return the largest differences of values and gradients between Keras's max pooling and the one by slices."""
    import keras
    import tensorflow as tf

    from pynascent.trainers.keras.sliced_pooling import sliced

    x = tf.constant(np.random.default_rng(0).normal(size=(2, 7, 6, 3)).astype(np.float32))
    found = []
    for change in (lambda layer: layer, sliced):
        layer = change(keras.layers.MaxPooling2D(kernel, stride, padding))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            total = tf.reduce_sum(y * tf.cast(tf.reshape(tf.range(tf.size(y)), tf.shape(y)), tf.float32))
        found.append((y.numpy(), tape.gradient(total, x).numpy()))
    (a, da), (b, db) = found
    return float(np.abs(a - b).max()), float(np.abs(da - db).max())


def log_of(architecture: tuple[int, ...], epochs: int, **settings: Any) -> dict[str, list[float]]:
    """Train; return the log."""
    from pynascent.trainers.training.loop import train_candidate

    configuration = TrainingConfiguration(**settings)
    network = ChainSpace().network(architecture)
    return dict(train_candidate(network, load_dataset("digits"), configuration, epochs, 0).log)


def step_of_a_chain(remat: str) -> dict[str, Any]:
    """Return the gradient of a batch of a chain of blocks, and its moving averages after a step."""
    import tensorflow as tf

    from pynascent.scripts.measure.training.step_memory import chain
    from pynascent.trainers.keras.builder import layer_names
    from pynascent.trainers.keras.training_model import training_model
    from pynascent.trainers.training.memory.plan import memory_plan
    from pynascent.trainers.training.memory.recomputation import recomputing_forward, rewrites_off
    from pynascent.trainers.training.program import TrainingProgram

    network, rng = chain(12, size=8, channels=8), np.random.default_rng(0)
    part = Split(rng.normal(size=(20, 8, 8, 3)).astype(np.float32), rng.integers(0, 10, 20).astype(np.int32))
    data = Dataset("noise", 10, part, part, part, part)
    configuration = TrainingConfiguration(batch_size=20, remat=remat)
    model, _ = training_model(network, configuration, 0, Alone())
    pieces, _ = memory_plan(network, configuration, 20)
    forward = recomputing_forward(model, layer_names(network), pieces) if pieces else None
    order = np.arange(20, dtype=np.int32)[None]
    before = [np.array(v) for v in model.non_trainable_variables]
    with rewrites_off():
        program = TrainingProgram(model, data, configuration, order, 1, Alone(), forward=forward)
        gradient, _ = tf.function(program._gradient)(program._mine[0], tf.constant(0))
    averages = [np.array(v) for v in model.non_trainable_variables]
    moved = all((a != b).any() for a, b in zip(before, averages, strict=True))
    return {"gradient": gradient.numpy(), "averages": averages, "averages_moved": moved}


def rewriter_after_remat() -> bool:
    """Return whether TensorFlow's graph rewriter is off after a training that had it off."""
    import tensorflow as tf

    from .training_process import train

    train((4, 3, 2, 5, 1, 0), 1, 0, remat="blocks")
    return bool(tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False))


def straight_and_continued(architecture: tuple[int, ...], settings: dict[str, Any]) -> tuple[dict, dict]:
    """Train for three epochs, at once and from the state after one; return what both came to, and their steps."""
    from pynascent.trainers.training.loop import train_candidate
    from pynascent.trainers.training.program import TrainingProgram

    network, data, configuration = (
        ChainSpace().network(architecture),
        load_dataset("digits"),
        TrainingConfiguration(**settings),
    )
    counted: list[int] = []
    run = TrainingProgram.run

    def counting(self: TrainingProgram, start: int, stop: int) -> None:
        counted.append(stop - start)
        run(self, start, stop)

    TrainingProgram.run = counting  # type: ignore[method-assign]

    def train(epochs: int, state: Any = None) -> tuple[dict[str, Any], Any]:
        counted.clear()
        result = train_candidate(network, data, configuration, epochs, 5, cycles=3, state=state)
        return {
            "steps": sum(counted),
            "weights": result.checkpoints[-1],
            "logits": [result.validation_logits, result.test_logits],
            "losses": result.losses,
            "checkpoints": [w for checkpoint in result.checkpoints for w in checkpoint],
            "log": [np.array(values) for _, values in sorted(result.log.items())],
        }, result.state

    straight, _ = train(3)
    _, state = train(1)
    went_on, _ = train(3, state)
    return straight, went_on
