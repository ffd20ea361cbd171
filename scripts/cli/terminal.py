"""What the commands print: on any terminal, whatever its encoding."""

from __future__ import annotations

import codecs
import io
import sys

_ASCII = {
    "λ": "lambda",
    "μ": "mu",
    "η": "eta",
    "σ": "sigma",
    "×": "x",
    "−": "-",
    "–": "-",
    "…": "...",
    "·": "*",
    "±": "+-",
    "≥": ">=",
    "≤": "<=",
    "→": "->",
    "∞": "inf",
}  # fmt: skip
_HANDLER = "pynascent"


def print_in_any_encoding() -> None:
    """Let standard output and error write what their encoding lacks otherwise: λ as ``lambda``, é by its number."""
    codecs.register_error(_HANDLER, _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    sign = error.object[error.start]
    if "\udc80" <= sign <= "\udcff":  # a byte of a file's name that is no text: it is written as it was read
        return bytes([ord(sign) - 0xDC00]), error.start + 1
    return _ASCII.get(sign) or sign.encode("ascii", "backslashreplace").decode(), error.start + 1
