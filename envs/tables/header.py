"""The header of a table file: what the table holds, of what, from whom, and where each array lies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isinf
from typing import Any

import numpy as np

from ..core.evaluation import Metric
from .blocks import ALIGNMENT, DTYPES, Block, Coding
from .errors import TableError
from .strict import Fields, is_whole, parse_json

NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"
"""Form of a table's name: a file name on every system, and never a path."""
METRIC_NAME = r"[a-z][a-z0-9_]{0,63}"
UNIT = r"[A-Za-z0-9%/._ -]{1,16}"

_MOST_ROWS = 2**40
_MOST_EPOCHS = 2**31
_MOST_SEEDS = 4096


@dataclass(frozen=True)
class Column:
    """A metric and where its values lie.

    Attributes:
        metric: name, unit, split, range.
        block: ``(rows,)`` for a property of the architecture, ``(rows, epochs, seeds)`` for trainings.
        coding: how raw values become float64.
        epochs: fidelities at which the metric is known, ascending; None for a property of the architecture.
        seeds: trainings kept per row and fidelity. A row with fewer repeats them in turn.
        trainings: ``(rows, epochs)`` number of different trainings of each row; None where all have ``seeds``.
        averaged: whether each value is already the mean of several trainings.
        description: one or two sentences: what was measured, how.
    """

    metric: Metric
    block: Block
    coding: Coding
    epochs: tuple[int, ...] | None = None
    seeds: int = 1
    trainings: Block | None = None
    averaged: bool = False
    description: str = ""


@dataclass(frozen=True)
class Header:
    """Everything that a table file says about its arrays.

    Attributes:
        name: the table's name.
        space: the search space as plain JSON (`space_to_config`).
        cardinalities: options of each choice, so that the arrays can be checked without the space.
        rows: number of architectures.
        columns: the metrics by name.
        search_metric: the metric that a search maximises; its epochs are the table's fidelities.
        fidelities: epochs that can be asked for, a subset of the search metric's.
        cost_metric: the metric in seconds that an evaluation costs, or None.
        nominal_seconds: seconds charged per epoch where there is no cost metric.
        canonical: rows exist for canonical forms only, and stand for their whole isomorphism class.
        partial: some of the space's architectures (or canonical forms) are missing.
        index: ``(rows,)`` ascending indices in the space; None where row i is architecture i.
        matrix: ``(rows, n)`` architectures in lexical order, for spaces too large for an int64 index.
        source, licence, citation: where the results come from and how to use and cite them.
        provenance: how this file was made, as plain text by key.
        payload_bytes: length of the arrays.
        sha256: checksum of the arrays.
    """

    name: str
    space: Mapping[str, Any]
    cardinalities: tuple[int, ...]
    rows: int
    columns: Mapping[str, Column]
    search_metric: str
    fidelities: tuple[int, ...]
    cost_metric: str | None = None
    nominal_seconds: float = 1.0
    canonical: bool = False
    partial: bool = False
    index: Block | None = None
    matrix: Block | None = None
    source: str = ""
    licence: str = ""
    citation: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)
    payload_bytes: int = 0
    sha256: str = ""

    @property
    def blocks(self) -> list[Block]:
        """All arrays of the file."""
        per_column = [block for c in self.columns.values() for block in (c.block, c.trainings)]
        return [block for block in (self.index, self.matrix, *per_column) if block is not None]

    def to_json(self) -> bytes:
        """Return the header as UTF-8 JSON."""
        found = {key: value for key, value in vars(self).items() if key != "columns"}
        found |= {key: _block_json(found[key]) for key in ("index", "matrix")}
        found["columns"] = [_column_json(column) for column in self.columns.values()]
        return json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _block_json(block: Block | None) -> dict[str, Any] | None:
    return None if block is None else {"dtype": block.dtype, "offset": block.offset, "shape": list(block.shape)}


def _column_json(column: Column) -> dict[str, Any]:
    metric, coding = column.metric, column.coding
    return {
        "name": metric.name,
        "unit": metric.unit,
        "split": metric.split,
        "lower": None if isinf(metric.lower) else metric.lower,
        "upper": None if isinf(metric.upper) else metric.upper,
        "maximize": metric.maximize,
        "epochs": column.epochs,
        "seeds": column.seeds,
        "averaged": column.averaged,
        "description": column.description,
        "block": _block_json(column.block),
        "divide": coding.divide,
        "add": coding.add,
        "missing": coding.missing,
        "trainings": _block_json(column.trainings),
    }


