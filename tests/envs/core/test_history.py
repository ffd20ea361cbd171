"""The record of a search: what a row holds, which row is the best."""

import json

import numpy as np
import pytest

from pynascent.envs import Objective, SearchBudget, SearchHistory, SearchTask, SearchVectorEnv, make_task
from pynascent.envs.core.history import RecordSearch

from support.cost_evaluator import CostEvaluator
from support.landscape import Landscape


def recorded(evaluator=None, lanes=3, steps=4, budget=None, on_evaluation=None, formulation="propose", **objective):
    """Play random proposals with a record; returns the environment and the history."""
    task = SearchTask(evaluator or CostEvaluator(), Objective({"accuracy": 1.0, "ln_flops": -0.02}, **objective))
    env = SearchVectorEnv(lanes, task, formulation, autoreset_mode="disabled", epochs=9, training_seed=4)
    rng = np.random.default_rng(0)
    with env.search(budget, on_evaluation) as history:
        for _ in range(steps):
            env.reset(seed=0)
            env.step(env.task.space.sample(rng, lanes))
    return env, history


def test_a_row_holds_the_question_and_the_whole_answer():
    env, history = recorded()
    assert len(history) == 12
    architectures = np.array([row["architecture"] for row in history])
    again = env.task.evaluator.evaluate(architectures, np.full(12, 9), np.full(12, 4))
    for i, row in enumerate(history):
        assert list(row)[:4] == ["index", "trial", "architecture", "text"] and row["index"] == row["trial"] == i
        assert env.task.space.parse(row["text"]).tolist() == row["architecture"]
        assert (row["status"], row["epochs"], row["seed"], row["cost_seconds"]) == ("ok", 9, 4, 90.0)
        for name in env.task.evaluator.metrics:  # those of the test split, too: a history is a report
            assert row[name] == again[name][i]
        assert row["reward"] == row["validation_accuracy"] - 0.02 * np.log(row["flops"])
        assert row["decision_seconds"] >= 0
    assert json.loads(json.dumps(history.rows)) == history.rows  # plain values, to the last bit


def test_rows_are_in_the_order_of_lanes_and_a_listener_hears_each():
    heard = []
    _, history = recorded(on_evaluation=lambda row: heard.append(row["index"]))
    assert heard == list(range(12)) and history.column("index").tolist() == heard
    expected = CostEvaluator().space.sample(np.random.default_rng(0), 3)
    assert [row["architecture"] for row in history][:3] == expected.tolist()
    assert [row for row in history] == history.rows


def test_the_clock_is_in_the_rows_only_with_a_budget():
    _, history = recorded()
    assert not any("clock_seconds" in row for row in history)
    _, history = recorded(budget=SearchBudget(evaluations=100))
    assert history.column("clock_seconds").tolist() == (90.0 * np.arange(1, 13)).tolist()
    _, history = recorded(budget=SearchBudget(evaluations=100, workers=2))
    assert history.column("clock_seconds").tolist() == [90, 90, 180, 270, 270, 360, 450, 450, 540, 630, 630, 720]
    _, history = recorded(budget=SearchBudget(evaluations=100, workers=3))
    assert history.column("clock_seconds").tolist() == np.repeat([90.0, 180, 270, 360], 3).tolist()


def test_what_is_not_paid_is_not_recorded():
    _, history = recorded(steps=1, budget=SearchBudget(evaluations=2))
    assert len(history) == 2
    _, history = recorded(steps=1, budget=SearchBudget(seconds=100.0))
    assert len(history) == 1 and history.rows[0]["clock_seconds"] == 90.0


def test_failures_are_recorded_and_never_the_best():
    _, history = recorded(Landscape(seed=3, fail=0.5), lanes=40, steps=1)
    statuses = history.column("status")
    assert {"ok", "diverged"} == set(statuses.tolist())
    failed = [row for row in history if row["status"] == "diverged"]
    assert all(row["validation_accuracy"] == 0 for row in failed)
    for row in failed:
        row["reward"] = 100.0
    assert history.best()["status"] == "ok"


