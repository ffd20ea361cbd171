"""Every finished stage, on disk at once: SQLite, keyed by everything that determines a result."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .artifacts import Arrays, ArtifactFolder
from .sqlite_file import open_sqlite

SCHEMA = 2
_TABLES = """
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, stage TEXT NOT NULL, question TEXT NOT NULL, status INTEGER NOT NULL, metrics TEXT NOT NULL,
    seconds REAL NOT NULL, finished REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS artifacts (
    key TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, bytes INTEGER NOT NULL, used REAL NOT NULL,
    PRIMARY KEY (key, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS artifacts_by_digest ON artifacts (digest);
"""

LIMIT_BYTES = 10 * 10**9
"""Bytes of artifacts that a store keeps by default; the least recently used go first."""


@dataclass(frozen=True)
class Record:
    """One finished stage of one candidate.

    Attributes:
        status: a value of `Status`.
        metrics: name → value; a diverged training has none.
        seconds: what the stage is charged, as it was when it was made.
    """

    status: int
    metrics: Mapping[str, float]
    seconds: float


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
    """Finished stages by key in one SQLite file; their artifacts (weights, checkpoints, …) in a folder beside it.

    A `put` is on disk when it returns (write-ahead log, full synchronisation). Threads share an object,
    processes share a file. The first answer to a question stays: later ones could differ in their times
    only. The file is opened when first used; a store pickles as its path.

    Args:
        path: the file, ending in ``.sqlite`` by custom; it and its folder are made when missing. None:
            ``stages.sqlite`` in `data_folder`. Artifacts are in the folder of the same name with ``.artifacts``.
        limit_bytes: bytes of artifacts that are kept; the least recently used are removed first, and made again when
            they are needed again.
    """

    def __init__(self, path: str | Path | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = (data_folder() / "stages.sqlite" if path is None else Path(path)).expanduser().absolute()
        self.limit_bytes = limit_bytes
        self.artifacts = ArtifactFolder(self.path.with_suffix(".artifacts"))
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
                    f"SELECT key, status, metrics, seconds FROM results WHERE key IN ({places})", part
                )
                found.update({key: Record(status, json.loads(text), cost) for key, status, text, cost in rows})
        return found

    def put(
        self, stage: str, question: Mapping[str, Any], record: Record, artifacts: Mapping[str, Arrays] | None = None
    ) -> None:
        """Write a stage's record and artifacts durably; a question already answered keeps its answer.

        Artifacts that were removed meanwhile are written again.
        """
        key, now = question_key(question), time.time()
        row = (key, stage, canonical_json(question), int(record.status), canonical_json(record.metrics), record.seconds)
        written = [(key, name, *self.artifacts.write(arrays), now) for name, arrays in (artifacts or {}).items()]
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO results VALUES (?,?,?,?,?,?,?)", (*row, now))
            connection.executemany("INSERT OR IGNORE INTO artifacts VALUES (?,?,?,?,?)", written)
        if written:
            self.prune(self.limit_bytes)

    def artifact(self, key: str, name: str) -> dict[str, Any] | None:
        """Return an artifact of a stage's result, None if there is none or it was removed or damaged."""
        with self._transaction() as connection:
            row = connection.execute("SELECT digest FROM artifacts WHERE key=? AND name=?", (key, name)).fetchone()
            if row is None:
                return None
            arrays = self.artifacts.read(row[0])
            if arrays is None:
                connection.execute("DELETE FROM artifacts WHERE digest=?", row)
            else:
                connection.execute("UPDATE artifacts SET used=? WHERE digest=?", (time.time(), row[0]))
        return arrays

    def has_artifact(self, key: str, name: str) -> bool:
        """Say whether an artifact is there to be read."""
        with self._transaction() as connection:
            row = connection.execute("SELECT digest FROM artifacts WHERE key=? AND name=?", (key, name)).fetchone()
        return row is not None and self.artifacts.path(row[0]).is_file()

    def prune(self, limit_bytes: int) -> tuple[int, int]:
        """Remove the least recently used artifacts until at most so many bytes are left.

        Returns:
            Number of files removed, and their bytes. Metrics stay.
        """
        removed, freed = 0, 0
        with self._transaction() as connection:
            total = connection.execute(
                "SELECT COALESCE(SUM(bytes), 0) FROM (SELECT DISTINCT digest, bytes FROM artifacts)"
            )
            total = total.fetchone()[0]
            if total <= limit_bytes:
                return 0, 0
            rows = connection.execute(
                "SELECT digest, MAX(bytes), MAX(used) AS last FROM artifacts GROUP BY digest ORDER BY last"
            ).fetchall()
            for digest, size, _ in rows:
                if total - freed <= limit_bytes:
                    break
                connection.execute("DELETE FROM artifacts WHERE digest=?", (digest,))
                self.artifacts.remove(digest)
                removed, freed = removed + 1, freed + size
        return removed, freed

    def counts(self) -> Counter[str]:
        """Return how many results there are of each stage."""
        with self._transaction() as connection:
            return Counter(dict(connection.execute("SELECT stage, COUNT(*) FROM results GROUP BY stage").fetchall()))

    def artifact_counts(self) -> dict[str, tuple[int, int]]:
        """Return name → number and bytes of the artifacts that there are."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT name, COUNT(*), SUM(bytes) FROM artifacts GROUP BY name").fetchall()
        return {name: (count, size) for name, count, size in rows}

    def rows(self, stage: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Return the latest results, the newest first: key, stage, question, status, metrics, seconds, finished."""
        names = ("key", "stage", "question", "status", "metrics", "seconds", "finished")
        with self._transaction() as connection:
            rows = connection.execute(
                f"SELECT {', '.join(names)} FROM results WHERE stage = COALESCE(?, stage) "
                "ORDER BY finished DESC LIMIT ?",
                (stage, limit),
            ).fetchall()
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return [{**r, "question": json.loads(r["question"]), "metrics": json.loads(r["metrics"])} for r in found]

    def verify(self) -> list[str]:
        """Return what is wrong: a damaged file, a key that is not its question's, values that are no numbers.

        A damaged or missing artifact is forgotten, so that it is made again when it is next needed.
        """
        wrong = []
        with self._transaction() as connection:
            (state,) = connection.execute("PRAGMA integrity_check").fetchone()
            if state != "ok":
                wrong.append(f"{self.path}: {state}")
            for key, stage, question, text in connection.execute("SELECT key, stage, question, metrics FROM results"):
                if hashlib.sha256(question.encode()).hexdigest() != key:
                    wrong.append(f"{stage} {key[:12]}: the key is not its question's")
                try:
                    metrics = json.loads(text)
                    numbers = all(isinstance(v, (int, float)) and math.isfinite(v) for v in metrics.values())
                except (ValueError, AttributeError):
                    numbers = False
                if not numbers:
                    wrong.append(f"{stage} {key[:12]}: its metrics are no finite numbers")
            rows = connection.execute("SELECT DISTINCT digest FROM artifacts").fetchall()
            for (digest,) in rows:
                if not self.artifacts.intact(digest):
                    wrong.append(f"artifact {digest[:12]} is missing or damaged: it will be made again when needed")
                    connection.execute("DELETE FROM artifacts WHERE digest=?", (digest,))
                    self.artifacts.remove(digest)
        return wrong

    def __len__(self) -> int:
        """Return the number of results of all stages."""
        return sum(self.counts().values())

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
        """Pickle and copy as the path and the limit."""
        return EvaluationStore, (self.path, self.limit_bytes)
