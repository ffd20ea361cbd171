"""Optional dependencies: imported where they are used, with one clear line when one is missing."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any


def _missing(package: str, extra: str, purpose: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"{purpose} needs {package}: pip install 'pynascent[{extra}]'", name=package)


def require(module: str, extra: str, purpose: str) -> Any:
    """Import ``module`` and return it.

    Args:
        module: dotted name of the module, such as ``"lime.lime_image"``.
        extra: the extra of this package that installs it.
        purpose: what needs it, the subject of the error message.

    Raises:
        ModuleNotFoundError: the package is not installed; the message names the extra to install.
    """
    package = module.split(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != package:
            raise  # the package is there, something that it needs is not: its own message says what
        raise _missing(package, extra, purpose) from error


def require_installed(package: str, extra: str, purpose: str) -> None:
    """Raise what `require` would for a missing package, without the time that importing it takes."""
    if find_spec(package) is None:
        raise _missing(package, extra, purpose)
