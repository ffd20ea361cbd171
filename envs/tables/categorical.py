"""A search space that is nothing but named choices: for tables of results whose networks nobody rebuilds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..spaces import Choice, Network, SearchSpace, space_from_config, space_to_config
from .errors import TableError
from .header import Header, check_space_config

MOST_OPTIONS = 65536


class CategoricalSpace(SearchSpace):
    """Free choices by name, with no network behind them: it can be searched, in a table, but not trained.

    Args:
        label: what the space is called in listings.
        choices: option lists by name, in the order in which Build takes them.
        largest_flops: FLOPs of the costliest architecture, what a failed evaluation counts as; NaN if unknown.
    """

    def __init__(
        self,
        choices: Mapping[str, Sequence[str | int | float | bool]],
        label: str = "categorical",
        largest_flops: float | None = None,
    ) -> None:
        if not isinstance(choices, Mapping) or not all(isinstance(o, (list, tuple)) for o in choices.values()):
            raise ValueError('choices must be lists of options by name, as in {"depth": [1, 2], "width": [8, 16]}')
        if sum(len(options) for options in choices.values()) > MOST_OPTIONS:
            raise ValueError(f"a categorical space has at most {MOST_OPTIONS} options in all")
        for name, options in choices.items():
            if not all(isinstance(option, (str, int, float, bool)) for option in options):
                raise ValueError(f"choice {name!r}: options must be texts, numbers or truth values")
            texts = [str(option) for option in options]
            if not name.strip() or any(c.isspace() or c == "=" for c in name + "".join(texts)):
                raise ValueError(f"choice {name!r}: names and options must not hold blanks or '='")
            if len(set(texts)) != len(texts):
                raise ValueError(f"choice {name!r}: two options are written alike")
        self.label = label
        self._given_flops = largest_flops
        super().__init__("categorical", [Choice(name, tuple(options)) for name, options in choices.items()])

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config: dict[str, Any] = {"choices": {c.name: list(c.options) for c in self.choices}, "label": self.label}
        return config | ({} if self._given_flops is None else {"largest_flops": self._given_flops})

    @property
    def largest_flops(self) -> float:
        """FLOPs of the costliest architecture, NaN if unknown."""
        return np.nan if self._given_flops is None else self._given_flops

    def network(self, architecture: ArrayLike) -> Network:
        """Refuse: there is no network.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"the categorical space {self.label!r} has no networks, only results in a table: "
            "write a SearchSpace class with a network method to draw or train its architectures"
        )


def config_of_space(space: SearchSpace) -> dict[str, Any]:
    """Return ``{"space": name, **arguments}``, which `space_of_config` turns back.

    Raises:
        TableError: the space is of a class that can be imported from nowhere.
    """
    if type(space) is CategoricalSpace:
        return {"space": "categorical", **space.config()}
    try:
        return space_to_config(space)
    except ValueError as error:
        raise TableError(str(error)) from None


def space_of_config(config: Mapping[str, Any], *, allow_import: bool = False) -> SearchSpace:
    """Build a space from plain JSON: one of the suite's, or a categorical one.

    Args:
        config: ``{"space": name, **arguments}``.
        allow_import: whether the name may be ``"module:Class"``, whose import runs code.

    Raises:
        TableError: there is no such space, or its arguments do not fit.
    """
    check_space_config(config, "this space")
    try:
        if config["space"] == "categorical":
            return CategoricalSpace(**{key: value for key, value in config.items() if key != "space"})
        return space_from_config(config, allow_import=allow_import)
    except (ValueError, TypeError, OverflowError, MemoryError, IndexError, KeyError, AttributeError) as error:
        raise TableError(f"the space {str(config['space'])[:64]!r} cannot be built: {error}") from None


def space_of_header(header: Header) -> SearchSpace:
    """Build the space that a table's header describes; never by importing code that the file names.

    Raises:
        TableError: it cannot be built.
    """
    name = str(header.space["space"])
    if ":" in name:
        raise TableError(
            f"the table {header.name!r} is of the space {name[:80]!r}, a class of your own, and no file may name code "
            f"to run: pass it yourself, TableEvaluator(..., space={{'space': {name[:80]!r}, ...}})"
        )
    return space_of_config(header.space)
