"""One's own results as CSV: one line for each training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ....spaces import SearchSpace
from ...builder import MetricData, TableData
from ...errors import TableError
from ..base import Counter, ImportRequest
from ..text import number, read_csv, whole
from .schema import MetricSchema, Schema, load_schema, split_files

KIND = "csv"


def read(request: ImportRequest) -> Iterator[TableData]:
    """Yield the table of ``results.csv`` as ``schema.toml`` describes it.

    A line's architecture is a column for each choice (the option as written in the space), or a column
    ``architecture`` (the space's string), or a column ``index``. Columns ``epochs`` and ``seed`` tell its
    trainings apart; every architecture needs the same epochs, at least one training at each.
    """
    path, schema_path = split_files(request, KIND, ".csv")
    schema = load_schema(schema_path)
    lines = _Lines(path, schema)
    architectures, epochs, seeds = lines.read(request)
    yield schema.table(request, KIND, architectures, lines.metrics(len(architectures), epochs, seeds))


class _Lines:
    """The lines of a CSV file, sorted into architectures, epochs and trainings."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self.path, self.schema = path, schema
        self.lines: list[tuple[int, int, int, int]] = []  # (row, epochs, seed, line number)
        self.values: dict[str, list[float]] = {metric.column: [] for metric in schema.metrics}

    def read(self, request: ImportRequest) -> tuple[np.ndarray, tuple[int, ...], list[int]]:
        """Read the file; returns architectures ``(rows, n)``, epochs and seeds."""
        rows: dict[tuple[int, ...], int] = {}
        seen: dict[tuple[int, int, int], int] = {}
        total = max(1, self.path.read_bytes().count(b"\n") - 1)
        counter = Counter(request, total)
        for at, line in read_csv(self.path):
            if not at:
                self._check_columns(list(line))
                continue
            row = rows.setdefault(self._architecture(line, at), len(rows))
            epochs = self._whole(line, "epochs", at, self.schema.epochs)
            seed = self._whole(line, "seed", at, 0)
            key = (row, epochs, seed)
            if key in seen:
                raise TableError(
                    f"{self.path}, line {at}: the same architecture, epochs and seed as line {seen[key]}: "
                    "keep one of them"
                )
            seen[key] = at
            self.lines.append((*key, at))
            for metric in self.schema.metrics:
                where = f"{self.path}, line {at}: {metric.column}"
                self.values[metric.column].append(number(line[metric.column], where, metric.gaps))
            counter.step()
        if not rows:
            raise TableError(f"{self.path} has no lines below its names of columns")
        epochs_found = tuple(sorted({epochs for _, epochs, _, _ in self.lines}))
        seeds_found = sorted({seed for _, _, seed, _ in self.lines})
        return np.array(list(rows), dtype=np.int64), epochs_found, seeds_found

    def _check_columns(self, names: list[str]) -> None:
        space = self.schema.space
        absent = [metric.column for metric in self.schema.metrics if metric.column not in names]
        if absent:
            raise TableError(
                f"{self.path} has no column {absent[0]!r} that the schema names: it has {', '.join(names)}"
            )
        choices = [choice.name for choice in space.choices]
        if not ({"architecture", "index"} & set(names) or set(choices) <= set(names)):
            raise TableError(
                f"{self.path} does not say which architecture a line is of: give a column 'architecture', a column "
                f"'index', or one for each of {choices[:8]}"
            )
        if "epochs" not in names and self.schema.epochs is None:
            raise TableError(f"{self.path} has no column 'epochs': add one, or say epochs = N in the schema")
        used = {metric.column for metric in self.schema.metrics} | {"architecture", "index", "epochs", "seed", *choices}
        self.schema.check_unused(str(self.path), "column", names, used)
        self._by = "architecture" if "architecture" in names else "index" if "index" in names else "choices"

    def _architecture(self, line: dict[str, str], at: int) -> tuple[int, ...]:
        space, where = self.schema.space, f"{self.path}, line {at}"
        try:
            if self._by == "architecture":
                found = space.parse(line["architecture"])
            elif self._by == "index":
                found = space.from_index(whole(line["index"], f"{where}: index"))[0]
            else:
                found = _from_texts(space, line)
            return tuple(space.check(found)[0].tolist())
        except TableError:
            raise
        except (ValueError, IndexError, OverflowError, TypeError) as error:
            raise TableError(f"{where}: {error}") from None

    def _whole(self, line: dict[str, str], name: str, at: int, default: int | None) -> int:
        text = line.get(name)
        if text is None and default is not None:
            return default
        where = f"{self.path}, line {at}: {name}"
        value, low = whole(text or "", where), 1 if name == "epochs" else 0
        if not low <= value <= 2**31:
            raise TableError(f"{where} is {text!r}, it must be a whole number, {low} to 2147483648")
        return value

    def metrics(self, rows: int, epochs: tuple[int, ...], seeds: list[int]) -> list[MetricData]:
        """Return the columns, trainings of each row and epochs in order of their seeds."""
        place = {e: i for i, e in enumerate(epochs)}
        found = np.array([(row, place[e], seed, line) for row, e, seed, line in self.lines], dtype=np.int64)
        order = np.lexsort((found[:, 2], found[:, 1], found[:, 0]))
        group = found[order, 0] * len(epochs) + found[order, 1]
        counts = np.bincount(group, minlength=rows * len(epochs))
        turn = np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts)
        columns = []
        for metric in self.schema.metrics:
            values = np.array(self.values[metric.column])[order]
            if metric.per_training:
                gaps = np.isnan(values)
                if gaps.any():
                    line = found[order, 3][int(np.argmax(gaps))]
                    raise TableError(f"{self.path}, line {line}: {metric.column} is empty")
                stacked = np.full((rows * len(epochs), int(counts.max())), np.nan)
                stacked[group, turn] = values
                columns.append(metric.data(stacked.reshape(rows, len(epochs), -1), epochs))
            else:
                columns.append(metric.data(self._per_architecture(metric, values, found[order], rows), epochs))
        return columns

    def _per_architecture(self, metric: MetricSchema, values: Any, lines: Any, rows: int) -> np.ndarray:
        """Return one value for each architecture: the same on all of its lines, or on one and empty on others."""
        result = np.full(rows, np.nan)
        for value, (row, _, _, line) in zip(values, lines, strict=True):
            if np.isnan(value):
                continue
            if not np.isnan(result[row]) and result[row] != value:
                raise TableError(
                    f"{self.path}, line {line}: {metric.column} is {value:g} where another line of the same "
                    f'architecture has {result[row]:g}: give it per = "training", or one value'
                )
            result[row] = value
        return result


def _from_texts(space: SearchSpace, line: dict[str, str]) -> np.ndarray:
    """Return the architecture that a line names, option by option as text."""
    row = []
    for choice in space.choices:
        text, options = line[choice.name], [str(option) for option in choice.options]
        if text not in options:
            raise ValueError(f"{choice.name} is {text!r}: allowed are {', '.join(options[:20])}")
        row.append(options.index(text))
    return np.array(row)
