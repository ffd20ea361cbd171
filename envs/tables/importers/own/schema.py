"""The schema of one's own results: a small TOML (or JSON) file that names the space and the metrics."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from ....core.evaluation import METRICS, FloatArray, Metric
from ....spaces import SearchSpace
from ...builder import MetricData, TableData
from ...categorical import CategoricalSpace, space_of_config
from ...errors import TableError
from ...header import METRIC_NAME, UNIT
from ...strict import Fields, is_whole, parse_json
from ..base import ImportRequest, existing, provenance

PER_ARCHITECTURE = ("flops", "elementwise_flops", "parameters", "trainable_parameters", "latency_ms")
"""Metrics that belong to the architecture, not to a training, unless a schema says otherwise."""

# unit in a schema → (unit in the table, divide by, multiply by); dividing keeps decimals exact
UNITS: dict[str, tuple[str, float, float]] = {
    "percent": ("fraction", 100.0, 1.0),
    "%": ("fraction", 100.0, 1.0),
    "us": ("ms", 1000.0, 1.0),
    "min": ("s", 1.0, 60.0),
    "h": ("s", 1.0, 3600.0),
    "MACs": ("FLOPs", 1.0, 2.0),
    "MMACs": ("FLOPs", 1.0, 2e6),
    "GMACs": ("FLOPs", 1.0, 2e9),
    "MFLOPs": ("FLOPs", 1.0, 1e6),
    "GFLOPs": ("FLOPs", 1.0, 1e9),
    "thousands": ("count", 1.0, 1e3),
    "millions": ("count", 1.0, 1e6),
}


@dataclass(frozen=True)
class MetricSchema:
    """What a schema says about a metric.

    Attributes:
        metric: as it will be in the table.
        column: its name in the file.
        divide, multiply: from the file's unit to the table's.
        per_training: one value for each (architecture, epochs, seed), else one for each architecture.
        gaps: architectures may have no value (an empty cell, NaN).
        trust_unit: accept values that look as if they were in another unit.
        description: for ``info``.
        directed: whether it is known which values are better: said in the schema, or plain from unit and name.
    """

    metric: Metric
    column: str
    divide: float = 1.0
    multiply: float = 1.0
    per_training: bool = True
    gaps: bool = False
    trust_unit: bool = False
    description: str = ""
    directed: bool = True

    def data(self, values: FloatArray, epochs: tuple[int, ...]) -> MetricData:
        """Return the column for the table: values in the file's unit, ``(rows,)`` or ``(rows, epochs, seeds)``."""
        values = values / self.divide if self.divide != 1.0 else values * self.multiply
        return MetricData(
            self.metric,
            values,
            epochs if self.per_training else None,
            self.description,
            gaps=self.gaps,
            trust_unit=self.trust_unit,
        )


