"""The table file: a checked header, then raw little-endian arrays, mapped into memory when first read.

::

    byte  0   magic  89 4E 41 53 54 42 0D 0A
    byte  8   version (uint32), 1
    byte 12   length of the header in bytes (uint32), at most 1 MiB
    byte 16   CRC-32 of the header (uint32)
    byte 20   zeros up to byte 64
    byte 64   header, UTF-8 JSON, then blanks up to a multiple of 64
    …         payload: arrays, each at a multiple of 64 from the payload's start

All numbers are little-endian. Opening reads the header alone and checks every size and offset in it
against the file's length; nothing in a file is ever executed or unpickled. The payload's SHA-256 stands in
the header, and is compared when asked (`Table.verify_checksum`), not when a table is opened.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import secrets
import stat
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..core.evaluation import FloatArray
from .blocks import ALIGNMENT, DTYPES, Block
from .errors import MissingTableError, TableError
from .header import Column, Header, header_from_json

MAGIC = b"\x89NASTB\r\n"
VERSION = 1
PREFIX = 64
MAX_HEADER = 1 << 20
SUFFIX = ".nastable"
_PREFIX = struct.Struct("<8sIII44x")


def _aligned(position: int) -> int:
    return -(-position // ALIGNMENT) * ALIGNMENT


class Table:
    """A table file, opened for reading.

    The header is read at once, arrays when they are first asked for, through one read-only mapping that
    processes share. Copies and pickles hold the path, and refuse a file whose contents have changed since.

    Args:
        path: the file.
        sha256: refuse the file if its payload's checksum, as its header states it, is another.

    Raises:
        MissingTableError: there is no such file.
        TableError: it is no table, or not an honest one.
    """

    def __init__(self, path: str | Path, sha256: str | None = None) -> None:
        self.path = Path(path)
        self.header, self._payload_start, self._size = _read_header(self.path)
        if sha256 is not None and self.header.sha256 != sha256:
            raise TableError(
                f"the table {self.path} is not the one it was: its contents have changed since it was opened"
            )
        self._map: mmap.mmap | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy as path and checksum."""
        return Table, (self.path, self.header.sha256)

    def __repr__(self) -> str:
        """Show name, rows and path."""
        return f"Table({self.header.name!r}, {self.header.rows} rows, {str(self.path)!r})"

    def close(self) -> None:
        """Forget the mapping; it is made again when an array is next asked for."""
        self._map = None  # arrays handed out keep it alive until they go

    def raw(self, block: Block) -> NDArray:
        """Return an array of the file as a read-only view, as it is stored."""
        if self._map is None:
            self._map = self._mapped()
        dtype = DTYPES[block.dtype]
        count = block.nbytes // dtype.itemsize
        return np.frombuffer(self._map, dtype, count, self._payload_start + block.offset).reshape(block.shape)

    def _mapped(self) -> mmap.mmap:
        try:
            with open(self.path, "rb") as file:
                if os.fstat(file.fileno()).st_size != self._size:
                    raise TableError(f"the table {self.path} has changed its length since it was opened")
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise TableError(f"the table {self.path} cannot be read: {error.strerror or error}") from None

    def column(self, name: str) -> Column:
        """Return a metric's description.

        Raises:
            TableError: the table has no such metric; the message names those it has.
        """
        try:
            return self.header.columns[name]
        except KeyError:
            known = ", ".join(self.header.columns)
            raise TableError(f"the table {self.header.name!r} has no metric {name!r}: it has {known}") from None

    def values(self, name: str) -> FloatArray:
        """Return a metric as new float64, ``(rows,)`` or ``(rows, epochs, seeds)``; NaN where there is none."""
        column = self.column(name)
        return column.coding.decode(self.raw(column.block))

    def checksum(self) -> str:
        """Return the SHA-256 of the arrays as they are in the file, in hexadecimal."""
        digest = hashlib.sha256()
        with open(self.path, "rb") as file:
            file.seek(self._payload_start)
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest()

    def verify_checksum(self) -> None:
        """Compare the arrays with the checksum in the header.

        Raises:
            TableError: they differ: the file is damaged.
        """
        found = self.checksum()
        if found != self.header.sha256:
            raise TableError(
                f"the table {self.path} is damaged: its arrays have the checksum {found[:16]}…, "
                f"its header says {self.header.sha256[:16]}…; get it again"
            )


def _read_header(path: Path) -> tuple[Header, int, int]:
    """Return (header, byte at which the payload starts, length of the file)."""
    where = str(path)
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise TableError(f"{where} is not a file")
        with open(path, "rb") as file:
            prefix = file.read(PREFIX)
            magic, version, length, checksum = _PREFIX.unpack(prefix.ljust(PREFIX, b"\0"))
            if len(prefix) < PREFIX or magic != MAGIC:
                raise TableError(f"{where} is no table file (it does not begin like one)")
            if version != VERSION:
                raise TableError(f"{where} has version {version} of the format, this release reads {VERSION}")
            if any(prefix[20:]) or not 2 <= length <= MAX_HEADER:
                raise TableError(f"{where}: a header of {length} bytes is not allowed, 2 to {MAX_HEADER} are")
            data = file.read(length)
    except FileNotFoundError:
        raise MissingTableError(f"there is no table file {where}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(f"the table file {where!r} cannot be read: {error}") from None
    if len(data) < length:
        raise TableError(f"{where} ends within its header: it is cut off; get it again")
    if crc32(data) != checksum:
        raise TableError(f"{where} is damaged: its header does not match its checksum; get it again")
    header = header_from_json(data, where)
    start = _aligned(PREFIX + length)
    if start + header.payload_bytes != status.st_size:
        raise TableError(
            f"{where} has {status.st_size} bytes where its header asks for {start + header.payload_bytes}: "
            "it is cut off or damaged; get it again"
        )
    return header, start, status.st_size


class Payload:
    """Arrays on their way into a file: each gets its place, aligned, in the order in which it is added."""

    def __init__(self) -> None:
        self._arrays: list[bytes] = []
        self._end = 0

    def add(self, array: NDArray) -> Block:
        """Append an array and return where it lies."""
        name = array.dtype.name
        data = np.ascontiguousarray(array, dtype=DTYPES[name]).tobytes()
        block = Block(name, self._end, array.shape)
        padded = data.ljust(_aligned(len(data)), b"\0")
        self._arrays.append(padded)
        self._end += len(padded)
        return block

    def write(self, path: Path, header: Header) -> None:
        """Write a file of this header and these arrays, all of it or nothing.

        It is written under a temporary name in the same folder, then renamed: a reader sees the old file or
        the new one.
        """
        digest = hashlib.sha256()
        for data in self._arrays:
            digest.update(data)
        header = replace(header, payload_bytes=self._end, sha256=digest.hexdigest())
        text = header.to_json()
        if len(text) > MAX_HEADER:
            raise TableError(f"the header of {path} has {len(text)} bytes, at most {MAX_HEADER} are allowed")
        header_from_json(text, str(path))  # nothing is written that could not be read
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
        try:
            with open(temporary, "xb") as file:
                file.write(_PREFIX.pack(MAGIC, VERSION, len(text), crc32(text)))
                file.write(text.ljust(_aligned(PREFIX + len(text)) - PREFIX))
                file.writelines(self._arrays)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
