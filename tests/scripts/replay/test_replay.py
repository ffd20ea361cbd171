"""`pynascent replay`: an untouched record reproduces, a record touched anywhere does not."""

import json
import math
import shutil
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from pynascent.envs import METRICS, Metric, Objective, SearchBudget, SearchTask, SearchVectorEnv
from pynascent.scripts.replay.history import replay_history

import support.cost_task  # noqa: F401  (registers PyNASCENT/Cost-…)
from support.command_line import command
from support.cost_evaluator import CostEvaluator
from support.histories import history_rows


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished search of 12 evaluations, made once."""
    out = tmp_path_factory.mktemp("searches") / "run"
    arguments = ("--env", "PyNASCENT/Cost-Propose-v0", "--agent", "random", "--evaluations", 12, "--lanes", 4)
    with pytest.MonkeyPatch.context() as patch:
        assert command(patch, "search", *arguments, "--out", out) == 0
    return out


@pytest.fixture
def searched(finished, tmp_path):
    """A copy of it, to be touched."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def write_rows(folder, rows):
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def change(folder, name, edit):
    value = json.loads((folder / name).read_text())
    edit(value)
    (folder / name).write_text(json.dumps(value))


def test_an_untouched_search_reproduces_from_its_folder_or_its_file(searched, monkeypatch, capfd):
    for path in (searched, searched / "history.jsonl"):
        assert command(monkeypatch, "replay", path) == 0
        assert capfd.readouterr().out == "all 12 evaluations reproduce, and so does the summary\n"


@pytest.mark.parametrize(
    ("agent", "formulation", "settings"),
    [
        ("random", "Propose", ()),
        ("regularized_evolution", "Propose", ("--setting", "population_size=4")),
        ("bohb", "Propose", ()),
    ],
)
def test_recorded_actions_are_made_again(agent, formulation, settings, tmp_path, monkeypatch, capfd):
    folder = tmp_path / "run"
    arguments = ("--env", f"PyNASCENT/Cost-{formulation}-v0", "--agent", agent, "--evaluations", 14, "--lanes", 2)
    assert command(monkeypatch, "search", *arguments, *settings, "--out", folder, "--record-actions") == 0
    lines = (folder / "actions.jsonl").read_text().splitlines()
    assert command(monkeypatch, "replay", folder) == 0
    assert f"all {len(lines)} calls of reset and step" in capfd.readouterr().out
    # An action that was touched, a call too few, and a history of other evaluations.
    calls = [json.loads(line) for line in lines]
    steps = [i for i, call in enumerate(calls) if call["call"] == "step"]
    calls[steps[1]]["action"][0][0] = (calls[steps[1]]["action"][0][0] + 1) % 2
    (folder / "actions.jsonl").write_text("".join(json.dumps(call) + "\n" for call in calls))
    assert command(monkeypatch, "replay", folder) == 1
    assert f"call {steps[1]} (line {steps[1] + 1}) does not reproduce" in capfd.readouterr().err
    (folder / "actions.jsonl").write_text("".join(line + "\n" for line in lines[: steps[-1]]))
    assert command(monkeypatch, "replay", folder) == 1
    assert "evaluations is recorded as 14" in capfd.readouterr().err
    (folder / "actions.jsonl").write_text('{"call": "step"}\n')
    assert command(monkeypatch, "replay", folder) == 2
    assert "call 0 of the record" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("validation_accuracy", lambda v: math.nextafter(v, 2)),
        ("test_accuracy", lambda v: v + 0.1),
        ("flops", lambda v: v - 2),
        ("parameters", lambda v: None),
        ("reward", lambda v: math.nextafter(v, 2)),
        ("reward", lambda v: [v]),
        ("reward", str),
        ("epochs", lambda v: 9),
        ("epochs", lambda v: 5),
        ("seed", lambda v: 1),
        ("status", lambda v: "crashed"),
        ("index", lambda v: 4),
        ("text", lambda v: v + " "),
        ("text", lambda v: "nonsense"),
        ("text", lambda v: None),
        ("architecture", lambda v: [1 - min(v[0], 1), *v[1:]]),
        ("architecture", lambda v: [999, *v[1:]]),
        ("clock_seconds", lambda v: v - 1),
        ("cost_seconds", lambda v: v - 1),
        ("cost_seconds", lambda v: -1.0),
        ("decision_seconds", lambda v: "quick"),
        ("bonus", lambda v: 1),
    ],
)
def test_the_first_row_that_was_touched_is_named(field, value, searched, monkeypatch, capfd):
    rows = history_rows(searched)
    rows[5][field] = value(rows[5].get(field))
    rows[8]["validation_accuracy"] = 1.0  # a later one is not the first
    write_rows(searched, rows)
    assert command(monkeypatch, "replay", searched) == 1
    error = capfd.readouterr().err
    assert error.startswith("pynascent: replay: row 5 (line 6) does not reproduce: ") and error.count("\n") == 1
    # A change of the question shows in its answer, or in its text.
    consequence = {"epochs": ("validation_accuracy", "epochs"), "seed": ("validation_accuracy",)}
    consequence |= {"architecture": ("architecture", "text"), "cost_seconds": ("clock_seconds", "cost_seconds")}
    found = error.split("reproduce: ")[1].split(" is recorded")[0]
    assert found in consequence.get(field, (field,)), error


