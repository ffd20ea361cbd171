"""What was typed on the command line, as plain values: labels, seeds, budgets, settings."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from ..arguments import LARGEST_SEED, parse_value
from ..errors import UsageError

_LABEL = re.compile(r"[^\W_][\w .+@()\[\]=-]*|[-+@=(\[][\w .+@()\[\]=-]+")
_SETTING = re.compile(r"(.+?)\.(\w+)=(.*)", re.DOTALL)


def check_label(label: str) -> str:
    """Return a label that can name a folder and a line of a legend.

    Raises:
        UsageError: it has other signs than letters, digits, blanks and ``_ . + - @ = ( ) [ ]``, or begins with a blank,
            a full stop or an underscore.
    """
    if len(label) > 100 or not _LABEL.fullmatch(label) or label != label.strip():
        raise UsageError(
            f"the label {label!r}: give at most 100 letters, digits, blanks and _ . + - @ = ( ) [ ], not beginning "
            "with a blank, a full stop or an underscore"
        )
    return label


def table_label(table: str) -> str:
    """Return the label of a table that is given by name or path: its stem, with a ``-`` for what no label may have."""
    stem = table.rstrip("/").rpartition("/")[2].removesuffix(".nastable")
    return check_label(re.sub(r"[^\w .+@()\[\]=-]", "-", stem).lstrip("._ ").rstrip() or "table")


def listed(values: Sequence[str]) -> list[str]:
    """Return the parts of options that may be repeated and may hold several parts between commas."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def parse_seeds(text: str) -> list[int]:
    """Return the seeds that ``0:50`` (50 of them), ``7`` or ``0,3,10:20`` stand for.

    Raises:
        UsageError: the text is nothing of the kind, or a seed is out of range or there twice.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,19})\s*(?::\s*([0-9]{1,19})\s*)?", part)
        if match is None or (match[2] and int(match[2]) <= int(match[1])):
            raise UsageError(f"--seeds {text}: give FROM:TO (TO not among them), as in 0:50, or 0,1,2")
        first = int(match[1])
        last = int(match[2]) - 1 if match[2] else first
        if last > LARGEST_SEED:
            raise UsageError(f"--seeds {text}: seeds are integers from 0 to {LARGEST_SEED}")
        if last - first >= 1_000_000:
            raise UsageError(f"--seeds {text}: these are {last - first + 1:,} seeds; at most a million are played")
        seeds += range(first, last + 1)
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds {text}: a seed is there twice")
    return seeds


def parse_budget(text: str) -> tuple[int | None, float | None]:
    """Return evaluations and simulated seconds of ``200``, ``40000s`` or ``200+40000s``.

    Raises:
        UsageError: the text is nothing of the kind.
    """
    evaluations, seconds = None, None
    for part in text.split("+"):
        try:
            if part.strip().endswith("s") and seconds is None:
                seconds = float(part.strip()[:-1])
            elif evaluations is None:
                evaluations = int(part)
            else:
                raise ValueError
        except ValueError:
            evaluations = 0  # refused below
    if (evaluations is not None and evaluations < 1) or (seconds is not None and not 0 < seconds < math.inf):
        raise UsageError(f"--budget {text}: give evaluations (200), simulated seconds (40000s), or both (200+40000s)")
    return evaluations, seconds


def parse_labelled_settings(pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return label → settings of ``AGENT.name=value``; a value is JSON or else a text.

    Raises:
        UsageError: a pair is of another form, or a setting is there twice.
    """
    given: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        match = _SETTING.fullmatch(pair)
        if match is None:
            raise UsageError(f"--setting {pair}: give AGENT.name=value")
        label, name, value = match.groups()
        if name in given.setdefault(label, {}):
            raise UsageError(f"--setting {pair}: {label}.{name} is set twice")
        given[label][name] = parse_value(value)
    return given
