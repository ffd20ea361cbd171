"""NATS-Bench: the official topology and size files, read through the ``nats_bench`` package."""

from __future__ import annotations

import bz2
import contextlib
import io
import pickle
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...core.evaluation import METRICS, Metric
from ...spaces import SearchSpace
from ..builder import MetricData, TableData
from ..categorical import CategoricalSpace
from ..errors import TableError
from .base import Counter, ImportRequest, accuracy, existing, provenance
from .nasbench201 import CITATION, DATASETS, FLOPS, LICENCE, PARAMETERS, SOURCE, Dataset
from .unpickle import CONTAINERS, NUMPY, load_restricted, require

KIND = "nats-bench"
CHANNELS = (8, 16, 24, 32, 40, 48, 56, 64)
SIZE_EPOCHS = ("01", "12", "90")
TOPOLOGY_EPOCHS = ("12", "200")


@dataclass(frozen=True)
class _Official:
    """The official architecture strings, and how to get the results of one of them."""

    texts: list[str]
    size: bool
    results: Mapping[int, Any] | Path


@dataclass
class _Row:
    """What one architecture has, for one dataset."""

    architecture: np.ndarray
    validation: list[list[float]] = field(default_factory=list)  # per fidelity, per training
    test: list[list[float]] = field(default_factory=list)
    seconds: list[list[float]] = field(default_factory=list)
    flops: float = np.nan
    parameters: float = np.nan
    latency: float | None = None


def read(request: ImportRequest) -> Iterator[TableData]:
    """Yield the tables of the three datasets.

    The source is an official ``NATS-{tss,sss}-v1_0-*.pickle.pbz2`` file or, which needs far less memory, a
    ``…-simple`` folder of one such file for each architecture. They are pickles: asking for this kind is what
    lets us read them, with an unpickler that admits plain containers and numpy's numbers alone;
    ``trust_pickle`` hands them to Python's own, which lets a file run code. The results then go through the
    package's own classes. One random seed's worth of each fidelity is one training; a cost is what the
    package's ``simulate_train_eval`` charges: training, and one pass over the validation images.
    """
    if len(request.files) != 1:
        raise TableError(f"the kind {KIND!r} takes one file or one folder, {len(request.files)} were given")
    path = existing(request.files[0], folder=True)
    require(["nats_bench"])
    official = _open(path, request.trust_pickle)
    spaces = {dataset.key: _size_space() if official.size else dataset.space() for dataset in DATASETS}
    rows: dict[str, list[_Row]] = {dataset.key: [] for dataset in DATASETS}
    numbers = _numbers(official)
    counter = Counter(request, len(numbers))
    for number in numbers:
        api = _api(official, number, request.trust_pickle)
        for dataset in DATASETS:
            row = _read_row(api, dataset, spaces[dataset.key], official, number)
            if row is not None:
                rows[dataset.key].append(row)
        counter.step()
    default = "NATSBenchSize" if official.size else "NASBench201"
    epochs = tuple(int(e) for e in (SIZE_EPOCHS if official.size else TOPOLOGY_EPOCHS))
    found = False
    for dataset in DATASETS:
        if rows[dataset.key]:
            found = True
            name = f"{request.name or default}-{dataset.label}"
            yield _table(request, name, dataset, spaces[dataset.key], rows[dataset.key], epochs, path)
    if not found:
        raise TableError(f"{path} has no architecture with results on any of {[d.official for d in DATASETS]}")


def _load(path: Path, trust: bool) -> Any:
    try:
        with bz2.open(existing(path), "rb") as file:
            if trust:
                return pickle.load(file)
            return load_restricted(io.BytesIO(file.read()), str(path), NUMPY, CONTAINERS)
    except TableError as error:
        if "asks for" not in str(error):
            raise
        raise TableError(
            f"{error}; if you trust where the file comes from, import it with --trust-pickle "
            "(files with trained weights need it: the '-simple' ones have none)"
        ) from None
    except Exception as error:  # a trusted pickle raises what it likes
        raise TableError(f"{path} is no NATS-Bench pickle, or is damaged: {error}") from None


def _open(path: Path, trust: bool) -> _Official:
    if path.is_dir():
        meta = next((path / n for n in ("meta.pickle.pbz2", "meta.pbz2") if (path / n).is_file()), None)
        if meta is None:
            raise TableError(f"the folder {path} has no meta.pickle.pbz2: it is no NATS-Bench folder")
        contents, results = _load(meta, trust), path
    else:
        contents = _load(path, trust)
        results = contents.get("arch2infos") if isinstance(contents, dict) else None
        if not isinstance(results, Mapping):
            raise TableError(f"{path} has no 'arch2infos': it is no NATS-Bench file")
    texts = contents.get("meta_archs") if isinstance(contents, dict) else None
    if not isinstance(texts, (list, tuple)) or not texts or not all(isinstance(text, str) for text in texts):
        raise TableError(f"{path} has no list of architecture strings 'meta_archs'")
    return _Official(list(texts), ":" in texts[0], results)


def _numbers(official: _Official) -> list[int]:
    """Return the official numbers of the architectures that have results."""
    if isinstance(official.results, Path):
        return [n for n in range(len(official.texts)) if _file(official.results, n) is not None]
    found = sorted(official.results)
    wrong = [n for n in found if type(n) is not int or not 0 <= n < len(official.texts)]
    if wrong:
        raise TableError(f"architecture number {wrong[0]!r} is not one of 0..{len(official.texts) - 1}")
    return found


