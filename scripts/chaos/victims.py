"""The processes of a search that runs in a process of its own."""

from __future__ import annotations

import os
import signal
import time

import psutil

MARK = "PYNASCENT_CHAOS"
"""Environment variable that all processes of a search inherit, whoever their parent is later."""


def processes(mark: str) -> list[psutil.Process]:
    """Return all running processes of the search with a mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
    return found


def workers(mark: str) -> list[psutil.Process]:
    """Return the processes that train and explain."""
    return [p for p in processes(mark) if _title(p).startswith("ray::") and "IDLE" not in _title(p)]


def raylets(mark: str) -> list[psutil.Process]:
    """Return Ray's node processes."""
    return [p for p in processes(mark) if "raylet/raylet" in _title(p)]


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return ""


def kill(process: psutil.Process) -> bool:
    """Kill a process at once; False where it was gone already."""
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def left_over(mark: str, seconds: float = 30.0) -> list[str]:
    """Wait for a search's processes to end; return the titles of those that have not in time."""
    deadline = time.monotonic() + seconds
    while (still := processes(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return [_title(process)[:100] for process in still]
