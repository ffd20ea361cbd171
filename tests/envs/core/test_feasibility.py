"""Deb's rules: the order of evaluations under constraints, of one reward and of several."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from pynascent.envs.core.feasibility import best_index, better, dominates, least_violating, order, sort_key

# From the best to the worst: (reward, violation).
RANKED = [(0.9, 0.0), (-5.0, 0.0), (3.0, 1e-300), (9.0, 0.5), (2.0, 0.5), (7.0, np.inf), (-np.inf, np.inf)]


def test_feasible_first_then_the_less_violating_then_the_reward():
    for first, second in pairwise(RANKED):
        assert better(*first, *second) and not better(*second, *first)
        assert sort_key(*first) > sort_key(*second)
    assert not better(*RANKED[0], *RANKED[0])


def test_the_order_agrees_with_the_comparison_whatever_the_order_given():
    for places in list(permutations(range(len(RANKED))))[::97]:
        rewards, violations = np.array([RANKED[i] for i in places]).T
        found = [places[i] for i in order(rewards, violations)]
        assert found == list(range(len(RANKED)))
        assert places[best_index(rewards, violations)] == 0


def test_equal_ones_keep_their_order_and_the_first_is_the_best():
    assert order([1.0, 2.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]).tolist() == [1, 2, 0, 3]
    assert order([1.0, 2.0, 1.0], [0.5, 0.5, 0.5]).tolist() == [1, 0, 2]
    assert best_index([1.0, 2.0, 2.0], [0.0, 0.0, 0.0]) == 1
    assert best_index([9.0, 1.0, 1.0], [0.1, 0.0, 0.0]) == 1
    with pytest.raises(ValueError, match="no evaluations"):
        best_index([], [])


def test_without_constraints_the_order_is_that_of_the_rewards():
    rng = np.random.default_rng(0)
    rewards = rng.integers(0, 9, 200).astype(float)
    assert order(rewards, np.zeros(200)).tolist() == np.argsort(-rewards, kind="stable").tolist()
    assert best_index(rewards, np.zeros(200)) == rewards.argmax()


def test_where_nothing_is_feasible_the_least_violating_are_left():
    assert least_violating([0.0, 2.0, 0.0]).tolist() == [True, False, True]
    assert least_violating([3.0, 2.0, np.inf]).tolist() == [False, True, False]
    assert least_violating([np.inf, np.inf]).tolist() == [True, True]
    assert least_violating([]).tolist() == []


def test_constrained_domination_is_pareto_among_equals_and_violation_between_others():
    rewards = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [9.0, 9.0], [5.0, 5.0], [9.0, 9.0]])
    violations = np.array([0.0, 0.0, 0.0, 0.5, 0.25, np.inf])
    over = dominates(rewards, violations)
    expected = {(0, 2), (1, 2), (4, 3)}
    expected |= {(i, j) for i in range(3) for j in range(3, 6)} | {(3, 5), (4, 5)}
    assert {(int(i), int(j)) for i, j in np.argwhere(over)} == expected


def test_constrained_domination_by_the_definition_on_random_rows():
    rng = np.random.default_rng(1)
    rewards = rng.integers(0, 3, (60, 3)).astype(float)
    violations = rng.choice([0.0, 0.0, 1.0, 2.0, np.inf], 60)
    over = dominates(rewards, violations)
    for i in range(60):
        for j in range(60):
            if violations[i] != violations[j]:
                assert over[i, j] == (violations[i] < violations[j])
            else:
                better_somewhere = (rewards[i] > rewards[j]).any()
                assert over[i, j] == (better_somewhere and not (rewards[i] < rewards[j]).any())
