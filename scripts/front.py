"""The Pareto front of a search whose rewards are vectors."""

from __future__ import annotations

import numpy as np

from ..envs import SearchHistory


def front_rows(history: SearchHistory) -> list[int]:
    """Return the places, ascending, of the rows whose rewards no other row's dominate; all are to be maximised.

    As with the best row of a search for one reward, only successful evaluations at the largest fidelity that
    any of them has are compared.
    """
    done = [row for row in history if row["status"] == "ok"]
    largest = max((row["epochs"] for row in done), default=0)
    compared = [i for i, row in enumerate(history) if row["status"] == "ok" and row["epochs"] == largest]
    values = np.array([history.rows[i]["reward"] for i in compared], dtype=np.float64)  # (m, k)
    front: list[int] = []
    for i in np.lexsort(-values.T[::-1]).tolist() if compared else []:  # only an earlier one can dominate
        over = (values[front] >= values[i]).all(axis=1) & (values[front] > values[i]).any(axis=1)
        if not over.any():
            front.append(i)
    return sorted(compared[i] for i in front)
