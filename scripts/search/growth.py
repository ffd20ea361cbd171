"""A budget that has grown: a search that was resumed with a larger one, played as it went."""

from __future__ import annotations

from ...envs import SearchBudget
from .configuration import SearchConfiguration


class GrowingBudget(SearchBudget):
    """The budget of a search, which starts as the first that it had and grows when that is spent.

    An agent may pace itself by its budget (Hyperband fits its last bracket into it), so a search that was given more
    later is not the one that had it from the start: going through the same stages it decides the same again. The
    budget grows when the candidates that spend it have been decided on, so that nobody waits for one that is not paid.

    Args:
        configuration: of the search, with the budgets that it had.
    """

    def __init__(self, configuration: SearchConfiguration) -> None:
        first, *later = [*configuration.grown_from, configuration.evaluations]
        super().__init__(evaluations=first)
        self._later = later

    def prepare(self, count: int) -> None:
        """Grow before a batch that would spend the budget."""
        while self._later and self.affordable is not None and count >= self.affordable:
            self.extend(self._later.pop(0))

    def settle(self, start: float | None, cost_seconds: float) -> tuple[bool, float]:
        """Pay for a trial of a live search that has ended, and grow after the last that the budget covers."""
        paid = super().settle(start, cost_seconds)
        while self._later and self.spent_evaluations == self.evaluations:
            self.extend(self._later.pop(0))
        return paid
