"""This process's connection to Ray: a local one that nobody else can reach, or a cluster's."""

from __future__ import annotations

import importlib
import logging
import os
import secrets
import socket
import sys
import threading
from typing import Any

from ...evaluation.optional import require

_lock = threading.Lock()
_users = 0
_keeper: _Keeper | None = None


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def import_ray(local: bool = False) -> Any:
    """Import Ray with the settings that it reads when imported; a user's own settings stay.

    Raises:
        ModuleNotFoundError: Ray is missing; the message names the extra.
    """
    # Under `uv run`, Ray would otherwise build the project's environment anew in every worker.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # An error of a worker is looked at where its result is asked for, once for all that it returns.
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")
    if local:
        # Ray takes 127.0.0.1 for "whatever address others see me under" unless told that no others are to
        # see it; the variable is read on every system, in spite of its name. Everything Ray starts then
        # listens on the loopback device only.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        # Other users of this machine reach the loopback device too: a token of this process keeps them out,
        # and no token file is left in the home folder. A Ray that was imported before asks for a token by
        # itself when it starts, but half of it has read the variable that says so already.
        if not {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
            if "ray" not in sys.modules:
                os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_enable_worker_prestart", "false")
        os.environ.setdefault("RAY_prestart_worker_first_driver", "false")
    return require("ray", "train", "live training")


def _catch_up() -> None:
    """Tell a Ray that was imported before `import_ray` could set its variables what they say."""
    constants: Any = importlib.import_module("ray._private.ray_constants")
    for attribute, variable in (
        ("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "RAY_ENABLE_UV_RUN_RUNTIME_ENV"),
        ("ENABLE_RAY_CLUSTER", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"),
    ):
        if variable in os.environ:
            setattr(constants, attribute, os.environ[variable].lower() in ("1", "true"))


class _Keeper(threading.Thread):
    """Connects to Ray, holds the connection, and ends it.

    Linux ends the processes of a local Ray with the *thread* that started them (that is how they die with a
    killed driver), so that thread must live as long as they are needed, whoever asked for them.
    """

    def __init__(self, ray: Any, address: str | None) -> None:
        super().__init__(name="pynascent-ray", daemon=True)
        self.ray, self.address = ray, address
        self.ready, self.over = threading.Event(), threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        """Connect, wait until told to end, disconnect."""
        try:
            quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
            logging.getLogger("ray").setLevel(logging.ERROR)  # it has remarks before it reads that argument
            _catch_up()
            if self.address is None:
                # Logical CPUs only place the workers; how many there may be is checked against the real
                # cores where a pool is configured, and pools of two configurations may overlap in time.
                self.ray.init(
                    address="local",
                    num_cpus=64 * cores(),
                    include_dashboard=False,
                    object_store_memory=512 * 2**20,
                    _node_ip_address="127.0.0.1",
                    **quiet,
                )
            else:
                self.ray.init(address=self.address, **quiet)
        except Exception as error:  # raised again in the thread that asked
            self.error = error
        self.ready.set()
        if self.error is None:
            self.over.wait()
            self.ray.shutdown()


def _check_reachable(address: str | None) -> None:
    """Fail in seconds where Ray would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not port.isdigit() or "/" in host:
        return  # "auto", a client's ray://, or none at all
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except OSError as error:
        raise ConnectionError(
            f"no Ray answers at ray_address={address!r} ({error}): start one with `ray start --head`, "
            "or leave the address out for a local one"
        ) from error


def acquire(address: str | None) -> Any:
    """Connect to Ray unless this process is connected already, and return the ray module.

    Args:
        address: of a running cluster; None starts a local Ray, which ends with the last `release`. A Ray
            that the user's own code has initialised is used as it is, and left running.

    Raises:
        ConnectionError: nothing answers at the address.
    """
    global _users, _keeper
    ray = import_ray(address is None)
    _check_reachable(address)
    with _lock:
        if not ray.is_initialized():
            keeper = _Keeper(ray, address)
            keeper.start()
            keeper.ready.wait()
            if keeper.error is not None:
                raise keeper.error
            _keeper = keeper
        _users += 1
    return ray


def release() -> None:
    """Give a connection back; the last one ends a Ray that `acquire` began."""
    global _users, _keeper
    with _lock:
        _users -= 1
        if _users == 0 and _keeper is not None:
            _keeper.over.set()
            _keeper.join(timeout=30)
            _keeper = None


def is_loopback() -> bool:
    """Say whether the Ray that this process is connected to lives on the loopback device alone."""
    ray = import_ray()
    return ray.util.get_node_ip_address() in ("127.0.0.1", "::1")
