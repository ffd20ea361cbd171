"""Search spaces by name, so that a space travels as plain JSON (specs, tables, stores, workers)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import SearchSpace
from .chain import ChainSpace

SPACES: dict[str, type[SearchSpace]] = {"chain": ChainSpace}


def space_to_config(space: SearchSpace) -> dict[str, Any]:
    """Return ``{"space": name, **arguments}``, which `space_from_config` turns back."""
    return {"space": space.name, **space.config()}


def space_from_config(config: Mapping[str, Any]) -> SearchSpace:
    """Build the space that a configuration names.

    Raises:
        ValueError: the name is unknown (the message lists the known ones) or an argument does not fit.
    """
    arguments = dict(config)
    name = arguments.pop("space", None)
    if name not in SPACES:
        raise ValueError(f"search space {name!r} is unknown: known are {', '.join(sorted(SPACES))}")
    try:
        return SPACES[name](**arguments)
    except TypeError as error:
        raise ValueError(f"search space {name!r} does not take these arguments: {error}") from error
