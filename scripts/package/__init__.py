"""PyNASCENT: neural architecture search as Gymnasium environments.

The package's own module: the five folders beside it are its subpackages (``pyproject.toml`` maps all six).
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Look the installed version up when it is asked for: importing this reads nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("pynascent")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
