"""Memory for large arrays that are made at every step."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Recycler:
    """Hands out arrays of one shape; one that nobody holds any more is handed out again.

    A fresh array of half a megabyte costs more in page faults than a step's arithmetic. Whoever keeps an
    array (or a view of it) keeps it as it is: only arrays whose sole reference is the recycler's are used
    again. Where reference counts do not tell (other interpreters, or no global interpreter lock) every
    array is fresh.

    Args:
        shape: of the arrays.
        dtype: of the arrays.
        most: arrays kept at most.
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike, most: int = 4) -> None:
        self._shape, self._dtype, self._most = shape, dtype, most
        self._arrays: list[NDArray] = []
        counted = sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()
        # What the count is for an array that only the list holds, in the very expression that asks.
        self._idle = self._count([np.empty(0)], 0) if counted else -1

    @staticmethod
    def _count(arrays: list[NDArray], index: int) -> int:
        return sys.getrefcount(arrays[index])

    def array(self) -> NDArray:
        """Return an array whose content is anything."""
        for index in range(len(self._arrays)):
            if self._count(self._arrays, index) == self._idle:
                return self._arrays[index]
        fresh = np.empty(self._shape, dtype=self._dtype)
        if self._idle >= 0 and len(self._arrays) < self._most:
            self._arrays.append(fresh)
        return fresh

    def __getstate__(self) -> dict:
        """Copy and pickle without the arrays: they are others'."""
        return {**self.__dict__, "_arrays": []}
