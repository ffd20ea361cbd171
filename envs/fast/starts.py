"""Which episode every lane is in, and what the next ones start with, drawn many at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.evaluation import IntArray

# Start codes drawn at once for every lane.
_AHEAD = 16


class Episodes:
    """Episode counters of N lanes, the first episode being 0, with a store of start codes.

    Where thousands of lanes stop at different times, some start anew in every step. To hash their few
    counters would cost a quarter of the step; to hash many at once costs a fifth per draw.

    Args:
        num_lanes: N.
    """

    def __init__(self, num_lanes: int) -> None:
        # Place of the first and behind the last code of each lane; −1 is stored behind the last.
        self._firsts: IntArray = np.arange(num_lanes) * (_AHEAD + 1)  # (N,)
        self._ends: IntArray = self._firsts + _AHEAD  # (N,)
        self._codes: IntArray = np.full(1, -1, dtype=np.int64)  # (N × (_AHEAD + 1),) once something is drawn
        # Place of each lane's next code. A lane's episode is its place plus its base.
        self._places: IntArray = self._ends.copy()  # (N,)
        self._bases: IntArray = -1 - self._places  # (N,)
        self._stored = False  # whether there is anything in the store

    def of(self, rows: IntArray) -> IntArray:
        """Return the present episodes ``(r,)`` of lanes, −1 before the first."""
        return self._places[rows] + self._bases[rows]

    def put(self, rows: IntArray, episodes: IntArray | int) -> None:
        """Say which episodes lanes are in; what was drawn ahead for them is forgotten."""
        self._places[rows] = self._ends[rows]
        self._bases[rows] = episodes - self._ends[rows]

    def begin(self, rows: IntArray) -> None:
        """Begin the next episode of lanes."""
        if self._stored:
            self.put(rows, self.of(rows) + 1)
        elif len(rows) == len(self._bases):
            self._bases += 1
        else:
            self._bases[rows] += 1

    def begin_drawn(self, rows: IntArray, draw: Callable[[IntArray], IntArray]) -> IntArray:
        """Begin the next episode of lanes and return their start codes ``(r,)``.

        Args:
            rows: ``(r,)`` lanes, at least one.
            draw: returns the codes ``(N, k)`` of all lanes in episodes ``(N, k)``.
        """
        places = self._places[rows]
        codes = self._codes.take(places, mode="clip")
        if np.minimum.reduce(codes) < 0:
            self._draw(draw)
            places = self._places[rows]
            codes = self._codes.take(places)
        places += 1
        self._places[rows] = places
        return codes

    def _draw(self, draw: Callable[[IntArray], IntArray]) -> None:
        """Fill the store for all lanes with what follows their present episodes."""
        episodes = self._places + self._bases
        codes = np.full((len(episodes), _AHEAD + 1), -1, dtype=np.int64)
        codes[:, :_AHEAD] = draw(episodes[:, None] + np.arange(1, _AHEAD + 1))
        self._codes = codes.reshape(-1)
        self._places, self._bases, self._stored = self._firsts.copy(), episodes - self._firsts, True
