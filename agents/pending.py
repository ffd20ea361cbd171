"""What was asked and is not told yet."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


class Pending(Generic[T]):
    """Notes on actions that are being evaluated, found again by the action when its result is told.

    Results come in any order. Of several equal actions under way the one asked first is told first; which of
    them it is makes no difference to an agent, since nothing tells their results apart.
    """

    def __init__(self) -> None:
        self._notes: dict[bytes, deque[T]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return the number of actions under way."""
        return self._count

    def add(self, action: np.ndarray, note: T) -> None:
        """Remember a note on an action ``(n,)`` int64 that is being handed out."""
        self._notes.setdefault(action.tobytes(), deque()).append(note)
        self._count += 1

    def take(self, action: np.ndarray) -> T:
        """Return, and forget, the oldest note on an action.

        Raises:
            ValueError: the action is not under way.
        """
        key = action.tobytes()
        if key not in self._notes:
            raise ValueError(f"the action {action.tolist()} was told, but it was not asked for or is told already")
        notes = self._notes[key]
        note = notes.popleft()
        if not notes:
            del self._notes[key]
        self._count -= 1
        return note