def header_from_json(data: bytes, where: str) -> Header:
    """Read and check a header; nothing is allocated by what it says.

    Raises:
        TableError: anything is not as it must be; the message names the field.
    """
    fields = Fields(parse_json(data, f"the header of {where}"), f"the header of {where}")
    rows = fields.whole("rows", 1, _MOST_ROWS)
    cardinalities = fields.sequence("cardinalities", lambda x: is_whole(x, 1, 2**31), "whole numbers", 65536)
    payload_bytes = fields.whole("payload_bytes", ALIGNMENT, 2**50)
    space = fields.take("space")
    check_space_config(space, f"the header of {where}")
    given = fields.sequence("columns", lambda x: isinstance(x, dict), "objects", 4096)
    columns: dict[str, Column] = {}
    for item in given:
        column = _read_column(Fields(item, f"a column of {where}"), rows, where)
        if column.metric.name in columns:
            raise TableError(f"the header of {where}: the metric {column.metric.name!r} is there twice")
        columns[column.metric.name] = column
    header = Header(
        name=fields.text("name", NAME, 64),
        space=space,
        cardinalities=cardinalities,
        rows=rows,
        columns=columns,
        search_metric=fields.text("search_metric", METRIC_NAME, 64),
        fidelities=fields.sequence("fidelities", lambda x: is_whole(x, 1, _MOST_EPOCHS), "epochs", 65536),
        cost_metric=fields.text("cost_metric", METRIC_NAME, 64) if fields.has("cost_metric") else None,
        nominal_seconds=fields.number("nominal_seconds", 1.0, 0.0, 1e12),
        canonical=fields.flag("canonical"),
        partial=fields.flag("partial"),
        index=_read_block(fields, "index", [(rows,)], where, "ui"),
        matrix=_read_block(fields, "matrix", [(rows, len(cardinalities))], where, "ui"),
        source=fields.text("source", default=""),
        licence=fields.text("licence", default=""),
        citation=fields.text("citation", default=""),
        provenance=_read_provenance(fields),
        payload_bytes=payload_bytes,
        sha256=fields.text("sha256", "[0-9a-f]{64}", 64),
    )
    fields.done()
    _check_layout(header, where)
    _check_roles(header, f"the header of {where}")
    return header


