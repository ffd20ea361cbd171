"""Propose: one step, the action is a whole architecture."""

from __future__ import annotations

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...core.evaluation import IntArray
from ..lanes import Lanes
from .base import Formulation, Transition


class Propose(Formulation):
    """Propose a whole architecture, and its fidelity where ``epochs="choose"``; it is evaluated at once.

    The action is the architecture vector, with an index into the evaluator's fidelities appended where
    that is to be chosen. An action that is no valid architecture is masked (its components may each be
    allowed where the space does not let them go together).
    """

    name = "propose"
    chooses_fidelity = True

    @property
    def action_space(self) -> gymnasium.spaces.MultiDiscrete:
        """``MultiDiscrete`` of every choice's options, and of the fidelities where chosen."""
        extra = [len(self.fidelities)] if self.fidelities else []
        return gymnasium.spaces.MultiDiscrete([*self.space.cardinalities, *extra])

    def transition(self, lanes: Lanes, actions: IntArray) -> Transition:
        """Take each lane's action as its architecture."""
        n = self.space.n
        valid = ((actions >= 0) & (actions < self.action_space.nvec)).all(axis=1)
        if self.space.constrained:
            valid[valid] = self.space.valid(actions[valid, :n])
        after = np.where(valid[:, None], actions[:, :n], lanes.architectures)
        fidelity = np.where(valid, actions[:, n], 0) if self.fidelities else None
        return Transition(after, invalid=~valid, evaluate=valid, terminated=valid, fidelity=fidelity)

    def action_mask(self, lanes: Lanes) -> NDArray[np.int8]:
        """Return ones: each component may take every option."""
        return np.ones((len(lanes), self.mask_size), dtype=np.int8)
