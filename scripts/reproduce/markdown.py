"""Numbers and tables as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percent(share: float, digits: int = 1) -> str:
    """Return a share as percent."""
    return "–" if math.isnan(share) else f"{100 * share:.{digits}f} %"


def number(value: float, digits: int = 3) -> str:
    """Return a number, a dash where there is none."""
    return "–" if math.isnan(value) else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def grid(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table's lines."""
    lines = [list(heading), ["---"] * len(heading), *map(list, rows)]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
