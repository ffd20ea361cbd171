"""Live promotions go on from the shorter training: the same result, at the price of what is added."""

import logging

import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.envs import SearchBudget, SearchVectorEnv, make_task
from pynascent.trainers import LiveEvaluator

from support import techniques
from support.training_process import training_process

SETTINGS = {
    "plain": {},
    "scaled, L2, noise": {
        "precision": "mixed_float16",
        "l2": 1e-3,
        "l2_adaptation": "loss_trend",
        "dropout": 0.1,
        "schedule": "warm_restarts",
        "cycle_epochs": 2,
    },
    "Keras": {"optimizer": {"component": "keras", "settings": {"name": "Nadam"}}},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_training_that_goes_on_is_the_straight_one(settings):
    with training_process() as executor:
        straight, went_on = executor.submit(techniques.straight_and_continued, (4, 3, 2, 5, 1, 0), settings).result()
    assert straight["steps"] == went_on["steps"] + 12  # one epoch of twelve steps was not repeated
    for name in ("weights", "logits", "losses", "checkpoints", "log"):
        for a, b in zip(straight[name], went_on[name], strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-6, err_msg=name)


@pytest.fixture
def evaluators(tmp_path):
    made = [
        LiveEvaluator("chain", "digits", workers=1, store=tmp_path / f"{promotions}.sqlite", promotions=promotions)
        for promotions in ("continue", "restart")
    ]
    yield made
    for evaluator in made:
        evaluator.close()


def test_promotions_of_a_live_evaluator(evaluators, caplog):
    caplog.set_level(logging.DEBUG, "pynascent.trainers")
    go_on, restart = evaluators
    architecture, seed = [[4, 3, 2, 5, 1, 0]], [0]
    short = go_on.evaluate(architecture, [3], seed)
    long, expected = (evaluator.evaluate(architecture, [9], seed) for evaluator in evaluators)
    assert [r.getMessage() for r in caplog.records if "goes on" in r.getMessage()] == [
        "train of 9 epochs goes on from 3"
    ]
    for name in ("validation_accuracy", "test_accuracy", "training_loss", "isi"):
        assert long[name] == pytest.approx(expected[name], abs=1e-6)
    # The stored seconds are of the whole training; they hold those of the shorter one.
    assert long["training_seconds"][0] > short["training_seconds"][0]
    # Both evaluators name one question: the stored result of one would answer the other.
    candidate = go_on._check(architecture, [9], seed)[0]
    assert go_on._pipeline.questions(candidate) == restart._pipeline.questions(candidate)
    assert "promotions" not in restart.config() and go_on.config()["promotions"] == "continue"
    # A search pays for the rest alone.
    task = make_task("LiveDigits", go_on)
    env = SearchVectorEnv(1, task, "propose", epochs="choose")
    history = make_agent("random").search(env, SearchBudget(evaluations=1), 0)
    assert len(history) == 1
    with task.search(SearchBudget(evaluations=2)) as paid:
        task.judge(np.array(architecture), np.array([3]), np.array(seed))
        task.judge(np.array(architecture), np.array([9]), np.array(seed))
    costs = [row["cost_seconds"] for row in paid]
    assert costs[0] == pytest.approx(short.cost_seconds[0])
    assert costs[1] == pytest.approx(long.cost_seconds[0] - short["training_seconds"][0])
