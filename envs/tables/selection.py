"""From architectures to rows of a table, many at once and fast."""

from __future__ import annotations

from operator import ge, mul

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.evaluation import IntArray
from ..spaces import SearchSpace
from .errors import TableError
from .format import Table

DENSE = 2**20
"""Spaces of at most so many combinations get an array with the row of each."""


def decoded_architectures(table: Table, space: SearchSpace) -> IntArray | None:
    """Return a table's architectures ``(rows, n)`` in row order, or None where they are the whole space in order.

    Raises:
        TableError: an index or an option is outside the space.
    """
    header = table.header
    if header.matrix is not None:
        return table.raw(header.matrix).astype(np.int64)
    if header.index is None:
        return None
    try:
        return space.from_index(table.raw(header.index).astype(np.int64))
    except IndexError as error:
        raise TableError(f"the table {header.name!r} has an unknown architecture: {error}") from None


class RowLookup:
    """Finds the row of each architecture; −1 where a partial table has none.

    Small spaces use one array from mixed-radix code to row, which also holds the space's own order and, for
    tables of canonical forms, the way from each architecture to its canonical form. Larger ones search the
    sorted index, and those beyond int64 a dictionary.

    Args:
        table: the table.
        space: its search space.

    Attributes:
        total: whether every architecture has a row.
    """

    def __init__(self, table: Table, space: SearchSpace) -> None:
        self.table, self.space = table, space
        self._cardinalities = [int(k) for k in space.cardinalities]
        self._largest = max(self._cardinalities)
        self._smaller = [(j, k) for j, k in enumerate(self._cardinalities) if k < self._largest]
        self._strides = np.ones(space.n, dtype=np.int64)
        if space.size <= DENSE:
            self._strides[:-1] = np.cumprod(space.cardinalities[:0:-1])[::-1]
        self._stride_list = self._strides.tolist()
        self._order: NDArray[np.int64] | None = None  # (size,) code → row
        self.total = table.header.index is None and table.header.matrix is None
        self._keys: IntArray | None = None  # (rows,) sorted indices
        self._rows_by_bytes: dict[bytes, int] | None = None

    def find(self, architectures: ArrayLike) -> IntArray:
        """Return the row ``(b,)`` of each architecture ``(b, n)``, −1 where there is none.

        Raises:
            ValueError: a row is no architecture of the space.
        """
        rows = self._inside(architectures)
        if self.space.size <= DENSE:
            order = self._dense() if self._order is None else self._order
            return order.take(rows @ self._strides, mode="clip")
        if self.table.header.canonical:
            rows = self.space.canonical(rows)
        elif self.space.constrained:
            self.space.check(rows)
        if self.table.header.matrix is not None:
            known = self._by_bytes() if self._rows_by_bytes is None else self._rows_by_bytes
            return np.array([known.get(row.tobytes(), -1) for row in rows], dtype=np.int64)
        return self._search(self.space.index(rows))

    def find_one(self, architecture: IntArray) -> int:
        """Return the row of one architecture ``(n,)`` of int64, −1 where there is none; faster than `find`.

        Raises:
            ValueError: it is no architecture of the space.
        """
        if self.space.size > DENSE:
            return int(self.find(architecture[None])[0])
        options = architecture.tolist()
        if min(options) < 0 or any(map(ge, options, self._cardinalities)):
            self.space.check(architecture)  # says what is wrong
        code = sum(map(mul, options, self._stride_list))
        order = self._dense() if self._order is None else self._order
        return order.item(code)

    def _inside(self, architectures: ArrayLike) -> IntArray:
        """Return ``(b, n)`` contiguous int64 with every option in range."""
        rows = architectures
        if not (isinstance(rows, np.ndarray) and rows.dtype == np.int64 and rows.shape[1:] == (self.space.n,)):
            return self.space.check(architectures)
        if not rows.flags.c_contiguous:
            rows = np.ascontiguousarray(rows)
        # As unsigned numbers, negative options are large ones.
        unsigned = rows.view(np.uint64)
        if len(rows) and (unsigned.max() >= self._largest or any(unsigned[:, j].max() >= k for j, k in self._smaller)):
            self.space.check(rows)  # says what is wrong
        return rows

    def _dense(self) -> NDArray[np.int64]:
        header, space = self.table.header, self.space
        codes = np.arange(space.size)
        combinations = codes[:, None] // self._strides % space.cardinalities
        valid = space.valid(combinations) if space.constrained else np.ones(space.size, dtype=bool)
        order = np.full(space.size, -1, dtype=np.int64)
        known = combinations[valid]
        if len(known):
            index = space.index(space.canonical(known) if header.canonical else known)
            order[valid] = index if header.index is None else self._search(index)
        self._order = order
        return order

    def _search(self, index: IntArray) -> IntArray:
        if self.table.header.index is None:
            return index
        if self._keys is None:
            self._keys = self.table.raw(self.table.header.index).astype(np.int64)
        place = np.searchsorted(self._keys, index)
        place[place == len(self._keys)] = 0
        return np.where(self._keys[place] == index, place, -1)

    def _by_bytes(self) -> dict[bytes, int]:
        header = self.table.header
        assert header.matrix is not None
        rows = self.table.raw(header.matrix).astype(np.int64)
        self._rows_by_bytes = {row.tobytes(): i for i, row in enumerate(rows)}
        return self._rows_by_bytes
