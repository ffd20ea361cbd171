"""What was asked and is not told yet."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


class Pending(Generic[T]):
    """Notes on trials that are being evaluated, found again when their results are told, in any order.

    Trials are numbered from 0 in the order of asking, as the driver numbers them: every action that an agent hands out
    is added, once.
    """

    def __init__(self) -> None:
        self._notes: dict[int, T] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return the number of trials under way."""
        return len(self._notes)

    def add(self, note: T) -> int:
        """Remember a note on the action that is handed out next; returns its trial number."""
        trial, self._count = self._count, self._count + 1
        self._notes[trial] = note
        return trial

    def take(self, trial: int) -> T:
        """Return, and forget, the note on a trial.

        Raises:
            ValueError: the trial is not under way.
        """
        try:
            return self._notes.pop(int(trial))
        except KeyError:
            raise ValueError(f"the trial {trial} was told, but it was not asked for or is told already") from None

    def told(self, infos: dict[str, np.ndarray]) -> list[T]:
        """Return, and forget, the notes on the trials that ``infos`` of `AskTellAgent.tell` names.

        Raises:
            ValueError: it names none, or one that is not under way.
        """
        if "trial" not in infos:
            raise ValueError("infos['trial'] is missing: tell says which trials, numbered in the order of asking")
        return [self.take(trial) for trial in np.asarray(infos["trial"]).tolist()]
