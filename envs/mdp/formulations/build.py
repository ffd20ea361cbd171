"""Build: one choice per step, the reward at the end."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...core.evaluation import IntArray
from ..lanes import BoolArray, Lanes
from .base import Formulation, Transition


class Build(Formulation):
    """Decide the choices one by one in the space's order; the finished architecture is evaluated.

    The action is an option index of the next choice. An action beyond that choice's options, or one that
    cannot lead to a valid architecture, is masked.
    """

    name = "build"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        space = self.space
        self._cardinalities: list[int] = space.cardinalities.tolist()
        self._offsets: list[int] = space.offsets.tolist()
        # Masks by position where they depend on nothing else; the row after the last is all zeros.
        self._masks = np.zeros((space.n + 1, self.mask_size), dtype=np.int8)
        self._masks[:-1] = np.arange(self.mask_size) < space.cardinalities[:, None]
        self._masks.flags.writeable = False
        self._views: dict[int, list[NDArray[np.int8]]] = {}

    @property
    def action_space(self) -> gymnasium.spaces.Discrete:
        """``Discrete`` of the largest number of options of a choice."""
        return gymnasium.spaces.Discrete(self.mask_size)

    @property
    def mask_size(self) -> int:
        """Largest number of options of a choice."""
        return int(self.space.cardinalities.max())

    def apply(self, lanes: Lanes, actions: IntArray, active: BoolArray | None) -> Transition:
        """Write each lane's action into its next choice."""
        n = self.space.n
        lanes.tick(active)
        if lanes.uniform and not self._constrained and lanes.position < n:
            # All lanes decide the same choice: the path of lanes in lockstep.
            cardinality = self._cardinalities[lanes.position]
            if np.maximum.reduce(actions.view(np.uint64)) < cardinality:  # negative ones are huge as unsigned
                lanes.decide_all(actions)
                if lanes.position < n:
                    return Transition(None, None, np.zeros(len(lanes), dtype=bool))
                return Transition(None, np.ones(len(lanes), dtype=bool), np.ones(len(lanes), dtype=bool))
        valid = self._valid(lanes, actions)
        acting = valid if active is None else valid & active
        rows = np.flatnonzero(acting)
        lanes.decide(rows, actions[rows])
        terminated = acting & (lanes.positions == n)
        invalid = ~valid if active is None else active & ~valid
        return Transition(invalid, terminated.copy(), terminated)

    def _valid(self, lanes: Lanes, actions: IntArray) -> BoolArray:
        n = self.space.n
        unfinished = lanes.positions < n
        positions = np.minimum(lanes.positions, n - 1)
        if not self._constrained:
            return unfinished & (actions >= 0) & (actions < self.space.cardinalities[positions])
        in_range = (actions >= 0) & (actions < self.mask_size)
        options = self.space.option_mask(lanes.architectures, positions)
        return unfinished & in_range & options[np.arange(len(lanes)), np.where(in_range, actions, 0)]

    def apply_one(self, lanes: Lanes, action: Any) -> tuple[bool, bool, bool, int | None]:
        """Write the action into the next choice."""
        action, position, n = int(action), int(lanes.positions[0]), lanes.n
        step, flat = int(lanes.steps[0]) + 1, lanes.flat[0]
        lanes.steps[0] = step
        flat[-1] = step / lanes.horizon
        if position == n or not 0 <= action < self._cardinalities[position]:
            return False, False, False, None
        if self._constrained and not self.space.option_mask(lanes.architectures, lanes.positions)[0, action]:
            return False, False, False, None
        lanes.architectures[0, position] = action
        flat[self._offsets[position] + action] = 1.0
        position += 1
        flat[-2] = position / n
        lanes.positions[0] = position
        done = position == n
        return True, done, done, None

    def action_mask(self, lanes: Lanes) -> NDArray[np.int8]:
        """Return the options of each lane's next choice; all zeros once the architecture is complete."""
        if not self._constrained:
            if lanes.uniform:
                return self._broadcast(lanes.position, len(lanes))
            return self._masks[lanes.positions]
        positions = np.minimum(lanes.positions, self.space.n - 1)
        mask = self.space.option_mask(lanes.architectures, positions).astype(np.int8)
        mask[lanes.positions == self.space.n] = 0
        return mask

    def _broadcast(self, position: int, num_lanes: int) -> NDArray[np.int8]:
        """Return the mask of a position as a read-only view with N rows, made once."""
        views = self._views.setdefault(num_lanes, [])
        if not views:
            views.extend(np.broadcast_to(row, (num_lanes, len(row))) for row in self._masks)
        return views[position]
