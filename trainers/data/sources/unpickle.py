"""Reading the pickles in which CIFAR is published, without running what a pickle may ask for."""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np

from .files import DataError

_INTEGERS = {f"{kind}{size}" for kind in "ui" for size in (1, 2, 4, 8)}


class _Refused(Exception):
    """The pickle asks for something that is not allowed."""


def _text(value: Any) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else str(value)


class _Dtype:
    """Stands in for ``numpy.dtype``: integers alone, so that no array of objects is made."""

    def __init__(self, name: Any, *_: Any) -> None:
        self.name, self.order = _text(name), "="
        if self.name not in _INTEGERS:
            raise _Refused(f"it has an array of {self.name!r}, where integers are expected")

    def __setstate__(self, state: Any) -> None:
        self.order = _text(state[1])

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.name).newbyteorder(self.order)  # type: ignore[arg-type]


class _Array:
    """Stands in for an array that ``numpy.core.multiarray._reconstruct`` would make; its state is checked."""

    def __init__(self, *_: Any) -> None:
        self.array = np.empty(0, dtype=np.uint8)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        flat = np.frombuffer(content, dtype.dtype)
        if len(flat) != math.prod(shape):
            raise ValueError(f"an array of shape {shape} has {len(flat)} values")
        self.array = flat.reshape(shape, order="F" if fortran else "C")


class _Bytes:
    """Stands in for ``_codecs.encode``: Python 3 writes bytes so where the pickle is for Python 2."""

    def __new__(cls, text: Any, encoding: Any = None) -> Any:
        if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
            raise _Refused("it encodes something else than bytes")
        return text.encode("latin1")

    def __setstate__(self, state: Any) -> None:
        # Without this method, a pickle could set attributes of the stand-in itself.
        raise _Refused("it gives a state to what has none")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "ndarray",  # an argument of _reconstruct, and never called
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("_codecs", "encode"): _Bytes,
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise _Refused(f"it asks for {module}.{name}, which data does not need")
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("it refers to objects outside itself")


def unpickle_data(content: bytes, where: str) -> dict[str, Any]:
    """Unpickle a dictionary of arrays of integers, numbers, text and plain containers.

    Nothing that the pickle names is imported or called: stand-ins take the place of what makes such arrays, and
    numpy never sees a state that the pickle made up.

    Args:
        content: the pickle, of any protocol; text of Python 2 becomes bytes.
        where: how errors call it.

    Returns:
        The dictionary, its keys as text.

    Raises:
        DataError: it asks for anything else (nothing of it is run), is damaged, or is no dictionary.
    """
    try:
        found = _Restricted(io.BytesIO(content), encoding="bytes").load()
    except _Refused as error:
        raise DataError(f"{where} was not read, as a pickle can run code: {error}") from None
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError, MemoryError,
        OverflowError, RecursionError, ImportError, BufferError,
    ) as error:  # fmt: skip
        raise DataError(f"{where} is no pickle of the expected kind, or is damaged: {error}") from None
    if not isinstance(found, dict):
        raise DataError(f"{where} holds a {type(found).__name__}, not the dictionary that is expected")
    return {
        key.decode("latin1") if isinstance(key, bytes) else str(key): value.array if type(value) is _Array else value
        for key, value in found.items()
    }
