"""The finished rows of NAS-Digits on disk, each there as soon as its training ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ....envs.spaces.base import IntArray
from ....trainers.store.sqlite_file import open_sqlite
from .rows import Row

Architecture = tuple[int, ...]


class RowStore:
    """Finished rows in one SQLite file; a row that is in it is never trained again.

    Args:
        path: the file, made where there is none.
        key: of the settings that the rows were made with; rows of other settings are not seen.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self._key = path, key
        self._db = open_sqlite(path)
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS rows (settings TEXT, architecture TEXT, seed INTEGER, row BLOB NOT NULL, "
            "PRIMARY KEY (settings, architecture, seed)) WITHOUT ROWID"
        )
        self._db.commit()

    def put(self, architecture: Architecture, seed: int, content: bytes) -> None:
        """Keep a row; it is on disk when this returns."""
        name = ",".join(map(str, architecture))
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", (self._key, name, seed, content))

    def done(self) -> set[tuple[Architecture, int]]:
        """Return (architecture, seed) of every row."""
        found = self._db.execute("SELECT architecture, seed FROM rows WHERE settings = ?", (self._key,))
        return {(_parse(name), seed) for name, seed in found}

    def rows(self) -> Iterator[tuple[Architecture, int, Row]]:
        """Iterate over the rows."""
        found = self._db.execute("SELECT architecture, seed, row FROM rows WHERE settings = ?", (self._key,))
        for name, seed, content in found:
            yield _parse(name), seed, Row.unpack(content)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _parse(name: str) -> Architecture:
    return tuple(int(part) for part in name.split(","))


def pending(
    order: IntArray, seeds: tuple[int, ...], done: set[tuple[Architecture, int]]
) -> list[tuple[Architecture, int]]:
    """Return what is still to be trained, all seeds of an architecture one after the other."""
    wanted = ((tuple(int(i) for i in row), seed) for row in order for seed in seeds)
    return [job for job in wanted if job not in done]
