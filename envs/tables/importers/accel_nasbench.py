"""Accel-NASBench: 5,125 networks trained on ImageNet, and their speed on six accelerators."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...core.evaluation import METRICS, FloatArray, IntArray, Metric
from ...spaces import space_from_config
from ..builder import MetricData, TableData
from ..errors import TableError
from .base import Counter, ImportRequest, provenance
from .text import number, read_csv, require_columns, whole

KIND = "accel-nasbench"
CITATION = (
    "A. Ahmad, L. Du, Z. Xie, W. Zhang. Accel-NASBench: Sustainable Benchmarking for Accelerator-Aware NAS. DAC 2024."
)
EPOCHS = (1,)
IMAGES = 50_000
TRAININGS = ("validation_top1_percent", "validation_top5_percent", "train_seconds")
DEVICES = {
    "vck190": "Xilinx Versal AI Core VCK190",
    "zcu102": "Xilinx Ultrascale+ ZCU102",
    "3090": "NVIDIA RTX 3090",
    "a100": "NVIDIA A100",
    "tpuv2": "Google Cloud TPUv2",
    "tpuv3": "Google Cloud TPUv3",
}
LATENCIES = ("vck190", "zcu102")
_PROXY = "The fidelity 1 is one training with the benchmark's proxy, a schedule shortened for ranking."


def read(request: ImportRequest) -> Iterator[TableData]:
    """Yield the table, which is always partial: 5,125 of 1.0 × 10¹¹ networks.

    Thirteen networks are there twice, trained twice: their rows are the trainings 0 and 1 of one architecture, in the
    file's order, and their measured speeds are averaged. The table has one fidelity, 1, for the whole proxy training.
    """
    path = request.only_file(KIND, "accel_nasbench.csv")
    space = space_from_config({"space": "accel_nasbench"})
    names = [choice.name for choice in space.choices]
    speeds = [*(f"latency_{d}" for d in LATENCIES), *(f"throughput_{d}" for d in DEVICES)]
    places: dict[tuple[int, ...], list[int]] = {}
    values: dict[str, list[float]] = {name: [] for name in (*TRAININGS, "mmacs", "mparams", *speeds)}
    count, counter = 0, Counter(request, max(1, path.read_bytes().count(b"\n") - 1))
    for at, line in read_csv(path):
        if not at:
            require_columns(path, list(line), [*names, *values])
            continue
        architecture = []
        for choice in space.choices:
            option = whole(line[choice.name], f"{path}, line {at}: {choice.name}")
            if option not in choice.options:
                allowed = ", ".join(map(str, choice.options))
                raise TableError(f"{path}, line {at}: {choice.name} is {option}, allowed are {allowed}")
            architecture.append(choice.options.index(option))
        places.setdefault(tuple(architecture), []).append(count)
        for name, column in values.items():
            value = number(line[name], f"{path}, line {at}: {name}")
            if np.isnan(value) and name not in speeds:
                raise TableError(f"{path}, line {at}: {name} is empty")
            column.append(value)
        count += 1
        counter.step()
    if not count:
        raise TableError(f"{path} has no lines below its names of columns")
    architectures = np.array(list(places))
    most = max(map(len, places.values()))
    lines = np.full((len(places), most), -1)  # (rows, trainings)
    for row, numbers in enumerate(places.values()):
        lines[row, : len(numbers)] = numbers
    columns = {name: _spread_out(np.array(column), lines) for name, column in values.items()}
    yield TableData(
        name=request.name or "AccelNASBench-ImageNet",
        space=space,
        metrics=[
            *_trainings(columns),
            *_counted(space.cost(architectures)["flops"], columns, str(path)),
            *(_speed(name, columns[name]) for name in speeds),
        ],
        search_metric="validation_accuracy",
        architectures=architectures,
        cost_metric="training_seconds",
        partial=True,
        source="https://github.com/afzalxo/Accel-NASBench",
        licence="Apache-2.0",
        citation=CITATION,
        provenance=provenance(KIND, path),
    )


def _spread_out(column: FloatArray, lines: IntArray) -> FloatArray:
    """Return a column's values by row and training ``(rows, trainings)``, NaN after a row's last."""
    return np.where(lines >= 0, column[np.maximum(lines, 0)], np.nan)


def _trainings(columns: dict[str, FloatArray]) -> Iterator[MetricData]:
    top5 = Metric("validation_top5_accuracy", "fraction", "validation", 0.0, 1.0, maximize=True)
    named = zip(
        ("validation_top1_percent", "validation_top5_percent"), (METRICS["validation_accuracy"], top5), strict=True
    )
    for name, metric in named:
        yield MetricData(
            metric,
            columns[name][:, None] / 100.0,
            EPOCHS,
            f"On ImageNet's {IMAGES:,} validation images. {_PROXY}",
            resolution=IMAGES,
            tolerance=1e-7,
        )
    yield MetricData(METRICS["training_seconds"], columns["train_seconds"][:, None], EPOCHS, _PROXY)


def _counted(flops: FloatArray, columns: dict[str, FloatArray], where: str) -> Iterator[MetricData]:
    for name in ("mmacs", "mparams"):
        if (np.nanmax(columns[name], axis=1) != np.nanmin(columns[name], axis=1)).any():
            raise TableError(f"{where}: an architecture is there twice with different {name}")
    yield MetricData(METRICS["flops"], flops, description="Counted by the space.")
    yield MetricData(
        Metric("published_macs", "MACs"),
        np.rint(columns["mmacs"][:, 0] * 1e6),
        description="As published: convolutions and dense layers, 4 for each value that is normalised, and pooling.",
    )
    parameters = np.rint(columns["mparams"][:, 0] * 1e6)
    yield MetricData(Metric("trainable_parameters", "count"), parameters, description="As published.")


def _speed(name: str, values: FloatArray) -> MetricData:
    quantity, _, device = name.partition("_")
    known = ~np.isnan(values)
    total, many = np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1)
    mean = np.full(len(values), np.nan)
    mean[many > 0] = total[many > 0] / many[many > 0]
    latency = quantity == "latency"
    prefix = f"rtx{device}" if device == "3090" else device  # a metric's name begins with a letter
    metric = Metric(f"{prefix}_{'latency_ms' if latency else 'throughput'}", "ms" if latency else "images/s",
                    maximize=not latency)  # fmt: skip
    gaps = int((many == 0).sum())
    note = f" {gaps} networks were not measured (NaN)." if gaps else ""
    return MetricData(metric, mean, description=f"{quantity.capitalize()} on {DEVICES[device]}.{note}", gaps=gaps > 0)
