"""Checks of a table's rows: coverage, ranges, units; when it is written, and again when it is verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.evaluation import FloatArray, IntArray, Metric
from ..spaces import SearchSpace
from ..spaces.forms import canonical_forms
from .errors import TableError
from .format import Table
from .selection import decoded_architectures

ENUMERABLE = 2**24
"""Spaces of at most so many combinations are enumerated to see whether a table covers them."""


def first_bad(bad: Any) -> tuple[int, ...]:
    """Return the position of the first True."""
    return tuple(int(i) for i in np.argwhere(bad)[0])


def known_index(space: SearchSpace, architectures: IntArray) -> IntArray | None:
    """Return the index of each row in its space, or None where the space is too large to have one."""
    return space.index(architectures) if space.size <= np.iinfo(np.int64).max else None


def check_coverage(
    space: SearchSpace, architectures: IntArray, keys: IntArray | None, canonical: bool, partial: bool
) -> None:
    """Refuse rows that are there twice, are not canonical where they must be, or are missing.

    Args:
        space: the search space.
        architectures: ``(rows, n)`` valid architectures, sorted by index (lexically where there is none).
        keys: their indices, or None for a space too large to have any.
        canonical: rows stand for isomorphism classes.
        partial: rows may be missing.

    Raises:
        TableError: naming the first such architecture.
    """
    same = (architectures[1:] == architectures[:-1]).all(axis=1)
    if same.any():
        twice = space.to_string(architectures[int(np.argmax(same))])
        raise TableError(f"the architecture {twice} is there twice: keep one row of each")
    if canonical:
        odd = (space.canonical(architectures) != architectures).any(axis=1)
        if odd.any():
            row = architectures[int(np.argmax(odd))]
            raise TableError(
                f"the architecture {space.to_string(row)} is no canonical form (that is "
                f"{space.to_string(space.canonical(row)[0])}) in a table of canonical forms"
            )
    if partial:
        return
    total = whole_count(space, canonical)
    if total == len(architectures):  # different and valid ones, as many as there are
        return
    if keys is None or space.size > ENUMERABLE:
        raise TableError(
            f"{len(architectures)} rows do not cover the space {space.name!r} of "
            f"{space.size if total is None else total:.6g} {'combinations' if total is None else 'architectures'}"
            f"{', as far as can be told without listing it' if total is None else ''}: declare the table partial"
        )
    total, absent = 0, None
    for block in canonical_forms(space) if canonical else space.enumerate():
        total += len(block)
        if absent is None:
            missing = ~np.isin(space.index(block), keys, assume_unique=True)
            absent = block[int(np.argmax(missing))] if missing.any() else None
    if absent is not None:
        raise TableError(
            f"{total - len(architectures)} of {total} architectures are missing, the first is "
            f"{space.to_string(absent)}: add them, or declare the table partial"
        )


def whole_count(space: SearchSpace, canonical: bool) -> int | None:
    """Return how many rows a table of the whole space has; None where only listing a large space would tell.

    Args:
        space: the search space.
        canonical: whether rows stand for isomorphism classes.
    """
    if canonical:
        if space.distinct is None and space.size <= ENUMERABLE:
            return sum(len(block) for block in canonical_forms(space))
        return space.distinct
    if space.constrained and space.size > ENUMERABLE and type(space).count is SearchSpace.count:
        return None  # it would enumerate
    return space.count()


def check_values(metric: Metric, values: FloatArray, describe: Callable[[int], str]) -> None:
    """Refuse infinities and values out of the metric's range; NaN passes (gaps are checked elsewhere).

    Args:
        metric: the metric.
        values: ``(rows, …)``.
        describe: names a row in errors.

    Raises:
        TableError: naming the first such row.
    """
    with np.errstate(invalid="ignore"):
        bad = np.isinf(values) | (values < metric.lower) | (values > metric.upper)
    if not bad.any():
        return
    where = first_bad(bad)
    hint = ""
    if metric.unit == "fraction" and np.nanmax(values) <= 100 and np.nanmin(values) >= 0:
        hint = "; these look like percent: divide by 100, or give the unit as percent"
    raise TableError(
        f"{metric.name} = {values[where]:.10g} for {describe(where[0])} is outside "
        f"{metric.lower:g} to {metric.upper:g} ({metric.unit}){hint}"
    )


# unit → (smallest and largest median that results of trainings on real machines have, what to suspect)
_PLAUSIBLE: dict[str, tuple[float, float, str, str]] = {
    "s": (0.0, 3e6, "", "milliseconds"),
    "ms": (0.02, 6e4, "seconds", "microseconds"),
    "FLOPs": (1e3, 1e16, "millions (or billions) of FLOPs", ""),
}


def check_units(metric: Metric, values: FloatArray, describe: Callable[[int], str]) -> None:
    """Refuse values whose median makes the unit implausible: seconds for milliseconds, millions for ones.

    Raises:
        TableError: naming the first row and the unit to suspect.
    """
    if metric.unit not in _PLAUSIBLE:
        return
    low, high, below, above = _PLAUSIBLE[metric.unit]
    median = float(np.nanmedian(values)) if not np.isnan(values).all() else low
    suspect = below if median < low else above if median > high else ""
    if suspect and median != 0:
        first = values.reshape(len(values), -1)[0, 0]
        raise TableError(
            f"{metric.name} = {first:.6g} {metric.unit} for {describe(0)} (median {median:.6g}) looks like {suspect}: "
            "convert it, give its true unit, or set trust_unit if it is right"
        )


def verify_table(table: Table, space: SearchSpace) -> Iterator[str]:
    """Check a file through: checksum, architectures, every value. Yields a line for each thing that holds.

    Args:
        table: the table.
        space: its search space.

    Raises:
        TableError: the first thing that does not hold.
    """
    header = table.header
    table.verify_checksum()
    yield f"the checksum of {header.payload_bytes:,} bytes is {header.sha256[:16]}…"
    if tuple(int(k) for k in space.cardinalities) != tuple(header.cardinalities):
        raise TableError(
            f"the table has choices of {list(header.cardinalities)} options, its space {space.name!r} "
            f"has {space.cardinalities.tolist()}"
        )
    architectures = decoded_architectures(table, space)
    if architectures is None:
        if header.rows != space.size or space.constrained:
            raise TableError(f"{header.rows} rows without an index do not cover the {space.size} of {space.name!r}")
        yield f"all {header.rows:,} architectures of {space.name} are there, in index order"
    else:
        _check_order(table, space, architectures)
        check_coverage(space, architectures, known_index(space, architectures), header.canonical, header.partial)
        what = "canonical forms" if header.canonical else "architectures"
        some = "some of the space's" if header.partial else "all of the space's"
        yield f"{header.rows:,} valid {what} of {space.name} ({some}), each once"
    for name, column in header.columns.items():
        values = table.values(name)

        def describe(row: int) -> str:
            chosen = space.from_index(row)[0] if architectures is None else architectures[row]
            return f"row {row}, {space.to_string(chosen)}"

        if column.coding.missing is None and np.isnan(values).any():
            raise TableError(f"{name} is NaN for {describe(first_bad(np.isnan(values))[0])}")
        check_values(column.metric, values, describe)
        if column.trainings is not None:
            counts = table.raw(column.trainings)
            wrong = (counts < 1) | (counts > column.seeds)
            if wrong.any():
                row, epoch = first_bad(wrong)
                raise TableError(f"{name} claims {counts[row, epoch]} trainings of {column.seeds} for {describe(row)}")
        yield f"{name}: {values.size:,} values, {np.nanmin(values):.6g} to {np.nanmax(values):.6g} {column.metric.unit}"


def _check_order(table: Table, space: SearchSpace, architectures: IntArray) -> None:
    try:
        space.check(architectures)
    except ValueError as error:
        raise TableError(f"the table {table.header.name!r} has an unknown architecture: {error}") from None
    keys = known_index(space, architectures)
    if keys is None:
        order = np.lexsort(architectures.T[::-1])
        rising = np.array_equal(order, np.arange(len(order)))
    else:
        rising = bool((np.diff(keys) > 0).all())
    if not rising:
        raise TableError(f"the rows of the table {table.header.name!r} are not in the space's order, each once")
