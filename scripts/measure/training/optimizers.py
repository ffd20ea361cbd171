"""What the written-out optimizers over one vector save, beside Keras's own.

    python -m pynascent.scripts.measure.training.optimizers [--candidates 6] [--epochs 3]

Three forms of AdamW train the same networks of NAS-Digits' space in turns, in one warm process: written out over one
vector of all weights; Keras's over the same vector (``optimizer={"component": "keras"}``); Keras's over every
variable, as `keras.Model.fit` applies it. Shown are medians over candidates of the time until the first step is done
(building and tracing) and of a later step, and the resident memory that a candidate leaves behind.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from typing import Any

import numpy as np

from pynascent.envs.spaces import ChainSpace
from pynascent.scripts.measure.training.step_memory import resident
from pynascent.trainers.training.communicator import Alone
from pynascent.trainers.training.configuration import TrainingConfiguration, batches

FORMS = {"vector, written out": "adamw", "vector, Keras's": {"component": "keras"}, "variables, Keras's": None}


def train(form: str, architecture: np.ndarray, epochs: int, seed: int) -> tuple[float, float]:
    """Train; return seconds until the first step is done, and seconds of a later step."""
    import keras

    from pynascent.trainers.data.datasets import load_dataset
    from pynascent.trainers.keras.training_model import training_model
    from pynascent.trainers.training.program import TrainingProgram

    class PerVariable(TrainingProgram):
        """Applies Keras's optimizer to every variable."""

        def _step(self, index: Any, total: Any) -> tuple[Any, Any]:
            tf = self._tf
            rows = tf.gather(self._mine, index)
            with tf.GradientTape() as tape:
                logits = self._model(tf.gather(self._inputs, rows), training=True)
                loss = tf.reduce_mean(self._loss(tf.gather(self._targets, rows), logits))
            gradients = tape.gradient(loss, self._variables)
            optimizer.learning_rate = tf.gather(self._rates, index)
            optimizer.apply(gradients, self._model.trainable_variables)
            return index + 1, total + loss

    started = time.perf_counter()
    configuration = TrainingConfiguration(optimizer=FORMS[form] or "adamw")
    data, group = load_dataset("digits"), Alone()
    order = batches(len(data.train), configuration, epochs, seed)
    model, noise = training_model(ChainSpace().network(architecture), configuration, seed, group)
    kind = TrainingProgram
    if FORMS[form] is None:
        optimizer = keras.optimizers.AdamW(0.01, weight_decay=5e-4)
        optimizer.build(model.trainable_variables)
        kind = PerVariable
    program = kind(model, data, configuration, order, len(order) // epochs, group, noise=noise)
    program.run(0, 1)
    first = time.perf_counter() - started
    started = time.perf_counter()
    program.run(1, len(order))
    return first, (time.perf_counter() - started) / (len(order) - 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    from pynascent.trainers.workers.tensorflow_runtime import forget_models, set_up_tensorflow

    set_up_tensorflow()
    architectures = ChainSpace().sample(np.random.default_rng(0), given.candidates)
    found: dict[str, list[tuple[float, float, float]]] = {form: [] for form in FORMS}
    for form in FORMS:  # warm up
        train(form, architectures[0], 1, 0)
    for seed, architecture in enumerate(architectures):
        for form in FORMS:
            forget_models()
            gc.collect()
            before = resident()
            times = train(form, architecture, given.epochs, seed)
            forget_models()
            gc.collect()
            found[form].append((*times, resident() - before))
    print(f"AdamW, {given.candidates} networks of the chain space, {given.epochs} epochs, one thread")
    print(f"{'':22s} first step s   ms a step   MB left behind   a training of 9 epochs s")
    for form, runs in found.items():
        first, step, left = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{form:22s} {first:12.2f} {step * 1e3:11.2f} {left:16.1f} {first + 108 * step:26.2f}")


if __name__ == "__main__":
    main()
