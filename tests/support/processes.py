"""Looking at this process's family from outside."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def family() -> list[psutil.Process]:
    """Return this process and everything that it started."""
    me = psutil.Process()
    return [me, *me.children(recursive=True)]


def listening(processes: list[psutil.Process]) -> set[str]:
    """Return the addresses that processes accept connections on."""
    found = set()
    for process in processes:
        try:
            connections = process.net_connections("inet")
        except psutil.NoSuchProcess:
            continue
        found |= {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}
    return found


def alive(process: psutil.Process) -> bool:
    """Say whether a process still runs."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Return when a condition holds; fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
