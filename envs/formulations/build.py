"""Build: one choice per step, the reward at the end."""

from __future__ import annotations

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ..evaluation import IntArray
from .base import Formulation, Lanes, Transition


class Build(Formulation):
    """Decide the choices one by one in the space's order; the finished architecture is evaluated.

    The action is an option index of the next choice. An action beyond that choice's options, or one that
    cannot lead to a valid architecture, is masked.
    """

    name = "build"

    @property
    def action_space(self) -> gymnasium.spaces.Discrete:
        """``Discrete`` of the largest number of options of a choice."""
        return gymnasium.spaces.Discrete(int(self.space.cardinalities.max()))

    @property
    def mask_size(self) -> int:
        """Largest number of options of a choice."""
        return int(self.space.cardinalities.max())

    def apply(self, lanes: Lanes, actions: IntArray) -> Transition:
        """Write each lane's action into its next choice."""
        rows = np.arange(len(actions))
        lanes.steps += 1
        unfinished = lanes.positions < self.space.n
        positions = np.minimum(lanes.positions, self.space.n - 1)
        if self.space.constrained:
            in_range = (actions >= 0) & (actions < self.mask_size)
            options = self.space.option_mask(lanes.architectures, positions)
            valid = unfinished & in_range & options[rows, np.where(in_range, actions, 0)]
        else:
            valid = unfinished & (actions >= 0) & (actions < self.space.cardinalities[positions])
        lanes.architectures[rows[valid], positions[valid]] = actions[valid]
        lanes.positions += valid
        done = valid & (lanes.positions == self.space.n)
        return Transition(valid, done, done)

    def action_mask(self, lanes: Lanes) -> NDArray[np.int8]:
        """Return the options of each lane's next choice; all zeros once the architecture is complete."""
        positions = np.minimum(lanes.positions, self.space.n - 1)
        mask = self.space.option_mask(lanes.architectures, positions).astype(np.int8)
        mask[lanes.positions == self.space.n] = 0
        return mask