@dataclass(frozen=True)
class Schema:
    """What a schema file says. See `Header` for the fields of the same names."""

    name: str
    space: SearchSpace
    metrics: tuple[MetricSchema, ...]
    search_metric: str
    fidelities: tuple[int, ...] | None
    epochs: int | None  # of every row, where the file does not say
    cost_metric: str | None
    nominal_seconds: float
    canonical: bool
    partial: bool
    ignore: tuple[str, ...]  # columns of the file that are not read
    source: str
    licence: str
    citation: str

    def check_unused(self, where: str, what: str, names: Iterable[str], used: Collection[str]) -> None:
        """Refuse columns (arrays) that the schema neither describes nor ignores, and ignored ones that are not there.

        Raises:
            TableError: naming the first.
        """
        names = list(names)
        wrong = next((name for name in self.ignore if name not in names or name in used), None)
        if wrong is not None:
            why = "is described all the same" if wrong in used else f"is not there: there are {', '.join(names)}"
            raise TableError(f"{where}: the {what} {wrong!r}, which the schema ignores, {why}")
        unknown = next((name for name in names if name not in used and name not in self.ignore), None)
        if unknown is not None:
            raise TableError(
                f"{where}: the {what} {unknown!r} is not in the schema: describe it, drop it, or say "
                f"ignore = [{unknown!r}]"
            )

    def table(
        self, request: ImportRequest, kind: str, architectures: np.ndarray, metrics: list[MetricData]
    ) -> TableData:
        """Return the table of these rows."""
        space = self.space
        if type(space) is CategoricalSpace:
            flops = next((data.values for data in metrics if data.metric.name == "flops"), None)
            if flops is not None and not np.isnan(flops).all() and "largest_flops" not in space.config():
                space = CategoricalSpace(**{**space.config(), "largest_flops": float(np.nanmax(flops))})
        return TableData(
            name=request.name or self.name,
            space=space,
            metrics=metrics,
            search_metric=self.search_metric,
            architectures=architectures,
            fidelities=self.fidelities,
            cost_metric=self.cost_metric,
            nominal_seconds=self.nominal_seconds,
            canonical=self.canonical,
            partial=self.partial or request.partial,
            source=self.source,
            licence=self.licence,
            citation=self.citation,
            provenance=provenance(kind, *request.files),
        )


def split_files(request: ImportRequest, kind: str, suffix: str) -> tuple[Path, Path]:
    """Return (results, schema) from the two files of a request, in either order.

    Raises:
        TableError: there is not one of each.
    """
    schemas = [path for path in request.files if path.suffix.lower() in (".toml", ".json")]
    results = [path for path in request.files if path not in schemas]
    if len(schemas) != 1 or len(results) != 1:
        raise TableError(f"the kind {kind!r} takes two files: results{suffix} and a schema, .toml or .json")
    return existing(results[0]), existing(schemas[0])


def load_schema(path: Path) -> Schema:
    """Read and check a schema file.

    Raises:
        TableError: it is no TOML or JSON, or something in it is not as it must be.
    """
    fields = Fields(_parse(path), str(path))
    given = fields.take("metrics")
    if not isinstance(given, Mapping) or not given:
        raise fields.wrong("metrics", "a table with an entry for each metric, such as [metrics.validation_accuracy]")
    metrics = tuple(_metric(str(name), item, str(path)) for name, item in given.items())
    names = [metric.metric.name for metric in metrics]
    search = fields.text("search_metric", default="validation_accuracy")
    if search not in names or not metrics[names.index(search)].per_training:
        raise TableError(f"{path}: search_metric {search!r} is not among its metrics of trainings: {names}")
    if not metrics[names.index(search)].directed:
        raise TableError(
            f"{path}: whether a higher {search!r} is better does not follow from its unit: say maximize = true or false"
        )
    if metrics[names.index(search)].metric.split == "test":
        raise TableError(f"{path}: search_metric {search!r} is of the test split: a search must not see it")
    cost = fields.text("cost_metric") if fields.has("cost_metric") else None
    if cost is None and "training_seconds" in names and metrics[names.index("training_seconds")].per_training:
        cost = "training_seconds"
    if cost is not None and cost not in names:
        raise TableError(f"{path}: cost_metric {cost!r} is not among its metrics: {names}")
    space = fields.take("space")
    if isinstance(space, str):
        space = {"space": space}
    elif isinstance(space, Mapping) and "space" not in space and "choices" in space:
        space = {"space": "categorical", **space}
    if not isinstance(space, Mapping):
        raise fields.wrong("space", 'a name, or a table with choices or with space = "name" and its arguments')
    fidelities = None
    if fields.has("fidelities"):
        fidelities = fields.sequence("fidelities", lambda x: is_whole(x, 1, 2**31), "epochs", 65536)
    schema = Schema(
        name=fields.text("name"),
        # The schema is the user's own file: its space may be a class of theirs.
        space=space_of_config(space, allow_import=True),
        metrics=metrics,
        search_metric=search,
        fidelities=fidelities,
        epochs=fields.whole("epochs", 1, 2**31) if fields.has("epochs") else None,
        cost_metric=cost,
        nominal_seconds=fields.number("nominal_seconds", 1.0, 0.0, 1e12),
        canonical=fields.flag("canonical"),
        partial=fields.flag("partial"),
        ignore=_ignored(fields),
        source=fields.text("source", default=""),
        licence=fields.text("licence", default=""),
        citation=fields.text("citation", default=""),
    )
    fields.done()
    return schema


