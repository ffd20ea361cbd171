"""The decision process of one lane, in plain values: what the scalar environment steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .dynamics import SearchDynamics
from .outcome import Measured
from .settings import checked_actions


class SingleLane:
    """The only lane of a `SearchDynamics`.

    Args:
        dynamics: with one lane.
    """

    def __init__(self, dynamics: SearchDynamics) -> None:
        self.dynamics = dynamics

    def begin(self, architecture: ArrayLike | None = None) -> dict[str, Any]:
        """Start the next episode; returns what was measured, by name ({} where nothing was)."""
        return _first(self.dynamics.begin(np.zeros(1, dtype=np.int64), architecture).measured)

    def advance(self, action: Any) -> tuple[Any, bool, bool, dict[str, Any]]:
        """Take a step: reward (float, or ``(k,)``), terminated, truncated, and what was measured.

        Raises:
            ValueError: the action's shape or type does not fit.
        """
        dynamics = self.dynamics
        outcome = dynamics.advance(checked_action(dynamics, action)[None])
        reward = float(outcome.rewards[0]) if dynamics.single_reward else outcome.rewards[0]
        return reward, bool(outcome.terminated[0]), bool(outcome.truncated[0]), _first(outcome.measured)

    def observation(self) -> NDArray[np.float32]:
        """Return the flat observation ``(d + 2,)``."""
        return self.dynamics.observation()[0]

    def action_mask(self) -> NDArray[np.int8]:
        """Return ``(mask size,)``, 1 where an action is allowed, an array that nobody else holds."""
        return self.dynamics.action_mask()[0]


def checked_action(dynamics: SearchDynamics, action: Any) -> NDArray[np.int64]:
    """Return one lane's action, if it is made of integers of the right shape.

    Raises:
        ValueError: it is not.
    """
    return checked_actions(action, dynamics.action_shape[1:], "an action is made of integers")


def _first(measured: Measured | None) -> dict[str, Any]:
    return {} if measured is None else {name: column[0] for name, column in measured.columns.items()}
