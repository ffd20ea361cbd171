"""The folder of one search: what was asked, what was found, and how a killed run goes on."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import IO, Any

from ..errors import UsageError
from ..files import write_json

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
                (resuming) a search of another configuration.
        """
        if resume:
            self._check_resumable(configuration)
        else:
            self._check_empty()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
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
        begun = json.loads(file.read_text(encoding="utf-8"))
        for key in sorted({*begun, *configuration}):
            if begun.get(key) != configuration.get(key):
                raise UsageError(
                    f"--resume: the search in {self.path} was begun with {key}={begun.get(key)!r}, not "
                    f"{configuration.get(key)!r}: give the same arguments, or a new folder"
                )

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
    same rows in the same order. Rows already written are compared, not written twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written = self._read()
        self._file: IO[str] | None = None
        self._next = 0

    def _read(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        text = self.path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]  # a kill can leave half a line
        if whole != text:
            with self.path.open("r+", encoding="utf-8") as file:
                file.truncate(len(whole.encode("utf-8")))
        return [json.loads(line) for line in whole.splitlines()]

    def __len__(self) -> int:
        """Return the number of rows on disk."""
        return max(len(self._written), self._next)

    def write(self, row: dict[str, Any]) -> None:
        """Append a row, or compare it with the one that a killed run wrote.

        Raises:
            UsageError: the row on disk is of another evaluation.
        """
        index, self._next = self._next, self._next + 1
        if index < len(self._written):
            found = self._written[index]
            for key in ("architecture", "epochs", "seed"):
                if found[key] != row[key]:
                    raise UsageError(
                        f"{self.path} line {index + 1} has {key} {found[key]}, the resumed search {row[key]}: "
                        "the program or its packages have changed since; start a new folder"
                    )
            return
        if self._file is None:
            self._file = self.path.open("a", encoding="utf-8")
        written = {key: plain(value) for key, value in row.items()}
        self._file.write(json.dumps(written, allow_nan=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

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
