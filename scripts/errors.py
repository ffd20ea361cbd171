"""Errors that a user of the command line made and can mend: one line, exit status 2."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UsageError(ValueError):
    """Something in the command was wrong; the message says what, what is allowed and what to do."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an expected error into one line on standard error and exit status 2.

    Expected are values that do not fit (`ValueError`), missing extras (`ModuleNotFoundError`), files that
    cannot be read or written (`OSError`), and worker processes that could not be started (`PoolError`).
    ``PYNASCENT_TRACEBACK=1`` shows where they were raised.
    """
    try:
        yield
    except (ValueError, ModuleNotFoundError, OSError, *pool_errors()) as error:
        if os.environ.get("PYNASCENT_TRACEBACK"):
            raise
        sys.stderr.write(f"pynascent: error: {' '.join(str(error).split())}\n")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        sys.stderr.write("pynascent: interrupted; finished evaluations are kept, --resume goes on\n")
        raise SystemExit(130) from None


def pool_errors() -> tuple[type[BaseException], ...]:
    """Return the trainers' `PoolError`, if they were loaded: without them nobody can have raised it."""
    pool = sys.modules.get("pynascent.trainers.workers.pool")
    return () if pool is None else (pool.PoolError,)


@contextmanager
def end_on_termination() -> Iterator[None]:
    """Let SIGTERM end the program as an exit does, so that worker processes and Ray are shut down with it."""

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the shutting down is not to be cut short by another
        sys.stderr.write("pynascent: terminated; finished evaluations are kept, --resume goes on\n")
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
