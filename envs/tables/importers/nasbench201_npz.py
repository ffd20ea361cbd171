"""The compact public compilation of NAS-Bench-201: ``nasbench201.npz``, and its files of single trainings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ...core.evaluation import METRICS, FloatArray, IntArray, Metric
from ..builder import MetricData, TableData
from ..errors import TableError
from .base import Counter, ImportRequest, accuracy, existing, provenance
from .hw_nas_bench import device_metric
from .nasbench201 import (
    CITATION,
    DATASETS,
    EPOCHS,
    FLOPS,
    HW_CITATION,
    HW_LICENCE,
    LICENCE,
    PARAMETERS,
    SOURCE,
    Dataset,
)

KIND = "nasbench201-npz"
SHORT_COST = 12 / 200
"""What 12 epochs cost of 200 (both schedules take the same time per epoch)."""


def load_arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Read arrays from an npz file; never a pickled one.

    Raises:
        TableError: it is no npz file, lacks one of the arrays, or one holds objects.
    """
    try:
        with np.load(existing(path), allow_pickle=False) as file:
            if not isinstance(file, Mapping):
                raise TableError(f"{path} holds a single array: an npz file is needed")
            absent = [name for name in names if name not in file]
            if absent:
                raise TableError(f"{path} has no array {absent[0]!r}: it has {', '.join(file)}")
            return {name: file[name] for name in (names or list(file))}
    except TableError:
        raise
    except Exception as error:  # zipfile, zlib and numpy each have errors of their own for damaged files
        raise TableError(f"{path} cannot be read as an npz file: {error}") from None


def read(request: ImportRequest) -> Iterator[TableData]:
    """Yield the tables of the three datasets.

    Files are ``nasbench201.npz`` and, optionally, ``nasbench201_perseed_{c10,c100,in16}.npz``.
    """
    main, single = None, {}
    for path in request.files:
        key = path.stem.rpartition("_perseed_")[2]
        if "_perseed_" in path.stem and key in [dataset.key for dataset in DATASETS]:
            single[key] = path
        elif main is None:
            main = path
        else:
            raise TableError(f"{path.name} is not needed: give nasbench201.npz and nasbench201_perseed_*.npz files")
    if main is None:
        raise TableError(f"the kind {KIND!r} needs nasbench201.npz; only files of single trainings were given")
    arrays = load_arrays(main, "ops", "op_names", "columns", "table")
    table, names = arrays["table"].astype(np.float64), [str(name) for name in arrays["columns"]]
    if table.ndim != 2 or table.shape[1] != len(names) or arrays["ops"].shape != (len(table), 6):
        raise TableError(f"{main}: table {table.shape}, columns ({len(names)},) and ops {arrays['ops'].shape} disagree")
    values = dict(zip(names, table.T, strict=True))
    counter = Counter(request, len(DATASETS))
    for dataset in DATASETS:
        files = [main, *([single[dataset.key]] if dataset.key in single else [])]
        yield _table(request, dataset, arrays, values, files)
        counter.step()


