"""What a step of N lanes gave: rewards, ends, and what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..core.evaluation import FloatArray
from .lanes import BoolArray

Columns = dict[str, NDArray[Any]]


class Measured:
    """What evaluations say of N lanes: ``here`` ``(N,)`` bool, which were evaluated; the others have `Blanks`.

    ``columns`` is name → ``(N,)``, or a function that returns it, called when it is first wanted.
    """

    def __init__(self, here: BoolArray, columns: Columns | Callable[[], Columns]) -> None:
        self.here, self._columns = here, columns

    @property
    def columns(self) -> Columns:
        """Name → ``(N,)``."""
        if callable(self._columns):
            self._columns = self._columns()
        return self._columns


@dataclass
class Outcome:
    """What a step (or a start) of N lanes gave."""

    rewards: FloatArray  # (N,) float64, or (N, k) for a vector objective
    terminated: BoolArray  # (N,)
    truncated: BoolArray  # (N,)
    measured: Measured | None = None  # None where nothing was evaluated
