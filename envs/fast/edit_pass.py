"""A whole step of Edit over a table, fused.

Thousands of lanes that stop and start at different times leave no room for general machinery. This is the same
rules once more; the tests hold it equal to the reference, lane by lane.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.evaluation import FloatArray, IntArray
from ..mdp.acceleration import MANY_LANES
from ..mdp.dynamics import SearchDynamics
from ..mdp.formulations import Edit
from ..mdp.lanes import BoolArray
from ..mdp.outcome import Measured, Outcome
from ..spaces import SearchSpace
from .coded import CodedDynamics
from .codes import Edits, edits, fits
from .reward_table import Block
from .starts import Episodes


class EditPass(CodedDynamics):
    """N lanes of Edit, each the place of its architecture in the space's order and the steps of its episode.

    Args:
        arguments: those of `SearchDynamics`.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._table: Edits = edits(self.task.space)
        self._actions = len(self._table)
        self._taken: IntArray = np.zeros(self.num_lanes, dtype=np.int64)  # (N,), steps
        self._objectives: FloatArray = np.zeros(self.num_lanes)  # (N,), of the present architectures
        self._episodes = Episodes(self.num_lanes)
        self._bits: NDArray[np.uint8] = np.empty((self.num_lanes, self._table.features.shape[1]), dtype=np.uint8)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the tables out: they are the space's."""
        return {**self.__dict__, "_table": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, with the space's tables."""
        self.__dict__.update(state)
        self._table = edits(self.task.space)

    def _decoded(self) -> tuple[IntArray, IntArray]:
        assert self._codes is not None
        return SearchSpace.from_index(self.task.space, self._codes), self._taken.copy()

    def _encode(self) -> bool:
        lanes = self._lanes
        if (lanes.architectures < 0).any():
            return False  # before the first reset of some lanes
        self._codes, self._taken = SearchSpace.index(self.task.space, lanes.architectures), lanes.steps.copy()
        self._objectives = self.values[:, 0].copy()
        self._episodes.put(np.arange(self.num_lanes), self.episodes)
        return True

    def _leave(self) -> None:
        if self._codes is not None:
            self.values = self._objectives[:, None].copy()
            self.episodes = self._episodes.of(np.arange(self.num_lanes))
        super()._leave()

    def _drawn(self, rows: IntArray) -> IntArray:
        """Begin the next episode of lanes ``(r,)``, at least one; returns their starts as codes ``(r,)``."""
        return self._episodes.begin_drawn(rows, lambda episodes: self.start_codes(self.seeds[:, None], episodes))

    def _begin_codes(self, rows: IntArray, block: Block) -> Outcome:
        if self._codes is None:
            self._episodes.put(rows, self.episodes)
            self._codes = np.zeros(self.num_lanes, dtype=np.int64)
        self._unpaid[rows] = False
        codes, steps, objectives = self._codes.copy(), self._taken.copy(), self._objectives.copy()
        codes[rows], steps[rows] = self._drawn(rows), 0
        objectives[rows] = block.values[codes[rows], 0]
        self._codes, self._taken, self._objectives = codes, steps, objectives
        outcome = self._nothing()
        started = np.zeros(self.num_lanes, dtype=bool)
        started[rows] = True
        outcome.measured = self._measured(started, block)
        return outcome

    def _measured(self, here: BoolArray, block: Block) -> Measured:
        assert self._codes is not None
        codes, lookup = self._codes, self._lookup
        return Measured(here, lambda: lookup.columns(block, here, codes))

    def _advance_codes(self, actions: IntArray, largest: int, restart: BoolArray | None, block: Block) -> Outcome:
        stop = actions == self._actions - 1
        steps = self._taken + 1
        old = self._codes
        assert old is not None
        codes = self._table.apply(old, actions)
        evaluated = codes != old
        effective = evaluated | stop
        restarted = None
        if restart is not None:
            restarted = restart.nonzero()[0]
            codes[restarted] = self._drawn(restarted)
            steps[restarted] = 0
            np.greater(stop, restart, out=stop)  # not where restarted
            np.logical_or(evaluated, restart, out=evaluated)
        now = block.values[:, 0].take(codes, mode="clip")
        rewards = now - self._objectives
        # Lanes whose action was masked gain nothing. (Arithmetic is faster than writing where a mask says.)
        rewards -= np.logical_not(effective, out=effective) * self.invalid_penalty
        if restarted is not None:
            rewards[restarted] = 0.0
        truncated = steps >= self.rules.horizon
        np.greater(truncated, stop, out=truncated)
        self._codes, self._taken, self._objectives = codes, steps, now
        return Outcome(rewards, stop, truncated, self._measured(evaluated, block))

    def observation(self) -> NDArray[np.float32]:
        """Return the flat observation ``(N, d + 2)``, an array that nobody else holds."""
        if self._codes is None:
            return super().observation()
        flat = self._observations.array()
        np.copyto(flat, self._table.features.take(self._codes, axis=0, out=self._bits, mode="clip"))
        flat[:, -1] = self._shares.take(self._taken, mode="clip")
        return flat

    def _mask_of(self, codes: NDArray[Any]) -> NDArray[np.int8]:
        """Return ``(N, A)``: what the architecture has is what may not be chosen."""
        mask = np.equal(self._table.features.take(codes, axis=0)[:, : self._actions], 0).view(np.int8)
        mask[:, -1] = 1
        return mask


def edit_pass(dynamics: SearchDynamics) -> EditPass | None:
    """Return the fused form of a process, where it was made for it."""
    space = dynamics.task.space
    served = CodedDynamics.serves(dynamics, Edit) and dynamics.one_draw and fits(space, space.size)
    return EditPass(*dynamics.arguments) if served else None


def install() -> None:
    """Put it into the table of accelerators."""
    MANY_LANES["edit_pass"] = edit_pass
