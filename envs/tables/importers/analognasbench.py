"""AnalogNAS-Bench: NAS-Bench-201 cells on analog in-memory hardware, joined onto the CIFAR-10 table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...core.evaluation import FloatArray, Metric
from ..builder import MetricData, TableData
from ..errors import TableError
from .base import Counter, ImportRequest, provenance
from .nasbench201 import from_naslib, joined_tables
from .text import number, read_csv, require_columns, spread

KIND = "analognasbench"
CITATION = "AnalogNAS-Bench: A NAS Benchmark for Analog In-Memory Computing. arXiv:2506.18495, 2025."
LICENCE = "MIT (AnalogNAS-Bench)"
SINGLE = {
    "baseline": "as trained, digital",
    "ptq": "quantised after training",
    "qat": "trained with quantisation",
    "analog": "as trained, on simulated analog hardware",
    "finetuned": "trained with the hardware's noise, on simulated analog hardware",
}
DRIFTS = {60: "a minute", 3600: "an hour", 86_400: "a day", 2_592_000: "30 days"}


def read(request: ImportRequest) -> Iterator[TableData]:
    """Yield the CIFAR-10 table of NAS-Bench-201 that is there, with the benchmark's columns added.

    Cells are coded as in `from_naslib`. The benchmark has 6,115 of the 15,625 cells, some of them two or three
    times: those get the mean. Its networks were trained on all 50,000 images, so that its accuracies are of test
    images: they are of the test split, for reports and for objectives that allow it.
    """
    path = request.only_file(KIND, "analognasbench.csv")
    codes, columns = _read(path)
    architectures = from_naslib(codes, str(path))
    for dataset, data in joined_tables(request, Counter(request, 1), ("CIFAR10",)):
        index = data.space.index(architectures)
        counts = np.bincount(index, minlength=data.space.size)
        metrics = []
        for name, values in columns.items():
            known = ~np.isnan(values)
            total = np.bincount(index[known], values[known], data.space.size)
            many = np.bincount(index[known], minlength=data.space.size)
            mean = np.full(data.space.size, np.nan)
            mean[many > 0] = total[many > 0] / many[many > 0]
            metrics.append(_metric(name, mean / 100.0, int((counts > 1).sum())))
        data.add(metrics, LICENCE, CITATION, provenance(KIND, path))
        del dataset
        yield data


def _metric(name: str, values: FloatArray, repeated: int) -> MetricData:
    kind, _, seconds = name.removesuffix("_sd").partition("_drift_")
    text = f"CIFAR-10 test accuracy, {SINGLE[kind]}"
    if seconds:
        text = f"CIFAR-10 test accuracy of the {kind} network on analog hardware after {DRIFTS[int(seconds)]} of drift"
    if name.endswith("_sd"):
        text = text.replace("CIFAR-10", "Standard deviation of the CIFAR-10")
    stem = f"analog_{kind}" if kind != "analog" else "analog"
    stem += f"_drift_{seconds}s" if seconds else ""
    sd = name.endswith("_sd")
    return MetricData(
        Metric(f"{stem}_accuracy" + ("_sd" if sd else ""), "fraction", "test", 0.0, 1.0, maximize=not sd),
        values,
        description=f"{text}, AnalogNAS-Bench. {int(np.isnan(values).sum()):,} cells have none (NaN); {repeated} are "
        "means over two or three rows.",
        gaps=True,
    )


def _read(path: Path) -> tuple[np.ndarray, dict[str, FloatArray]]:
    """Return the codes ``(rows, 6)``, and each column ``(rows,)`` in percent; NaN where a cell is empty."""
    drifts = [f"{kind}_drift_{seconds}" for kind in ("baseline", "finetuned") for seconds in DRIFTS]
    singles = [f"{kind}_accuracy" for kind in SINGLE]
    codes: list[list[int]] = []
    columns: dict[str, list[float]] = {kind: [] for kind in SINGLE}
    columns |= {name: [] for drift in drifts for name in (drift, f"{drift}_sd")}
    for at, line in read_csv(path):
        if not at:
            require_columns(path, list(line), ["architecture", *singles, *drifts])
            continue
        found = re.fullmatch(r"\(([0-9]), ?([0-9]), ?([0-9]), ?([0-9]), ?([0-9]), ?([0-9])\)", line["architecture"])
        if not found:
            raise TableError(f"{path}, line {at}: architecture is {line['architecture']!r}, not six digits in brackets")
        codes.append([int(code) for code in found.groups()])
        for kind in SINGLE:
            columns[kind].append(number(line[f"{kind}_accuracy"], f"{path}, line {at}: {kind}_accuracy"))
        for place, drift in enumerate(drifts):
            text = line[drift]
            # A line that was cut off in the source ends in the middle of a cell: what is left of it is no value.
            if "±" not in text and not any(line[later] for later in drifts[place + 1 :]):
                text = ""
            mean, deviation = spread(text, f"{path}, line {at}: {drift}")
            columns[drift].append(mean)
            columns[f"{drift}_sd"].append(deviation)
    if not codes:
        raise TableError(f"{path} has no lines below its names of columns")
    return np.array(codes), {name: np.array(values) for name, values in columns.items()}
