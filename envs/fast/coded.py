"""What the fused passes share: a process of N lanes whose state is one integer each, as long as it can be."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.evaluation import IntArray
from ..mdp.dynamics import SearchDynamics
from ..mdp.lanes import BoolArray, Lanes
from ..mdp.outcome import Outcome
from ..mdp.settings import checked_actions
from .lazy_info import LazyInfo
from .recycling import Recycler
from .reward_table import Block, Lookup, lookup_of


class CodedDynamics(SearchDynamics):
    """A process that steps codes while the table answers everything, and is the reference otherwise.

    A search that is recorded or has a budget, an action outside the action space, a start that is given: there
    the reference takes over, from the same state. Arrays of the state are replaced, never written into, so that
    what a step saw can still be asked for later.

    Args:
        arguments: those of `SearchDynamics`.
    """

    def __init__(self, *arguments: Any) -> None:
        self._codes: NDArray[Any] | None = None  # (N,); None while the reference holds the state
        super().__init__(*arguments)
        lookup = lookup_of(self)
        assert lookup is not None, "serves() has said that there is one"
        self._lookup: Lookup = lookup
        space = self.task.space
        self._observations = Recycler((self.num_lanes, int(space.offsets[-1]) + 2), np.float32)
        horizon = self.rules.horizon
        self._shares = (np.arange(horizon + 1) / horizon).astype(np.float32)  # of the horizon, by steps

    @staticmethod
    def serves(dynamics: SearchDynamics, rules: type) -> bool:
        """Say whether a process is one that a pass over codes steps: of these very rules, one reward, a fixed seed."""
        return (
            type(dynamics.rules) is rules
            and dynamics.num_lanes > 1
            and dynamics.single_reward
            and dynamics.training_seed != "resample"
            and lookup_of(dynamics) is not None
        )

    # -- the state in both forms ----------------------------------------------------------------------

    @property
    def lanes(self) -> Lanes:  # type: ignore[override]
        """The state as the reference holds it, decoded where it is held as codes."""
        if self._codes is not None:
            self._lanes.architectures, self._lanes.steps = self._decoded()
        return self._lanes

    @lanes.setter
    def lanes(self, lanes: Lanes) -> None:
        self._lanes = lanes

    @abstractmethod
    def _decoded(self) -> tuple[IntArray, IntArray]:
        """Return architectures ``(N, n)`` and steps ``(N,)`` of the codes."""

    @abstractmethod
    def _encode(self) -> bool:
        """Take the reference's state over as codes; False where it has none."""

    def _leave(self) -> None:
        """Give the state to the reference."""
        if self._codes is not None:
            self._lanes.architectures, self._lanes.steps = self._decoded()
            self._codes = None

    def _block(self) -> Block | None:
        """Return the answers for all architectures, or None where the evaluator must be asked for some."""
        if self.task.decorated:
            return None
        block = self._lookup.block(self.epochs, self.training_seed)
        return block if block is not None and block.complete else None

    # -- what the reference does, where codes do not serve ---------------------------------------------

    def seed(self, seeds: ArrayLike, rows: IntArray | None = None) -> None:
        """Give lanes new seeds; their next episode is their first."""
        self._leave()
        super().seed(seeds, rows)

    def begin(self, rows: IntArray, architectures: ArrayLike | None = None) -> Outcome:
        """Start a new episode in some lanes."""
        block = self._block() if architectures is None else None
        if block is None:
            self._leave()
            return super().begin(rows, architectures)
        if self._codes is None and len(rows) < self.num_lanes and not self._encode():
            return super().begin(rows)
        return self._begin_codes(rows, block)

    def advance(self, actions: ArrayLike, restart: BoolArray | None = None) -> Outcome:
        """Take one step in every lane, or start the next episode in some."""
        actions = checked_actions(actions, self.action_shape)
        block = self._block()
        if block is not None:
            largest = int(np.maximum.reduce(actions.view(np.uint64)))  # negative actions are huge as unsigned ones
            held = self._codes is not None or (not self._unpaid.any() and self._encode())
            if held and largest < self._actions:
                return self._advance_codes(actions, largest, restart, block)
        self._leave()
        return super().advance(actions, restart)

    _actions: int

    @abstractmethod
    def _begin_codes(self, rows: IntArray, block: Block) -> Outcome:
        """Start a new episode in some lanes; where it is not all, the state is in codes."""

    @abstractmethod
    def _advance_codes(self, actions: IntArray, largest: int, restart: BoolArray | None, block: Block) -> Outcome:
        """Take the step of actions ``(N,)`` in 0..``largest``."""

    # -- what is seen ---------------------------------------------------------------------------------

    def infos(self, show: Callable[[NDArray[np.int8]], NDArray], fill: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the same as the reference, made when somebody looks."""
        if self._codes is None:
            return super().infos(show, fill)
        codes = self._codes
        return LazyInfo(fill, {"action_mask": lambda: show(self._mask_of(codes))})

    def action_mask(self) -> NDArray[np.int8]:
        """Return ``(N, mask size)``, 1 where an action is allowed."""
        return super().action_mask() if self._codes is None else self._mask_of(self._codes)

    @abstractmethod
    def _mask_of(self, codes: NDArray[Any]) -> NDArray[np.int8]:
        """Return the action masks of states."""
