"""The Pareto front of a search whose rewards are vectors."""

from __future__ import annotations

import numpy as np

from ...agents.multi_objective.nondominated import first_front
from ...envs import SearchHistory, SearchTask
from ...envs.core.feasibility import least_violating
from ..judging import violation


def front_rows(history: SearchHistory, task: SearchTask) -> list[int]:
    """Return the places, ascending, of the rows whose rewards no other row's dominate; all are to be maximised.

    As with the best row of a search for one reward, only `SearchHistory.comparable` rows are compared, feasible
    ones before all others.
    """
    compared = history.comparable()
    if not compared:
        return []
    kept = np.flatnonzero(least_violating([violation(task, row) for row in compared]))
    compared = [compared[i] for i in kept]
    return [compared[i]["index"] for i in first_front(np.array([row["reward"] for row in compared]))]
