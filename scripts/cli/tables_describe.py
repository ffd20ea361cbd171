"""What ``pynascent tables list`` and ``info`` say of a table, as plain JSON values."""

from __future__ import annotations

from math import isinf, prod
from typing import Any

from ...envs.tables import Table, TableError
from ...envs.tables.categorical import space_of_header
from ...envs.tables.checks import whole_count
from ...envs.tables.header import Column, Header


def coverage(header: Header) -> float:
    """Return the share of its space's architectures (or canonical forms) that a table has, 0..1.

    Where their number cannot be told without listing a large space, it is the share of the option combinations.
    """
    if not header.partial:
        return 1.0
    try:
        total = whole_count(space_of_header(header), header.canonical)
    except TableError:  # a space of the user's own class: its combinations are known all the same
        total = None
    return header.rows / (total or prod(header.cardinalities))


def summary(table: Table) -> dict[str, Any]:
    """Return a table's line in the list."""
    header = table.header
    search = header.columns[header.search_metric]
    return {
        "name": header.name,
        "path": str(table.path),
        "space": str(header.space.get("label") or header.space["space"]),
        "rows": header.rows,
        "coverage": coverage(header),
        "partial": header.partial,
        "canonical": header.canonical,
        "missing": "failed" if header.partial else None,
        "search_metric": header.search_metric,
        "unit": search.metric.unit,
        "direction": direction(search),
        "fidelities": list(header.fidelities),
        "trainings": search.seeds,
        "metrics": len(header.columns),
        "bytes": table.path.stat().st_size,
    }


def direction(column: Column) -> str:
    """Say which values of a metric are better."""
    return "higher is better" if column.metric.maximize else "lower is better"


def details(table: Table) -> dict[str, Any]:
    """Return all that a table says about itself, its arrays left out."""
    header = table.header
    return {
        **summary(table),
        "space": {key: value for key, value in header.space.items() if key != "choices"},
        "options": list(header.cardinalities),
        "cost_metric": header.cost_metric,
        "nominal_seconds": None if header.cost_metric else header.nominal_seconds,
        "source": header.source,
        "licence": header.licence,
        "citation": header.citation,
        "checksum": header.sha256,
        "provenance": dict(header.provenance),
        "metrics": [_metric(column) for column in header.columns.values()],
    }


def _metric(column: Column) -> dict[str, Any]:
    metric = column.metric
    return {
        "name": metric.name,
        "unit": metric.unit,
        "split": metric.split,
        "direction": direction(column),
        "lower": None if isinf(metric.lower) else metric.lower,
        "upper": None if isinf(metric.upper) else metric.upper,
        "epochs": None if column.epochs is None else list(column.epochs),
        "trainings": f"1 to {column.seeds}" if column.trainings else str(column.seeds),
        "averaged": column.averaged,
        "gaps": column.coding.missing is not None,
        "description": column.description,
    }
