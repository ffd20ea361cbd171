"""Propose: one step, the action is a whole architecture."""

from __future__ import annotations

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ..evaluation import IntArray
from .base import Formulation, Lanes, Transition


class Propose(Formulation):
    """Propose a whole architecture, and its fidelity where ``epochs="choose"``; it is evaluated at once.

    The action is the architecture vector, with an index into the evaluator's fidelities appended where
    that is to be chosen. An action that is no valid architecture is masked (its components may each be
    allowed where the space does not let them go together).
    """

    name = "propose"

    @property
    def action_space(self) -> gymnasium.spaces.MultiDiscrete:
        """``MultiDiscrete`` of every choice's options, and of the fidelities where chosen."""
        return gymnasium.spaces.MultiDiscrete(self._cardinalities)

    @property
    def mask_size(self) -> int:
        """Number of options of all choices, plus the fidelities where chosen."""
        return int(self._cardinalities.sum())

    @property
    def _cardinalities(self) -> IntArray:
        extra = [len(self.fidelities)] if self.fidelities else []
        return np.array([*self.space.cardinalities, *extra], dtype=np.int64)

    def apply(self, lanes: Lanes, actions: IntArray) -> Transition:
        """Take each lane's action as its architecture."""
        lanes.steps += 1
        n = self.space.n
        valid = ((actions >= 0) & (actions < self._cardinalities)).all(axis=1)
        if self.space.constrained:
            valid[valid] = self.space.valid(actions[valid, :n])
        lanes.architectures[valid] = actions[valid, :n]
        lanes.positions[valid] = n
        fidelity = np.where(valid, actions[:, n], 0) if self.fidelities else None
        return Transition(valid, valid.copy(), valid.copy(), fidelity)

    def action_mask(self, lanes: Lanes) -> NDArray[np.int8]:
        """Return ones: each component may take every option."""
        return np.ones((len(lanes.architectures), self.mask_size), dtype=np.int8)
