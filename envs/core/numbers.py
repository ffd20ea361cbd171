"""Checks of the numbers that settings are made of: Python's and numpy's alike, never NaN, infinite or a truth value."""

from __future__ import annotations

from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np


def is_integer(value: object) -> bool:
    """Say whether a value is an integer, Python's or numpy's, and no truth value."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def is_finite(value: object) -> bool:
    """Say whether a value is a finite number, Python's or numpy's, and no truth value."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_)) and isfinite(value)


def plain_number(value: Any) -> int | float:
    """Return a number of `is_finite` as Python's own, so that JSON takes it; integers stay integers."""
    return int(value) if is_integer(value) else float(value)
