"""Files that came from somebody else: records, leaderboards, benchmarks. They run no code of their choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..envs.core.imports import permitted_imports
from .arguments import import_modules


@contextmanager
def received_files(modules: Sequence[str] | None = None, allow_import: Sequence[str] | None = None) -> Iterator[None]:
    """Import nothing that a file names, as long as the block lasts, except from modules that the user named.

    Every reference ``module:Class`` is resolved in one place (`pynascent.envs.core.imports`), which obeys this
    wherever in the program it is asked.

    Args:
        modules: the user's ``--module``: imported at once, and permitted.
        allow_import: the user's ``--allow-import``: permitted, and imported only if a file asks for them.

    Raises:
        UsageError: a module of ``modules`` cannot be imported.
    """
    import_modules(modules or ())
    with permitted_imports([*(modules or ()), *(allow_import or ())]):
        yield