def _table(
    request: ImportRequest,
    dataset: Dataset,
    arrays: dict[str, np.ndarray],
    values: dict[str, FloatArray],
    files: list[Path],
) -> TableData:
    key = dataset.key

    def take(name: str) -> FloatArray:
        if name not in values:
            raise TableError(f"{files[0]} has no column {name!r}")
        return values[name]

    space = dataset.space()
    edges = space.choices[0].options
    order = [edges.index(str(name)) if str(name) in edges else -1 for name in arrays["op_names"]]
    if -1 in order or arrays["ops"].max() >= len(order):
        raise TableError(f"{files[0]}: op_names {list(map(str, arrays['op_names']))} are not {list(edges)}")
    ops = np.array(order)[arrays["ops"].astype(np.int64)]
    rows = len(ops)
    trainings = None if len(files) == 1 else _trainings(files[1], rows)
    validation = take(f"val200_{key}")[:, None]
    # Only CIFAR-10's single trainings were measured on validation images.
    if trainings is not None and key == "c10":
        validation = trainings
    stacked = np.full((rows, 2, validation.shape[1]), np.nan)
    stacked[:, 0, 0], stacked[:, 1] = take(f"val12_{key}"), validation
    single = validation.shape[1] > 1
    metrics = [
        accuracy(
            stacked,
            EPOCHS,
            dataset.validation * (2 if single else 6),
            description="12 epochs: one figure for each architecture. 200 epochs: "
            + ("each training by itself." if single else "mean over the benchmark's trainings."),
            averaged=not single,
        ),
        accuracy(
            np.stack([take(f"test12_{key}"), take(f"test200_{key}")], axis=1)[:, :, None],
            EPOCHS,
            dataset.test * 6,
            "test_accuracy",
            "test",
            averaged=True,
            description="12 epochs: one figure for each architecture. 200 epochs: mean over the benchmark's trainings."
            + (" CIFAR-10: of models trained on training and validation images together." if key == "c10" else ""),
        ),
    ]
    if key == "c10":
        metrics.append(
            accuracy(
                take("test200_c10valid")[:, None, None],
                (200,),
                dataset.test * 6,
                "half_test_accuracy",
                "test",
                "Test accuracy of the models whose validation accuracy this table has, trained on half the images.",
                averaged=True,
            )
        )
    elif trainings is not None:
        metrics.append(
            accuracy(
                trainings[:, None, :],
                (200,),
                dataset.validation + dataset.test,
                "full_test_accuracy",
                "test",
                "Each training on validation and test images together: for reports, never for a search.",
            )
        )
    seconds = take(f"traintime200_s_{key}")
    times = np.stack([seconds * SHORT_COST, seconds], axis=1).astype(np.float32).astype(np.float64)
    metrics += [
        MetricData(
            METRICS["training_seconds"],
            times[:, :, None],
            EPOCHS,
            "Published seconds of 200 epochs, mean over trainings; 12 epochs cost 0.06 of it.",
            averaged=True,
        ),
        MetricData(
            METRICS["flops"],
            np.rint(take(f"flops_m_{key}") * 2e6),
            description=f"{FLOPS} Here rounded to float32: off by 12 at most.",
        ),
        MetricData(
            Metric("trainable_parameters", "count"), np.rint(take(f"params_m_{key}") * 1e6), description=PARAMETERS
        ),
        *_devices(values, key),
    ]
    return TableData(
        name=f"{request.name or 'NASBench201'}-{dataset.label}",
        space=space,
        metrics=metrics,
        search_metric="validation_accuracy",
        architectures=ops,
        cost_metric="training_seconds",
        partial=request.partial,
        source=SOURCE,
        licence=f"{LICENCE}, {HW_LICENCE}, MIT (HELP); compilation Apache-2.0",
        citation=f"{CITATION} {HW_CITATION}",
        provenance=provenance(KIND, *files),
    )


def _trainings(path: Path, rows: int) -> FloatArray:
    """Return ``(rows, most)`` percent of single trainings, in file order, NaN after a row's last."""
    arrays = load_arrays(path, "arch", "acc")
    arch: IntArray = arrays["arch"].astype(np.int64)
    if arch.ndim != 1 or arch.shape != arrays["acc"].shape or len(arch) == 0 or arch.min() < 0 or arch.max() >= rows:
        raise TableError(f"{path}: arch and acc must be equally long, arch in 0..{rows - 1}")
    order = np.argsort(arch, kind="stable")
    counts = np.bincount(arch, minlength=rows)
    turn = np.arange(len(arch)) - np.repeat(np.cumsum(counts) - counts, counts)
    found = np.full((rows, int(counts.max())), np.nan)
    found[arch[order], turn] = arrays["acc"].astype(np.float64)[order]
    return found


def _devices(values: dict[str, FloatArray], key: str) -> Iterator[MetricData]:
    """Yield latency and energy on each device: HW-NAS-Bench's, and HELP's where they are not the same again."""
    prefix = f"hw_{key}_"
    for name in [name for name in values if name.startswith(prefix)]:
        yield device_metric(name.removeprefix(prefix), values[name])
    if key != "c10":
        return
    for name in [name for name in values if name.startswith("help_lat_")]:
        device = name.removeprefix("help_lat_")
        known = values.get(f"{prefix}{device}_latency")
        if known is None or not np.array_equal(known, values[name]):
            yield MetricData(
                Metric(f"help_{device}_latency_ms", "ms"),
                values[name],
                description=f"Latency on {device} as HELP measured it (Lee et al., NeurIPS 2021).",
            )
