"""From the finished rows of NAS-Digits to its table file."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ....envs.core.evaluation import METRICS, Metric
from ....envs.spaces import ChainSpace, SearchSpace
from ....envs.tables import MetricData, Table, TableData, TableEvaluator
from ....evaluation.metrics.similarity import ssim
from .row_store import Architecture, RowStore
from .rows import Row
from .settings import NAME, SEEDS, TRAINING, canonical_architectures, digits_space, settings, settings_key

EPOCHS = tuple(range(1, TRAINING.fidelities[-1] + 1))


@dataclass(frozen=True)
class Finished:
    """All trainings of one architecture.

    Attributes:
        rows: one for each of `SEEDS`.
        across_seeds: how alike the final maps of two seeds are, 0..1, mean over images and pairs of seeds.
    """

    rows: Sequence[Row]
    across_seeds: float


Rows = Mapping[Architecture, Finished]


def covered_space(rows: Rows) -> ChainSpace | None:
    """Return the largest of NAS-Digits' spaces of which all architectures are there; None if there is none."""
    for widths in ((8, 16), (8,), (16,)):
        space = digits_space(widths)
        if all(_key(space, row) in rows for row in canonical_architectures(space)):
            return space
    return None


def finished_in_store(store: RowStore) -> dict[Architecture, Finished]:
    """Return the architectures of which a store has the rows of all seeds.

    Raises:
        ValueError: a training diverged; there is no table with it.
    """
    found: dict[Architecture, dict[int, Row]] = {}
    for architecture, seed, row in store.rows():
        if not row.finite:
            text = digits_space().to_string(np.array(architecture))
            raise ValueError(f"the training of {text} with seed {seed} diverged: there is no table with it")
        found.setdefault(architecture, {})[seed] = row
    complete = {key: [by_seed[s] for s in SEEDS] for key, by_seed in found.items() if all(s in by_seed for s in SEEDS)}
    return {key: Finished(rows, _across_seeds(rows)) for key, rows in complete.items()}


def finished_in_table(table: Table) -> dict[Architecture, Finished]:
    """Return the architectures of an earlier table, whole or partial, by architecture of the whole space.

    Raises:
        ValueError: it was made with other settings, so that its rows do not belong beside new ones.
    """
    if table.header.provenance.get("settings") != settings_key():
        raise ValueError(
            f"{table.path} was made with other settings (data, training configuration or versions): "
            "leave it out, or use those"
        )
    evaluator = TableEvaluator(table)
    values = {name: table.values(name) for name in table.header.columns}
    nothing = np.zeros((0, 0, 0), dtype=np.float16)
    finished = {}
    for place, architecture in enumerate(evaluator.architectures()):
        rows = [
            Row(
                values["training_loss"][place, :, seed],
                values["validation_accuracy"][place, :, seed],
                values["test_accuracy"][place, :, seed],
                values["training_seconds"][place, :, seed],
                values["isi"][place, :, seed],
                values["isi_spearman"][place, :, seed],
                values["isi_probe_error"][place, :, seed],
                nothing,
                np.array(True),
            )
            for seed in SEEDS
        ]
        key = _key(evaluator.space, architecture)
        finished[key] = Finished(rows, float(values["isi_across_seeds"][place]))
    return finished


def _key(space: SearchSpace, row: Any) -> Architecture:
    """Return a row of a part of NAS-Digits' space as a row of the whole."""
    width = digits_space().choices[-1].options.index(space.choices[-1].options[int(row[-1])])
    return (*(int(i) for i in row[:-1]), width)


