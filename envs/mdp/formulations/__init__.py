"""Formulations: how a search task becomes a Markov decision process, as batched numpy transition rules."""

from .base import Formulation
from .build import Build
from .edit import Edit
from .propose import Propose

FORMULATIONS: dict[str, type[Formulation]] = {"build": Build, "edit": Edit, "propose": Propose}


def make_formulation(name: str) -> type[Formulation]:
    """Return the formulation's class.

    Raises:
        ValueError: the name is unknown; the message lists the known ones.
    """
    if name not in FORMULATIONS:
        raise ValueError(f"formulation {name!r} is unknown: known are {', '.join(FORMULATIONS)}")
    return FORMULATIONS[name]


__all__ = ["FORMULATIONS", "Build", "Edit", "Formulation", "Propose", "make_formulation"]
