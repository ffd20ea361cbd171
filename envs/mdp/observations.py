"""What an agent sees of the lanes' state, in three shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .dynamics import SearchDynamics
from .formulations import Formulation

KINDS = ("flat", "structured", "masked")
MASK_DTYPES = {"int8": np.int8, "bool": np.bool_}


class Observer:
    """Turns lanes into observations.

    ==========  =================================================================================
    flat        ``Box(0, 1, (d + 2,), float32)``: the one-hot vector of every choice, one after the
                other, zeros where undecided (d options in all); then the share of choices decided
                and the share of the horizon used
    structured  ``Dict``: ``architecture`` ``MultiDiscrete``, option + 1 of each choice, 0 where
                undecided; ``position`` ``Discrete(n + 1)``, choices decided; ``step``
                ``Discrete(2n + 1)``, steps taken
    masked      ``Dict``: ``observation``, the flat one; ``action_mask`` as in ``info``, a
                ``MultiBinary``, or a ``Box`` of bool where masks are boolean
    ==========  =================================================================================

    Args:
        kind: one of the three.
        formulation: gives the space, the horizon and the mask.
        mask_dtype: ``int8`` or ``bool``, of action masks.
        keys: names of the masked observation's two entries.
    """

    def __init__(
        self,
        kind: str,
        formulation: Formulation,
        mask_dtype: str = "int8",
        keys: Sequence[str] = ("observation", "action_mask"),
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"observation={kind!r}: choose one of {', '.join(KINDS)}")
        if mask_dtype not in MASK_DTYPES:
            raise ValueError(f"mask_dtype={mask_dtype!r}: choose one of {', '.join(MASK_DTYPES)}")
        if isinstance(keys, str) or len(keys) != 2 or len({*keys}) != 2 or not all(isinstance(k, str) for k in keys):
            raise ValueError(
                f"observation_keys={keys!r}: give two names, of the observation and of the mask, "
                'such as ["observations", "action_mask"]'
            )
        self.kind, self.formulation, self.keys = kind, formulation, tuple(keys)
        self.mask_dtype: Any = MASK_DTYPES[mask_dtype]

    @property
    def space(self) -> gymnasium.Space:
        """Observation space of one lane."""
        space, size = self.formulation.space, self.formulation.mask_size
        flat = spaces.Box(0.0, 1.0, (int(space.offsets[-1]) + 2,), np.float32)
        if self.kind == "flat":
            return flat
        if self.kind == "masked":
            mask = spaces.MultiBinary(size) if self.mask_dtype is np.int8 else spaces.Box(0, 1, (size,), np.bool_)  # type: ignore[arg-type]
            return spaces.Dict({self.keys[0]: flat, self.keys[1]: mask})
        return spaces.Dict(
            architecture=spaces.MultiDiscrete(space.cardinalities + 1),
            position=spaces.Discrete(space.n + 1),
            step=spaces.Discrete(self.formulation.horizon + 1),
        )

    def mask(self, mask: NDArray[np.int8]) -> NDArray[Any]:
        """Return masks in the dtype that is asked for."""
        return mask if self.mask_dtype is np.int8 else mask.astype(self.mask_dtype)

    def observe(self, dynamics: SearchDynamics) -> Any:
        """Return the observations of N lanes, with the lane as leading axis of every array."""
        if self.kind == "flat":
            return dynamics.observation()
        if self.kind == "masked":
            masks = np.array(self.mask(dynamics.action_mask()), order="C")
            return {self.keys[0]: dynamics.observation(), self.keys[1]: masks}
        lanes = dynamics.lanes
        return {
            "architecture": lanes.architectures + 1,
            "position": lanes.positions,
            "step": lanes.steps.copy(),
        }


def lane(observation: Any, index: int) -> Any:
    """Return one lane's observation out of batched ones, as a scalar environment gives it."""
    if isinstance(observation, dict):
        return {key: lane(value, index) for key, value in observation.items()}
    return observation[index]