def table_data(
    space: ChainSpace, rows: Rows, latencies: Mapping[Architecture, list[float]], command: str, partial: bool = False
) -> TableData:
    """Return the table of a space.

    Args:
        space: NAS-Digits' space or a part of it.
        rows: of its canonical forms, by architecture of the whole space.
        latencies: milliseconds at batch 1 and 64, by architecture of the whole space.
        command: what the user called, for the provenance.
        partial: whether canonical forms may be missing.
    """
    architectures = canonical_architectures(space)
    if partial:
        architectures = architectures[[_key(space, row) in rows for row in architectures]]
    keys = [_key(space, row) for row in architectures]
    cost = space.cost(architectures)

    def of_rows(name: str, digits: int | None = None) -> np.ndarray:
        """Return (rows, epochs or fidelities, seeds)."""
        values = np.array([[getattr(row, name) for row in rows[key].rows] for key in keys]).transpose(0, 2, 1)
        return values if digits is None else np.round(values.astype(np.float64), digits)

    def trained(metric: Metric, name: str, digits: int, epochs: tuple[int, ...], description: str) -> MetricData:
        return MetricData(metric, of_rows(name, digits), epochs, description)

    def fraction(name: str) -> Metric:
        return Metric(name, "fraction", None, 0.0, 1.0, maximize=True)

    splits = {"validation_accuracy": 500, "test_accuracy": 633}
    metrics = [
        MetricData(METRICS[name], of_rows(name), EPOCHS, f"of {images} images", resolution=images)
        for name, images in splits.items()
    ]
    metrics += [
        trained(METRICS["training_loss"], "losses", 4, EPOCHS, "mean of the epoch's batches"),
        trained(
            METRICS["training_seconds"],
            "cpu_seconds",
            3,
            EPOCHS,
            "processor time of the optimiser's steps, one thread; depends on the machine, never to be ranked on",
        ),
        trained(METRICS["isi"], "isi", 4, TRAINING.fidelities, "nine checkpoints, SSIM of gradient×input, 64 images"),
        trained(fraction("isi_spearman"), "isi_spearman", 4, TRAINING.fidelities, "the same with rank correlation"),
        trained(
            Metric("isi_probe_error", "fraction", None, 0.0, 1.0),
            "isi_error",
            4,
            TRAINING.fidelities,
            "how far the choice of probe images moves the ISI: root mean square over split halves",
        ),
        MetricData(
            fraction("isi_across_seeds"),
            np.array([rows[key].across_seeds for key in keys]),
            description="SSIM of the final maps of two seeds, mean over images and pairs of seeds",
        ),
        *(MetricData(METRICS[name], cost[name]) for name in ("flops", "elementwise_flops", "parameters")),
        *(
            MetricData(
                Metric(name, "ms"),
                np.round([latencies[key][place] for key in keys], 4),
                description=f"inference of batch {batch}, float32, one thread, median of 15; depends on the machine",
                trust_unit=True,
            )
            for place, (name, batch) in enumerate((("latency_ms", 1), ("latency_batch64_ms", 64)))
        ),
    ]
    made_with = settings()
    return TableData(
        name=NAME,
        space=space,
        metrics=metrics,
        search_metric="validation_accuracy",
        architectures=architectures,
        fidelities=TRAINING.fidelities,
        cost_metric="training_seconds",
        canonical=True,
        partial=partial,
        source="trained by PyNASCENT on scikit-learn's digits (E. Alpaydin and C. Kaynak, UCI, 1998)",
        licence="table: Apache-2.0; images: CC BY 4.0",
        citation="PyNASCENT, NAS-Digits",
        provenance={
            "command": command,
            "settings": settings_key(),
            "dataset": f"{made_with['dataset']['name']}, checksum {made_with['dataset']['checksum']}",
            "recipe": ", ".join(f"{name} {value}" for name, value in made_with["recipe"].items()),
            "versions": ", ".join(f"{name} {value}" for name, value in made_with["versions"].items()),
            "machine": f"{platform.machine()}, one thread per training, oneDNN on",
        },
    )


def _across_seeds(rows: Sequence[Row]) -> float:
    """Return how alike the final maps of independent trainings are, 0..1; a dead map agrees with nothing."""
    maps = np.array([row.maps for row in rows], dtype=np.float64)  # (seeds, probes, height, width)
    alive = maps.any(axis=(2, 3))
    pairs = [np.where(alive[a] & alive[b], ssim(maps[a], maps[b]), 0.0) for a, b in combinations(range(len(maps)), 2)]
    return float(np.round(np.clip(np.mean(pairs), 0.0, 1.0), 4))
