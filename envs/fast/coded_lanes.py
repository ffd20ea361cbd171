"""Lanes whose state is one integer each, for spaces whose states can all be tabulated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.evaluation import IntArray
from ..mdp.lanes import BoolArray, Lanes
from ..spaces import SearchSpace
from .coding import Coder, coder
from .recycling import Recycler


class CodedLanes(Lanes):
    """`Lanes` that keep a code instead of an architecture and an observation.

    Arrays are replaced, never written into, so that what a step saw can still be asked for later.

    Args:
        space: a space for which `Coder.fits`.
        num_lanes: N.
        horizon: steps of an episode.
        partial: whether choices may be undecided.
    """

    # While lanes are uniform one number speaks for all, and the arrays are made when asked for.
    position: int = 0  # type: ignore[assignment]
    step: int = 0  # type: ignore[assignment]

    def __init__(self, space: SearchSpace, num_lanes: int, horizon: int, partial: bool) -> None:
        self._space, self._partial = space, partial
        self.n, self.horizon = space.n, horizon
        self.coder: Coder = coder(space, partial)
        self.everywhere: IntArray = np.arange(num_lanes, dtype=np.int64)  # (N,)
        self._positions: IntArray | None = None
        self._steps: IntArray | None = None
        self._code: IntArray | None = np.zeros(num_lanes, dtype=np.int64)
        # Of lanes in lockstep: the decided choices alone, as a number.
        self._prefix: IntArray | None = None
        self.uniform = True
        # Whether every lane has a complete architecture, and always will have (not ``partial``).
        self._placed = False
        self._cardinalities: list[int] = space.cardinalities.tolist()
        shape = (num_lanes, self.coder.features.shape[1])
        self._shares = (np.arange(horizon + 1) / horizon).astype(np.float32)  # of the horizon, by steps
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
    def positions(self) -> IntArray:  # type: ignore[override]
        """``(N,)`` int64, number of choices decided."""
        if self._positions is None:
            self._positions = np.full(len(self), self.position, dtype=np.int64)
        return self._positions

    @positions.setter
    def positions(self, value: IntArray) -> None:
        self._positions = value

    @property
    def steps(self) -> IntArray:  # type: ignore[override]
        """``(N,)`` int64, steps taken in this episode."""
        if self._steps is None:
            self._steps = np.full(len(self), self.step, dtype=np.int64)
        return self._steps

    @steps.setter
    def steps(self, value: IntArray) -> None:
        self._steps = value

    @property
    def code(self) -> IntArray:
        """``(N,)`` int64, the code of each lane's state."""
        if self._code is None:
            assert self._prefix is not None
            self._code = self.coder.level_codes(self.position).take(self._prefix, mode="clip")
        return self._code

    @code.setter
    def code(self, value: IntArray) -> None:
        self._code, self._prefix = value, None

    def __len__(self) -> int:
        """Return N."""
        return len(self.everywhere)

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
        """Return the flat observation ``(N, d + 2)``, an array that nobody else holds."""
        flat = self._observations.array()
        if self._prefix is not None and self.step == self.position:
            return self.coder.level_features(self.position).take(self._prefix, axis=0, out=flat, mode="clip")
        if self._partial:
            self.coder.features.take(self.code, axis=0, out=flat, mode="clip")
        else:
            np.copyto(flat, self.coder.features.take(self.code, axis=0, out=self._bits, mode="clip"))
            if self.uniform and not self.position:
                flat.fill(0.0)  # before the first reset
        flat[:, -1] = self._shares.take(self.steps, mode="clip")
        return flat

    def blank_features(self, count: int) -> NDArray[np.int8]:
        """Return ``(count, N)`` int8, 1 where one of the first features is 0."""
        return np.equal(self.coder.features.take(self.code, axis=0), 0).view(np.int8)[:, :count].T

    def clear(self, rows: IntArray) -> None:
        """Set lanes to the state in which nothing is decided."""
        if len(rows) == len(self):
            self.code = np.zeros(len(self), dtype=np.int64)
            if self._partial:
                self._prefix = self.code
            self._everyone(0, 0)
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
            self.code = codes
            if self.uniform:
                self._everyone(self.n, self.step)
            else:
                self.positions = np.full(len(self), self.n, dtype=np.int64)
            self._placed = not self._partial
            return
        self.code = self.code.copy()
        self.code[rows] = codes
        self.uniform = False
        if not self._placed:
            self.positions = self.positions.copy()
            self.positions[rows] = self.n
            self._placed = not self._partial and bool(self.positions.all())

    def _everyone(self, position: int, step: int) -> None:
        """Set one position and step for all lanes."""
        self.uniform, self.position, self.step = True, position, step
        self._positions = self._steps = None

    def tick(self, active: BoolArray | None) -> None:
        """Count a step in the active lanes (all where None)."""
        if active is None and self.uniform:
            self._everyone(self.position, self.step + 1)
        else:
            self.steps = self.steps + (1 if active is None else active)
            self.uniform = self.uniform and active is None

    def decide_all(self, options: IntArray) -> None:
        """Decide the next choice, the same one in all lanes (``uniform``)."""
        if self._prefix is None:
            stride = self.coder.strides[self.position]
            self.code = self.code + options * stride + stride
        else:
            self._prefix = self._prefix * self._cardinalities[self.position]
            self._prefix += options
            self._code = None
        self._everyone(self.position + 1, self.step)

    def decide(self, rows: IntArray, options: IntArray) -> None:
        """Decide the next choice of some lanes."""
        self.code, positions = self.code.copy(), self.positions[rows]
        self.code[rows] += (options + 1) * self.coder.strides[positions]
        self.positions = self.positions.copy()
        self.positions[rows] = positions + 1
        self.uniform = False

    def restate(self, codes: IntArray, steps: IntArray) -> None:
        """Take new codes and steps ``(N,)`` of lanes that all have complete architectures."""
        self.code, self.steps = codes, steps
        self.uniform = False

    def edit_all(self, actions: IntArray) -> BoolArray:
        """Apply an edit (an index as in `Coder.edits`) to every lane; returns which have changed, ``(N,)``."""
        old = self.code
        self.code = self.coder.edits.apply(old, actions)
        return self.code != old

    def snapshot(self) -> CodedLanes:
        """Return the state as it is now, at no cost: the arrays are shared and never written into."""
        seen = object.__new__(CodedLanes)
        seen.__dict__ = self.__dict__.copy()
        return seen
