"""Random search against its exact expectation: the environment, the clock and the draws together."""

import gymnasium
import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.envs import SearchBudget

from support.expectation import random_search_expectation


def test_the_expectation_itself_where_every_search_has_three_draws():
    score = np.arange(200.0)
    mean, deviation = random_search_expectation(np.ones(200), score, score, 3.5, bins=700, share=1.0)
    maxima = np.diff(((score + 1) / 200) ** 3, prepend=0.0)
    assert mean == pytest.approx(maxima @ score)
    assert deviation == pytest.approx(np.sqrt(maxima @ score**2 - mean**2))


def test_the_expectation_itself_against_simulated_searches():
    rng = np.random.default_rng(0)
    cost, score = rng.uniform(1.0, 4.0, 500), rng.permutation(500).astype(float)
    cost[score > 400] += 2.0  # good ones are dear, so the budget matters
    mean, deviation = random_search_expectation(cost, score, score, 200.0, bins=4000)
    draws = rng.integers(500, size=(20_000, 200))
    paid = np.cumsum(cost[draws], axis=1) <= 200.0
    best = np.where(paid, score[draws], 0.0).max(axis=1)
    assert abs(best.mean() - mean) < 4 * deviation / np.sqrt(20_000)
    assert best.std() == pytest.approx(deviation, rel=0.05)


@pytest.mark.parametrize(("dataset", "seconds"), [("CIFAR10", 2e4), ("CIFAR100", 4e4), ("ImageNet16", 1.2e5)])
def test_random_search_is_what_the_table_says(real_tables, dataset, seconds):
    env = gymnasium.make_vec(
        f"PyNASCENT/NASBench201-{dataset}-Propose-v0",
        num_envs=50,
        autoreset_mode="disabled",
        epochs=12,
        objective={"terms": {"accuracy": 1.0}},
        evaluator={"metrics": ["validation_accuracy", "test_accuracy", "training_seconds"]},
    )
    evaluator = env.unwrapped.task.evaluator
    cost = evaluator.column("training_seconds", 12, 0)
    score = evaluator.column("validation_accuracy", 12, 0)
    report = evaluator.column("test_accuracy", 200, -1)
    mean, deviation = random_search_expectation(cost, score, report, seconds)
    reported = []
    for seed in range(60):
        history = make_agent("random").search(env, SearchBudget(seconds=seconds), 1000 + seed)
        seen = evaluator.space.index(history.column("architecture"))
        assert cost[seen].sum() <= seconds
        reported.append(report[np.unique(seen[score[seen] == score[seen].max()])].mean())
    assert abs(np.mean(reported) - mean) < 3 * deviation / np.sqrt(len(reported))
