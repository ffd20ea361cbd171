"""Formulations: how a search task becomes a Markov decision process, as batched numpy transition rules."""

from typing import Any

from ...core.components import Registry
from .base import Formulation, Transition
from .build import Build
from .edit import Edit
from .propose import Propose

FORMULATIONS = Registry("formulation", {"build": Build, "edit": Edit, "propose": Propose})
"""The formulations by name; ``FORMULATIONS.register(name, class)`` adds one of your own."""


def make_formulation(reference: Any) -> type[Formulation]:
    """Return the formulation's class.

    Args:
        reference: a registered name, ``"module:Class"``, or the class.

    Raises:
        ValueError: the name is unknown (the message lists the known ones), or it names no formulation.
    """
    kind = FORMULATIONS.resolve(reference)
    if not (isinstance(kind, type) and issubclass(kind, Formulation)):
        raise ValueError(
            f"formulation={reference!r} is {kind!r}: give a class derived from {Formulation.__module__}.Formulation"
        )
    return kind


__all__ = ["FORMULATIONS", "Build", "Edit", "Formulation", "Propose", "Transition", "make_formulation"]
