"""Importing code from outside the package: who may, from where, and how worker processes follow."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

Imports = bool | Collection[str]
"""Which modules may be imported for a reference: all, none, or those named."""

PACKAGE = __name__.partition(".")[0]

_permitted: ContextVar[Imports] = ContextVar("permitted_imports", default=True)


@contextmanager
def permitted_imports(imports: Imports) -> Iterator[None]:
    """Permit no other imports for references as long as a block lasts, whoever resolves them.

    For what is read from files of somebody else: whatever their settings name, deep inside or at the top, is
    refused unless the user has named its module.

    Args:
        imports: True, False, or the modules (dotted names or files; what lies in a package is in it too).
    """
    token = _permitted.set(imports)
    try:
        yield
    finally:
        _permitted.reset(token)


def import_outside(name: str) -> ModuleType:
    """Import a module by its dotted name, the current folder included, or by its file ``….py``.

    A file is imported under its stem; its folder is where its own imports are found.

    Raises:
        ValueError: there is no such module or file, or importing it fails; the message says how.
    """
    path = Path(name)
    is_file = path.suffix == ".py"
    folder = path.expanduser().resolve().parent if is_file else Path.cwd()
    if is_file and not path.expanduser().is_file():
        raise ValueError(f"{name} does not exist: give a Python file, or a module's dotted name")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
    try:
        module = importlib.import_module(path.stem if is_file else name)
    except Exception as error:  # whatever the user's code raises is the user's to mend
        raise ValueError(f"cannot import {name}: {type(error).__name__}: {error}") from error
    if is_file and Path(getattr(module, "__file__", None) or "").resolve() != path.expanduser().resolve():
        raise ValueError(f"{name}: another module is called {path.stem!r}: rename the file")
    return module


def import_reference(reference: str, imports: Imports = True, kind: str = "component") -> Any:
    """Return what ``"module:Class"`` or ``"file.py:Class"`` names.

    Args:
        reference: the module (or its file), a colon, and the name of a class or function in it.
        imports: which modules may be imported; modules of this package always may.
        kind: what it is to be, for messages.

    Raises:
        ValueError: the module may not or cannot be imported, or has no such name.
    """
    module, _, name = reference.rpartition(":")
    if not module or not name:
        raise ValueError(f"{kind} {reference!r}: give module:Class or file.py:Class")
    if not may_import(module, imports):
        raise ValueError(
            f"{kind} {reference!r} is code of the module {module!r}, which a file from elsewhere does not get to "
            f"import: add --allow-import {module} if you trust it"
        )
    found: Any = import_outside(module)
    for part in name.split("."):  # a class may be defined in another
        found = getattr(found, part, None)
    if found is None:
        raise ValueError(f"{kind} {reference!r}: the module {module} has no {name}")
    if _trusts_all(imports) or may_import_outside(module, imports) or _is_own_class(found):
        return found
    # A function of the package may do anything with settings that a stranger chose, import a module for instance.
    raise ValueError(f"{kind} {reference!r}: a file from elsewhere may name classes of {PACKAGE}, nothing else")


def may_import(module: str, imports: Imports = True) -> bool:
    """Say whether a module may be imported, here and now (`permitted_imports`)."""
    return module.partition(".")[0] == PACKAGE or may_import_outside(module, imports)


def may_import_outside(module: str, imports: Imports) -> bool:
    """Say whether a module may be imported that is not of this package."""
    return all(_names(module, allowed) for allowed in (imports, _permitted.get()))


def _trusts_all(imports: Imports) -> bool:
    return imports is True and _permitted.get() is True


def _names(module: str, imports: Imports) -> bool:
    if isinstance(imports, bool):
        return imports
    if module.endswith(".py"):
        file = Path(module).expanduser().resolve()
        return any(name.endswith(".py") and Path(name).expanduser().resolve() == file for name in imports)
    names = [Path(name).stem if name.endswith(".py") else name for name in imports]
    return any(module == name or module.startswith(f"{name}.") for name in names)


def _is_own_class(found: Any) -> bool:
    return isinstance(found, type) and found.__module__.partition(".")[0] == PACKAGE


@dataclass(frozen=True)
class CodePath:
    """Where this process finds the user's modules, to be followed by worker processes.

    Attributes:
        folders: folders at the front of ``sys.path``.
        modules: modules or files to import first, which register components.
    """

    folders: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    @classmethod
    def here(cls, modules: Collection[str] = ()) -> CodePath:
        """Return this process's: its ``sys.path`` entries that are folders, and some modules."""
        folders = [str(Path(entry or ".").resolve()) for entry in sys.path if Path(entry or ".").is_dir()]
        return cls(tuple(dict.fromkeys(folders)), tuple(modules))

    def follow(self) -> None:
        """Find modules in this process where the other does, and import what it has imported.

        Raises:
            ValueError: a module cannot be imported here; the message says which and why.
        """
        for folder in self.folders:
            if folder not in sys.path:
                sys.path.append(folder)
        importlib.invalidate_caches()
        for module in self.modules:
            import_outside(module)
