"""Edit: start from an architecture, change one choice per step or stop; the reward is the gain."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...core.evaluation import IntArray
from ...fast.coded_lanes import CodedLanes
from ..lanes import BoolArray, Lanes
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
        self._actions = self.mask_size
        # Choice and option of each action; stopping stands as option −1 of choice 0, which changes nothing.
        self._choice: IntArray = np.append(np.repeat(np.arange(self.space.n), cardinalities), 0)  # (A,)
        self._option: IntArray = np.append(np.concatenate([np.arange(c) for c in cardinalities]), -1)  # (A,)

    @property
    def action_space(self) -> gymnasium.spaces.Discrete:
        """``Discrete`` of all options of all choices, and one to stop."""
        return gymnasium.spaces.Discrete(self.mask_size)

    @property
    def mask_size(self) -> int:
        """Number of options of all choices, plus one to stop."""
        return int(self.space.cardinalities.sum()) + 1

    def apply(self, lanes: Lanes, actions: IntArray, active: BoolArray | None) -> Transition:
        """Change one choice of each lane, or stop it."""
        lanes.tick(active)
        known = None
        if actions.view(np.uint64).max() >= self._actions:  # negative ones are huge as unsigned
            known = (actions >= 0) & (actions < self._actions)
            actions = np.where(known, actions, 0)
        stop = actions == self._actions - 1
        if isinstance(lanes, CodedLanes) and not self._constrained:
            return self._apply_coded(lanes, actions, stop, known, active)
        choices, options = self._choice[actions], self._option[actions]
        old = lanes.options(choices)
        changed = (options != old) & ~stop
        if known is not None:
            changed &= known
            stop &= known
        if active is not None:
            changed &= active
            stop &= active
        if self._constrained:
            rows = np.flatnonzero(changed)
            candidates = lanes.architectures[rows]
            candidates[np.arange(len(rows)), choices[rows]] = options[rows]
            changed[rows] = self.space.valid(candidates)
        # A lane that changes nothing writes what it has: one pass over all is faster than picking some.
        lanes.change_all(choices, old, np.where(changed, options, old))
        invalid = ~(changed | stop)
        if active is not None:
            invalid &= active
        return Transition(invalid, changed, stop)

    def _apply_coded(
        self, lanes: CodedLanes, actions: IntArray, stop: BoolArray, known: BoolArray | None, active: BoolArray | None
    ) -> Transition:
        """Look the next states up; a lane that must not change is given the action that changes nothing."""
        still = known if active is None else active if known is None else active & known
        if still is not None:
            idle = np.flatnonzero(~still)
            actions = actions.copy()
            actions[idle] = self._actions - 1
            stop[idle] = False
        changed = lanes.edit_all(actions)
        invalid = ~(changed | stop)
        if active is not None:
            invalid &= active
        return Transition(invalid, changed, stop)

    def apply_one(self, lanes: Lanes, action: Any) -> tuple[bool, bool, bool, int | None]:
        """Change one choice, or stop."""
        action = int(action)
        lanes.steps[0] += 1
        lanes.flat[0, -1] = lanes.steps[0] / lanes.horizon
        if action == self._actions - 1:
            return True, False, True, None
        if not 0 <= action < self._actions:
            return False, False, False, None
        choice, option = int(self._choice[action]), int(self._option[action])
        old = int(lanes.architectures[0, choice])
        if option == old:
            return False, False, False, None
        if self._constrained:
            candidate = lanes.architectures.copy()
            candidate[0, choice] = option
            if not self.space.valid(candidate)[0]:
                return False, False, False, None
        lanes.architectures[0, choice] = option
        flat, start = lanes.flat[0], int(lanes.offsets[choice])
        flat[start + old] = 0.0
        flat[start + option] = 1.0
        return True, True, False, None

    def action_mask(self, lanes: Lanes) -> NDArray[np.int8]:
        """Return 1 for every change of one choice that leads to a valid architecture, and for stopping."""
        # What the architecture has is what may not be chosen: the one-hot observation, inverted.
        mask = lanes.blank_features(self._actions).T
        mask[:, -1] = 1
        if self._constrained:
            rows, columns = np.nonzero(mask[:, :-1])
            candidates = lanes.architectures[rows]
            candidates[np.arange(len(rows)), self._choice[columns]] = self._option[columns]
            mask[rows, columns] = self.space.valid(candidates)
        return mask