def _ignored(fields: Fields) -> tuple[str, ...]:
    if not fields.has("ignore"):
        return ()
    return fields.sequence("ignore", lambda name: isinstance(name, str), "names of columns", 4096)


def _parse(path: Path) -> Any:
    try:
        if path.suffix.lower() == ".json":
            return parse_json(path.read_bytes(), f"the schema {path}")
        text = path.read_text(encoding="utf-8-sig")
        for parser in ("tomllib", "tomli"):
            try:
                return importlib.import_module(parser).loads(text)
            except ModuleNotFoundError:
                continue
    except TableError:
        raise
    except (ValueError, RecursionError, OSError) as error:  # also TOMLDecodeError, UnicodeDecodeError
        raise TableError(f"the schema {path} cannot be read: {error}") from None
    raise TableError(f"reading {path} needs Python 3.11, or tomli (pip install tomli): or give the schema as JSON")


def _metric(name: str, item: Any, where: str) -> MetricSchema:
    fields = Fields(item, f"{where}, metric {name!r}")
    if not isinstance(item, Mapping):
        raise TableError(f"{where}: metric {name!r} is {item!r}, it must be a table with its unit")
    known = METRICS.get(name)
    unit = fields.text("unit", UNIT, 16, default=known.unit if known else None)
    to_unit, divide, multiply = UNITS.get(unit, (unit, 1.0, 1.0))
    if name.endswith("_ms") and to_unit == "s":  # a latency given in seconds
        to_unit, divide, multiply = "ms", 1.0, 1000.0 * multiply
    if known is not None and to_unit != known.unit:
        also = [unit for unit, (to, _, _) in UNITS.items() if to == known.unit]
        raise TableError(f"{where}: metric {name!r} is in {unit!r}, it must be in {', '.join([known.unit, *also])}")
    fraction, cost = to_unit == "fraction", any(word in name for word in ("error", "loss"))
    rate = to_unit.endswith("/s")
    higher = (fraction or rate) and not cost
    metric = known or Metric(name, to_unit, None, 0.0, 1.0 if fraction else inf, maximize=higher)
    directed = bool(known or fraction or rate or cost) or fields.has("maximize")
    split = fields.take("split") if fields.has("split") else metric.split
    if split not in (None, "train", "validation", "test"):
        raise fields.wrong("split", "train, validation or test")
    if known is not None and split != known.split:
        raise TableError(f"{where}: metric {name!r} is of the split {known.split}, not {split}")
    if known is None and fraction and "accuracy" in name and split is None:
        raise TableError(f'{where}: metric {name!r} needs split = "train", "validation" or "test"')
    metric = replace(
        metric,
        split=split,
        lower=fields.number("lower", metric.lower),
        upper=fields.number("upper", metric.upper),
        maximize=fields.flag("maximize", metric.maximize),
    )
    per = fields.text("per", "training|architecture", 16, default="")
    schema = MetricSchema(
        metric=metric,
        column=fields.text("column", default=name),
        divide=divide,
        multiply=multiply,
        per_training=per == "training" if per else name not in PER_ARCHITECTURE,
        gaps=fields.flag("gaps"),
        trust_unit=fields.flag("trust_unit"),
        description=fields.text("description", default=""),
        directed=directed,
    )
    Fields({"name": name}, where).text("name", METRIC_NAME, 64)
    if schema.gaps and schema.per_training:
        raise TableError(f'{where}: metric {name!r} may have gaps only with per = "architecture"')
    fields.done()
    return schema
