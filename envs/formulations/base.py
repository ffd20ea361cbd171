"""The protocol of a formulation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ..evaluation import IntArray
from ..spaces import SearchSpace

BoolArray = NDArray[np.bool_]


@dataclass
class Lanes:
    """State of N episodes side by side: the whole state of the decision process, as arrays.

    Attributes:
        architectures: ``(N, n)`` option index of each choice, −1 where it is not decided.
        positions: ``(N,)`` number of decided choices.
        steps: ``(N,)`` steps taken in this episode, masked actions included.
    """

    architectures: IntArray  # (N, n)
    positions: IntArray  # (N,)
    steps: IntArray  # (N,)

    @classmethod
    def empty(cls, lanes: int, n: int) -> Lanes:
        """Return the state of N lanes in which nothing is decided."""
        return cls(np.full((lanes, n), -1, dtype=np.int64), np.zeros(lanes, np.int64), np.zeros(lanes, np.int64))

    def take(self, rows: IntArray) -> Lanes:
        """Return a copy of some lanes."""
        return Lanes(self.architectures[rows], self.positions[rows], self.steps[rows])

    def put(self, rows: IntArray, other: Lanes) -> None:
        """Write a state of ``len(rows)`` lanes into those lanes."""
        self.architectures[rows], self.positions[rows], self.steps[rows] = (
            other.architectures,
            other.positions,
            other.steps,
        )


@dataclass
class Transition:
    """What a step of the rules decides, before anything is evaluated.

    Attributes:
        valid: ``(N,)`` bool, the action was allowed and the state has changed (or the episode stops).
        evaluate: ``(N,)`` bool, the architecture is to be evaluated now.
        terminated: ``(N,)`` bool, the episode ends here by its rules.
        fidelity: ``(N,)`` index into the evaluator's fidelities where the action chose one, else None.
    """

    valid: BoolArray
    evaluate: BoolArray
    terminated: BoolArray
    fidelity: IntArray | None = None


class Formulation(ABC):
    """Rules that turn actions into architectures. Holds no state: lanes are passed in.

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

    @property
    def horizon(self) -> int:
        """Steps after which an episode is truncated, masked actions included: 2n."""
        return 2 * self.space.n

    @property
    @abstractmethod
    def action_space(self) -> gymnasium.Space:
        """The action space of one lane."""

    @property
    @abstractmethod
    def mask_size(self) -> int:
        """Length of one lane's action mask."""

    @abstractmethod
    def apply(self, lanes: Lanes, actions: IntArray) -> Transition:
        """Apply ``(N,)`` or ``(N, …)`` actions to the lanes, in place; masked actions change nothing."""

    @abstractmethod
    def action_mask(self, lanes: Lanes) -> NDArray[np.int8]:
        """Return ``(N, mask_size)`` int8, 1 where an action is allowed.

        For a `MultiDiscrete` action space it is the masks of all components, one after the other.
        """
