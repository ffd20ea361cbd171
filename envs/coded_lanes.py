"""Lanes whose state is one integer each, for spaces whose states can all be tabulated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .coding import Coder, coder
from .evaluation import IntArray
from .lanes import BoolArray, Lanes
from .recycling import Recycler
from .spaces import SearchSpace


class CodedLanes(Lanes):
    """`Lanes` that keep a code instead of an architecture and an observation.

    Arrays are replaced, never written into, so that what a step saw can still be asked for later.

    Args:
        space: a space for which `Coder.fits`.
        num_lanes: N.
        horizon: steps of an episode.
        partial: whether choices may be undecided.
    """

    def __init__(self, space: SearchSpace, num_lanes: int, horizon: int, partial: bool) -> None:
        self._space, self._partial = space, partial
        self.n, self.horizon = space.n, horizon
        self.coder: Coder = coder(space, partial)
        self.everywhere: IntArray = np.arange(num_lanes, dtype=np.int64)  # (N,)
        self.positions: IntArray = np.zeros(num_lanes, dtype=np.int64)  # (N,)
        self.steps: IntArray = np.zeros(num_lanes, dtype=np.int64)  # (N,)
        self.code: IntArray = np.zeros(num_lanes, dtype=np.int64)  # (N,)
        self.uniform = True
        # Whether every lane has a complete architecture, and always will have (not ``partial``).
        self._placed = False
        self._strides: list[int] = self.coder.strides.tolist()
        shape = (num_lanes, self.coder.features.shape[1])
        self._bits: NDArray[np.uint8] = np.empty(shape, dtype=np.uint8)
        self._observations = Recycler(shape, np.float32)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the tables out: they are the space's."""
        return {key: value for key, value in self.__dict__.items() if key != "coder"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, with the space's tables."""
        self.__dict__.update(state)
        self.coder = coder(self._space, self._partial)

    @property
    def architectures(self) -> IntArray:  # type: ignore[override]
        """``(N, n)`` int64, decoded when asked for."""
        rows = self.coder.decode(self.code)
        if not self._partial:
            rows[self.positions == 0] = -1
        return rows

    @property
    def flat(self) -> NDArray[np.float32]:  # type: ignore[override]
        """The flat observation ``(N, d + 2)``."""
        return self.observation()

    def codes(self, rows: IntArray | None = None) -> IntArray:
        """Return the codes of all lanes or of some."""
        return self.code if rows is None else self.code[rows]

    def observation(self) -> NDArray[np.float32]:
        """Return the flat observation ``(N, d + 2)``, a new array."""
        flat = self._observations.array()
        if self._partial:
            self.coder.features.take(self.code, axis=0, out=flat, mode="clip")
            if self.uniform and self.steps[0] == self.positions[0]:
                return flat
        else:
            np.copyto(flat, self.coder.features.take(self.code, axis=0, out=self._bits, mode="clip"))
            if self.uniform and not self.positions[0]:
                flat.fill(0.0)  # before the first reset
        np.multiply(self.steps, 1.0 / self.horizon, out=flat[:, -1], casting="same_kind")
        return flat

    def blank_features(self, count: int) -> NDArray[np.int8]:
        """Return ``(count, N)`` int8, 1 where one of the first features is 0."""
        return np.equal(self.coder.features.take(self.code, axis=0), 0).view(np.int8)[:, :count].T

    def clear(self, rows: IntArray) -> None:
        """Set lanes to the state in which nothing is decided."""
        if len(rows) == len(self):
            lanes = len(self)
            self.positions, self.steps, self.code = (np.zeros(lanes, dtype=np.int64) for _ in range(3))
            self.uniform = True
            return
        self.steps = self.steps.copy()
        self.steps[rows] = 0
        self.uniform = False
        if self._partial or not self._placed:  # else every lane has its place written next
            self.positions, self.code = self.positions.copy(), self.code.copy()
            self.positions[rows] = 0
            self.code[rows] = 0

    def place(self, rows: IntArray, architectures: IntArray) -> None:
        """Write whole architectures ``(r, n)`` into cleared lanes."""
        self.place_codes(rows, self.coder.encode(architectures))

    def place_codes(self, rows: IntArray, codes: IntArray) -> None:
        """Write whole architectures, given by their codes ``(r,)``, into cleared lanes."""
        if len(rows) == len(self):
            self.code, self.positions = codes, np.full(len(self), self.n, dtype=np.int64)
            self._placed = not self._partial
            return
        self.code = self.code.copy()
        self.code[rows] = codes
        self.uniform = False
        if not self._placed:
            self.positions = self.positions.copy()
            self.positions[rows] = self.n
            self._placed = not self._partial and bool(self.positions.all())

    def tick(self, active: BoolArray | None) -> None:
        """Count a step in the active lanes (all where None)."""
        if active is None:
            self.steps = self.steps + 1
        else:
            self.steps = self.steps + active
            self.uniform = False

    def decide_all(self, options: IntArray) -> None:
        """Decide the next choice, the same one in all lanes (``uniform``)."""
        stride = self._strides[self.positions[0]]
        self.code = self.code + options * stride
        self.code += stride
        self.positions = self.positions + 1

    def decide(self, rows: IntArray, options: IntArray) -> None:
        """Decide the next choice of some lanes."""
        self.code, positions = self.code.copy(), self.positions[rows]
        self.code[rows] += (options + 1) * self.coder.strides[positions]
        self.positions = self.positions.copy()
        self.positions[rows] = positions + 1
        self.uniform = self.uniform and len(rows) == len(self)

    def edit_all(self, actions: IntArray) -> BoolArray:
        """Apply an edit (an index as in `Coder.edits`) to every lane; returns which have changed, ``(N,)``."""
        old, width = self.code, self.coder.width
        self.code = self.coder.edits.take(old * width + actions, mode="clip").astype(np.int64)
        return self.code != old

    def snapshot(self) -> CodedLanes:
        """Return the state as it is now, at no cost: the arrays are shared and never written into."""
        seen = object.__new__(CodedLanes)
        seen.__dict__ = self.__dict__.copy()
        return seen
