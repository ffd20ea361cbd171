"""The protocol of a formulation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...core.evaluation import IntArray
from ...fast.coded_lanes import CodedLanes
from ...fast.coding import Coder
from ...spaces import SearchSpace
from ..lanes import BoolArray, Lanes


@dataclass
class Transition:
    """What a step of the rules decides, before anything is evaluated.

    Attributes:
        invalid: ``(N,)`` bool, lanes whose action was masked; None where none was.
        evaluate: ``(N,)`` bool, lanes whose architecture is to be evaluated now; None where none is.
        terminated: ``(N,)`` bool, the episode ends here by its rules.
        fidelity: ``(N,)`` index into the fidelities where the action chose one, else None.
    """

    invalid: BoolArray | None
    evaluate: BoolArray | None
    terminated: BoolArray
    fidelity: IntArray | None = None


class Formulation(ABC):
    """Rules that turn actions into architectures. Holds no state: lanes are passed in.

    Every rule is written twice, for N lanes at once (`apply`) and for one (`apply_one`), because numpy's
    overhead on arrays of one element is larger than the rule; the conformance tests hold them equal.

    Attributes:
        name: its name in ids and arguments.
        starts_complete: whether an episode starts from an architecture (and its evaluation).
        reward_is_gain: whether the reward is the change of the objective rather than its value.

    Args:
        space: the search space.
        fidelities: the fidelities an action may choose from (Propose with ``epochs="choose"``), else ().
    """

    name: ClassVar[str]
    starts_complete: ClassVar[bool] = False
    reward_is_gain: ClassVar[bool] = False

    def __init__(self, space: SearchSpace, fidelities: tuple[int, ...] = ()) -> None:
        self.space, self.fidelities = space, fidelities
        self._constrained = space.constrained

    @property
    def horizon(self) -> int:
        """Steps after which an episode is truncated, masked actions included: 2n."""
        return 2 * self.space.n

    def lanes(self, num_lanes: int) -> Lanes:
        """Return the state of N lanes in which nothing is decided."""
        partial = not self.starts_complete
        # One lane is faster without tables; the rules for one lane write into its arrays.
        if num_lanes > 1 and not self._constrained and Coder.fits(self.space, partial):
            return CodedLanes(self.space, num_lanes, self.horizon, partial)
        return Lanes(self.space, num_lanes, self.horizon, partial)

    @property
    @abstractmethod
    def action_space(self) -> gymnasium.Space:
        """The action space of one lane."""

    @property
    @abstractmethod
    def mask_size(self) -> int:
        """Length of one lane's action mask."""

    @abstractmethod
    def apply(self, lanes: Lanes, actions: IntArray, active: BoolArray | None) -> Transition:
        """Apply ``(N,)`` or ``(N, …)`` actions to the active lanes (all where None), in place.

        A masked action changes nothing but the step count.
        """

    @abstractmethod
    def apply_one(self, lanes: Lanes, action: Any) -> tuple[bool, bool, bool, int | None]:
        """Apply one action to a state of one lane: (valid, evaluate, terminated, fidelity index)."""

    @abstractmethod
    def action_mask(self, lanes: Lanes) -> NDArray[np.int8]:
        """Return ``(N, mask_size)`` int8, 1 where an action is allowed; it may be a read-only view.

        For a `MultiDiscrete` action space it is the masks of all components, one after the other.
        """
