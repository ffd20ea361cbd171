"""Feasible first, and each metric in its own direction: summary, front, progress and picture."""

import io
import json
import warnings

import numpy as np
import pytest
from rich.console import Console

from pynascent.envs import Metric, Objective, SearchHistory, SearchTask
from pynascent.scripts.judging import best_row, metric_label, metric_text, violation
from pynascent.scripts.plots import incumbents, plot_search
from pynascent.scripts.progress import SearchProgress
from pynascent.scripts.search.front import front_rows

from support.command_line import command
from support.cost_evaluator import CostEvaluator
from support.histories import history_rows

CONSTRAINED = '{"terms": {"accuracy": 1, "ln_flops": -0.3}, "constraints": ["flops<=3e5"], "infeasible_reward": -1}'


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("pynascent.scripts.search.run.plot_search", lambda *arguments: None)


def searched(monkeypatch, out, objective, agent="local_search", evaluations=40):
    arguments = ("--env", "PyNASCENT/Digits-Propose-v0", "--agent", agent, "--evaluations", evaluations)
    assert command(monkeypatch, "search", *arguments, "--objective", objective, "--out", out) == 0
    return json.loads((out / "summary.json").read_text()), history_rows(out)


def test_the_best_of_a_search_keeps_the_constraints(monkeypatch, tmp_path, capfd):
    out = tmp_path / "run"
    summary, rows = searched(monkeypatch, out, CONSTRAINED)
    # An infeasible row has the reward -1, more than any feasible one here: so it was taken for the best.
    feasible = [row for row in rows if row["flops"] <= 3e5]
    assert any(row["reward"] == -1.0 for row in rows) and all(row["reward"] < -1 for row in feasible)
    assert summary["best"]["reward"] == max(row["reward"] for row in feasible) and summary["feasible"] is True
    assert "nothing feasible" not in capfd.readouterr().out
    assert command(monkeypatch, "replay", out) == 0
    (out / "summary.json").write_text(json.dumps(summary | {"feasible": False}))
    assert command(monkeypatch, "replay", out) == 1
    assert "feasible is recorded as False" in capfd.readouterr().err


def test_where_nothing_is_feasible_it_is_said(monkeypatch, tmp_path, capfd):
    objective = '{"terms": {"accuracy": 1}, "constraints": ["flops<=10"]}'
    summary, rows = searched(monkeypatch, tmp_path / "run", objective, evaluations=9)
    output = capfd.readouterr()
    assert "nothing feasible was found: the best architecture breaks the constraints least" in output.out
    assert "(nothing feasible yet)" in output.err
    assert summary["feasible"] is False and summary["best"]["flops"] == min(row["flops"] for row in rows)
    assert command(monkeypatch, "replay", tmp_path / "run") == 0


class LossEvaluator(CostEvaluator):
    """Searches a loss: less is better."""

    search_metric = "validation_loss"

    def __init__(self) -> None:
        super().__init__()
        self.metrics = {
            "validation_loss": Metric("validation_loss", "nats", "validation"),
            "latency_ms": Metric("latency_ms", "ms"),
        }


def task_of(terms, constraints=(), vector=False) -> SearchTask:
    return SearchTask(LossEvaluator(), Objective(terms, constraints, vector=vector), "validation_loss")


def rows_of(losses, latencies, rewards, statuses=None):
    return [
        {
            "index": i,
            "status": statuses[i] if statuses else "ok",
            "epochs": 27,
            "validation_loss": loss,
            "latency_ms": latency,
            "reward": reward,
            "cost_seconds": 1.0,
        }
        for i, (loss, latency, reward) in enumerate(zip(losses, latencies, rewards, strict=True))
    ]


def test_violations_and_the_best_row():
    task = task_of({"accuracy": -1.0}, ["latency_ms<=5"])
    rows = rows_of([0.9, 0.2, 0.4, 0.1], [4, 10, 5, 1], [-0.9, -1.0, -0.4, -1.0], ["ok", "ok", "ok", "crashed"])
    assert [violation(task, row) for row in rows] == [0, 1, 0, np.inf]
    assert best_row(SearchHistory(rows), task)["index"] == 2
    numbers, best = incumbents(task, rows)
    assert numbers.tolist() == [1, 2, 3] and best.tolist() == [-0.9, -0.9, -0.4]
    assert best_row(SearchHistory(rows[1:2]), task)["index"] == 1 and len(incumbents(task, rows[1:2])[0]) == 0
    assert best_row(SearchHistory(), task) is None


def test_a_front_is_feasible_where_anything_is():
    task = task_of({"accuracy": -1.0, "latency_ms": -1.0}, ["latency_ms<=5"], vector=True)
    rows = rows_of([0.9, 0.2, 0.4], [4, 10, 5], [[-0.9, -4.0], [-0.2, -10.0], [-0.4, -5.0]])
    assert front_rows(SearchHistory(rows), task) == [0, 2]
    assert front_rows(SearchHistory(rows[1:2]), task) == [0] or front_rows(SearchHistory(rows[1:2]), task) == [1]
    assert front_rows(SearchHistory(), task) == []


def test_progress_speaks_of_a_loss_in_its_unit_and_direction():
    task = task_of({"accuracy": -1.0, "latency_ms": -1.0}, vector=True)
    text = io.StringIO()
    with SearchProgress(2, task, Console(file=text, width=60)) as progress:
        for row in rows_of([0.9, 0.41321], [4, 10], [[-0.9, -4.0], [-0.4, -10.0]]):
            progress.update(row | {"running": 2})
    last = text.getvalue().splitlines()[-1]
    assert last == "2/2 evaluations, best reward vector, validation loss 0.4132 nats, 2 running"  # the least, whole


def test_wording():
    assert metric_text(Metric("a", "fraction"), 0.81254) == "0.8125"
    assert metric_text(Metric("a", "ms"), None) == metric_text(Metric("a", "ms"), float("nan")) == "unknown"
    assert metric_label(Metric("validation_loss", "nats")) == "validation loss (nats)"


def test_a_picture_without_flops_isi_or_anything_feasible(tmp_path):
    task = task_of({"accuracy": -1.0}, ["latency_ms<=5"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows in (rows_of([0.9, None], [9, 10], [-1.0, -1.0]), rows_of([0.9], [9], [-1.0], ["crashed"])):
            plot_search(tmp_path / "a.png", rows, task, "λ [title]")
            assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
