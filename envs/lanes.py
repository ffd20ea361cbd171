"""The state of N episodes side by side, as arrays that every transition keeps in step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .evaluation import FloatArray, IntArray
from .spaces import SearchSpace

BoolArray = NDArray[np.bool_]


def code_strides(space: SearchSpace) -> IntArray | None:
    """Return the weights ``(n,)`` of a mixed-radix code of architectures, or None where int64 is too small.

    The code numbers every combination of options, the last choice fastest. It is the environments' own
    key for look-ups; a space's `index` may have another order.
    """
    if space.size > np.iinfo(np.int64).max:
        return None
    strides = np.ones(space.n, dtype=np.int64)
    strides[:-1] = np.cumprod(space.cardinalities[:0:-1])[::-1]
    return strides


class Lanes:
    """State of N episodes of a search space: the whole state of the decision process.

    The observation is kept with the state and changed with it, so that a step costs a few vector
    operations however wide an observation is.

    Attributes:
        architectures: ``(N, n)`` int64, option index of each choice, −1 where undecided. Stored choice by
            choice, since rules touch one choice of many lanes.
        positions: ``(N,)`` int64, number of choices decided.
        steps: ``(N,)`` int64, steps taken in this episode, masked actions included.
        flat: ``(N, d + 2)`` float32, the flat observation: one-hot choices, share decided, share of the
            horizon used.
        uniform: whether all lanes have the same position and step, so that one number speaks for all.
    """

    def __init__(self, space: SearchSpace, num_lanes: int, horizon: int) -> None:
        n, width = space.n, int(space.offsets[-1])
        self.n, self.horizon = n, horizon
        self._by_choice: IntArray = np.full((n, num_lanes), -1, dtype=np.int64)
        self.positions: IntArray = np.zeros(num_lanes, dtype=np.int64)  # (N,)
        self.steps: IntArray = np.zeros(num_lanes, dtype=np.int64)  # (N,)
        self.flat: NDArray[np.float32] = np.zeros((num_lanes, width + 2), dtype=np.float32)  # (N, d + 2)
        self.uniform = True
        self.strides: IntArray | None = code_strides(space)  # (n,)
        self.offsets: IntArray = space.offsets[:-1]  # (n,)
        self.everywhere: IntArray = np.arange(num_lanes, dtype=np.int64)  # (N,)
        # Start of each lane's row in the flat array seen as one dimension: scatters are faster there.
        self._bases: IntArray = self.everywhere * (width + 2)  # (N,)
        self._share: FloatArray = np.arange(n + 1) / n
        self._view()

    def _view(self) -> None:
        """Make the views that share memory with the arrays (a copy or pickle would part them)."""
        self.architectures: IntArray = self._by_choice.T  # (N, n)
        self._places = self._by_choice.reshape(-1)
        self._line = self.flat.reshape(-1)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the views out."""
        return {k: v for k, v in self.__dict__.items() if k not in ("architectures", "_places", "_line")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, with the views made anew."""
        self.__dict__.update(state)
        self._view()

    def __len__(self) -> int:
        """Return N."""
        return len(self.steps)

    def codes(self, rows: IntArray | None = None) -> IntArray:
        """Return the mixed-radix codes of complete architectures, of all lanes or of some.

        Raises:
            OverflowError: the space is too large for int64 codes.
        """
        if self.strides is None:
            raise OverflowError("this space has too many combinations for int64 codes")
        decided = self._by_choice if rows is None else self._by_choice[:, rows]
        codes = decided[-1].copy()
        for choice in range(self.n - 1):
            codes += decided[choice] * self.strides[choice]
        return codes

    def clear(self, rows: IntArray) -> None:
        """Set lanes to the state in which nothing is decided."""
        if len(rows) == len(self):
            self._by_choice.fill(-1)
            self.positions.fill(0)
            self.steps.fill(0)
            self.flat.fill(0.0)
            self.uniform = True
            return
        self._by_choice[:, rows] = -1
        self.positions[rows] = 0
        self.steps[rows] = 0
        self.flat[rows] = 0.0
        self.uniform = False

    def place(self, rows: IntArray, architectures: IntArray) -> None:
        """Write whole architectures ``(r, n)`` into cleared lanes."""
        self._by_choice[:, rows] = architectures.T
        self.positions[rows] = self.n
        self._line[self._bases[rows, None] + self.offsets + architectures] = 1.0
        self.flat[rows, -2] = 1.0
        self.uniform = self.uniform and len(rows) == len(self)

    def tick(self, active: BoolArray | None) -> None:
        """Count a step in the active lanes (all where None)."""
        if active is None:
            self.steps += 1
        else:
            self.steps += active
            self.uniform = False
        if self.uniform:
            self.flat[:, -1] = self.steps[0] / self.horizon
        else:
            self.flat[:, -1] = self.steps * (1.0 / self.horizon)

    def decide_all(self, options: IntArray) -> None:
        """Decide the next choice, the same one in all lanes (``uniform``)."""
        position = int(self.positions[0])
        self._by_choice[position] = options
        self._line[self._bases + (options + self.offsets[position])] = 1.0
        self.positions += 1
        self.flat[:, -2] = self._share[position + 1]

    def decide(self, rows: IntArray, options: IntArray) -> None:
        """Decide the next choice of some lanes."""
        positions = self.positions[rows]
        self._places[positions * len(self) + rows] = options
        self._line[self._bases[rows] + self.offsets[positions] + options] = 1.0
        self.positions[rows] = positions + 1
        self.flat[:, -2] = self._share[self.positions]
        self.uniform = self.uniform and len(rows) == len(self)

    def options(self, choices: IntArray) -> IntArray:
        """Return the option ``(N,)`` that each lane has for a choice ``(N,)`` of its own."""
        return self._places[choices * len(self) + self.everywhere]

    def change_all(self, choices: IntArray, old: IntArray, options: IntArray) -> None:
        """Change one decided choice of every lane from ``old`` to ``options`` (which may be the same)."""
        self._places[choices * len(self) + self.everywhere] = options
        start = self._bases + self.offsets[choices]
        self._line[start + old] = 0.0
        self._line[start + options] = 1.0
