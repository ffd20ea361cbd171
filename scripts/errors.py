"""Errors that a user of the command line made and can mend: one line, exit status 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UsageError(ValueError):
    """Something in the command was wrong; the message says what, what is allowed and what to do."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an expected error into one line on standard error and exit status 2.

    Expected are values that do not fit (`ValueError`), missing extras (`ModuleNotFoundError`) and files
    that cannot be read or written (`OSError`). ``PYNASCENT_TRACEBACK=1`` shows where they were raised.
    """
    try:
        yield
    except (ValueError, ModuleNotFoundError, OSError) as error:
        if os.environ.get("PYNASCENT_TRACEBACK"):
            raise
        sys.stderr.write(f"pynascent: error: {' '.join(str(error).split())}\n")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        sys.stderr.write("pynascent: interrupted; finished evaluations are kept, --resume goes on\n")
        raise SystemExit(130) from None
