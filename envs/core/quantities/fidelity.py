"""Fidelities: how thorough an evaluation is, a value with a name, ``epochs`` unless an evaluator says otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numbers import is_finite, plain_number

EPOCHS = "epochs"


@total_ordering
@dataclass(frozen=True)
class Fidelity:
    """How thorough an evaluation is: ``Fidelity(value=9)`` is nine epochs, ``Fidelity("data_share", 0.25)`` a quarter.

    Fidelities of one name are ordered by their values; those of two names are not comparable.

    Attributes:
        name: what is varied: ``epochs``, or what an evaluator calls it (``data_share``, ``resolution``, …).
        value: how much of it, a finite number above 0.
    """

    name: str = EPOCHS
    value: int | float = 1

    def __post_init__(self) -> None:
        """Check the name and the value."""
        if not isinstance(self.name, str) or not re.fullmatch(r"[A-Za-z_]\w*", self.name):
            raise ValueError(f"fidelity {self.name!r}: give a name of letters, digits and '_', such as 'epochs'")
        if not is_finite(self.value) or self.value <= 0:
            raise ValueError(f"fidelity {self.name}={self.value!r}: give a finite number above 0")
        object.__setattr__(self, "value", plain_number(self.value))

    def __lt__(self, other: Fidelity) -> bool:
        """Compare values of one name.

        Raises:
            ValueError: the names differ.
        """
        if not isinstance(other, Fidelity):
            return NotImplemented
        if self.name != other.name:
            raise ValueError(f"{self} and {other} are of two kinds: only fidelities of one name have an order")
        return self.value < other.value

    def __str__(self) -> str:
        """Return ``epochs=9``, which `parse_fidelity` takes back."""
        return f"{self.name}={self.value!r}"

    def to_config(self) -> dict[str, int | float]:
        """Return ``{"epochs": 9}``, plain JSON that `parse_fidelity` takes back."""
        return {self.name: self.value}


def parse_fidelity(value: Any, name: str = EPOCHS) -> Fidelity:
    """Return the fidelity that a number, a text or a JSON form stands for.

    Args:
        value: a `Fidelity`, a number, ``"9"``, ``"epochs=9"`` or ``{"epochs": 9}``.
        name: the name of a bare number.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, Fidelity):
        return value
    if is_finite(value):
        return Fidelity(name, value)
    if isinstance(value, Mapping) and len(value) == 1:
        ((own, number),) = value.items()
        return Fidelity(own, number)
    if isinstance(value, str):
        own, equals, number = value.strip().rpartition("=")
        try:
            return Fidelity(own.strip() if equals else name, int(number) if number.strip().isdigit() else float(number))
        except ValueError:
            pass
    raise ValueError(f"fidelity {value!r}: give a number, 'epochs=9', {{'epochs': 9}} or a Fidelity")


def fidelity_name(evaluator: Any) -> str:
    """Return what an evaluator's fidelities are called."""
    return getattr(evaluator, "fidelity_name", EPOCHS)


def as_fidelity(evaluator: Any, value: Any) -> int | float:
    """Return the plain value of one fidelity that an evaluator offers.

    Raises:
        ValueError: it is of another name, or a value that the evaluator does not offer.
    """
    name = fidelity_name(evaluator)
    asked = parse_fidelity(value, name)
    known = ", ".join(map(str, evaluator.fidelities))
    if asked.name != name:
        raise ValueError(f"fidelity {asked}: this evaluator's fidelities are {name}: {known}")
    if asked.value not in evaluator.fidelities:
        raise ValueError(f"{asked}: the evaluator's fidelities are {known}")
    return asked.value


def as_fidelities(evaluator: Any, values: Any, count: int | None = None) -> NDArray[Any]:
    """Return fidelities as the array ``(b,)`` of numbers that evaluators compute with: int64 where all are integers.

    Arrays of int64 pass as they are, unchecked: evaluators check what they look up.

    Args:
        evaluator: whose ``fidelities`` and ``fidelity_name`` are meant.
        values: an array or sequence of numbers, `Fidelity` objects, texts or JSON forms; or one of them for all rows.
        count: b, for a single value.

    Raises:
        ValueError: a name or value that the evaluator does not offer.
    """
    if type(values) is np.ndarray and values.dtype == np.int64 and values.ndim == 1:
        return values
    if isinstance(values, (str, Mapping, Fidelity)) or np.ndim(values) == 0:
        return np.full(1 if count is None else count, as_fidelity(evaluator, values))
    rows: Iterable[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    plain = [as_fidelity(evaluator, value) for value in rows]
    integers = all(isinstance(value, int) for value in plain)
    return np.array(plain, dtype=np.int64 if integers else np.float64)
