"""Search spaces by name, so that a space travels as plain JSON (specs, tables, stores, workers)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.imports import import_reference
from .accel_nasbench import AccelNASBenchSpace
from .base import SearchSpace
from .chain import ChainSpace
from .mobile import MobileSpace
from .nasbench101 import NASBench101Space
from .nasbench201 import NASBench201Space
from .nasbench_macro import NASBenchMacroSpace
from .transnas.macro import TransNASMacroSpace
from .transnas.micro import TransNASMicroSpace
from .vit import VisionTransformerSpace

SPACES: dict[str, type[SearchSpace]] = {
    "accel_nasbench": AccelNASBenchSpace,
    "chain": ChainSpace,
    "mobile": MobileSpace,
    "nasbench101": NASBench101Space,
    "nasbench201": NASBench201Space,
    "nasbench_macro": NASBenchMacroSpace,
    "transnas_macro": TransNASMacroSpace,
    "transnas_micro": TransNASMicroSpace,
    "vit": VisionTransformerSpace,
}
"""The suite's own spaces by name. A user's class needs no entry: its name is ``"module:Class"``."""


def space_to_config(space: SearchSpace) -> dict[str, Any]:
    """Return ``{"space": name, **arguments}``, which `space_from_config` turns back.

    A space of a class that `SPACES` does not list goes by its import path, ``"module:Class"``.

    Raises:
        ValueError: the class can be imported from nowhere (it was defined in a function or in ``__main__``).
    """
    cls = type(space)
    if SPACES.get(space.name) is cls:
        return {"space": space.name, **space.config()}
    if cls.__module__ == "__main__" or "<" in cls.__qualname__:
        raise ValueError(
            f"the space class {cls.__qualname__!r} of {cls.__module__!r} has no import path: "
            "define it at the top level of a module to send it to workers or write it down"
        )
    return {"space": f"{cls.__module__}:{cls.__qualname__}", **space.config()}


def space_from_config(config: Mapping[str, Any], *, allow_import: bool = True) -> SearchSpace:
    """Build the space that a configuration names.

    Args:
        config: ``{"space": name, **arguments}``, the name one of `SPACES` or ``"module:Class"``.
        allow_import: whether ``"module:Class"`` may import its module. Importing runs code: refuse it for a
            configuration that came with somebody else's file.

    Raises:
        ValueError: the name is unknown (the message lists the known ones), its class is no `SearchSpace`, or
            an argument does not fit.
    """
    arguments = dict(config)
    name = arguments.pop("space", None)
    if isinstance(name, str) and ":" in name:
        cls = _imported(name, allow_import)
    elif isinstance(name, str) and name in SPACES:
        cls = SPACES[name]
    else:
        known = ", ".join(sorted(SPACES))
        raise ValueError(f"search space {name!r} is unknown: known are {known}, and your own as 'module:Class'")
    try:
        return cls(**arguments)
    except TypeError as error:
        raise ValueError(f"search space {name!r} does not take these arguments: {error}") from error


def _imported(path: str, allow_import: bool) -> type[SearchSpace]:
    found = import_reference(path, allow_import, "search space")
    if not (isinstance(found, type) and issubclass(found, SearchSpace)):
        raise ValueError(f"search space {path!r} is {found!r}: name a subclass of SearchSpace")
    return found