@pytest.mark.parametrize("field", ("flops", "reward", "text", "cost_seconds", "decision_seconds", "index"))
def test_a_row_without_a_field_does_not_reproduce(field, searched, monkeypatch, capfd):
    rows = history_rows(searched)
    del rows[2][field]
    write_rows(searched, rows)
    assert command(monkeypatch, "replay", searched) == 1
    assert f"row 2 (line 3) does not reproduce: {field}" in capfd.readouterr().err


def test_rows_in_another_order_or_too_many_do_not_reproduce(searched, monkeypatch, capfd):
    rows = history_rows(searched)
    write_rows(searched, [rows[1], rows[0], *rows[2:]])
    assert command(monkeypatch, "replay", searched) == 1
    assert "row 0" in capfd.readouterr().err
    extra = {**rows[0], "index": 12, "clock_seconds": rows[-1]["clock_seconds"] + rows[0]["cost_seconds"]}
    write_rows(searched, [*rows, extra])
    assert command(monkeypatch, "replay", searched) == 1
    assert "budget of 12" in capfd.readouterr().err
    write_rows(searched, rows[:-1])
    assert command(monkeypatch, "replay", searched) == 1
    assert "the summary" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda s: s["best"].update(reward=9.0), "best.reward"),
        (lambda s: s["best"].update(test_accuracy=0.9), "best.test_accuracy"),
        (lambda s: s.update(best=None), "best"),
        (lambda s: s.update(test_accuracy=0.99), "test_accuracy"),
        (lambda s: s.update(evaluations=11), "evaluations"),
        (lambda s: s.update(objective={"terms": {"accuracy": 1.0}}), "objective"),
        (lambda s: s["configuration"].update(seed=5), "configuration"),
    ],
)
def test_a_wrong_summary_is_noticed(edit, expected, searched, monkeypatch, capfd):
    change(searched, "summary.json", edit)
    assert command(monkeypatch, "replay", searched) == 1
    assert f"the summary does not reproduce: {expected} " in capfd.readouterr().err


def test_another_weight_in_the_configuration_does_not_reproduce(searched, monkeypatch, capfd):
    change(searched, "search.json", lambda c: c.update(lam=0.03))
    assert command(monkeypatch, "replay", searched) == 1
    assert "row 0 (line 1) does not reproduce: reward" in capfd.readouterr().err


