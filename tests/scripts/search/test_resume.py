"""Going on with a search: a budget that grows, candidates that crashed, folders that agree with their history."""

import json
import os

import pytest

import support.cost_task
import support.failing_task  # noqa: F401  (registers PyNASCENT/Failing-…)
from support.command_line import command

PROPOSE = "PyNASCENT/Cost-Propose-v0"


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    """Leave the pictures away, which take a second each and have tests of their own."""
    monkeypatch.setattr("pynascent.scripts.search.run.plot_search", lambda *arguments: None)


def search(monkeypatch, out, evaluations, *more, agent="random", env=PROPOSE) -> int:
    arguments = ("--env", env, "--agent", agent, "--evaluations", evaluations, "--out", out)
    return command(monkeypatch, "search", *arguments, *more)


def rows(out) -> list[dict]:
    lines = (out / "history.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "decision_seconds"} for line in lines]


def summary_of(out) -> dict:
    return json.loads((out / "summary.json").read_text())


@pytest.mark.parametrize("agent", ("random", "bohb", "regularized_evolution", "local_search"))
@pytest.mark.parametrize("lanes", (1, 2))
def test_a_finished_search_goes_on_with_a_larger_budget(agent, lanes, monkeypatch, tmp_path, capfd):
    out, whole = tmp_path / "run", tmp_path / "whole"
    assert search(monkeypatch, out, 5, "--lanes", lanes, agent=agent) == 0
    begun = (out / "history.jsonl").read_text()
    assert search(monkeypatch, out, 9, "--lanes", lanes, "--resume", agent=agent) == 0
    assert search(monkeypatch, whole, 9, "--lanes", lanes, agent=agent) == 0
    if agent != "bohb":  # which fits its brackets into what is left of the budget
        assert rows(out) == rows(whole)
    assert (out / "history.jsonl").read_text().startswith(begun)
    summary = summary_of(out)
    assert summary["evaluations"] == summary["configuration"]["evaluations"] == 9
    assert json.loads((out / "search.json").read_text())["evaluations"] == 9
    assert len(rows(out)) == 9 and summary["configuration"]["grown_from"] == [5]
    assert search(monkeypatch, out, 9, "--lanes", lanes, "--resume", agent=agent) == 0  # nothing is left to do
    assert json.loads((out / "summary.json").read_text()) == summary
    (out / "summary.json").unlink()  # as if it had been killed at the end
    assert search(monkeypatch, out, 11, "--lanes", lanes, "--resume", agent=agent) == 0
    assert rows(out)[9:] and len(rows(out)) == 11 and summary_of(out)["configuration"]["grown_from"] == [5, 9]
    capfd.readouterr()
    assert command(monkeypatch, "replay", out) == 0
    assert "all 11 evaluations reproduce, and so does the summary" in capfd.readouterr().out
    assert search(monkeypatch, out, 5, "--lanes", lanes, "--resume", agent=agent) == 2
    assert "may grow but not shrink to 5" in capfd.readouterr().err
    assert len(rows(out)) == 11


def test_an_unfinished_search_goes_on_with_a_larger_budget(monkeypatch, tmp_path):
    out, whole = tmp_path / "run", tmp_path / "whole"
    assert search(monkeypatch, out, 6) == 0 and search(monkeypatch, whole, 9) == 0
    lines = (out / "history.jsonl").read_text().splitlines(keepends=True)
    (out / "history.jsonl").write_text("".join(lines[:3]) + lines[3][:20])
    (out / "summary.json").unlink()
    assert search(monkeypatch, out, 9, "--resume") == 0
    assert rows(out) == rows(whole)


def test_recorded_actions_grow_with_the_budget(monkeypatch, tmp_path):
    out = tmp_path / "run"
    assert search(monkeypatch, out, 4, "--record-actions") == 0
    assert search(monkeypatch, out, 7, "--resume") == 0  # what was recorded goes on being recorded
    assert command(monkeypatch, "replay", out) == 0


def test_a_kill_while_it_goes_on_leaves_an_unfinished_search(monkeypatch, tmp_path):
    out = tmp_path / "run"
    assert search(monkeypatch, out, 3) == 0
    with monkeypatch.context() as patch:
        patch.setattr("pynascent.scripts.search.run._finish", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        assert search(patch, out, 6, "--resume") == 130
    assert len(rows(out)) == 6 and not (out / "summary.json").exists()
    assert search(monkeypatch, out, 6, "--resume") == 0
    assert summary_of(out)["evaluations"] == 6


@pytest.fixture
def crashing(monkeypatch, tmp_path):
    """Let the candidates of PyNASCENT/Failing-… crash until the file is deleted."""
    file = tmp_path / "crash"
    file.touch()
    monkeypatch.setenv("PYNASCENT_TEST_CRASH", str(file))
    return file


FAILING = "PyNASCENT/Failing-Propose-v0"


def test_a_search_whose_every_candidate_crashed_fails_and_is_tried_again(crashing, monkeypatch, tmp_path, capfd):
    out = tmp_path / "run"
    assert search(monkeypatch, out, 4, env=FAILING) == 1
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(
        "pynascent: search: none of 4 evaluations succeeded, the first: ValueError: no room [for] that"
    )
    assert [row["reason"] for row in rows(out)] == ["ValueError: no room [for] that"] * 4
    assert summary_of(out)["reason"] == "ValueError: no room [for] that"
    assert command(monkeypatch, "replay", out) == 0  # that they crash reproduces
    assert search(monkeypatch, out, 4, "--resume", env=FAILING) == 1  # tried again, in vain
    os.unlink(crashing)
    assert search(monkeypatch, out, 4, "--resume", env=FAILING) == 0
    assert [row["status"] for row in rows(out)] == ["ok"] * 4
    assert summary_of(out)["failed"] == 0 and summary_of(out)["best"]["reward"] == max(r["reward"] for r in rows(out))
    assert command(monkeypatch, "replay", out) == 0


def test_candidates_that_crashed_are_tried_again_and_what_followed_from_them_too(
    crashing, monkeypatch, tmp_path, capfd
):
    out, whole = tmp_path / "run", tmp_path / "whole"
    some = ("--evaluator", '{"first": 3}')
    agent = "local_search"
    assert search(monkeypatch, out, 12, *some, env=FAILING, agent=agent) == 0
    crashed = [row["status"] for row in rows(out)]
    assert 0 < crashed.count("crashed") < 12
    assert f"{crashed.count('crashed')} of 12 evaluations failed" in capfd.readouterr().out
    os.unlink(crashing)
    assert search(monkeypatch, whole, 15, *some, env=FAILING, agent=agent) == 0
    assert search(monkeypatch, out, 15, *some, "--resume", env=FAILING, agent=agent) == 0
    assert rows(out) == rows(whole)


def test_a_damaged_folder_is_one_line(monkeypatch, tmp_path, capfd):
    out = tmp_path / "run"
    assert search(monkeypatch, out, 3) == 0
    history, configuration = (out / "history.jsonl").read_text(), (out / "search.json").read_text()
    for name, content in (
        ("history.jsonl", "{\n" + history),
        ("history.jsonl", "[1]\n"),
        ("search.json", "[]"),
        ("search.json", "{"),
        ("search.json", configuration.replace('"evaluations": 3', '"evaluations": null')),
    ):
        (out / "history.jsonl").write_text(history)
        (out / "search.json").write_text(configuration)
        (out / name).write_text(content)
        capfd.readouterr()
        assert search(monkeypatch, out, 5, "--resume") == 2
        error = capfd.readouterr().err.strip()
        assert error.startswith("pynascent: error: ") and "damaged" in error and "\n" not in error, error
        if not (out / "summary.json").exists():
            (out / "summary.json").write_text('{"best": {"reward": 0.0}}')
