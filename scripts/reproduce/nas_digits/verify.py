"""Trains rows of NAS-Digits again with the ordinary live evaluator, and says whether the table is right."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from math import sqrt
from pathlib import Path

import numpy as np

from ....envs.tables import MEAN_SEED, Table, TableError, TableEvaluator
from ....trainers.live import LiveEvaluator
from .settings import DATASET, NAME, SEEDS, TRAINING

FIRST_EPOCH = {"training_loss": 1e-3, "validation_accuracy": 0.02, "test_accuracy": 0.02, "isi": 0.02}
"""How far a measurement may be off after one epoch: an image at the border may fall on either side.

The order in which sums are taken differs, and Adam's first steps, which hardly depend on a gradient's size,
turn that into differences of about 1e-4 in the loss.
"""

FINAL = ("validation_accuracy", "test_accuracy", "isi")


def verify_sample(table: Table, sample: int, seed: int = 0, workers: int | None = None) -> Iterator[str]:
    """Train random rows from scratch; yields a line for each that agrees with the table.

    After the first epoch a row must be the same but for rounding (`FIRST_EPOCH`). After hundreds of steps
    rounding has grown into another training, which must lie where trainings with another seed lie: within
    3 √(4/3) standard deviations of the row's mean over its three seeds, pooled over the table (√(4/3): the
    mean of three is itself uncertain).

    Args:
        table: NAS-Digits or a part of it.
        sample: how many rows, architecture and training seed at random.
        seed: which ones.
        workers: trainings at once; None for as many as there are cores.

    Raises:
        TableError: a row does not agree.
        ValueError: it is another table, or has fewer rows.
    """
    if table.header.name != NAME:
        raise ValueError(f"the table {table.header.name!r} was not trained here: --sample is for {NAME!r}")
    evaluator = TableEvaluator(table)
    rows = table.header.rows * len(SEEDS)
    if sample > rows:
        raise ValueError(f"sample={sample}: the table has {rows} trainings")
    picked = np.random.default_rng(seed).choice(rows, size=sample, replace=False)
    places, seeds = picked // len(SEEDS), picked % len(SEEDS)
    architectures, last = evaluator.architectures()[places], TRAINING.fidelities[-1]
    # Each row after its first and after its last epoch, there compared with the mean over the table's seeds.
    twice, epochs = np.repeat(architectures, 2, axis=0), np.tile([1, last], sample)
    recorded = evaluator.evaluate(twice, epochs, np.stack([seeds, np.full(sample, MEAN_SEED)], axis=1).ravel())
    with tempfile.TemporaryDirectory() as folder:
        live = LiveEvaluator(
            evaluator.space, DATASET, TRAINING.config(), workers=workers, store=Path(folder, "new.sqlite")
        )
        try:
            found = live.evaluate(twice, epochs, np.repeat(seeds, 2))
        finally:
            live.close()
    spread = {name: _seed_spread(evaluator, name) for name in FINAL}
    for i in range(sample):
        text = f"{evaluator.space.to_string(architectures[i])}, seed {seeds[i]}"
        if not found.ok[2 * i : 2 * i + 2].all():
            raise TableError(f"{text}: the training failed")
        parts = []
        for name, allowed in FIRST_EPOCH.items():
            _compare(text, name, 1, float(recorded[name][2 * i]), float(found[name][2 * i]), allowed)
        for name in FINAL:
            mean, now = float(recorded[name][2 * i + 1]), float(found[name][2 * i + 1])
            _compare(text, name, last, mean, now, 3 * sqrt(4 / 3) * spread[name])
            parts.append(f"{name} {now:.4f} (mean of the table's seeds {mean:.4f})")
        yield f"{text}: {', '.join(parts)}"


def _seed_spread(evaluator: TableEvaluator, name: str) -> float:
    """Return the standard deviation over seeds after the last epoch, pooled over all architectures."""
    by_seed = np.array([evaluator.values(name, TRAINING.fidelities[-1], seed) for seed in SEEDS])
    return float(np.sqrt(by_seed.var(axis=0, ddof=1).mean()))


def _compare(text: str, name: str, epochs: int, recorded: float, found: float, allowed: float) -> None:
    if not abs(found - recorded) <= allowed:
        raise TableError(
            f"{text}: {name} after {epochs} epochs is {found:.4f}, the table has {recorded:.4f}: "
            f"they may differ by {allowed:.4f}"
        )
