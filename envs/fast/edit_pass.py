"""A whole step of Edit over a table, fused: what `SearchDynamics.advance` does, in as few passes as it takes.

Thousands of lanes that stop and start at different times leave no room for general machinery. This is the
same rules once more; the conformance tests hold it equal to them, lane by lane.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.evaluation import FloatArray, IntArray
from ..mdp.lanes import BoolArray
from .coded_lanes import CodedLanes


def edit_pass(
    lanes: CodedLanes,
    actions: IntArray,
    restart: BoolArray | None,
    draw: Callable[[IntArray], IntArray],
    table: FloatArray,
    values: FloatArray,
    penalty: float,
) -> tuple[FloatArray, BoolArray, BoolArray, BoolArray, FloatArray]:
    """Step all lanes of an Edit formulation, and start those of ``restart`` anew.

    Args:
        lanes: the state; every lane has a complete architecture.
        actions: ``(N,)`` within the action space.
        restart: ``(N,)``, at least one, the lanes whose action is ignored.
        draw: returns start codes ``(r,)`` of lanes.
        table: ``(size,)`` objective of every code.
        values: ``(N,)`` objective of each lane's architecture before the step.
        penalty: subtracted where an action changes nothing and does not stop.

    Returns:
        Rewards, terminated, truncated, which lanes were evaluated, and their objectives now, each ``(N,)``.
    """
    edits = lanes.coder.edits
    last = len(edits) - 1
    stop = actions == last
    steps = lanes.steps + 1
    old = lanes.code
    codes = edits.apply(old, actions)
    evaluated = codes != old
    effective = evaluated | stop
    if restart is not None:
        restarted = restart.nonzero()[0]
        codes[restarted] = draw(restarted)
        steps[restarted] = 0
        np.greater(stop, restart, out=stop)  # not where restarted
        np.logical_or(evaluated, restart, out=evaluated)
    now = table.take(codes, mode="clip")
    rewards = now - values
    # Lanes whose action was masked gain nothing. (Arithmetic is faster than writing where a mask says.)
    rewards -= np.logical_not(effective, out=effective) * penalty
    if restart is not None:
        rewards[restarted] = 0.0
    truncated = steps >= lanes.horizon
    np.greater(truncated, stop, out=truncated)
    lanes.restate(codes, steps)
    return rewards, stop, truncated, evaluated, now


def serves(dynamics: Any) -> bool:
    """Say whether a `SearchDynamics` is one that `edit_pass` steps: coded lanes of Edit, one reward, a fixed seed."""
    return (
        dynamics.rules.name == "edit"
        and isinstance(dynamics.lanes, CodedLanes)
        and dynamics.single_reward
        and dynamics.lookup is not None
        and dynamics.training_seed != "resample"
    )
