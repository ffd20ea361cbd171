"""The state of N episodes side by side, as arrays that every transition keeps in step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.evaluation import FloatArray, IntArray
from ..fast.coding import Coder, coder
from ..fast.recycling import Recycler
from ..spaces import SearchSpace

BoolArray = NDArray[np.bool_]


class Lanes:
    """State of N episodes of a search space: the whole state of the decision process.

    The observation is kept with the state and changed with it, so that a step costs a few vector
    operations however wide an observation is.

    Args:
        space: the space.
        num_lanes: N.
        horizon: steps of an episode.
        partial: whether choices may be undecided.

    Arrays are stored feature by feature (their (N, …) forms are transposed views), since a rule touches one
    choice of many lanes.

    Attributes:
        architectures: ``(N, n)`` int64, option index of each choice, −1 where undecided.
        positions: ``(N,)`` int64, number of choices decided.
        steps: ``(N,)`` int64, steps taken in this episode, masked actions included.
        flat: ``(N, d + 2)`` float32, the flat observation: one-hot choices, share decided, share of the
            horizon used.
        uniform: whether all lanes have the same position and step, so that one number speaks for all.
    """

    def __init__(self, space: SearchSpace, num_lanes: int, horizon: int, partial: bool) -> None:
        n, width = space.n, int(space.offsets[-1])
        self.n, self.horizon = n, horizon
        self.positions: IntArray = np.zeros(num_lanes, dtype=np.int64)  # (N,)
        self.steps: IntArray = np.zeros(num_lanes, dtype=np.int64)  # (N,)
        self.uniform = True
        self.coder = coder(space, partial) if Coder.fits(space, partial) else None
        self.offsets: IntArray = space.offsets[:-1]  # (n,)
        self.everywhere: IntArray = np.arange(num_lanes, dtype=np.int64)  # (N,)
        self._by_choice: IntArray = np.full((n, num_lanes), -1, dtype=np.int64)
        self._by_feature: NDArray[np.float32] = np.zeros((width + 2, num_lanes), dtype=np.float32)
        self._observations = Recycler(self._by_feature.shape, np.float32)
        self._share: FloatArray = np.arange(n + 1) / n
        self._view()

    def _view(self) -> None:
        """Make the views that share memory with the arrays (a copy or pickle would part them)."""
        self.architectures: IntArray = self._by_choice.T  # (N, n)
        self.flat: NDArray[np.float32] = self._by_feature.T  # (N, d + 2)
        # Seen as one dimension, since scatters are faster there.
        self._places = self._by_choice.reshape(-1)
        self._features = self._by_feature.reshape(-1)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the views out."""
        views = ("architectures", "flat", "_places", "_features")
        return {key: value for key, value in self.__dict__.items() if key not in views}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, with the views made anew."""
        self.__dict__.update(state)
        self._view()

    @property
    def position(self) -> int:
        """Number of choices decided in every lane (``uniform``)."""
        return int(self.positions[0])

    @property
    def step(self) -> int:
        """Steps taken in every lane (``uniform``)."""
        return int(self.steps[0])

    def __len__(self) -> int:
        """Return N."""
        return len(self.steps)

    def codes(self, rows: IntArray | None = None) -> IntArray:
        """Return the codes of all lanes or of some.

        Raises:
            OverflowError: the space is too large to be coded.
        """
        if self.coder is None:
            raise OverflowError("this space has too many combinations to be coded")
        decided = self._by_choice if rows is None else self._by_choice[:, rows]
        return self.coder.encode(decided.T)

    def observation(self) -> NDArray[np.float32]:
        """Return a copy of ``flat`` ``(N, d + 2)``, stored feature by feature as it is."""
        copy = self._observations.array()
        np.copyto(copy, self._by_feature)
        return copy.T

    def blank_features(self, count: int) -> NDArray[np.int8]:
        """Return ``(count, N)`` int8, 1 where one of the first features is 0."""
        return np.equal(self._by_feature[:count], 0.0).view(np.int8)

    def clear(self, rows: IntArray) -> None:
        """Set lanes to the state in which nothing is decided."""
        if len(rows) == len(self):
            self._by_choice.fill(-1)
            self.positions.fill(0)
            self.steps.fill(0)
            self._by_feature.fill(0.0)
            self.uniform = True
            return
        self._by_choice[:, rows] = -1
        self.positions[rows] = 0
        self.steps[rows] = 0
        self._by_feature[:, rows] = 0.0
        self.uniform = False

    def place(self, rows: IntArray, architectures: IntArray) -> None:
        """Write whole architectures ``(r, n)`` into cleared lanes."""
        self._by_choice[:, rows] = architectures.T
        self.positions[rows] = self.n
        self._features[(architectures + self.offsets) * len(self) + rows[:, None]] = 1.0
        self._by_feature[-2, rows] = 1.0
        self.uniform = self.uniform and len(rows) == len(self)

    def place_codes(self, rows: IntArray, codes: IntArray) -> None:
        """Write whole architectures, given by their codes ``(r,)``, into cleared lanes (not ``partial``)."""
        assert self.coder is not None and not self.coder.partial
        self.place(rows, self.coder.decode(codes))

    def tick(self, active: BoolArray | None) -> None:
        """Count a step in the active lanes (all where None)."""
        if active is None:
            self.steps += 1
        else:
            self.steps += active
            self.uniform = False
        if self.uniform:
            self._by_feature[-1] = self.steps[0] / self.horizon
        else:
            np.multiply(self.steps, 1.0 / self.horizon, out=self._by_feature[-1], casting="same_kind")

    def decide_all(self, options: IntArray) -> None:
        """Decide the next choice, the same one in all lanes (``uniform``)."""
        position = int(self.positions[0])
        self._by_choice[position] = options
        block = self._by_feature[self.offsets[position] :]
        block.reshape(-1)[options * len(self) + self.everywhere] = 1.0
        self.positions += 1
        self._by_feature[-2] = self._share[position + 1]

    def decide(self, rows: IntArray, options: IntArray) -> None:
        """Decide the next choice of some lanes."""
        positions = self.positions[rows]
        self._places[positions * len(self) + rows] = options
        self._features[(self.offsets[positions] + options) * len(self) + rows] = 1.0
        self.positions[rows] = positions + 1
        self._by_feature[-2] = self._share[self.positions]
        self.uniform = self.uniform and len(rows) == len(self)

    def options(self, choices: IntArray) -> IntArray:
        """Return the option ``(N,)`` that each lane has for a choice ``(N,)`` of its own."""
        return self._places[choices * len(self) + self.everywhere]

    def change_all(self, choices: IntArray, old: IntArray, options: IntArray) -> None:
        """Change one decided choice of every lane from ``old`` to ``options`` (which may be the same)."""
        lanes = len(self)
        self._places[choices * lanes + self.everywhere] = options
        start = self.offsets[choices] * lanes + self.everywhere
        self._features[start + old * lanes] = 0.0
        self._features[start + options * lanes] = 1.0
