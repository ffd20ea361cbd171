"""What agents play: Gymnasium environments of the suite, under any wrappers."""

from __future__ import annotations

from typing import Any

import gymnasium

AnyEnv = gymnasium.Env | gymnasium.vector.VectorEnv

# Wrappers that neither change nor watch what is done in an environment.
_TRANSPARENT = (gymnasium.wrappers.OrderEnforcing, gymnasium.wrappers.PassiveEnvChecker)


def wrapped(env: AnyEnv) -> bool:
    """Say whether an environment has wrappers that change actions, results or the record of what is done."""
    layer: Any = env
    while layer is not layer.unwrapped:
        if not isinstance(layer, _TRANSPARENT):
            return True
        layer = layer.env
    return False
