"""Scalar environments as vectors of one lane."""

from __future__ import annotations

from typing import Any

from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from ..environments import AnyEnv


def vector_of(env: AnyEnv) -> VectorEnv:
    """Return a vector environment as it is, a scalar one as a vector of one lane that keeps its budget and record."""
    if isinstance(env, VectorEnv):
        return env
    scalar: Any = env
    return SyncVectorEnv([lambda: scalar], autoreset_mode=AutoresetMode.NEXT_STEP)
