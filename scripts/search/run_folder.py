"""The folder of one search: what was asked, what was found, and how a killed run goes on."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import IO, Any

from ..errors import UsageError
from ..files import replace_file, write_json
from .configuration import first_difference

CONFIGURATION, HISTORY, SUMMARY = "search.json", "history.jsonl", "summary.json"
ACTIONS = "actions.jsonl"
BEST_MODEL, PLOT, POLICY = "best.keras", "search.png", "policy.npz"


class RunFolder:
    """A search's folder.

    ``search.json`` is written first and holds the configuration; ``history.jsonl`` grows by one line per
    evaluation; ``summary.json`` is written last, so a folder without one is of a run that did not finish.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, configuration: dict[str, Any], resume: bool) -> History:
        """Claim the folder for a search and return its history file.

        Raises:
            UsageError: the folder cannot be written, holds something else, holds a finished search, or
                (resuming) a search of another configuration or of a larger budget.
        """
        if resume:
            self._check_resumable(configuration)
        else:
            self._check_empty()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # A search that goes on is not finished: without its summary a kill leaves a folder that says so.
            (self.path / SUMMARY).unlink(missing_ok=True)
            write_json(self.path / CONFIGURATION, configuration)
        except OSError as error:
            raise UsageError(f"cannot write to {self.path}: {error.strerror}; choose another --out") from error
        return History(self.path / HISTORY)

    def _check_empty(self) -> None:
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise UsageError(f"--out {self.path} is a file: give a new folder")
        if not any(self.path.iterdir()):
            return
        if (self.path / SUMMARY).exists():
            raise UsageError(f"--out {self.path} holds a finished search: choose a new folder")
        if (self.path / CONFIGURATION).exists():
            raise UsageError(f"--out {self.path} holds an unfinished search: add --resume to go on with it")
        raise UsageError(f"--out {self.path} holds other files: choose a new folder")

    def _check_resumable(self, configuration: dict[str, Any]) -> None:
        file = self.path / CONFIGURATION
        if not file.exists():
            if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
                raise UsageError(f"--resume: {self.path} holds no search of ours ({CONFIGURATION} is missing)")
            return  # nothing was begun: a new search, so that one command line can be repeated blindly
        begun = self.begun() or {}
        key = first_difference(begun, configuration)
        if key is not None:
            raise UsageError(
                f"--resume: the search in {self.path} was begun with {key}={begun.get(key)!r}, not "
                f"{configuration.get(key)!r}: give the same arguments, or a new folder"
            )
        if configuration["evaluations"] < begun["evaluations"]:
            raise UsageError(
                f"--resume: the search in {self.path} has a budget of {begun['evaluations']} evaluations, which may "
                f"grow but not shrink to {configuration['evaluations']}"
            )

    def begun(self) -> dict[str, Any] | None:
        """Return the recorded configuration, None where no search was begun here.

        Raises:
            UsageError: the file is damaged.
        """
        file = self.path / CONFIGURATION
        if not file.exists():
            return None
        try:
            begun = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(f"{file} is damaged ({error}): start a new folder") from error
        if not isinstance(begun, dict) or not isinstance(begun.get("evaluations"), int):
            raise UsageError(f"{file} is damaged (no budget): start a new folder")
        return begun

    def is_complete(self, configuration: dict[str, Any]) -> bool:
        """Say whether nothing is left to do of a search: it is finished, something succeeded, and no budget is left.

        Raises:
            UsageError: the folder is of another search.
        """
        if not self.finished:
            return False
        self._check_resumable(configuration)
        summary = self.read_summary()
        succeeded = bool(summary.get("best") or summary.get("front"))
        return succeeded and configuration["evaluations"] == (self.begun() or {}).get("evaluations")

    @property
    def finished(self) -> bool:
        """Whether the search here has its summary."""
        return (self.path / SUMMARY).exists()

    def read_summary(self) -> dict[str, Any]:
        """Return the summary of a finished search.

        Raises:
            UsageError: there is none.
        """
        file = self.path / SUMMARY
        if not file.is_file():
            raise UsageError(f"{self.path} holds no finished search ({SUMMARY} is missing): give a folder of one")
        return json.loads(file.read_text(encoding="utf-8"))


class History:
    """``history.jsonl``: one line per evaluation, on disk before the next one starts.

    A resumed search runs again from its seed and is answered by the evaluation store, so it meets the
    same rows in the same order. Rows already written are compared, not written twice. What crashed is not in the
    store but tried again, and what follows from it may be otherwise then: from the first crashed or incomplete row
    on, rows are written anew.

    Attributes:
        order: the trials of the rows that are compared, in their order.
        rows: the rows of this search so far, as they are on disk: times that passed are those of the first run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[str] = []
        self._written = self._read()
        self.order: list[int] = [row["trial"] for row in self._written if "trial" in row]
        self.rows: list[dict[str, Any]] = []
        self._file: IO[str] | None = None

    def _read(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        text = self.path.read_text(encoding="utf-8")
        rows = []
        for line in text[: text.rfind("\n") + 1].splitlines(keepends=True):  # a kill can leave half a line
            try:
                row = json.loads(line)
                crashed = row["status"] in ("crashed", "incomplete")
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{self.path} line {len(rows) + 1} is damaged: start a new folder") from error
            if crashed:
                break
            rows.append(row)
            self._lines.append(line)
        return rows

    def __len__(self) -> int:
        """Return the number of rows that are there to be compared, or have been written."""
        return max(len(self._written), len(self.rows))

    def write(self, row: dict[str, Any]) -> None:
        """Append a row, or compare it with the one that a killed run wrote.

        Raises:
            UsageError: the row on disk is of another evaluation.
        """
        index = len(self.rows)
        if index < len(self._written):
            self._compare(index, row)
            self.rows.append(self._written[index])
            return
        if self._file is None:
            self._file = self._open()
        written = {key: plain(value) for key, value in row.items()}
        self.rows.append(written)
        self._file.write(json.dumps(written, allow_nan=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _compare(self, index: int, row: dict[str, Any]) -> None:
        found = self._written[index]
        for key in ("architecture", "epochs", "seed"):
            if found[key] != row[key]:
                raise UsageError(
                    f"{self.path} line {index + 1} has {key} {found[key]}, the resumed search {row[key]}: "
                    "the program or its packages have changed since, or the agent paces itself by its budget and "
                    "that has grown; start a new folder"
                )

    def _open(self) -> IO[str]:
        """Open the file after the last row that is kept."""
        keep = "".join(self._lines[: len(self._written)])
        if self.path.exists() and self.path.read_text(encoding="utf-8") != keep:
            replace_file(self.path, lambda path: path.write_text(keep, encoding="utf-8"))
        return self.path.open("a", encoding="utf-8")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def plain(value: Any) -> Any:
    """Return a value that JSON can hold: NaN and infinities become None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value