def rows(*given):
    return SearchHistory([{"index": i, "status": s, "epochs": e, "reward": r} for i, (s, e, r) in enumerate(given)])


def test_the_best_is_of_the_largest_fidelity_and_the_earliest_of_equals():
    assert rows(("ok", 9, 0.5), ("ok", 3, 0.9), ("ok", 9, 0.7), ("ok", 9, 0.7)).best()["index"] == 2
    assert rows(("ok", 3, 0.5), ("crashed", 9, 0.9)).best()["index"] == 0
    assert rows(("crashed", 9, 0.9)).best() is None and SearchHistory().best() is None


def test_vector_rewards_are_lists():
    _, history = recorded(vector=True, steps=1)
    assert all(isinstance(row["reward"], list) and len(row["reward"]) == 2 for row in history)
    assert history.column("reward").shape == (3, 2)
    with pytest.raises(ValueError, match=r"gives 2 rewards.*history\.column\('reward'\)"):
        history.best()


def test_edit_records_its_starts():
    task = SearchTask(CostEvaluator(), Objective({"accuracy": 1.0}))
    env = SearchVectorEnv(2, task, "edit", autoreset_mode="same_step")
    with env.search() as history:
        env.reset(seed=0)
        starts = env.architectures.tolist()
        assert [row["architecture"] for row in history] == starts
        env.step(np.array([env.single_action_space.n - 1] * 2))  # both stop, and start again at once
        assert [row["architecture"] for row in history][2:] == env.architectures.tolist() != starts


def test_a_search_ends_with_its_block_even_in_an_error():
    env, history = recorded()
    env.reset(seed=1)
    env.step(env.action_space.sample())
    assert len(history) == 12
    with pytest.raises(KeyError), env.search():
        raise KeyError
    assert not env.task.decorated


def test_a_record_passes_the_answer_on_untouched():
    inner = CostEvaluator()
    record = RecordSearch(inner, Objective({"accuracy": 1.0}).bind(inner.metrics))
    question = inner.space.sample(np.random.default_rng(1), 5), np.full(5, 3), np.arange(5)
    found, expected = record.evaluate(*question), inner.evaluate(*question)
    assert np.array_equal(found["validation_accuracy"], expected["validation_accuracy"])
    assert (record.space, record.fidelities, record.seeds) == (inner.space, inner.fidelities, inner.seeds)
    assert record.metrics == inner.metrics
    assert [row["seed"] for row in record.history] == [0, 1, 2, 3, 4]


def test_the_best_row_is_feasible_where_one_is():
    limited = {"terms": {"accuracy": 1, "ln_flops": -0.3}, "constraints": ["flops<=3e5"], "infeasible_reward": -1.0}
    task = make_task("Digits", objective=limited)
    rows = task.space.sample(np.random.default_rng(0), 200)
    with task.search() as history:
        task.evaluate(rows, np.full(200, 27), np.zeros(200, np.int64))
    best = history.best()
    assert best["flops"] <= 3e5 and best["violation"] == 0 and best["reward"] < max(history.column("reward")) == -1.0
    assert all(row["violation"] == 0 for row in history.comparable())
    history.rows = [row for row in history if row["violation"] > 0]
    assert history.best()["flops"] == history.column("flops").min()
    assert json.loads(json.dumps(history.rows)) == history.rows


def test_what_is_feasible_goes_before_a_larger_fidelity_and_a_failure_violates_without_a_bound():
    given = rows(("ok", 27, 0.9), ("ok", 9, 0.1), ("crashed", 27, 0.0))
    for row, violated in zip(given.rows, (0.5, 0.0, None), strict=True):
        row["violation"] = violated
    assert given.best()["index"] == 1
    _, history = recorded(Landscape(seed=3, fail=0.5), lanes=40, steps=1)
    assert all((row["violation"] is None) == (row["status"] != "ok") for row in history)
