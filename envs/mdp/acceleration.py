"""The table of accelerators: faster ways to step what the reference steps, filled in from outside.

`pynascent.envs` fills it with those of `pynascent.envs.fast`. Nothing here knows them, and with the table empty
everything works as it does with it, only slower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .dynamics import SearchDynamics
from .single_lane import SingleLane

# Name → function that returns the faster form of a process, or None where it was not made for it.
ONE_LANE: dict[str, Callable[[SearchDynamics], SingleLane | None]] = {}
MANY_LANES: dict[str, Callable[[SearchDynamics], SearchDynamics | None]] = {}

Accelerate = bool | Sequence[str]


def accelerated_lane(dynamics: SearchDynamics, accelerate: Accelerate = True) -> SingleLane:
    """Return the only lane of a process, in the fastest form that serves it.

    Args:
        dynamics: with one lane.
        accelerate: whether to use accelerators, or the names of those to use.

    Raises:
        ValueError: a name is unknown.
    """
    for factory in _chosen(ONE_LANE, accelerate):
        lane = factory(dynamics)
        if lane is not None:
            return lane
    return SingleLane(dynamics)


def accelerated_lanes(dynamics: SearchDynamics, accelerate: Accelerate = True) -> SearchDynamics:
    """Return a process of N lanes in the fastest form that serves it (see `accelerated_lane`)."""
    for factory in _chosen(MANY_LANES, accelerate):
        faster = factory(dynamics)
        if faster is not None:
            return faster
    return dynamics


def _chosen(table: dict[str, Any], accelerate: Accelerate) -> Iterator[Any]:
    if isinstance(accelerate, bool):
        yield from table.values() if accelerate else ()
        return
    known = [*ONE_LANE, *MANY_LANES]
    for name in [accelerate] if isinstance(accelerate, str) else accelerate:
        if name not in known:
            raise ValueError(f"accelerate={name!r}: give True, False or some of {', '.join(known) or '(none)'}")
        if name in table:
            yield table[name]
