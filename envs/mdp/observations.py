"""What an agent sees of the lanes' state, in three shapes."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .formulations import Formulation
from .lanes import Lanes

KINDS = ("flat", "structured", "masked")


class Observer:
    """Turns lanes into observations.

    ==========  =================================================================================
    flat        ``Box(0, 1, (d + 2,), float32)``: the one-hot vector of every choice, one after the
                other, zeros where undecided (d options in all); then the share of choices decided
                and the share of the horizon used
    structured  ``Dict``: ``architecture`` ``MultiDiscrete``, option + 1 of each choice, 0 where
                undecided; ``position`` ``Discrete(n + 1)``, choices decided; ``step``
                ``Discrete(2n + 1)``, steps taken
    masked      ``Dict``: ``observation``, the flat one; ``action_mask`` ``MultiBinary``, as in ``info``
    ==========  =================================================================================

    Args:
        kind: one of the three.
        formulation: gives the space, the horizon and the mask.
    """

    def __init__(self, kind: str, formulation: Formulation) -> None:
        if kind not in KINDS:
            raise ValueError(f"observation={kind!r}: choose one of {', '.join(KINDS)}")
        self.kind, self.formulation = kind, formulation
        self._width = int(formulation.space.offsets[-1])

    @property
    def space(self) -> gymnasium.Space:
        """Observation space of one lane."""
        n = self.formulation.space.n
        flat = spaces.Box(0.0, 1.0, (self._width + 2,), np.float32)
        if self.kind == "flat":
            return flat
        if self.kind == "masked":
            return spaces.Dict(observation=flat, action_mask=spaces.MultiBinary(self.formulation.mask_size))
        return spaces.Dict(
            architecture=spaces.MultiDiscrete(self.formulation.space.cardinalities + 1),
            position=spaces.Discrete(n + 1),
            step=spaces.Discrete(self.formulation.horizon + 1),
        )

    def observe(self, lanes: Lanes, masks: NDArray[np.int8] | None) -> Any:
        """Return the observations of N lanes, with the lane as leading axis of every array.

        Args:
            lanes: the state.
            masks: ``(N, mask size)``; only the masked observation needs them.
        """
        if self.kind == "flat":
            return lanes.observation()
        if self.kind == "masked":
            return {"observation": lanes.observation(), "action_mask": np.array(masks, dtype=np.int8)}
        return {
            "architecture": lanes.architectures + 1,
            "position": lanes.positions.copy(),
            "step": lanes.steps.copy(),
        }

    def observe_one(self, lanes: Lanes, masks: NDArray[np.int8]) -> Any:
        """Return the observation of a single lane, without the leading axis."""
        return lanes.flat[0].copy() if self.kind == "flat" else lane(self.observe(lanes, masks), 0)


def lane(observation: Any, index: int) -> Any:
    """Return one lane's observation out of batched ones, as a scalar environment gives it."""
    if isinstance(observation, dict):
        return {key: lane(value, index) for key, value in observation.items()}
    return observation[index]