def _file(folder: Path, number: int) -> Path | None:
    names = (f"{number:06d}.pickle.pbz2", f"{number}.pickle.pbz2")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _api(official: _Official, number: int, trust: bool) -> Any:
    """Return the package's own API, holding this one architecture under number 0."""
    import nats_bench

    if isinstance(official.results, Path):
        file = _file(official.results, number)
        assert file is not None
        info = _load(file, trust)
    else:
        info = official.results[number]
    contents = {"meta_archs": [official.texts[number]], "arch2infos": {0: info}, "evaluated_indexes": [0]}
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it is doing
            return nats_bench.create(contents, "size" if official.size else "topology", fast_mode=False, verbose=False)
    except Exception as error:  # whatever its classes make of a damaged file
        raise TableError(f"nats_bench cannot read architecture {number}, {official.texts[number]}: {error}") from None


def _size_space() -> SearchSpace:
    return CategoricalSpace({f"channels{i}": CHANNELS for i in range(1, 6)}, label="NATS-Bench size")


def _parse(space: SearchSpace, official: _Official, number: int) -> np.ndarray:
    text = official.texts[number]
    try:
        if official.size:
            return space.from_options({f"channels{i}": int(c) for i, c in enumerate(text.split(":"), start=1)})
        return space.parse(text)
    except ValueError as error:
        raise TableError(f"architecture {number}, {text!r}: {error}") from None


def _read_row(api: Any, dataset: Dataset, space: SearchSpace, official: _Official, number: int) -> _Row | None:
    """Return an architecture's results on a dataset, None where it has none."""
    row = _Row(_parse(space, official, number))
    # The package draws from Python's generator now and then: leave it as it was.
    state = random.getstate()
    try:
        for fidelity in SIZE_EPOCHS if official.size else TOPOLOGY_EPOCHS:
            known = api.query_meta_info_by_index(0, hp=fidelity)
            if dataset.trained not in known.get_dataset_names():
                return None
            infos = [
                api.get_more_info(0, dataset.trained, hp=fidelity, is_random=int(seed))
                for seed in known.get_dataset_seeds(dataset.trained)
            ]
            row.validation.append([float(info["valid-accuracy"]) for info in infos])
            row.seconds.append([float(info["train-all-time"]) + float(info["valid-per-time"]) for info in infos])
            if dataset.official in known.get_dataset_names():
                seeds = known.get_dataset_seeds(dataset.official)
                tests = [api.get_more_info(0, dataset.official, hp=fidelity, is_random=int(s)) for s in seeds]
                row.test.append([float(info["test-accuracy"]) for info in tests])
            cost = api.get_cost_info(0, dataset.trained, hp=fidelity)
        row.flops, row.parameters, row.latency = cost["flops"], cost["params"], cost["latency"]
    except Exception as error:  # the package raises KeyError, ValueError, TypeError on incomplete results
        raise TableError(
            f"the results of architecture {number}, {official.texts[number]}, on {dataset.official} are incomplete: "
            f"{type(error).__name__}: {error}"
        ) from None
    finally:
        random.setstate(state)
    return row


def _stack(per_row: list[list[list[float]]]) -> np.ndarray:
    """Return ``(rows, fidelities, trainings)``, NaN after the last training."""
    most = max(len(seeds) for row in per_row for seeds in row)
    found = np.full((len(per_row), len(per_row[0]), most), np.nan)
    for i, row in enumerate(per_row):
        for j, seeds in enumerate(row):
            found[i, j, : len(seeds)] = seeds
    return found


def _table(
    request: ImportRequest,
    name: str,
    dataset: Dataset,
    space: SearchSpace,
    rows: list[_Row],
    epochs: tuple[int, ...],
    path: Path,
) -> TableData:
    flops = np.rint(np.array([row.flops for row in rows]) * 1e5) * 20.0
    if isinstance(space, CategoricalSpace):
        space = CategoricalSpace({c.name: c.options for c in space.choices}, space.label, float(flops.max()))
    metrics = [
        accuracy(
            _stack([row.validation for row in rows]),
            epochs,
            dataset.validation,
            description="Each fidelity is a training of its own, its learning rate annealed to its end.",
        ),
        MetricData(
            METRICS["training_seconds"],
            _stack([row.seconds for row in rows]),
            epochs,
            "Training time and one pass over the validation images, as nats_bench charges a query.",
        ),
        MetricData(METRICS["flops"], flops, description=FLOPS),
        MetricData(
            Metric("trainable_parameters", "count"),
            np.rint(np.array([row.parameters for row in rows]) * 1e6),
            description=PARAMETERS,
        ),
    ]
    if all(len(row.test) == len(epochs) for row in rows):
        note = "Of models trained on training and validation images together." if dataset.key == "c10" else ""
        metrics.insert(
            1, accuracy(_stack([row.test for row in rows]), epochs, dataset.test, "test_accuracy", "test", note)
        )
    if all(row.latency is not None and row.latency > 0 for row in rows):
        latency = np.array([1000.0 * (row.latency or 0.0) for row in rows])
        metrics.append(MetricData(METRICS["latency_ms"], latency, description="On one GPU, batch of 256 images."))
    return TableData(
        name=name,
        space=space,
        metrics=metrics,
        search_metric="validation_accuracy",
        architectures=np.array([row.architecture for row in rows]),
        cost_metric="training_seconds",
        partial=request.partial,
        source=SOURCE,
        licence=LICENCE,
        citation=CITATION,
        provenance=provenance(KIND, path),
    )
