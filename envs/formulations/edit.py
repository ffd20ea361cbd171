"""Edit: start from an architecture, change one choice per step or stop; the reward is the gain."""

from __future__ import annotations

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ..evaluation import IntArray
from .base import Formulation, Lanes, Transition


class Edit(Formulation):
    """Improve an architecture by single changes.

    The action is a place in the flat one-hot vector of the architecture (choice and new option in one
    number, in the space's order), or the last index to stop. The option that a choice already has, and a
    change that leads to no valid architecture, are masked.
    """

    name = "edit"
    starts_complete = True
    reward_is_gain = True

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        cardinalities = self.space.cardinalities
        self._choice = np.repeat(np.arange(self.space.n), cardinalities)  # (A − 1,)
        self._option = np.concatenate([np.arange(c) for c in cardinalities])  # (A − 1,)

    @property
    def action_space(self) -> gymnasium.spaces.Discrete:
        """``Discrete`` of all options of all choices, and one to stop."""
        return gymnasium.spaces.Discrete(self.mask_size)

    @property
    def mask_size(self) -> int:
        """Number of options of all choices, plus one to stop."""
        return int(self.space.cardinalities.sum()) + 1

    def apply(self, lanes: Lanes, actions: IntArray) -> Transition:
        """Change one choice of each lane, or stop it."""
        lanes.steps += 1
        stop = actions == self.mask_size - 1
        edits = np.flatnonzero((actions >= 0) & (actions < self.mask_size - 1))
        choice, option = self._choice[actions[edits]], self._option[actions[edits]]
        old = lanes.architectures[edits, choice]
        change = option != old
        edits, choice, option, old = edits[change], choice[change], option[change], old[change]
        lanes.architectures[edits, choice] = option
        if self.space.constrained and edits.size:
            good = self.space.valid(lanes.architectures[edits])
            lanes.architectures[edits[~good], choice[~good]] = old[~good]
            edits = edits[good]
        changed = np.zeros(len(actions), dtype=bool)
        changed[edits] = True
        return Transition(changed | stop, changed, stop)

    def action_mask(self, lanes: Lanes) -> NDArray[np.int8]:
        """Return 1 for every change of one choice that leads to a valid architecture, and for stopping."""
        mask = np.ones((len(lanes.architectures), self.mask_size), dtype=np.int8)
        mask[:, :-1] = lanes.architectures[:, self._choice] != self._option
        if self.space.constrained:
            rows, columns = np.nonzero(mask[:, :-1])
            candidates = lanes.architectures[rows]
            candidates[np.arange(len(rows)), self._choice[columns]] = self._option[columns]
            mask[rows, columns] = self.space.valid(candidates)
        return mask
