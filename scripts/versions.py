"""Versions of what a result depends on."""

from __future__ import annotations

import importlib.metadata
import platform


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on, where installed."""
    found = {"python": platform.python_version()}
    for package in ("pynascent", "numpy", "gymnasium", "tensorflow", "keras", "tf-agents", "ray", "horovod", "shap"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