def check_space_config(config: Any, where: str) -> None:
    """Refuse a space's configuration that could not be an honest one, before any space is built from it.

    Raises:
        TableError: it is no object with a name under ``"space"``, or it holds numbers above 65,536, lists of
            more than 65,536 items or deeper nesting than 4: building such a space could take all memory.
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("space"), str):
        raise TableError(f"{where}: space must be an object with the space's name under 'space'")

    def check(value: Any, depth: int) -> None:
        if depth > 4:
            raise TableError(f"{where}: the space's configuration is nested too deep")
        if isinstance(value, (list, tuple, Mapping)):
            if len(value) > 65536:
                raise TableError(f"{where}: the space's configuration has a list of {len(value)} items")
            for item in value.values() if isinstance(value, Mapping) else value:
                check(item, depth + 1)
        elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > 65536:
            raise TableError(f"{where}: the space's configuration has the number {value}, allowed are up to 65536")

    # ``largest_flops`` of a categorical space is a cost, which may be any number.
    check({key: value for key, value in config.items() if key != "largest_flops"}, 0)


def _read_provenance(fields: Fields) -> dict[str, str]:
    value = fields.take("provenance")
    if value is None:
        return {}
    texts = Fields(value, f"{fields.where}, provenance")
    return {str(key): texts.text(key) for key in list(texts.found)[:1000]}


def _read_block(
    fields: Fields, key: str, shapes: list[tuple[int, ...]], where: str, kinds: str = "uif"
) -> Block | None:
    if not fields.has(key):
        return None
    block = Fields(fields.take(key), f"{fields.where}, {key}")
    dtype = block.text("dtype", longest=16)
    if dtype not in DTYPES or DTYPES[dtype].kind not in kinds:
        allowed = ", ".join(name for name, dtype in DTYPES.items() if dtype.kind in kinds)
        raise block.wrong("dtype", f"one of {allowed}")
    shape = block.sequence("shape", lambda x: is_whole(x, 1, _MOST_ROWS), "sizes", 3)
    if shape not in shapes:
        raise block.wrong("shape", " or ".join(str(list(s)) for s in shapes))
    offset = block.whole("offset", 0, 2**50)
    block.done()
    return Block(dtype, offset, shape)


def _read_column(fields: Fields, rows: int, where: str) -> Column:
    name = fields.text("name", METRIC_NAME, 64)
    fields.where = f"the metric {name!r} of {where}"
    epochs = None
    if fields.has("epochs"):
        epochs = fields.sequence("epochs", lambda x: is_whole(x, 1, _MOST_EPOCHS), "epochs", 65536)
        if list(epochs) != sorted(set(epochs)):
            raise TableError(f"{fields.where}: its epochs {list(epochs)[:8]} do not ascend")
    seeds = fields.whole("seeds", 1, _MOST_SEEDS)
    if epochs is None and seeds != 1:
        raise fields.wrong("seeds", "1 for a metric without epochs")
    shape = (rows,) if epochs is None else (rows, len(epochs), seeds)
    block = _read_block(fields, "block", [shape], where)
    if block is None:
        raise fields.wrong("block", "an object")
    lower, upper = fields.number("lower", -inf), fields.number("upper", inf)
    split = fields.take("split")
    if split not in (None, "train", "validation", "test"):
        raise fields.wrong("split", "train, validation, test or null")
    missing = fields.number("missing", 0.0) if fields.has("missing") else None
    if missing is not None and epochs is not None:
        raise fields.wrong("missing", "null for a metric with epochs: every training has a value")
    if missing is not None and not _fits(missing, block.dtype):
        raise fields.wrong("missing", f"a value of {block.dtype}")
    trainings = None
    if epochs is not None:
        trainings = _read_block(fields, "trainings", [shape[:2]], where, "u")
    elif fields.has("trainings"):
        raise fields.wrong("trainings", "null for a metric without epochs")
    column = Column(
        metric=Metric(
            name,
            fields.text("unit", UNIT, 16),
            split,
            lower,
            upper,
            maximize=fields.flag("maximize"),
        ),
        block=block,
        coding=Coding(fields.number("divide", 1.0, 1.0, 1e18), fields.number("add", 0.0, -1e18, 1e18), missing),
        epochs=epochs,
        seeds=seeds,
        trainings=trainings,
        averaged=fields.flag("averaged"),
        description=fields.text("description", default=""),
    )
    if not lower <= upper:
        raise fields.wrong("lower", f"at most its upper bound {upper}")
    fields.done()
    return column


def _fits(value: float, dtype: str) -> bool:
    kind = DTYPES[dtype]
    if kind.kind == "f":
        return abs(value) <= float(np.finfo(kind).max)
    bits = 8 * kind.itemsize
    low, high = (0, 2**bits - 1) if kind.kind == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return value == int(value) and low <= int(value) <= high


def _check_layout(header: Header, where: str) -> None:
    """Refuse arrays that reach out of the payload, overlap or are not aligned."""
    end = 0
    for block in sorted(header.blocks, key=lambda block: block.offset):
        if block.offset % ALIGNMENT:
            raise TableError(f"the header of {where}: offset {block.offset} is not a multiple of {ALIGNMENT}")
        if block.offset < end:
            raise TableError(f"the header of {where}: two arrays overlap at offset {block.offset}")
        end = block.offset + block.nbytes
        if end > header.payload_bytes:
            raise TableError(
                f"the header of {where}: an array ends at byte {end} of a payload of {header.payload_bytes} bytes"
            )


def _check_roles(header: Header, where: str) -> None:
    """Refuse a search metric, fidelities, cost and index that do not fit together."""
    search = header.columns.get(header.search_metric)
    if search is None or search.epochs is None:
        raise TableError(f"{where}: the search metric {header.search_metric!r} is not among its metrics with epochs")
    if list(header.fidelities) != sorted(set(header.fidelities)) or not set(header.fidelities) <= set(search.epochs):
        raise TableError(
            f"{where}: fidelities {list(header.fidelities)[:8]} must ascend and be among the epochs "
            f"{list(search.epochs)[:8]} of {header.search_metric!r}"
        )
    if header.cost_metric is not None:
        cost = header.columns.get(header.cost_metric)
        if cost is None or cost.epochs is None or not set(header.fidelities) <= set(cost.epochs):
            raise TableError(f"{where}: the cost {header.cost_metric!r} is not known at each of its fidelities")
        if cost.metric.unit != "s":
            raise TableError(f"{where}: the cost {header.cost_metric!r} is in {cost.metric.unit!r}, it must be in 's'")
    if header.index is not None and header.matrix is not None:
        raise TableError(f"{where}: it has both an index and a matrix of architectures")
    if header.index is None and header.matrix is None and header.canonical:
        raise TableError(f"{where}: a table of canonical forms needs an index")
    most = max(column.seeds for column in header.columns.values())
    odd = [name for name, column in header.columns.items() if column.seeds not in (1, most)]
    if odd:
        raise TableError(f"{where}: {odd[0]!r} has {header.columns[odd[0]].seeds} seeds, it must have 1 or {most}")
