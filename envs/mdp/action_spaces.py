"""Action spaces whose ``sample`` takes the mask that ``info`` gives, for one lane and for N."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ..core.evaluation import IntArray


class MaskedDiscrete(spaces.Discrete):
    """``Discrete`` whose mask may be boolean, too."""

    def sample(self, mask: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Draw an action; with a mask ``(n,)``, int8 or bool, an allowed one."""
        return super().sample(None if mask is None else np.asarray(mask).astype(np.int8), *args, **kwargs)


class MaskedMultiDiscrete(spaces.MultiDiscrete):
    """``MultiDiscrete`` whose mask is that of all components in a row, or Gymnasium's tuple of masks."""

    def sample(self, mask: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Draw an action; with a mask ``(Σ nvec,)``, int8 or bool, every component from what is allowed."""
        if mask is None or isinstance(mask, tuple):
            return super().sample(mask, *args, **kwargs)
        return _draw_components(np.asarray(mask)[None], self.nvec, self.np_random)[0].astype(self.dtype)


class LanesOfDiscrete(spaces.MultiDiscrete):
    """The actions ``(N,)`` of N lanes, each ``Discrete``: Gymnasium's batched space, with masks ``(N, n)``."""

    def sample(self, mask: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Draw an action for every lane; with masks ``(N, n)``, int8 or bool, allowed ones."""
        if isinstance(mask, tuple) or (mask is None and (args or kwargs)):
            return super().sample(mask, *args, **kwargs)
        if mask is None:  # what Gymnasium draws, with fewer passes: all lanes have as many actions
            drawn = self.np_random.random(self.shape)
            drawn *= float(self.nvec[0])
            return drawn.astype(self.dtype)
        mask = np.asarray(mask)
        expected = (*self.shape, int(self.nvec[0]))
        if mask.shape != expected:
            raise ValueError(f"the mask of {expected[0]} lanes has the shape {expected}, not {mask.shape}")
        return draw_allowed(mask, self.np_random)


class LanesOfMultiDiscrete(spaces.Box):
    """The actions ``(N, n)`` of N lanes, each ``MultiDiscrete``: Gymnasium's batched space, with masks."""

    def sample(self, mask: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Draw an action for every lane; with masks ``(N, Σ nvec)``, int8 or bool, from what is allowed."""
        if mask is None:
            return super().sample(None, *args, **kwargs)
        nvec = self.high[0] + 1
        return _draw_components(np.asarray(mask), nvec, self.np_random).astype(self.dtype)


def masked_space(space: gymnasium.Space) -> gymnasium.Space:
    """Return a formulation's action space as one that takes the mask of ``info``."""
    if type(space) is spaces.Discrete:
        return MaskedDiscrete(int(space.n), start=int(space.start))
    if type(space) is spaces.MultiDiscrete:
        return MaskedMultiDiscrete(space.nvec)
    return space


def masked_lanes(space: gymnasium.Space, num_lanes: int) -> gymnasium.Space:
    """Return Gymnasium's batched space of N lanes, as one that takes the masks of ``infos``."""
    batched = batch_space(space, num_lanes)
    if isinstance(space, spaces.Discrete) and type(batched) is spaces.MultiDiscrete and not int(space.start):
        return LanesOfDiscrete(batched.nvec, dtype=batched.dtype)  # type: ignore[arg-type]
    if isinstance(space, spaces.MultiDiscrete) and type(batched) is spaces.Box:
        return LanesOfMultiDiscrete(batched.low, batched.high, dtype=batched.dtype)  # type: ignore[arg-type]
    return batched


def draw_allowed(masks: NDArray[Any], rng: np.random.Generator) -> IntArray:
    """Draw for each row of ``(b, n)`` masks one of its allowed places, uniformly; 0 where none is allowed.

    It works column by column, since there are many rows and few columns.
    """
    masks = masks.view(np.int8) if masks.dtype == bool else masks
    counts = np.add.reduce(masks, axis=1, dtype=np.int8 if masks.shape[1] < 128 else np.int32)
    # Which of the allowed ones, (b,): a float32 below 1 times the count never rounds up to the count.
    drawn = (rng.random(len(masks), dtype=np.float32) * counts).astype(np.int64)
    if masks.shape[1] > 1 and np.count_nonzero(masks[:, 1:] > masks[:, :-1]):  # not the first ones alone
        passed = np.zeros(len(masks), dtype=np.int64)
        place = np.zeros(len(masks), dtype=np.int64)
        for column in range(masks.shape[1] - 1):
            passed += masks[:, column]
            place += passed <= drawn
        return np.where(counts > 0, place, 0)
    return drawn


def _draw_components(masks: NDArray[Any], nvec: NDArray[Any], rng: np.random.Generator) -> IntArray:
    """Draw ``(b, n)`` actions of masks ``(b, Σ nvec)`` in a row."""
    ends = np.cumsum(nvec)
    if masks.ndim != 2 or masks.shape[1] != ends[-1]:
        raise ValueError(f"the mask of {len(nvec)} components has {ends[-1]} entries, not the shape {masks.shape[1:]}")
    parts = [masks[:, end - size : end] for size, end in zip(nvec, ends, strict=True)]
    return np.column_stack([draw_allowed(part, rng) for part in parts])
