"""An agent's settings: a frozen dataclass whose values are checked by type and range in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from numbers import Integral, Real
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

_RANGE = "pynascent range"


@dataclass(frozen=True)
class Range:
    """What a setting may be, beside its type.

    Attributes:
        least: smallest value allowed.
        above: all values allowed are above it.
        most: largest value allowed.
        below: all values allowed are below it.
        choices: names allowed.
    """

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()

    def __contains__(self, value: Any) -> bool:
        """Say whether a value, or each of a tuple's, is allowed (NaN and infinities never are)."""
        if isinstance(value, tuple):
            return len(value) > 0 and all(part in self for part in value)
        if self.choices:
            return value in self.choices
        if isinstance(value, (str, bool)):
            return True
        return bool(
            np.isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """Say it in words: ``of at least 1, at most 99``."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        parts = [
            (self.least, "of at least"),
            (self.above, "above"),
            (self.most, "at most"),
            (self.below, "below"),
        ]
        return ", ".join(f"{words} {_number(bound)}" for bound, words in parts if bound is not None)


def setting(
    default: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """Declare a field of `Settings`: its default, and the range of what it may be.

    Bounds hold for a number, or for each number of a tuple; None is allowed where the field's type says so.

    Args:
        default: the default.
        least: smallest value allowed.
        above: all values allowed are above it.
        most: largest value allowed.
        below: all values allowed are below it.
        choices: names allowed.
    """
    return field(default=default, metadata={_RANGE: Range(least, above, most, below, tuple(choices))})


@dataclass(frozen=True)
class Settings:
    """An agent's settings: a frozen dataclass of plain JSON values, each documented in its subclass.

    Values are checked by the fields' types and by the ranges that `setting` declares, and numbers of numpy become
    Python's. A class of your own may check more in a ``__post_init__`` that calls this one first; without that call an
    agent checks types and ranges all the same when it is made.

    Raises:
        ValueError: a value is of another type or out of range; the message says what is allowed.
    """

    def __post_init__(self) -> None:
        """Check types and ranges."""
        check_settings(self)


def check_settings(settings: Any) -> None:
    """Check a dataclass's values by its fields' types and ranges, and turn numpy's numbers into Python's.

    Types that are known are ``int``, ``float``, ``bool``, ``str``, tuples of one of these, and None beside them; a
    field of any other type may hold anything.

    Raises:
        ValueError: a value is of another type or out of range.
    """
    hints = _hints(type(settings))
    for one in fields(settings):
        value = getattr(settings, one.name)
        allowed = one.metadata.get(_RANGE, Range())
        kinds = _alternatives(hints.get(one.name, Any))
        found = _converted(value, kinds)
        if found is _UNFIT or (found is not None and Any not in kinds and found not in allowed):
            raise ValueError(f"{one.name}={_plain(value)}: give {_in_words(kinds, allowed)}")
        object.__setattr__(settings, one.name, found)


_UNFIT = object()
_WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "text", NoneType: "None"}


@cache
def _hints(cls: type) -> dict[str, Any]:
    try:
        return get_type_hints(cls)
    except NameError:  # an annotation that only a type checker understands: its field may hold anything
        return {one.name: one.type for one in dataclasses.fields(cls) if not isinstance(one.type, str)}


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the types of ``A | B``; `Any` among them where one is not known."""
    origin = get_origin(hint)
    parts = get_args(hint) if origin is not None and origin is not tuple else (hint,)
    return tuple(
        part if part in _WORDS or (get_origin(part) is tuple and get_args(part)[0] in _WORDS) else Any for part in parts
    )


def _converted(value: Any, kinds: tuple[Any, ...]) -> Any:
    """Return a value as one of the types has it, or `_UNFIT`."""
    for kind in kinds:
        if kind is Any:
            return value
        if kind is NoneType and value is None:
            return None
        if kind is bool and isinstance(value, (bool, np.bool_)):
            return bool(value)
        if kind is str and isinstance(value, str):
            return str(value)
        number: Any = value if isinstance(value, Real) and not isinstance(value, (bool, np.bool_)) else None
        if kind is int and isinstance(number, Integral):
            return int(number)
        if kind is float and number is not None:
            return float(number)
        if get_origin(kind) is tuple and isinstance(value, (list, tuple, np.ndarray)):
            parts = tuple(_converted(part, get_args(kind)[:1]) for part in value)
            if _UNFIT not in parts:
                return parts
    return _UNFIT


def _in_words(kinds: tuple[Any, ...], allowed: Range) -> str:
    words = []
    for kind in kinds:
        several = get_origin(kind) is tuple
        what = _WORDS[get_args(kind)[0] if several else kind]
        bounds = str(allowed) if kind is not NoneType and kind is not bool else ""
        if allowed.choices and kind is str:
            words.append(bounds)
        else:
            words.append(f"{'one or more, each ' if several else ''}{what}{' ' if bounds else ''}{bounds}")
    return ", or ".join(words)


def _number(bound: float) -> str:
    return f"{bound:g}"


def _plain(value: Any) -> str:
    return repr(value.item() if isinstance(value, np.generic) else value)
