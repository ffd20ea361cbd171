"""Blocks: the raw arrays of a table file, and how float64 values are kept in few bytes without losing any."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from ..core.evaluation import FloatArray

DTYPES: dict[str, np.dtype] = {
    name: np.dtype(name).newbyteorder("<")
    for name in (
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "int8",
        "int16",
        "int32",
        "int64",
        "float16",
        "float32",
        "float64",
    )
}
"""The element types that a file may have, all little-endian."""

ALIGNMENT = 64  # bytes; a cache line


@dataclass(frozen=True)
class Block:
    """Where an array lies in the payload: element type by name, byte offset from its start, shape."""

    dtype: str
    offset: int
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Length in bytes."""
        return prod(self.shape) * DTYPES[self.dtype].itemsize


@dataclass(frozen=True)
class Coding:
    """How a float64 value is kept: value = raw / ``divide`` + ``add``, and NaN as the raw value ``missing``.

    Dividing by a whole number gives back exactly the double that a decimal fraction such as 0.9437 is
    (9437 / 10000), where multiplying by 0.0001 would not.
    """

    divide: float = 1.0
    add: float = 0.0
    missing: float | None = None

    def decode(self, raw: NDArray) -> FloatArray:
        """Return values as new float64, in the shape of ``raw``."""
        values = raw.astype(np.float64)
        gaps = None if self.missing is None else raw == raw.dtype.type(self.missing)
        if self.divide != 1.0:
            values /= self.divide
        if self.add != 0.0:
            values += self.add
        if gaps is not None:
            values[gaps] = np.nan
        return values


def encode(values: FloatArray, resolution: int | None = None, tolerance: float = 0.0) -> tuple[NDArray, Coding]:
    """Return the smallest raw array that keeps float64 values, and how to read it.

    Tried in this order: whole numbers divided by ``resolution`` or by a power of ten, float32 and float64.
    Without a tolerance every value comes back equal (up to 2 units in the last place of its decimal form).

    Args:
        values: any shape; NaN where there is no value.
        resolution: values are expected to be multiples of 1 / resolution (the number of images, say).
        tolerance: how far a value may be from such a multiple: the rounding of the source, for data that
            came as float32. Values then come back as the exact multiple.
    """
    values = np.asarray(values, dtype=np.float64)
    gaps = np.isnan(values)
    known = values[~gaps]
    candidates = ([(resolution, tolerance)] if resolution else []) + [(10**k, 0.0) for k in range(7)]
    for divide, allowed in candidates:
        whole = np.rint(known * divide)
        error = np.abs(whole / divide - known)
        if (error <= np.maximum(allowed, 2 * np.spacing(np.abs(known)))).all():
            raw = _whole(values, gaps, whole)
            if raw is not None:
                return raw[0], Coding(float(divide), 0.0, raw[1])
    single = known.astype(np.float32)
    dtype = np.float32 if np.array_equal(single.astype(np.float64), known) else np.float64
    missing = (-1.0 if not known.size or known.min() >= 0 else -float(np.finfo(np.float32).max)) if gaps.any() else None
    raw = values.astype(dtype)
    raw[gaps] = missing
    return raw, Coding(missing=missing)


def _whole(values: FloatArray, gaps: NDArray[np.bool_], whole: FloatArray) -> tuple[NDArray, float | None] | None:
    """Return (raw, missing) in the smallest whole-number type of at most four bytes, or None if none fits."""
    low, high = (float(whole.min()), float(whole.max())) if whole.size else (0.0, 0.0)
    for dtype in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32):
        limits = np.iinfo(dtype)
        top = limits.max - 1 if gaps.any() else limits.max  # the largest stands for NaN
        if limits.min <= low and high <= top:
            raw = np.full(values.shape, limits.max, dtype=dtype)
            raw[~gaps] = whole.astype(dtype)
            return raw, float(limits.max) if gaps.any() else None
    return None
