"""Rungs and brackets: which fidelities are used, and by how many configurations."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log

_ROUNDING = 1e-9  # share by which powers, quotients and logarithms may miss an integer: 27 · 3^−3 must count as 1


def rounded_down(x: float) -> int:
    """Return ⌊x⌋ for x ≥ 0 that was computed in floating point; what just misses an integer is that integer."""
    return floor(x + _ROUNDING * max(x, 1.0))


def rounded_up(x: float) -> int:
    """Return ⌈x⌉ for x ≥ 0 that was computed in floating point; what just exceeds an integer is that integer."""
    return ceil(x - _ROUNDING * max(x, 1.0))


def rung_fidelities(fidelities: Sequence[int], eta: float = 3.0) -> tuple[int, ...]:
    """Choose Hyperband's rungs among the epochs that can be asked for.

    Hyperband's budgets are max · η^−k for k = 0 … ⌊log_η(max/min)⌋. Each is taken to the fidelity nearest
    to it in ratio; two that meet in one fidelity become one rung. Digits' 1, 3, 9, 27 are their own rungs.

    Args:
        fidelities: epochs, ascending.
        eta: η > 1.

    Returns:
        Ascending indices into ``fidelities``, the last one always among them.
    """
    smallest, largest = fidelities[0], fidelities[-1]
    steps = rounded_down(log(largest / smallest) / log(eta))
    chosen = {
        min(range(len(fidelities)), key=lambda i: (abs(log(fidelities[i] / (largest * eta**-k))), i))
        for k in range(steps + 1)
    }
    return tuple(sorted(chosen))


def bracket_sizes(rungs: int, bracket: int, eta: float = 3.0) -> list[int]:
    """Return how many configurations each rung of a bracket evaluates.

    With s = rungs − 1 − (bracket mod rungs), a bracket starts ⌈⌊rungs / (s + 1)⌋ η^s⌉ configurations on
    the rung s below the top and keeps a share of 1/η at each further one. For R = 81 and η = 3 that is the
    table of the paper (Li et al., 2018, "Hyperband", JMLR 18, table 1: 81, 27, 9, 6 and 5 at the start).

    Args:
        rungs: number of rungs, S.
        bracket: number of the bracket, 0, 1, …; they come round after S.
        eta: η.

    Returns:
        s + 1 counts, for the s + 1 highest rungs.
    """
    s = rungs - 1 - bracket % rungs
    return halved(rounded_up((rungs // (s + 1)) * eta**s), s + 1, eta)


def halved(start: int, rungs: int, eta: float) -> list[int]:
    """Return how many of ``start`` configurations each of so many rungs evaluates: ⌊start · η^−i⌋, at least 1."""
    return [max(rounded_down(start * eta**-i), 1) for i in range(rungs)]
