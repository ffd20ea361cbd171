"""Edit: start from an architecture, change one choice per step or stop; the reward is the gain."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...core.evaluation import IntArray
from ..lanes import Lanes
from .base import Formulation, Transition


class Edit(Formulation):
    """Improve an architecture by single changes.

    The action is a place in the flat one-hot vector of the architecture (choice and new option in one
    number, in the space's order), or the last index to stop. The option that a choice already has, and a
    change that leads to no valid architecture, are masked.
    """

    name = "edit"
    starts_complete = True
    reward_is_gain = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cardinalities = self.space.cardinalities
        self.stop = int(cardinalities.sum())
        self.choices: IntArray = np.repeat(np.arange(self.space.n), cardinalities)  # (d,) choice of each action
        self.options: IntArray = np.concatenate([np.arange(c) for c in cardinalities])  # (d,)

    @property
    def action_space(self) -> gymnasium.spaces.Discrete:
        """``Discrete`` of all options of all choices, and one to stop."""
        return gymnasium.spaces.Discrete(self.stop + 1)

    def transition(self, lanes: Lanes, actions: IntArray) -> Transition:
        """Change one choice of each lane, or stop it."""
        everyone, stop = np.arange(len(lanes)), actions == self.stop
        edits = (actions >= 0) & (actions < self.stop)
        place = np.where(edits, actions, 0)
        choices, options = self.choices[place], self.options[place]
        changed = edits & (lanes.architectures[everyone, choices] != options)
        after = lanes.architectures.copy()
        after[everyone[changed], choices[changed]] = options[changed]
        if self.space.constrained:
            changed[changed] = self.space.valid(after[changed])
            after = np.where(changed[:, None], after, lanes.architectures)
        return Transition(after, invalid=~(changed | stop), evaluate=changed, terminated=stop)

    def action_mask(self, lanes: Lanes) -> NDArray[np.int8]:
        """Return 1 for every change of one choice that leads to a valid architecture, and for stopping."""
        mask = np.ones((len(lanes), self.stop + 1), dtype=np.int8)
        mask[:, :-1] = lanes.architectures[:, self.choices] != self.options
        if self.space.constrained:
            rows, actions = np.nonzero(mask[:, :-1])
            candidates = lanes.architectures[rows]
            candidates[np.arange(len(rows)), self.choices[actions]] = self.options[actions]
            mask[rows, actions] = self.space.valid(candidates)
        return mask
