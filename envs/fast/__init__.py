"""Accelerators of the decision process; each can be deleted, and is tested equal to the reference."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

ACCELERATORS = ("one_lane", "build_pass", "edit_pass")


def install() -> None:
    """Put the accelerators that are there into `pynascent.envs.mdp.acceleration`'s table."""
    for name in ACCELERATORS:
        if find_spec(f"{__name__}.{name}") is not None:
            import_module(f".{name}", __name__).install()
