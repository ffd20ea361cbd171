"""The part of a space that a table has rows for, as a space of its own: what ``missing="mask"`` searches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..network.graph import Network
from ..spaces import SearchSpace
from ..spaces.base import BoolArray, FloatArray, IntArray
from .categorical import config_of_space, space_of_config, space_of_header
from .finding import open_table
from .format import Table
from .selection import decoded_architectures

DRAWS = 4
"""Random mutants that are drawn before the nearest rows of the table are looked for."""


class CoveredSpace(SearchSpace):
    """The architectures of a table as a constrained space: those without a row are not valid.

    Choices, strings, networks, cost and features are those of the table's space. Masks leave only options that
    lead to a row, and `sample` draws rows, each equally likely. Rows of a sparse table may have no neighbour one
    choice away: `neighbours` and `mutate` then give the rows at the distance closest to what was asked.

    Args:
        table: the table, its name or path.
        of: the table's space, where its header does not describe it: an object, or the plain JSON of one of the suite's
            spaces. A class of your own is passed as an object: a configuration may have come with somebody's file.

    Attributes:
        whole: the table's space.
        listed: ``(rows, n)`` the table's architectures, in the whole space's order.
    """

    invalid_reason = "the table has no row for it"

    def __init__(self, table: str | PathLike[str] | Table, of: SearchSpace | Mapping[str, Any] | None = None) -> None:
        self._table = table if isinstance(table, Table) else open_table(table)
        if of is None:
            of = space_of_header(self._table.header)
        self.whole = of if isinstance(of, SearchSpace) else space_of_config(of)
        super().__init__(self.whole.name, self.whole.choices)
        self.canonical_keeps_cost = self.whole.canonical_keeps_cost
        found = decoded_architectures(self._table, self.whole)
        self.listed: IntArray = np.concatenate(list(self.whole.enumerate())) if found is None else found

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments: the table's path, and its space."""
        return {"table": str(self._table.path), "of": config_of_space(self.whole)}

    # -- which architectures there are ----------------------------------------------------------------

    @cached_property
    def _trie(self) -> list[IntArray]:
        """Which prefix follows a prefix: for each choice ``(prefixes before it, options)``, −1 for none."""
        levels, here = [], np.zeros(len(self.listed), dtype=np.int64)
        for choice, options in enumerate(self.cardinalities.tolist()):
            found, after = np.unique(here * options + self.listed[:, choice], return_inverse=True)
            table = np.full((int(here.max()) + 1, options), -1, dtype=np.int32)
            table[found // options, found % options] = np.arange(len(found))
            levels.append(table)
            here = after.reshape(-1).astype(np.int64)
        return levels

    def _prefixes(self, rows: IntArray, length: int) -> IntArray:
        """Return the number of each row's first ``length`` options among the table's prefixes, −1 for none."""
        here = np.zeros(len(rows), dtype=np.int64)
        for level, options in zip(self._trie[:length], rows.T, strict=False):
            known = here >= 0
            here[known] = level[here[known], options[known]]
        return here

    def valid(self, architectures: ArrayLike) -> BoolArray:
        """Say which rows ``(b, n)`` the table has: ``(b,)`` bool."""
        return self._prefixes(np.atleast_2d(np.asarray(architectures, dtype=np.int64)), self.n) >= 0

    def option_mask(self, architectures: ArrayLike, positions: ArrayLike) -> BoolArray:
        """Say which options of choice ``positions`` ``(b,)`` can still lead to a row of the table, ``(b, k)``."""
        rows = np.atleast_2d(np.asarray(architectures, dtype=np.int64))
        positions = np.asarray(positions, dtype=np.int64)
        mask = np.zeros((len(positions), int(self.cardinalities.max())), dtype=bool)
        for position in np.unique(positions):
            asked = np.flatnonzero(positions == position)
            here = self._prefixes(rows[asked], int(position))
            level = self._trie[position]
            mask[asked, : level.shape[1]] = (level[np.maximum(here, 0)] >= 0) & (here >= 0)[:, None]
        return mask

    def index(self, architectures: ArrayLike) -> IntArray:
        """Return each architecture's index ``(b,)`` in the whole space."""
        return self.whole.index(architectures)

    def from_index(self, indices: ArrayLike) -> IntArray:
        """Return the architectures ``(b, n)`` of the whole space at these indices."""
        return self.whole.from_index(indices)

    def enumerate(self, chunk: int = 65536) -> Iterator[IntArray]:
        """Yield the table's architectures in arrays of at most ``(chunk, n)``."""
        for start in range(0, len(self.listed), chunk):
            yield self.listed[start : start + chunk].copy()

    def count(self) -> int:
        """Return the number of the table's rows."""
        return len(self.listed)

    # -- moving about ---------------------------------------------------------------------------------

    def sample(self, rng: np.random.Generator, size: int = 1) -> IntArray:
        """Return ``(size, n)`` rows of the table, each equally likely."""
        return self.listed[rng.integers(0, len(self.listed), size)]

    def neighbours(self, architecture: ArrayLike) -> IntArray:
        """Return the rows ``(k, n)`` closest to ``(n,)``: one choice away where there are such; none for a sole row."""
        far = self._distances(self.check(architecture)[0])
        away = far[far > 0]
        return self.listed[far == away.min()] if len(away) else self.listed[:0]

    def mutate(self, architectures: ArrayLike, rng: np.random.Generator, changes: int = 1) -> IntArray:
        """Return rows ``(b, n)`` with ``changes`` choices of each set otherwise, or as close to so many as there are.

        Raises:
            ValueError: more changes than choices, or the table has one row.
        """
        parents = self.check(architectures)
        free = np.flatnonzero(self.cardinalities > 1)
        if not 1 <= changes <= free.size or len(self.listed) < 2:
            raise ValueError(
                f"changes={changes}: the space {self.name!r} can change 1..{free.size} choices, in "
                f"{len(self.listed)} rows"
            )
        children, todo = parents.copy(), np.arange(len(parents))
        for _ in range(DRAWS):
            if not todo.size:
                return children
            mutants = self.whole.mutate(parents[todo], rng, changes)
            fine = self.valid(mutants)
            children[todo[fine]] = mutants[fine]
            todo = todo[~fine]
        for row in todo:
            far = self._distances(parents[row])
            off = np.where(far == 0, self.n + 1, np.abs(far - changes))
            children[row] = self.listed[rng.choice(np.flatnonzero(off == off.min()))]
        return children

    @cached_property
    def _columns(self) -> np.ndarray:
        return np.ascontiguousarray(self.listed.T.astype(np.min_scalar_type(int(self.cardinalities.max()))))

    def _distances(self, architecture: IntArray) -> IntArray:
        """Return in how many choices each of the table's rows differs from one architecture, ``(rows,)``."""
        far = np.zeros(len(self.listed), dtype=np.int64)
        for column, option in zip(self._columns, architecture.tolist(), strict=True):
            far += column != option
        return far

    # -- what the whole space says --------------------------------------------------------------------

    @cached_property
    def _representatives(self) -> dict[bytes, IntArray]:
        forms = self.whole.canonical(self.listed)
        found: dict[bytes, IntArray] = {}
        for form, row in zip(forms, self.listed, strict=True):
            found.setdefault(form.tobytes(), row)
        return found

    def canonical(self, architectures: ArrayLike) -> IntArray:
        """Return the first row of the table in each row's isomorphism class."""
        forms = self.whole.canonical(self.check(architectures))
        return np.array([self._representatives[form.tobytes()] for form in forms]).reshape(-1, self.n)

    def features(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Describe each row as the whole space does."""
        return self.whole.features(architectures)

    def to_string(self, architecture: ArrayLike) -> str:
        """Return the whole space's text."""
        return self.whole.to_string(architecture)

    def parse(self, text: str) -> IntArray:
        """Return the architecture ``(n,)`` that a text names; the table must have it."""
        return self.check(self.whole.parse(text))[0]

    def network(self, architecture: ArrayLike) -> Network:
        """Return the layer graph that the whole space gives."""
        return self.whole.network(architecture)

    def cost(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Count the cost as the whole space does."""
        return self.whole.cost(architectures)

    @property
    def largest_flops(self) -> float:
        """FLOPs of the whole space's costliest architecture."""
        return self.whole.largest_flops

    def largest(self) -> IntArray:
        """Return the costliest of the table's architectures ``(n,)``."""
        return self.listed[np.argmax(self.whole.cost(self.listed)["flops"])].copy()
