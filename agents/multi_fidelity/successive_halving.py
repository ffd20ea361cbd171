"""Successive halving: Hyperband's most exploring bracket, again and again."""

from __future__ import annotations

from dataclasses import dataclass

from ..settings import setting
from .hyperband import Hyperband, HyperbandSettings
from .rungs import halved, rounded_up


@dataclass(frozen=True)
class SuccessiveHalvingSettings(HyperbandSettings):
    """Settings of successive halving.

    Attributes:
        eta: η, of which 1/η go on to the next rung (3: Li et al., 2018).
        fit_budget: begin with fewer configurations where a budget of evaluations cannot finish the bracket,
            and where it has fewer left than there are rungs, on the highest ones.
        configurations: configurations that a bracket starts with; None is η^(rungs − 1), of which one
            reaches the top, as in Hyperband's first bracket.
    """

    configurations: int | None = setting(None, least=1)


class SuccessiveHalving(Hyperband):
    """Successive halving over random configurations (Jamieson and Talwalkar, 2016, AISTATS, algorithm 1).

    All start at the smallest fidelity, the best 1/η go on to the next one, and so on to the top; then the
    next bracket begins. It is `Hyperband` without its more cautious brackets, and bets that low fidelities
    rank well. Rungs, failures, spare lanes and ``epochs="choose"`` are as there.
    """

    name = "successive_halving"
    Settings = SuccessiveHalvingSettings

    def _next_sizes(self) -> list[int]:
        rungs, eta = len(self._rungs), self.settings.eta
        start = self.settings.configurations or rounded_up(eta ** (rungs - 1))
        left = self._left()
        if left is None or left < 1:
            return halved(start, rungs, eta)
        rungs = min(rungs, left)
        while start > 1 and sum(halved(start, rungs, eta)) > left:
            start -= 1
        return halved(start, rungs, eta)
