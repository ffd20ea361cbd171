"""What identifies a component in a key: its reference, its settings, and the source of code from outside."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .imports import PACKAGE


def reference_of(component: Any) -> str:
    """Return ``"module:Class"`` of a class or function, or of an object's class."""
    kind = component if hasattr(component, "__qualname__") else type(component)
    return f"{kind.__module__}:{kind.__qualname__}"


def provenance(component: Any) -> dict[str, str]:
    """Return what tells two versions of a component's code apart, as plain JSON values.

    A component may declare a ``version``, which is then all that counts. Otherwise code from outside this package
    is identified by the SHA-256 of the source of its module and of every module that this one imports, directly or
    through others, from the folder that it was found in. The package's own components need nothing: what depends on
    them has a version of its own.

    Args:
        component: a class, function or object.
    """
    kind = component if hasattr(component, "__qualname__") else type(component)
    module = getattr(kind, "__module__", "")
    if module.partition(".")[0] == PACKAGE:
        return {}
    # A version that the package's own base class has says nothing of the code from outside.
    for part in getattr(kind, "__mro__", (kind,)):
        version = vars(part).get("version") if not part.__module__.startswith(PACKAGE) else None
        if isinstance(version, (str, int, float)) and not isinstance(version, bool):
            return {"version": str(version)}
    digest = source_digest(module)
    return {} if digest is None else {"source": digest}


def source_digest(module: str) -> str | None:
    """Return the SHA-256 of a module's source and of what it imports beside it; None without a source file."""
    file = _file_of(module)
    if file is None:
        return None
    root = file.parent
    for _ in module.split(".")[1:]:  # the folder that the top-level package lies in
        root = root.parent
    if file.name == "__init__.py":
        root = root.parent
    digest = hashlib.sha256()
    for path in sorted(_beside(file, root)):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _file_of(module: str) -> Path | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    path = Path(file).resolve() if file else None
    return path if path is not None and path.suffix == ".py" and path.is_file() else None


def _beside(file: Path, root: Path) -> set[Path]:
    """Return a file and every file below ``root`` that it imports, directly or through others."""
    found, todo = set(), [file]
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        todo += _imported(path, root)
    return found


def _imported(file: Path, root: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):  # it cannot have been imported in this form either
        return
    package = file.parent.relative_to(root).parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base = (*base, *(node.module.split(".") if node.module else ()))
            names = [base, *((*base, alias.name) for alias in node.names)]
        else:
            continue
        for name in names:
            for end in range(1, len(name) + 1):  # importing a.b imports a as well
                place = root.joinpath(*name[:end])
                for candidate in (place.with_suffix(".py"), place / "__init__.py"):
                    if candidate.is_file():
                        yield candidate.resolve()
