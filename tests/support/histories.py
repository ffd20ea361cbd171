"""What a search's folder has on record, and what two records are compared by."""

import json
from pathlib import Path
from typing import Any


def history_rows(out: Path) -> list[dict[str, Any]]:
    """Return the rows of ``history.jsonl``."""
    return [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]


def without_times(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what was measured by the clock."""
    return {name: value for name, value in row.items() if not name.endswith("_seconds")}
