"""Checks of the numbers that spaces take as arguments."""

from __future__ import annotations

from collections.abc import Sequence


def check_integers(least: int, **options: Sequence[int]) -> None:
    """Say which of some named lists of options is empty or holds anything but integers of at least ``least``.

    Raises:
        ValueError: naming the list and what it holds.
    """
    for name, values in options.items():
        if not len(values) or any(not isinstance(v, int) or isinstance(v, bool) or v < least for v in values):
            raise ValueError(f"{name}={tuple(values)}: give integers of at least {least}, one or more")
