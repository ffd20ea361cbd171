"""The weights of DigitsISI: each of them changes which architecture is the best, which those of Digits do not."""

import numpy as np
import pytest

from pynascent.envs import TASKS, make_task


def winner(lam, mu):
    task = make_task("DigitsISI", lam=lam, mu=mu)
    rows = task.evaluator.architectures()
    _, rewards = task.evaluate(rows, np.full(len(rows), 27), np.full(len(rows), -1))
    return task.query(rows[rewards.argmax()], seed=-1)["flops"]


@pytest.mark.parametrize(
    ("lam", "mu", "flops"),
    [(0.04, 0.3, 92480), (0.04, 0.0, 143680), (0.04, 1.0, 1657152), (0.03, 0.3, 1657152), (0.06, 0.0, 92480)],
)
def test_the_winners_of_docs_digits(lam, mu, flops):
    assert winner(lam, mu) == flops


def test_the_defaults():
    assert (TASKS["DigitsISI"].lam, TASKS["DigitsISI"].mu) == (0.04, 0.3)
