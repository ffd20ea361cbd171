"""Reading pickles without running what they ask for: only names on a list are resolved."""

from __future__ import annotations

import importlib.util
import io
import pickle
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from ..errors import TableError

Names = Mapping[tuple[str, str], Callable[[], Any]]


def _found(name: str, *modules: str) -> Callable[[], Any]:
    """Return a function that finds ``name`` in the first of these modules that is there."""

    def find() -> Any:
        for module in modules:
            try:
                return getattr(importlib.import_module(module), name)
            except (ImportError, AttributeError):
                continue
        package = modules[0].partition(".")[0]
        if importlib.util.find_spec(package) is None:
            raise ModuleNotFoundError(
                f"reading this file needs {package}: pip install 'pynascent[import]'", name=package
            )
        raise TableError(f"none of {', '.join(modules)} has {name!r}: this release of the package is not supported")

    return find


def _numpy(part: str, name: str) -> dict[tuple[str, str], Callable[[], Any]]:
    """Allow a name of numpy's core, which moved from ``numpy.core`` to ``numpy._core``."""
    find = _found(name, f"numpy._core.{part}", f"numpy.core.{part}")
    return {(f"numpy.core.{part}", name): find, (f"numpy._core.{part}", name): find}


NUMPY: Names = {
    ("numpy", "ndarray"): _found("ndarray", "numpy"),
    ("numpy", "dtype"): _found("dtype", "numpy"),
    **_numpy("multiarray", "_reconstruct"),
    **_numpy("multiarray", "scalar"),
    **_numpy("numeric", "_frombuffer"),
}
"""Arrays and numbers of numpy."""

PANDAS: Names = {
    ("pandas.core.frame", "DataFrame"): _found("DataFrame", "pandas"),
    ("pandas.core.internals.managers", "BlockManager"): _found("BlockManager", "pandas.core.internals.managers"),
    ("pandas.core.indexes.base", "_new_Index"): _found("_new_Index", "pandas.core.indexes.base"),
    ("pandas.core.indexes.base", "Index"): _found("Index", "pandas"),
    ("pandas.core.indexes.range", "RangeIndex"): _found("RangeIndex", "pandas"),
    ("builtins", "slice"): lambda: slice,
}
"""What a plain data frame is made of."""

CONTAINERS: Names = {("collections", "OrderedDict"): _found("OrderedDict", "collections")}
"""Containers of the standard library."""


class _Restricted(pickle.Unpickler):
    def __init__(self, file: IO[bytes], names: Names) -> None:
        super().__init__(file)
        self._names = names

    def find_class(self, module: str, name: str) -> Any:
        find = self._names.get((module, name))
        if find is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not needed for data and not allowed")
        return find()

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside itself, which is not allowed")


def load_restricted(source: Path | IO[bytes] | bytes, where: str, *allowed: Names) -> Any:
    """Unpickle data that needs no more than the allowed names.

    Args:
        source: a file, an open one, or bytes.
        where: how errors call it.
        *allowed: the names, such as `NUMPY`.

    Raises:
        TableError: it asks for another name (nothing of it is run), or is damaged.
    """
    names: dict[tuple[str, str], Callable[[], Any]] = {key: find for part in allowed for key, find in part.items()}
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                return _Restricted(file, names).load()
        return _Restricted(io.BytesIO(source) if isinstance(source, bytes) else source, names).load()
    except TableError:
        raise
    except ModuleNotFoundError as error:
        raise TableError(f"reading {where} needs {error.name!r}: pip install 'pynascent[import]'") from None
    except pickle.UnpicklingError as error:
        raise TableError(f"{where} was not read: {error}") from None
    except (
        OSError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError, MemoryError,
        OverflowError, RecursionError, AssertionError, NotImplementedError,
    ) as error:  # fmt: skip
        raise TableError(f"{where} is no pickle of the expected kind, or is damaged: {error}") from None


def require(names: Iterable[str]) -> None:
    """Refuse if a package that an importer needs is missing.

    Raises:
        TableError: naming it and the extra that has it.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise TableError(f"this import needs {error.name!r}: pip install 'pynascent[import]'") from None