def test_an_unfinished_search_reproduces_as_far_as_it_came(searched, monkeypatch, capfd):
    text = (searched / "history.jsonl").read_text()
    (searched / "history.jsonl").write_text(text[:-40])
    assert command(monkeypatch, "replay", searched) == 2  # it has a summary: a finished history was cut
    assert "has been cut" in capfd.readouterr().err
    (searched / "summary.json").unlink()
    assert command(monkeypatch, "replay", searched) == 0
    assert capfd.readouterr().out == "all 11 evaluations reproduce; the search was not finished\n"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("history.jsonl", "", "no evaluation"),
        ("history.jsonl", "{}\n", "row 0 (line 1) has the architecture None"),
        ("history.jsonl", "[1]\n", "line 1 holds a list"),
        ("history.jsonl", "{\n", "line 1 is no JSON"),
        ("history.jsonl", "[" * 100_000 + "\n", "line 1 is no JSON"),
        ("history.jsonl", b"\xff\xfe\n", "no text"),
        ("search.json", "{", "no JSON"),
        ("search.json", "[]", "expected an object"),
        ("search.json", "{}", "names the environment None"),
        ("search.json", '{"env": "PyNASCENT/Nothing-Build-v0"}', "unknown: known are"),
        ("search.json", '{"env": "antigravity:Some-v0"}', "--module antigravity"),
        ("search.json", '{"env": "PyNASCENT/Cost-Propose-v0", "evaluator": 3}', "expected an object"),
        ("search.json", '{"env": "PyNASCENT/Cost-Propose-v0", "evaluator": {"speed": 3}}', "speed"),
        ("search.json", '{"env": "PyNASCENT/Cost-Propose-v0", "lam": -1}', "lam"),
        (
            "search.json",
            '{"env": "PyNASCENT/Cost-Propose-v0", "evaluator": {"space": {"space": "antigravity:X"}}}',
            "add --allow-import antigravity if you trust it",
        ),
    ],
)
def test_what_is_no_record_is_refused_in_one_line(name, content, expected, searched, monkeypatch, capfd):
    (searched / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert command(monkeypatch, "replay", searched) == 2
    error = capfd.readouterr().err.strip()
    assert error.startswith("pynascent: error: ") and expected in error and "\n" not in error, error


def test_missing_files_are_refused(searched, monkeypatch, tmp_path, capfd):
    assert command(monkeypatch, "replay", tmp_path / "none") == 2
    assert "does not exist" in capfd.readouterr().err
    assert command(monkeypatch, "replay", searched, "--store", tmp_path / "store") == 2
    assert "--store is for live training" in capfd.readouterr().err
    (searched / "search.json").unlink()
    assert command(monkeypatch, "replay", searched) == 2
    assert "search.json is missing" in capfd.readouterr().err


class Timed(CostEvaluator):
    """An evaluator with a metric that is measured, and one that is not known of every architecture."""

    def __init__(self, base=0.0):
        super().__init__()
        self.metrics |= {"latency_ms": METRICS["latency_ms"], "energy": Metric("energy", "J")}
        self.base = base

    def evaluate(self, architectures, epochs, seeds):
        result = super().evaluate(architectures, epochs, seeds)
        result.metrics["latency_ms"] = self.base + np.arange(1.0, len(epochs) + 1)
        result.metrics["energy"] = np.where(architectures[:, 0] == 0, np.nan, 1.0)
        return result


def record(task, budget, lanes=3):
    env = SearchVectorEnv(lanes, task, "propose", autoreset_mode="disabled")
    env.action_space.seed(0)
    with env.search(budget) as history:
        while not budget.exhausted:
            env.reset(seed=0)
            env.step(env.action_space.sample())
    # As it is read from a file: null where a number is not finite.
    return [{k: None if v != v else v for k, v in row.items()} for row in history]


def test_what_is_measured_is_not_compared_and_nan_is_null():
    objective = Objective({"accuracy": 1.0})
    rows = record(SearchTask(Timed(), objective), SearchBudget(evaluations=40))
    assert {row["energy"] for row in rows} == {None, 1.0}
    assert replay_history(rows, SearchTask(Timed(base=5.0), objective), batch=7).reproduced
    for wrong in (0.0, None):
        row = next(i for i, row in enumerate(rows) if row["energy"] != wrong)
        changed = [dict(r, energy=wrong) if i == row else r for i, r in enumerate(rows)]
        mismatch = replay_history(changed, SearchTask(Timed(), objective)).mismatch
        assert (mismatch.row, mismatch.field) == (row, "energy")
    # A reward that is made of a measured time cannot be compared, but has to be a number.
    timed = Objective({"accuracy": 1.0, "latency_ms": -0.1})
    rows = record(SearchTask(Timed(), timed), SearchBudget(evaluations=6))
    assert replay_history(rows, SearchTask(Timed(base=5.0), timed)).reproduced
    rows[3]["reward"] = None
    assert replay_history(rows, SearchTask(Timed(base=5.0), timed)).mismatch.field == "reward"


def test_vector_rewards_and_simulated_workers_reproduce():
    objective = Objective({"accuracy": 1.0, "ln_flops": -1.0}, vector=True)
    rows = record(SearchTask(CostEvaluator(), objective), SearchBudget(evaluations=20, workers=2), lanes=4)
    task = SearchTask(CostEvaluator(), objective)
    assert replay_history(rows, task).reproduced
    assert replay_history(rows, task, sequential=True).mismatch.field == "clock_seconds"  # two workers' clock
    rows[7]["reward"][1] += 1.0
    assert replay_history(rows, task).mismatch.row == 7


def test_a_search_on_a_table_is_compared_to_the_last_second(real_tables, monkeypatch, tmp_path, capfd):
    out = tmp_path / "run"
    arguments = ("--env", "PyNASCENT/NASBench201-CIFAR100-Propose-v0", "--agent", "bohb", "--evaluations", 200)
    assert command(monkeypatch, "search", *arguments, "--out", out) == 0
    assert command(monkeypatch, "replay", out) == 0
    rows = history_rows(out)
    epochs = {row["epochs"] for row in rows}
    assert epochs == {12, 200}  # fidelities are mixed within a batch
    for name in ("cost_seconds", "training_seconds"):
        changed = [dict(row) for row in rows]
        changed[150][name] *= 0.5
        write_rows(out, changed)
        assert command(monkeypatch, "replay", out) == 1
        assert f"row 150 (line 151) does not reproduce: {name}" in capfd.readouterr().err


def test_progress_is_told():
    task = SearchTask(CostEvaluator(), Objective({"accuracy": 1.0}))
    rows = record(task, SearchBudget(evaluations=9))
    told = []
    result = replay_history(rows, task, on_rows=lambda done, total: told.append((done, total)), batch=4)
    assert told == [(4, 9), (8, 9), (9, 9)]
    assert result.rows == 9 and result.best["reward"] == max(row["reward"] for row in rows)


def test_the_environment_is_not_left_open(searched, monkeypatch):
    closed = []
    monkeypatch.setattr(CostEvaluator, "close", lambda self: closed.append(self), raising=False)
    assert command(monkeypatch, "replay", searched) == 0
    assert len(closed) == 1
    assert gymnasium.make("PyNASCENT/Cost-Propose-v0").unwrapped.task.evaluator not in closed
