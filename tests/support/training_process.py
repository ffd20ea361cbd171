"""Work done in a fresh process of its own, set up as workers are: one thread, deterministic operations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import numpy as np

from pynascent.envs.spaces import ChainSpace
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.training.configuration import TrainingConfiguration
from pynascent.trainers.training.scores import Accuracy
from pynascent.trainers.workers.tensorflow_runtime import set_up_tensorflow


@contextmanager
def training_process() -> Iterator[ProcessPoolExecutor]:
    """Give an executor with one process that is ready to train."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=set_up_tensorflow) as executor:
        yield executor


def digest(weights: list[np.ndarray]) -> str:
    """Return a hash of every bit of some weights."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(w).tobytes() for w in weights)).hexdigest()


def accuracy(logits: np.ndarray, split: str) -> float:
    """Return the accuracy of logits on a split of the digits; 0 where a training diverged."""
    return Accuracy()(logits, getattr(load_dataset("digits"), split).labels) if len(logits) else 0.0


def train(architecture: tuple[int, ...], epochs: int, seed: int, cycles: int = 9, **recipe: Any) -> dict[str, Any]:
    """Train a network of the default space; return everything that was measured, weights as hashes."""
    from pynascent.trainers.training.loop import train_candidate

    result = train_candidate(
        ChainSpace().network(architecture),
        load_dataset("digits"),
        TrainingConfiguration(**recipe),
        epochs,
        seed,
        cycles=cycles,
    )
    return {
        "status": result.status.name,
        "losses": result.losses,
        "validation_accuracy": accuracy(result.validation_logits, "validation"),
        "test_accuracy": accuracy(result.test_logits, "test"),
        "checkpoints": [digest(weights) for weights in result.checkpoints],
        "seconds": result.training_seconds,
    }


def train_alone(
    architecture: tuple[int, ...], dataset: Any, recipe: TrainingConfiguration, epochs: int, seed: int
) -> Any:
    """Train on a given data set; return all checkpoints as arrays."""
    from pynascent.trainers.training.loop import train_candidate

    return train_candidate(ChainSpace().network(architecture), dataset, recipe, epochs, seed, cycles=2).checkpoints


def train_with_keras(architecture: tuple[int, ...], epochs: int, seed: int, **recipe: Any) -> list[np.ndarray]:
    """Train by Keras's own ``train_on_batch`` and per-variable optimizer; return the final weights."""
    import keras

    from pynascent.trainers.keras.builder import build_model
    from pynascent.trainers.training.configuration import batches

    settings, data = TrainingConfiguration(**recipe), load_dataset("digits")
    model = build_model(ChainSpace().network(architecture), seed=seed, batch_norm_momentum=settings.batch_norm_momentum)
    if settings.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(0.1, momentum=settings.momentum, weight_decay=settings.weight_decay)
    else:
        optimizer = keras.optimizers.AdamW(0.1, weight_decay=settings.weight_decay)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    order = batches(len(data.train), settings, epochs, seed)
    for rows, rate in zip(order, settings.learning_rates(len(order), len(order) // epochs), strict=True):
        optimizer.learning_rate = rate
        model.train_on_batch(data.train.images[rows], data.train.labels[rows])
    return model.get_weights()


def final_weights(architecture: tuple[int, ...], epochs: int, seed: int, **recipe: Any) -> list[np.ndarray]:
    """Train as candidates are trained; return the final weights."""
    return train_alone(architecture, load_dataset("digits"), TrainingConfiguration(**recipe), epochs, seed)[-1]


def graphs_kept(architecture: tuple[int, ...]) -> int:
    """Train and explain as a worker does; return how many more TensorFlow graphs are in memory afterwards."""
    import gc

    from pynascent.envs.core.imports import CodePath
    from pynascent.envs.spaces import space_to_config
    from pynascent.trainers.stages import Candidate
    from pynascent.trainers.workers.jobs import make_job, run_stage

    def graphs() -> int:
        gc.collect()
        return sum(type(thing).__name__.endswith("FuncGraph") for thing in gc.get_objects())

    space = ChainSpace()
    train, explain = (
        make_job({"component": stage}, space_to_config(space), Candidate(space, architecture, 1, 0), data, CodePath())
        for stage, data in (("train", load_dataset("digits")), ("explain", load_dataset("digits")))
    )
    run_stage(train, {})  # the first hides what there is from the collector, whatever other tests have left here
    before = graphs()
    _, artifacts = run_stage(train, {})
    run_stage(explain, artifacts)
    return graphs() - before
