"""Propose: one step, the action is a whole architecture."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...core.evaluation import IntArray
from ..lanes import BoolArray, Lanes
from .base import Formulation, Transition


class Propose(Formulation):
    """Propose a whole architecture, and its fidelity where ``epochs="choose"``; it is evaluated at once.

    The action is the architecture vector, with an index into the evaluator's fidelities appended where
    that is to be chosen. An action that is no valid architecture is masked (its components may each be
    allowed where the space does not let them go together).
    """

    name = "propose"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        extra = [len(self.fidelities)] if self.fidelities else []
        self._cardinalities = np.array([*self.space.cardinalities, *extra], dtype=np.int64)
        self._mask = np.ones((1, self.mask_size), dtype=np.int8)
        self._mask.flags.writeable = False

    @property
    def action_space(self) -> gymnasium.spaces.MultiDiscrete:
        """``MultiDiscrete`` of every choice's options, and of the fidelities where chosen."""
        return gymnasium.spaces.MultiDiscrete(self._cardinalities)

    @property
    def mask_size(self) -> int:
        """Number of options of all choices, plus the fidelities where chosen."""
        return int(self._cardinalities.sum())

    def apply(self, lanes: Lanes, actions: IntArray, active: BoolArray | None) -> Transition:
        """Take each lane's action as its architecture."""
        n = self.space.n
        lanes.tick(active)
        valid = ((actions >= 0) & (actions < self._cardinalities)).all(axis=1) & (lanes.positions == 0)
        if self._constrained:
            valid[valid] = self.space.valid(actions[valid, :n])
        terminated = valid.copy() if active is None else valid & active
        rows = np.flatnonzero(terminated)
        lanes.place(rows, actions[rows, :n])
        fidelity = actions[:, n] if self.fidelities else None
        invalid = ~valid if active is None else active & ~valid
        return Transition(invalid, terminated.copy(), terminated, fidelity)

    def apply_one(self, lanes: Lanes, action: Any) -> tuple[bool, bool, bool, int | None]:
        """Take the action as the architecture."""
        lanes.steps[0] += 1
        lanes.flat[0, -1] = lanes.steps[0] / lanes.horizon
        n, action = self.space.n, np.asarray(action, dtype=np.int64)
        if not ((action >= 0) & (action < self._cardinalities)).all() or lanes.positions[0]:
            return False, False, False, None
        architecture = action[None, :n]
        if self._constrained and not self.space.valid(architecture)[0]:
            return False, False, False, None
        lanes.place(np.zeros(1, dtype=np.int64), architecture)
        return True, True, True, int(action[n]) if self.fidelities else None

    def action_mask(self, lanes: Lanes) -> NDArray[np.int8]:
        """Return ones: each component may take every option."""
        return np.broadcast_to(self._mask, (len(lanes), self.mask_size))
