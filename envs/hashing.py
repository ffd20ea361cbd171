"""Counter-based random draws: what lane i draws depends on (seed, episode, step, stream) alone.

A vector environment with thousands of lanes cannot afford one Generator per lane, and lane i must draw
exactly what a scalar environment of that seed draws. So every draw inside a transition is a hash of its
counters: SplitMix64's finaliser (Steele, Lea and Flood, 2014, OOPSLA), applied once per counter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

UIntArray = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)


def _finalise(x: UIntArray) -> UIntArray:
    x = (x ^ (x >> np.uint64(30))) * _M1
    x = (x ^ (x >> np.uint64(27))) * _M2
    return x ^ (x >> np.uint64(31))


def hash_counters(*counters: ArrayLike) -> UIntArray:
    """Return 64 random bits for each combination of integer counters, broadcast together."""
    state = np.zeros(1, dtype=np.uint64)
    for counter in counters:
        # int64 → uint64 keeps the bits, so that negative counters are as good as any.
        array = np.atleast_1d(np.asarray(counter)).astype(np.int64, copy=False).view(np.uint64)
        state = _finalise((state ^ array) + _GOLDEN)
    return state


def below(bits: UIntArray, bound: ArrayLike) -> NDArray[np.int64]:
    """Map 64 random bits to integers in [0, bound), bound ≤ 2³² (bias below 2⁻³²)."""
    bound = np.asarray(bound, dtype=np.uint64)
    return (((bits >> np.uint64(32)) * bound) >> np.uint64(32)).astype(np.int64)
