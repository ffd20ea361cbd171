"""Counter-based random draws: what lane i draws depends on (seed, episode, step, stream) alone.

A vector environment with thousands of lanes cannot afford one Generator per lane, and lane i must draw
exactly what a scalar environment of that seed draws. So every draw inside a transition is a hash of its
counters: SplitMix64's finaliser (Steele, Lea and Flood, 2014, OOPSLA), applied once per counter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

UIntArray = NDArray[np.uint64]

# Arrays without dimensions, since numpy takes twice as long over a few hundred lanes with a scalar.
_GOLDEN, _M1, _M2 = (np.array(c, dtype=np.uint64) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_S27, _S30, _S31, _S32 = (np.array(shift, dtype=np.uint64) for shift in (27, 30, 31, 32))


def mix(state: ArrayLike, counter: ArrayLike) -> UIntArray:
    """Return 64 random bits for each state and integer counter, broadcast together (at least one-dimensional).

    A draw chains its counters: ``mix(mix(mix(0, seed), episode), step)``.
    """
    # int64 → uint64 keeps the bits, so that negative counters are as good as any. Arrays wrap silently
    # where single numbers would warn of an overflow, hence at least one dimension.
    bits = np.atleast_1d(np.asarray(counter, dtype=np.int64)).view(np.uint64)
    x = np.bitwise_xor(np.asarray(state, dtype=np.uint64), bits)
    x += _GOLDEN
    x ^= x >> _S30
    x *= _M1
    x ^= x >> _S27
    x *= _M2
    x ^= x >> _S31
    return x


def below(bits: UIntArray, bound: ArrayLike) -> NDArray[np.int64]:
    """Map 64 random bits to integers in [0, bound), bound ≤ 2³² (bias below 2⁻³²)."""
    x = (bits >> _S32) * np.asarray(bound, dtype=np.uint64)
    x >>= _S32
    return x.view(np.int64)
