"""The argument ``watch`` of a live evaluator, checked before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...evaluation.optional import require_installed

KNOWN = ("prometheus", "tensorboard")


@dataclass(frozen=True)
class WatchSettings:
    """What is asked for.

    Attributes:
        prometheus: port of the metrics on 127.0.0.1, 1 to 65535; 0 for any free one; None for no metrics.
        tensorboard: folder of the TensorBoard logs; None for no logs.
    """

    prometheus: int | None = None
    tensorboard: str | None = None

    def config(self) -> dict[str, Any]:
        """Return what was given, as plain JSON values."""
        return {name: value for name in KNOWN if (value := getattr(self, name)) is not None}


def watch_settings(watch: Any) -> WatchSettings:
    """Check the argument ``watch``.

    Args:
        watch: ``{"prometheus": PORT, "tensorboard": FOLDER}``, one of them or both.

    Raises:
        ValueError: it is no such mapping, or a value is out of range.
        ModuleNotFoundError: a package is missing; the message names the extra that has it.
    """
    if not isinstance(watch, Mapping) or not watch or set(watch) - set(KNOWN):
        raise ValueError(f'watch={watch!r}: give {{"prometheus": PORT, "tensorboard": FOLDER}}, one of them or both')
    port, folder = watch.get("prometheus"), watch.get("tensorboard")
    if port is not None:
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
            raise ValueError(f"watch: prometheus={port!r}: give a port from 1 to 65535, or 0 for any free one")
        for package in ("prometheus_client", "psutil"):
            require_installed(package, "watch", "serving metrics to Prometheus")
    if folder is not None:
        if not isinstance(folder, (str, Path)) or not str(folder):
            raise ValueError(f"watch: tensorboard={folder!r}: give the name of a folder")
        require_installed("tensorboard", "watch", "writing TensorBoard logs")
    return WatchSettings(port, None if folder is None else str(folder))
