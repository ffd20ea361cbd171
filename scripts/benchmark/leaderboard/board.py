"""The leaderboard's file, and its tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table as Grid

from ...errors import UsageError

KEY = ("task", "table", "protocol", "objective", "budget", "agent", "settings", "by")
"""What tells records apart."""


def read_board(path: Path) -> list[dict[str, Any]]:
    """Return a leaderboard's records; none where there is no file.

    Raises:
        UsageError: the file is no leaderboard.
    """
    if not path.exists():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        records = found["records"]
        if found["format"] != 1 or not all(set(KEY) <= set(record) for record in records):
            raise ValueError(f"its format is {found['format']}")
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no leaderboard ({error}): give another --board") from error
    return records


def board_tables(path: Path, task: str | None = None) -> Iterator[Grid]:
    """Yield a table for each task, table, protocol, objective and budget; the best mean value comes first.

    Raises:
        UsageError: there is no leaderboard, or no such task in it.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist: enter a record first, with pynascent leaderboard add DIR")
    records = read_board(path)
    shown = [record for record in records if task in (None, record["task"])]
    if not shown:
        raise UsageError(f"--task {task}: {path} has {', '.join(sorted({record['task'] for record in records}))}")
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in shown:
        key = json.dumps(
            [record[name] for name in ("task", "table", "protocol", "objective", "budget")], sort_keys=True
        )
        groups.setdefault(key, []).append(record)
    for members in groups.values():
        yield _grid(sorted(members, key=_order))


def _order(record: Mapping[str, Any]) -> tuple[float, float]:
    value, share = record["value"], record["at_optimum"]
    return -(share or 0.0) if record["protocol"]["name"] == "direct" else 0.0, np.inf if value is None else -value


def _grid(records: Sequence[Mapping[str, Any]]) -> Grid:
    first, budget = records[0], []
    limits = first["budget"]
    budget += [f"{limits['evaluations']} evaluations"] if limits["evaluations"] else []
    budget += [f"{limits['seconds']:,.0f} simulated s"] if limits["seconds"] else []
    budget += [f"{limits['workers']} workers"] if limits["workers"] > 1 else []
    title = f"{first['task']}, protocol {first['protocol']['name']}, {', '.join(budget)}"
    grid = Grid(title=escape(title), title_justify="left")
    headings = ("value", "test (%)")
    if "shown" in first:
        headings = tuple(first["shown"][name]["label"] for name in ("value", "report"))
    for heading in ("", "agent", "by", "runs", *headings, "optimum", "decision"):
        grid.add_column(heading, justify="left" if heading in ("agent", "by") else "right", no_wrap=True)
    for place, record in enumerate(records, start=1):
        share, shown = record["at_optimum"], record.get("shown", {})
        value, report = (shown.get(name, {}).get("factor", 1.0) for name in ("value", "report"))
        grid.add_row(
            str(place),
            escape(record["agent"]),
            escape(record["by"]),
            str(record["runs"]),
            _with_sd(record["value"], record["value_sd"], value, 5 if value == 1.0 else 3),
            _with_sd(record["report"], record["report_sd"], abs(report) if shown else 100.0, 2),
            "-" if share is None else f"{share:.0%}",
            f"{record['decision_ms']:.2f} ms",
        )
    return grid


def _with_sd(mean: float | None, sd: float | None, scale: float, digits: int) -> str:
    if mean is None:
        return "-"
    return f"{scale * mean:.{digits}f}" + ("" if sd is None else f" ± {abs(scale) * sd:.{digits}f}")
