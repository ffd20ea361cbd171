"""Feasible first: how evaluations under constraints are compared, everywhere in the suite.

An evaluation has a reward, to be maximised, and a violation (`BoundObjective.judge`): 0 where it keeps all
constraints, more the further it breaks them, ∞ where it failed. The rules are Deb's (2000, "An efficient constraint
handling method for genetic algorithms", Computer Methods in Applied Mechanics and Engineering 186; for several
rewards Deb et al., 2002, IEEE Trans. Evol. Comput. 6(2), definition 1):

1. what is feasible is better than what is not;
2. of two infeasible ones, the one that violates less is better;
3. among equals in that, the reward decides.

Since the violation of everything feasible is 0, all three are one comparison: by violation, ascending, then by
reward, descending. Without constraints and failures every violation is 0 and the reward alone decides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def better(reward_a: float, violation_a: float, reward_b: float, violation_b: float) -> bool:
    """Say whether evaluation a is strictly better than b, by one reward each."""
    if violation_a != violation_b:
        return violation_a < violation_b
    return reward_a > reward_b


def sort_key(reward: float, violation: float) -> tuple[float, float]:
    """Return a key for ``max`` and ``sorted``: the larger, the better."""
    return -violation, reward


def order(rewards: ArrayLike, violations: ArrayLike) -> IntArray:
    """Return the indices ``(N,)`` of evaluations from the best to the worst; equal ones keep their order.

    Args:
        rewards: ``(N,)``.
        violations: ``(N,)``, at least 0.
    """
    return np.lexsort((-np.asarray(rewards, dtype=np.float64), np.asarray(violations, dtype=np.float64)))


def best_index(rewards: ArrayLike, violations: ArrayLike) -> int:
    """Return the index of the best of ``(N,)`` evaluations, the first of equals.

    Raises:
        ValueError: there are none.
    """
    least = np.flatnonzero(least_violating(violations))
    if not len(least):
        raise ValueError("there is no best among no evaluations")
    return int(least[np.argmax(np.asarray(rewards, dtype=np.float64)[least])])


def least_violating(violations: ArrayLike) -> BoolArray:
    """Say which of ``(N,)`` evaluations nothing is better than by violation alone: the feasible, where there are any.

    The best, or the first Pareto front under constraints, is to be looked for among these.
    """
    values = np.asarray(violations, dtype=np.float64)
    return np.equal(values, values.min(initial=np.inf))


def dominates(rewards: ArrayLike, violations: ArrayLike) -> BoolArray:
    """Say which of N vectors of rewards constrain-dominates which: ``(N, N)`` bool, [i, j] where i dominates j.

    i dominates j if it violates less, or violates as much and is nowhere worse and somewhere better.

    Args:
        rewards: ``(N, k)``, all to be maximised.
        violations: ``(N,)``, at least 0.
    """
    rewards = np.asarray(rewards, dtype=np.float64)
    violations = np.asarray(violations, dtype=np.float64)
    no_worse = (rewards[:, None] >= rewards[None]).all(axis=2)
    pareto = no_worse & ~no_worse.T  # no worse, and the other is not no worse in turn
    less, equal = violations[:, None] < violations, violations[:, None] == violations
    return less | (equal & pareto)
