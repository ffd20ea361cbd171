"""Python code from outside the project: an agent or a task's registration, by import path or by file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from ...agents.base import Agent
from ..errors import UsageError


def import_module(name: str) -> ModuleType:
    """Import a module by its dotted name (the current folder counts) or by its file ``….py``.

    A file is imported under its stem; its folder is where its own imports are found.

    Raises:
        UsageError: there is no such module or file, or it cannot be imported.
    """
    path = Path(name)
    folder = path.resolve().parent if path.suffix == ".py" else Path.cwd()
    if path.suffix == ".py" and not path.is_file():
        raise UsageError(f"{name} does not exist: give a Python file, or a module's dotted name")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(path.stem if path.suffix == ".py" else name)
    except Exception as error:  # whatever the user's code raises is the user's to mend
        raise UsageError(f"cannot import {name}: {type(error).__name__}: {error}") from error
    if path.suffix == ".py" and Path(getattr(module, "__file__", None) or "").resolve() != path.resolve():
        raise UsageError(f"{name}: another module is called {path.stem!r}: rename the file")
    return module


def outside_agent(path: str) -> type[Agent]:
    """Return the agent's class that ``module:Class`` or ``file.py:Class`` names.

    Raises:
        UsageError: it cannot be imported, or is no `Agent`.
    """
    module, _, name = path.rpartition(":")
    if not module or not name:
        raise UsageError(f"agent {path!r}: give module:Class or file.py:Class")
    found = getattr(import_module(module), name, None)
    if found is None:
        raise UsageError(f"agent {path!r}: the module {module} has no {name}")
    if not (isinstance(found, type) and issubclass(found, Agent)):
        raise UsageError(f"agent {path!r}: {name} is no subclass of pynascent.agents.base.Agent")
    return found


def source_checksum(agent: type[Agent]) -> str | None:
    """Return the SHA-256 of the file that an agent's class is written in, or None where there is none."""
    file = getattr(sys.modules.get(agent.__module__), "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None
