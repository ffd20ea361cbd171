"""Every finished evaluation, on disk at once: SQLite, keyed by everything that determines a result."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sqlite_file import open_sqlite

SCHEMA = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS evaluations (
    key TEXT PRIMARY KEY, question TEXT NOT NULL, status INTEGER NOT NULL, metrics TEXT NOT NULL,
    cost_seconds REAL NOT NULL, finished REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS weights (key TEXT PRIMARY KEY, arrays BLOB NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Record:
    """One finished evaluation.

    Attributes:
        status: a value of `Status`.
        metrics: name → value; a failed evaluation has those that were measured before it failed.
        cost_seconds: what it cost when it was made.
    """

    status: int
    metrics: Mapping[str, float]
    cost_seconds: float


def canonical_json(question: Mapping[str, Any]) -> str:
    """Return a question as text: sorted keys, no blanks, so that equal questions are equal texts."""
    return json.dumps(question, sort_keys=True, separators=(",", ":"), allow_nan=False)


def question_key(question: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a question's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(question).encode()).hexdigest()


def data_folder() -> Path:
    """Return where results are kept: ``PYNASCENT_DATA`` if it is set, else the user's data folder."""
    override = os.environ.get("PYNASCENT_DATA")
    if override:
        return Path(override)
    from platformdirs import user_data_dir

    return Path(user_data_dir("pynascent", appauthor=False))


class EvaluationStore:
    """Finished evaluations and final weights by key, in one SQLite file.

    A `put` is on disk when it returns (write-ahead log, full synchronisation). Threads share an object,
    processes share a file. The first answer to a question stays: later ones could differ in their times
    only. The file is opened when first used; a store pickles as its path.

    Args:
        path: the file; it and its folder are made when missing. None: ``evaluations.sqlite`` in `data_folder`.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = (data_folder() / "evaluations.sqlite" if path is None else Path(path)).expanduser().absolute()
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0

    def check_writable(self) -> None:
        """Open the file for writing now.

        Raises:
            ValueError: it cannot be made, written or understood; the message says why and what to do.
        """
        with self._transaction():
            pass

    def get(self, keys: Sequence[str]) -> dict[str, Record]:
        """Return the records that there are of these keys."""
        found: dict[str, Record] = {}
        with self._transaction() as connection:
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                places = ",".join("?" * len(part))
                rows = connection.execute(
                    f"SELECT key, status, metrics, cost_seconds FROM evaluations WHERE key IN ({places})", part
                )
                found.update({key: Record(status, json.loads(text), cost) for key, status, text, cost in rows})
        return found

    def put(self, question: Mapping[str, Any], record: Record, weights: Sequence[NDArray[Any]] | None = None) -> None:
        """Write a record, and final weights with it, durably; a question already answered keeps its answer."""
        key = question_key(question)
        row = (key, canonical_json(question), int(record.status), canonical_json(record.metrics), record.cost_seconds)
        with self._transaction() as connection:
            made = connection.execute("INSERT OR IGNORE INTO evaluations VALUES (?,?,?,?,?,?)", (*row, time.time()))
            if made.rowcount and weights is not None:
                buffer = io.BytesIO()
                np.savez(buffer, *weights)
                connection.execute("INSERT OR REPLACE INTO weights VALUES (?,?)", (key, buffer.getvalue()))

    def weights(self, key: str) -> list[NDArray[Any]] | None:
        """Return the final weights of an evaluation, None if there are none."""
        with self._transaction() as connection:
            row = connection.execute("SELECT arrays FROM weights WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        with np.load(io.BytesIO(row[0]), allow_pickle=False) as arrays:
            return [arrays[f"arr_{index}"] for index in range(len(arrays.files))]

    def __len__(self) -> int:
        """Return the number of records."""
        with self._transaction() as connection:
            return connection.execute("SELECT COUNT(*) FROM evaluations").fetchone()[0]

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                connection = self._open()
                with connection:  # commits, or rolls back
                    yield connection
            except (sqlite3.Error, OSError) as error:
                raise ValueError(
                    f"the evaluation store {self.path} cannot be used ({error}): "
                    "choose another file with store=, or another folder with the variable PYNASCENT_DATA"
                ) from error

    def _open(self) -> sqlite3.Connection:
        # A connection does not survive a fork: the child opens its own and leaves the parent's alone.
        if self._connection is not None and self._process == os.getpid():
            return self._connection
        connection = open_sqlite(self.path)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, SCHEMA):
                raise OSError(f"its schema is {version}, this version reads {SCHEMA}")
            with connection:
                connection.executescript("BEGIN IMMEDIATE;" + _TABLES + f"PRAGMA user_version={SCHEMA};COMMIT;")
        except BaseException:
            connection.close()
            raise
        self._connection, self._process = connection, os.getpid()
        return connection

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy as the path."""
        return EvaluationStore, (self.path,)
