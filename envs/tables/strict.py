"""Reading values out of JSON that came in somebody else's file: every one checked, every error a `TableError`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .errors import TableError

T = TypeVar("T")


def _whole(text: str) -> int:
    if len(text) > 20:  # int() takes quadratic time
        raise ValueError(f"a whole number of {len(text)} digits")
    return int(text)


def _decimal(text: str) -> float:
    value = float(text) if len(text) <= 64 else math.inf
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:32]} is out of range")
    return value


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def parse_json(data: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in ``data``; no NaN, infinity, repeated key, endless number or deep nesting.

    Raises:
        TableError: it is not such an object.
    """
    try:
        found = json.loads(
            data.decode("utf-8"),
            parse_int=_whole,
            parse_float=_decimal,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise TableError(f"{what} is nested too deep") from None
    except ValueError as error:  # also UnicodeDecodeError and JSONDecodeError
        raise TableError(f"{what} is no valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise TableError(f"{what} is a {type(found).__name__}, not a JSON object")
    return found


class Fields:
    """A JSON object whose fields are taken one by one, each checked for type and range.

    Args:
        found: the object.
        where: how errors call it.
    """

    def __init__(self, found: Any, where: str) -> None:
        if not isinstance(found, Mapping):
            raise TableError(f"{where} is {_short(found)}, not an object")
        self.found, self.where, self._taken = found, where, set[str]()

    def wrong(self, key: str, wanted: str) -> TableError:
        """Return the error for a field that is not what was wanted."""
        given = _short(self.found[key]) if key in self.found else "missing"
        return TableError(f"{self.where}: {key} is {given}, it must be {wanted}")

    def has(self, key: str) -> bool:
        """Say whether a field is there and not null."""
        self._taken.add(key)
        return self.found.get(key) is not None

    def take(self, key: str) -> Any:
        """Return a field as it is, None where it is missing."""
        self._taken.add(key)
        return self.found.get(key)

    def whole(self, key: str, low: int, high: int) -> int:
        """Return a whole number in low..high."""
        value = self.take(key)
        if type(value) is not int or not low <= value <= high:
            raise self.wrong(key, f"a whole number, {low} to {high}")
        return value

    def number(self, key: str, default: float, low: float = -math.inf, high: float = math.inf) -> float:
        """Return a number in low..high, or the default where the field is null or missing."""
        value = self.take(key)
        if value is None:
            return default
        if type(value) not in (int, float) or not math.isfinite(value) or not low <= value <= high:
            raise self.wrong(key, f"a finite number, {low} to {high}")
        return float(value)

    def flag(self, key: str, default: bool = False) -> bool:
        """Return a truth value."""
        value = self.take(key)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return default if value is None else value

    def text(self, key: str, pattern: str | None = None, longest: int = 10_000, default: str | None = None) -> str:
        """Return a text that matches a pattern as a whole."""
        value = self.take(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or len(value) > longest:
            raise self.wrong(key, f"a text of at most {longest} characters")
        if pattern is not None and not re.fullmatch(pattern, value):
            raise self.wrong(key, f"a text of the form {pattern}")
        return value

    def sequence(self, key: str, item: Callable[[Any], bool], wanted: str, longest: int) -> tuple[Any, ...]:
        """Return a list whose items all pass a test."""
        value = self.take(key)
        if not isinstance(value, list) or not 1 <= len(value) <= longest or not all(item(x) for x in value):
            raise self.wrong(key, f"a list of 1 to {longest} {wanted}")
        return tuple(value)

    def done(self) -> None:
        """Refuse fields that nobody took: a misspelt one would otherwise be passed over in silence."""
        unknown = sorted(map(str, set(self.found) - self._taken))
        if unknown:
            raise TableError(f"{self.where}: {unknown[0][:64]!r} is unknown here, known are {sorted(self._taken)}")


def is_whole(value: Any, low: int, high: int) -> bool:
    """Say whether a JSON value is a whole number in low..high (true and false are none)."""
    return type(value) is int and low <= value <= high


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, (dict, list)) else f"a {type(value).__name__} of {len(value)}"
    return text if len(text) <= 80 else text[:77] + "..."
