"""Rows of NAS-Digits: what is measured of one training of one architecture."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """What is kept of one training.

    Attributes:
        losses: ``(epochs,)`` mean training loss of each epoch, nats.
        validation_accuracy: ``(epochs,)`` fraction 0..1 after each epoch.
        test_accuracy: ``(epochs,)`` fraction 0..1 after each epoch.
        cpu_seconds: ``(epochs,)`` processor time of training up to each epoch.
        isi: ``(fidelities,)`` with structural similarity, 0..1.
        isi_spearman: ``(fidelities,)`` with rank correlation, 0..1.
        isi_error: ``(fidelities,)`` standard error over the probe images.
        maps: ``(probes, height, width)`` final maps, normalised to 0..1, to compare seeds.
        finite: False for a training that diverged; it has no place in a table.
    """

    losses: FloatArray
    validation_accuracy: FloatArray
    test_accuracy: FloatArray
    cpu_seconds: FloatArray
    isi: FloatArray
    isi_spearman: FloatArray
    isi_error: FloatArray
    maps: NDArray[np.float16]
    finite: NDArray[np.bool_]

    def pack(self) -> bytes:
        """Return the row as the bytes of an ``.npz`` file."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **self.__dict__)
        return buffer.getvalue()

    @classmethod
    def unpack(cls, content: bytes) -> Row:
        """Read `pack`'s bytes."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})


@cache
def _program(width: int) -> Any:
    from ....trainers.data.datasets import load_dataset
    from .chain_program import ChainProgram
    from .settings import DATASET, ISI, TRAINING, digits_space

    return ChainProgram(digits_space(), width, load_dataset(DATASET), TRAINING, ISI.cycles)


def train_row(architecture: tuple[int, ...], seed: int) -> bytes:
    """Train one architecture with one seed in this process, in the compiled program; returns the packed row."""
    from ....evaluation.metrics.isi import interpretability_stability_index, normalise_maps
    from .settings import TRAINING, digits_space

    done = _program(digits_space().widths[architecture[-1]]).train(np.array(architecture), seed)
    results = [interpretability_stability_index(done.maps[epochs]) for epochs in TRAINING.fidelities]
    final = done.maps[TRAINING.fidelities[-1]][-1:]
    return Row(
        losses=done.losses.astype(np.float64),
        validation_accuracy=done.validation_accuracy,
        test_accuracy=done.test_accuracy,
        cpu_seconds=done.cpu_seconds,
        isi=np.array([result.isi for result in results]),
        isi_spearman=np.array([result.spearman for result in results]),
        isi_error=np.array([result.standard_error for result in results]),
        maps=normalise_maps(final)[0][0].astype(np.float16),
        finite=np.array(done.finite),
    ).pack()


def measure_latency(architecture: tuple[int, ...], batches: tuple[int, ...] = (1, 64), runs: int = 15) -> list[float]:
    """Return the median milliseconds of an inference of each batch size, in this process, one thread.

    It is the compiled program that runs, choosing each block's operation included.
    """
    import tensorflow as tf

    from .settings import digits_space

    program = _program(digits_space().widths[architecture[-1]])
    program.load(np.array(architecture), 0)
    medians = []
    for batch in batches:
        images = tf.constant(program.dataset.probe.images[:batch])
        times = []
        for run in range(runs + 2):
            started = time.perf_counter()
            program.logits(images).numpy()
            if run >= 2:  # the first ones allocate
                times.append(time.perf_counter() - started)
        medians.append(1e3 * float(np.median(times)))
    return medians
