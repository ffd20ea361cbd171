"""NAS-Bench-Macro: three CIFAR-10 test accuracies of each of 6,561 networks, as published in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core.evaluation import METRICS, Metric
from ...spaces import space_from_config
from ..builder import MetricData, TableData
from ..errors import TableError
from ..strict import parse_json
from .base import Counter, ImportRequest, accuracy, estimated_seconds, provenance

KIND = "nas-bench-macro"
EPOCHS = (50,)
CITATION = (
    "X. Su, T. Huang, Y. Li, S. You, F. Wang, C. Qian, C. Zhang, C. Xu. Prioritized Architecture Sampling with "
    "Monto-Carlo Tree Search. CVPR 2021."
)
_PROTOCOL = "Best test accuracy of the 50 epochs of a training on all 50,000 training images"


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def read(request: ImportRequest) -> Iterator[TableData]:
    """Yield the table.

    The benchmark has no validation split. ``search_score``, what a search may see, is the first training's
    test accuracy; ``test_accuracy``, what is reported, the mean of the other two. Neither enters the other.
    """
    path = request.only_file(KIND, "nas-bench-macro_cifar10.json")
    contents = parse_json(path.read_bytes(), str(path))
    if not contents:
        raise TableError(f"{path} is a JSON object without architectures")
    space = space_from_config({"space": "nasbench_macro"})
    counter = Counter(request, len(contents))
    rows, figures = [], []
    for key, entry in contents.items():
        try:
            rows.append(space.parse(key))
        except ValueError as error:
            raise TableError(f"{path}: {error}") from None
        accuracies = entry.get("test_acc") if isinstance(entry, dict) else None
        if (
            not isinstance(accuracies, list)
            or len(accuracies) != 3
            or not all(map(_number, [*accuracies, entry.get("params"), entry.get("flops")]))
        ):
            raise TableError(f"{path}: {key} needs test_acc with 3 numbers, params and flops")
        figures.append((*accuracies, entry["params"], entry["flops"]))
        counter.step()
    found = np.array(figures, dtype=np.float64)  # (rows, 5)
    flops = 2.0 * found[:, 4]
    estimate = estimated_seconds(flops, EPOCHS, 50_000)
    score = accuracy(
        found[:, 0, None, None],
        EPOCHS,
        10_000,
        "search_score",
        "validation",
        f"{_PROTOCOL}, the first of three. The benchmark has no validation images: this stands in for them.",
    )
    yield TableData(
        name=request.name or "NASBenchMacro-CIFAR10",
        space=space,
        metrics=[
            score,
            accuracy(
                found[:, 1:3].mean(axis=1)[:, None, None],
                EPOCHS,
                20_000,
                "test_accuracy",
                "test",
                f"{_PROTOCOL}, mean of the second and third of three.",
                averaged=True,
            ),
            estimate,
            MetricData(METRICS["flops"], flops, description="2 x the published multiply-accumulates."),
            MetricData(
                Metric("trainable_parameters", "count"),
                found[:, 3],
                description="Trainable parameters as published.",
            ),
        ],
        search_metric="search_score",
        architectures=np.array(rows),
        cost_metric=estimate.metric.name,
        partial=request.partial,
        source="https://github.com/xiusu/NAS-Bench-Macro",
        licence="Apache-2.0",
        citation=CITATION,
        provenance=provenance(KIND, path),
    )
