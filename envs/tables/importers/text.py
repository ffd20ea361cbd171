"""Reading text files strictly: as many cells in a line as the header has names, and numbers that are numbers."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import TableError

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_SPREAD = re.compile(r"\s*(\S+)\s*±\s*(\S+)\s*")


def read_csv(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, cells by column) of a CSV file with a header, each cell without blanks around it.

    Empty lines are passed over. The first item is the header itself: line 0, each name under itself.

    Raises:
        TableError: the file is no CSV in UTF-8, a column has no name or is there twice, or a line has more or
            fewer cells than the header.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            names = [name.strip() for name in next(reader, [])]
            if len(set(names)) != len(names):
                raise TableError(f"{path}: a column is there twice in {names}")
            if "" in names:
                raise TableError(f"{path}: column {names.index('') + 1} has no name in the header {names}")
            yield 0, dict(zip(names, names, strict=True))
            for cells in reader:
                if not cells or (len(cells) == 1 and not cells[0].strip()):
                    continue
                if len(cells) != len(names):
                    raise TableError(
                        f"{path}, line {reader.line_num}: {len(cells)} cells where the header has {len(names)}: "
                        "decimals are written with a point, and a text with commas in quotation marks"
                    )
                yield reader.line_num, {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise TableError(f"{path} cannot be read as CSV: {error}") from None


def require_columns(path: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a file that lacks a column.

    Raises:
        TableError: naming the first, and those there are.
    """
    absent = [name for name in wanted if name not in names]
    if absent:
        raise TableError(f"{path} has no column {absent[0]!r}: it has {', '.join(names)}")


def number(text: str, where: str, gaps: bool = False) -> float:
    """Return a decimal number as it is written in a cell; NaN for an empty one.

    What Python alone takes for a number (``8_1.2``, digits of other scripts, ``infinity``) is none here.

    Args:
        text: the cell.
        where: how errors call it.
        gaps: whether a value may be missing: ``NaN`` (in any case) is then read as an empty cell.

    Raises:
        TableError: it is no finite number.
    """
    if not text:
        return math.nan
    if _NUMBER.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return value
    elif text.lower() == "nan":
        if gaps:
            return math.nan
        raise TableError(f"{where} is NaN: every line needs a value, unless the schema says gaps = true")
    raise TableError(f"{where} is {text!r}, it must be a number such as 81.2 or 8.12e1")


def whole(text: str, where: str) -> int:
    """Return a whole number as it is written in a cell.

    Raises:
        TableError: it is none.
    """
    if not _WHOLE.fullmatch(text):
        raise TableError(f"{where} is {text!r}, it must be a whole number")
    return int(text)


def spread(text: str, where: str) -> tuple[float, float]:
    """Return mean and standard deviation of a cell such as ``81.2 ± 0.3``; NaN, NaN of an empty one.

    Raises:
        TableError: it is neither.
    """
    if not text:
        return math.nan, math.nan
    found = _SPREAD.fullmatch(text)
    if found is None:
        raise TableError(f"{where} is {text!r}, it must be a mean and its standard deviation, as in 81.2 ± 0.3")
    return number(found[1], where), number(found[2], where)
