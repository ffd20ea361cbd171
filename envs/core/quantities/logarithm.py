"""The natural logarithm, the same to the last bit on every processor.

numpy and the system's mathematical library choose among several programs for ``log`` by the processor's instruction
set (AVX-512, FMA), and these differ in the last bit: ln 156064 of numpy 1.26 is another number on a processor with
AVX-512 than on one without. A reward that holds a logarithm would then differ too, and a record would not replay.
This one uses additions, multiplications and divisions alone, which IEEE 754 fixes to the last bit, and carries
about 75 bits, so that what it returns is, but for one value in millions, the double nearest to the true logarithm.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_STEPS = 128  # the logarithms of 64/128, 65/128, …, 128/128 are tabulated
_GRID = 2.0**-42  # high parts are multiples of it, so that their sums are exact
_SPLIT = 2.0**27 + 1.0  # Dekker's constant
_FEW = 8  # rows up to which values are looked up one by one among those that were computed before


def ln_at_least_1(values: FloatArray) -> FloatArray:
    """Return ln max(x, 1) of each value ``(b,)``; NaN and ∞ stay what they are."""
    if len(values) <= _FEW:
        return np.array([_one(value) for value in values.tolist()])
    return _many(values)


@lru_cache(maxsize=2**16)
def _one(value: float) -> float:
    """Compute ln max(x, 1) of one value, step by step as `_many` does."""
    if not value < math.inf:  # NaN, too
        return value
    m, e = math.frexp(max(value, 1.0))
    high, low, *ln2 = _table()
    place = round(m * _STEPS)
    return _sum(m, e, place / _STEPS, high.item(place - _STEPS // 2), low.item(place - _STEPS // 2), *ln2)


def _many(values: FloatArray) -> FloatArray:
    plain = values < math.inf
    m, e = np.frexp(np.where(plain, np.maximum(values, 1.0), 1.0))
    high, low, *ln2 = _table()
    place = np.rint(m * _STEPS).astype(np.int64)
    logarithms = _sum(m, e, place / _STEPS, high[place - _STEPS // 2], low[place - _STEPS // 2], *ln2)
    return np.where(plain, logarithms, values)


def _sum(m: Any, e: Any, c: Any, high: Any, low: Any, ln2_high: float, ln2_low: float) -> Any:
    """Return ln x of numbers or arrays.

    x = 2^e m with m in [½, 1); c is the table's nearest to m; ln x = e ln 2 + ln c + ln (m/c), and with
    s = (m − c)/(m + c), |s| ≤ 2^−8, ln (m/c) = 2 (s + s³/3 + s⁵/5 + …). The large parts of the sum are exact; what
    each of them lacks is added up apart (double-double arithmetic; Dekker, 1971, Numerische Mathematik 18).
    """
    difference = m - c
    total, total_low = _two_sum(m, c)
    s = difference / total
    product, product_low = _two_product(s, total)
    s_low = ((difference - product) - product_low - s * total_low) / total
    square = s * s
    tail = 2.0 * s * square * (1 / 3 + square * (1 / 5 + square * (1 / 7 + square * (1 / 9))))
    result, lost = _two_sum(e * ln2_high + high, 2.0 * s)
    return result + (lost + (tail + (2.0 * s_low + (e * ln2_low + low))))


def _two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Return a + b rounded, and what the rounding lost (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _two_product(a: Any, b: Any) -> tuple[Any, Any]:
    """Return a · b rounded, and what the rounding lost (Dekker)."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(a: Any) -> tuple[Any, Any]:
    scaled = _SPLIT * a
    high = scaled - (scaled - a)
    return high, a - high


@lru_cache(maxsize=1)
def _table() -> tuple[FloatArray, FloatArray, float, float]:
    """Return ln (i/128) for i = 64 … 128 and ln 2, each as a high part and what it lacks."""
    exact = Context(prec=60)

    def parts(value: Decimal) -> tuple[float, float]:
        high = round(float(value) / _GRID) * _GRID
        return high, float(exact.subtract(value, Decimal(high)))

    logarithms = [exact.ln(exact.divide(Decimal(i), Decimal(_STEPS))) for i in range(_STEPS // 2, _STEPS + 1)]
    high, low = np.array([parts(value) for value in logarithms]).T
    return high, low, *parts(exact.ln(Decimal(2)))
