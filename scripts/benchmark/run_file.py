"""The file of one run: every evaluation and what was asked, in a compressed ``.npz`` without pickles."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs import Evaluation, Status
from ..errors import UsageError

FORMAT = 2
READABLE = (1, 2)
"""Formats that can be read: the first has no violations."""
_METRIC = "metric."
_SECONDS = ("cost_seconds", "clock_seconds", "decision_seconds")
_TRIAL = {"trial": np.int32, "started_seconds": np.float64, "ended_seconds": np.float64, "running": np.int32}
JUDGEMENT = ("value", "report", "terms", "violation")
"""The columns by which rows are judged, beside the reward that the agent saw."""


@dataclass
class RunRecord:
    """One run.

    Attributes:
        about: what was asked (``"question"``), versions, and the seconds it took: plain JSON.
        rows: ``(b,)`` structured: ``architecture`` (n,), ``epochs``, ``seed``, ``status``, ``reward`` (a number
            or (k,)), ``metric.<name>`` for each metric, ``cost_seconds``, ``clock_seconds``,
            ``decision_seconds``; of live training ``trial``, ``started_seconds``, ``ended_seconds`` and ``running``,
            as of a `SearchHistory`; and how the row is judged: ``value``, ``report``, ``terms`` (k,), ``violation``.
    """

    about: dict[str, Any]
    rows: NDArray[np.void]

    @property
    def live(self) -> bool:
        """Whether candidates were trained for real, several at a time."""
        return "trial" in (self.rows.dtype.names or ())

    @property
    def question(self) -> dict[str, Any]:
        """What was asked: task, agent, seed, protocol, objective and workers."""
        return self.about["question"]

    def evaluation(self) -> Evaluation:
        """Return the columns as an evaluation."""
        return evaluation_of(self.rows)

    def history_rows(self, space: Any) -> list[dict[str, Any]]:
        """Return the rows of a `SearchHistory`, as replay takes them.

        Raises:
            ValueError: an architecture is none of the space.
        """
        evaluation, rewards = self.evaluation(), self.rows["reward"].tolist()
        found = []
        for i, architecture in enumerate(self.rows["architecture"].astype(np.int64)):
            row = {"index": i, "architecture": architecture.tolist(), "text": space.to_string(architecture)}
            row |= evaluation.row(i) | {"reward": rewards[i]}
            if self.live:
                row |= {"trial": int(self.rows["trial"][i])}
            found.append(row | {name: float(self.rows[name][i]) for name in _SECONDS})
        return found


def rows_of(history: list[dict[str, Any]], metrics: list[str]) -> NDArray[np.void]:
    """Return a history's rows as a structured array, with empty columns of judgement."""
    first = history[0]
    k = np.shape(first["reward"])
    dtype: list[Any] = [("architecture", np.int16, (len(first["architecture"]),))]
    dtype += [("epochs", np.int32), ("seed", np.int64), ("status", np.int8), ("reward", np.float64, k)]
    dtype += [(_METRIC + name, np.float64) for name in metrics] + [(name, np.float64) for name in _SECONDS]
    trial = [name for name in _TRIAL if name in first and "started_seconds" in first]
    dtype += [(name, _TRIAL[name]) for name in trial]
    rows = np.empty(len(history), dtype=dtype)
    rows["status"] = [Status[row["status"].upper()] for row in history]
    for name in ("architecture", "epochs", "seed", "reward", *_SECONDS, *trial):
        rows[name] = [row[name] for row in history]
    for name in metrics:
        rows[_METRIC + name] = [row[name] for row in history]
    return rows


def evaluation_of(rows: NDArray[np.void]) -> Evaluation:
    """Return structured rows as an evaluation."""
    names = [name for name in rows.dtype.names or () if name.startswith(_METRIC)]
    return Evaluation(
        rows["status"],
        rows["epochs"].astype(np.int64),
        rows["seed"],
        {name[len(_METRIC) :]: rows[name] for name in names},
        rows["cost_seconds"],
    )


def with_judgement(rows: NDArray[np.void], columns: Mapping[str, NDArray]) -> NDArray[np.void]:
    """Return the rows with further columns, those of `JUDGEMENT`."""
    more = [(name, np.float64, column.shape[1:]) for name, column in columns.items()]
    joined = np.empty(len(rows), dtype=[*rows.dtype.descr, *more])
    for name in rows.dtype.names or ():
        joined[name] = rows[name]
    for name, column in columns.items():
        joined[name] = column
    return joined


def encode(record: RunRecord) -> bytes:
    """Return a run's file."""
    about = json.dumps({"format": FORMAT, **record.about}, allow_nan=False).encode()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, about=np.frombuffer(about, dtype=np.uint8), rows=record.rows)
    return buffer.getvalue()


def read_run(path: Path) -> RunRecord:
    """Read a run's file.

    Raises:
        UsageError: it is none, or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about, rows = json.loads(bytes(arrays["about"])), arrays["rows"]
        if about["format"] not in READABLE or not set(JUDGEMENT[:3]) <= set(rows.dtype.names or ()):
            raise ValueError(f"its format is {about['format']}, not one of {', '.join(map(str, READABLE))}")
        if about["format"] == 1:  # violations were not known of: a value was one, whatever constraint it broke
            rows = with_judgement(rows, {"violation": np.where(rows["status"] == 0, 0.0, np.inf)})
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UsageError(
            f"{path} is no run of a benchmark, or is damaged ({error}): delete it, and --resume"
        ) from error
    return RunRecord(about, rows)
