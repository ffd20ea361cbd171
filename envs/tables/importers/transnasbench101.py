"""TransNAS-Bench-101: seven vision tasks on the same 4,096 cells (micro) and 3,256 networks (macro)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.evaluation import METRICS, FloatArray, IntArray, Metric
from ...spaces import SearchSpace, space_from_config
from ..builder import MetricData, TableData
from ..errors import TableError
from .base import Counter, ImportRequest, existing, provenance
from .nasbench201_npz import load_arrays
from .zero_cost import zen_columns

KIND = "transnasbench101"
CITATION = (
    "Y. Duan, X. Chen, H. Xu, Z. Chen, X. Liang, T. Zhang, Z. Li. TransNAS-Bench-101: Improving Transferability and "
    "Generalizability of Cross-Task Neural Architecture Search. CVPR 2021."
)
SPACES = {"micro": "transnas_micro", "macro": "transnas_macro"}


@dataclass(frozen=True)
class Task:
    """One of the benchmark's tasks.

    Attributes:
        label: end of the table's name.
        key: beginning of its arrays' names.
        epochs: length of its trainings.
        metric: its score.
        divide: from the file's unit to the metric's.
        outputs: outputs of its dense layer; None for a task with another decoder.
        score: what the score is.
    """

    label: str
    key: str
    epochs: int
    metric: Metric
    divide: float
    outputs: int | None
    score: str


_ACCURACY = METRICS["validation_accuracy"]
_SSIM = Metric("validation_ssim", "SSIM", "validation", -1.0, 1.0, maximize=True)
TASKS = (
    Task("ClassScene", "class_scene", 25, _ACCURACY, 100.0, 47, "top-1 accuracy among 47 scenes"),
    Task("ClassObject", "class_object", 25, _ACCURACY, 100.0, 75, "top-1 accuracy among 75 objects"),
    Task(
        "RoomLayout",
        "room_layout",
        25,
        Metric("validation_negative_loss", "loss", "validation", -np.inf, 0.0, maximize=True),
        1.0,
        9,
        "minus the mean squared error of 9 numbers that describe a room: a loss, not an accuracy",
    ),
    Task("Jigsaw", "jigsaw", 10, _ACCURACY, 100.0, None, "top-1 accuracy among 1,000 permutations of 9 tiles"),
    Task(
        "SegmentSemantic",
        "segmentsemantic",
        30,
        Metric("validation_pixel_accuracy", "fraction", "validation", 0.0, 1.0, maximize=True),
        100.0,
        None,
        "share of pixels whose class of 17 is right",
    ),
    Task("Normal", "normal", 30, _SSIM, 1.0, None, "structural similarity of surface normals"),
    Task("Autoencoder", "autoencoder", 30, _SSIM, 1.0, None, "structural similarity of the reconstruction"),
)


def read(request: ImportRequest) -> Iterator[TableData]:
    """Yield the tables of the seven tasks for each of the files, one of micro and one of macro or both.

    Arrays: ``architectures`` ``(rows, 6)``, codes 0..3 of the edges' operations (micro), or 1..4 of the modules,
    then zeros (macro), with ``lengths``; for each task ``<task>__validation_accuracy``, its score, ``<task>__zen`` and
    ``<task>__zen_seconds``. Training times are not among them: an epoch costs one nominal second.
    """
    if not 1 <= len(request.files) <= 2:
        raise TableError(f"the kind {KIND!r} takes the micro file, the macro file or both: {len(request.files)} given")
    counter, seen = Counter(request, len(TASKS) * len(request.files)), set()
    for path in map(existing, request.files):
        part = next((part for part in SPACES if part in path.stem.lower()), None)
        if part is None or part in seen:
            raise TableError(f"{path.name}: the names of the two files must say which is micro and which is macro")
        seen.add(part)
        arrays = load_arrays(path)
        for task in TASKS:
            yield _table(request, task, part, arrays, path)
            counter.step()


def _table(request: ImportRequest, task: Task, part: str, arrays: dict[str, np.ndarray], path: Path) -> TableData:
    space = space_from_config({"space": SPACES[part], "classes": task.outputs or 75})
    architectures = _architectures(space, part, arrays, path)
    rows = len(architectures)

    def take(name: str) -> FloatArray:
        key = f"{task.key}__{name}"
        if key not in arrays or arrays[key].shape != (rows,) or arrays[key].dtype.kind != "f":
            raise TableError(f"{path} needs an array {key!r} of {rows} numbers")
        return arrays[key].astype(np.float64)

    cost = space.cost(architectures)
    what = "with the task's dense layer" if task.outputs else "with a dense layer of 75 outputs for the task's decoder"
    return TableData(
        name=f"{request.name or 'TransNAS'}{part.capitalize()}-{task.label}",
        space=space,
        metrics=[
            MetricData(
                task.metric,
                (take("validation_accuracy") / task.divide)[:, None, None],
                (task.epochs,),
                f"{task.score[0].upper()}{task.score[1:]}, on validation images, at the end of one training.",
            ),
            MetricData(METRICS["flops"], cost["flops"], description=f"Counted by the space: the backbone {what}."),
            MetricData(
                Metric("trainable_parameters", "count"),
                cost["trainable_parameters"],
                description="Counted by the space, as FLOPs are.",
            ),
            *zen_columns(take("zen"), take("zen_seconds")),
        ],
        search_metric=task.metric.name,
        architectures=architectures,
        nominal_seconds=1.0,
        partial=request.partial,
        source="https://github.com/yawen-d/TransNASBench (extract of automl/NASLib)",
        licence="Apache-2.0 (extract); see the benchmark's own terms",
        citation=CITATION,
        provenance=provenance(KIND, path),
    )


def _architectures(space: SearchSpace, part: str, arrays: dict[str, np.ndarray], path: Path) -> IntArray:
    codes = arrays.get("architectures", np.zeros(0))
    if codes.ndim != 2 or codes.shape[1] != 6 or codes.dtype.kind not in "ui" or not len(codes):
        raise TableError(f"{path} needs an array 'architectures' (rows, 6) of whole numbers, it has {codes.shape}")
    codes = codes.astype(np.int64)
    lengths = arrays.get("lengths")
    if lengths is None or not np.array_equal(
        lengths, (codes > 0).sum(axis=1) if part == "macro" else codes[:, 0] * 0 + 6
    ):
        raise TableError(f"{path}: lengths are not those of its architectures")
    # The fifth and sixth choice of the macro space have the option 0, none; the first four have not.
    rows = codes - (np.arange(6) < 4) if part == "macro" else codes
    try:
        return space.check(rows)
    except ValueError as error:
        raise TableError(f"{path}: {error}") from None
