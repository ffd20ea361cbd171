"""Build: one choice per step, the reward at the end."""

from __future__ import annotations

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...core.evaluation import IntArray
from ..lanes import Lanes
from .base import Formulation, Transition


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

    def transition(self, lanes: Lanes, actions: IntArray) -> Transition:
        """Write each lane's action into its next choice."""
        everyone, last = np.arange(len(lanes)), self.space.n - 1
        choices = np.minimum(lanes.positions, last)
        in_range = (actions >= 0) & (actions < self.mask_size)
        options = np.where(in_range, actions, 0)
        valid = in_range & self.space.option_mask(lanes.architectures, choices)[everyone, options]
        after = lanes.architectures.copy()
        after[everyone[valid], choices[valid]] = options[valid]
        complete = valid & (choices == last)
        return Transition(after, invalid=~valid, evaluate=complete, terminated=complete)

    def action_mask(self, lanes: Lanes) -> NDArray[np.int8]:
        """Return the options of each lane's next choice; the first option once the architecture is complete."""
        positions = lanes.positions
        mask = self.space.option_mask(lanes.architectures, np.minimum(positions, self.space.n - 1)).astype(np.int8)
        mask[positions == self.space.n] = np.arange(self.mask_size) == 0
        return mask
