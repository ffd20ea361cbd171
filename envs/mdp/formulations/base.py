"""The protocol of a formulation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...core.evaluation import IntArray
from ...spaces import SearchSpace
from ..lanes import BoolArray, Lanes


@dataclass
class Transition:
    """What one step of the rules leads to, before anything is evaluated."""

    architectures: IntArray  # (N, n) after the step, as before it where the action was masked
    invalid: BoolArray  # (N,) the action was masked
    evaluate: BoolArray  # (N,) the architecture is to be evaluated now
    terminated: BoolArray  # (N,) the episode ends here by its rules
    fidelity: IntArray | None = None  # (N,) index into the fidelities where the action chose one


class Formulation(ABC):
    """Rules that turn actions into architectures. It holds no state: lanes are passed in.

    One of your own says its ``name`` and implements the abstract methods (``formulation="module:Class"``).

    Attributes:
        name: its name in ids and arguments.
        starts_complete: whether an episode starts from an architecture (and its evaluation).
        reward_is_gain: whether the reward is the change of the objective rather than its value.
        chooses_fidelity: whether ``epochs="choose"`` is possible.

    Args:
        space: the search space.
        fidelities: the fidelities an action may choose from (``epochs="choose"``), else ().
    """

    name: ClassVar[str]
    starts_complete: ClassVar[bool] = False
    reward_is_gain: ClassVar[bool] = False
    chooses_fidelity: ClassVar[bool] = False

    def __init__(self, space: SearchSpace, fidelities: tuple[int, ...] = ()) -> None:
        self.space, self.fidelities = space, fidelities

    @property
    def horizon(self) -> int:
        """Steps after which an episode is truncated, masked actions included: 2n."""
        return 2 * self.space.n

    @property
    @abstractmethod
    def action_space(self) -> gymnasium.Space:
        """The action space of one lane, ``Discrete`` or ``MultiDiscrete``."""

    @property
    def mask_size(self) -> int:
        """Length of one lane's action mask: all options of all components of the action."""
        space = self.action_space
        return int(space.n if isinstance(space, gymnasium.spaces.Discrete) else space.nvec.sum())  # type: ignore[attr-defined]

    @abstractmethod
    def transition(self, lanes: Lanes, actions: IntArray) -> Transition:
        """Say what ``(N,)`` or ``(N, …)`` actions, any integers, lead to; it changes nothing itself."""

    @abstractmethod
    def action_mask(self, lanes: Lanes) -> NDArray[np.int8]:
        """Return ``(N, mask_size)`` int8, 1 where an action is allowed: in every lane at least one.

        For a `MultiDiscrete` action space it is the masks of all components, one after the other.
        """
