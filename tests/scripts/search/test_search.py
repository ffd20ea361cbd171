"""`pynascent search` without training: folders, histories, resuming, and what a user gets wrong."""

import json
import os
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from pynascent.agents.multi_objective.nondominated import nondominated_fronts
from pynascent.scripts.search.run_folder import RunFolder

import support.cost_task  # noqa: F401  (registers PyNASCENT/Cost-…)
from support.command_line import command
from support.histories import history_rows, without_times

PROPOSE = "PyNASCENT/Cost-Propose-v0"


def search(monkeypatch, out, *more, env=PROPOSE, agent="random", evaluations=12) -> int:
    return command(
        monkeypatch, "search", "--env", env, "--agent", agent, "--evaluations", evaluations, "--out", out, *more
    )


@pytest.mark.parametrize("agent", ("random", "bohb", "hyperband"))
def test_a_search_leaves_its_files(agent, monkeypatch, tmp_path):
    out = tmp_path / "run"
    assert search(monkeypatch, out, agent=agent, evaluations=30) == 0
    summary = json.loads((out / "summary.json").read_text())
    found = history_rows(out)
    assert len(found) == summary["evaluations"] == 30
    assert [row["index"] for row in found] == list(range(30))
    largest = max(row["epochs"] for row in found)
    best = max(row["reward"] for row in found if row["epochs"] == largest)
    assert summary["best"]["reward"] == best and summary["best"]["epochs"] == largest
    assert "test_accuracy" not in summary["best"] and 0 < summary["test_accuracy"] <= 1
    assert summary["versions"]["numpy"]
    assert (out / "search.png").read_bytes().startswith(b"\x89PNG")


def test_a_search_for_several_rewards_ends_with_their_front(monkeypatch, tmp_path, capfd):
    objective = {"terms": {"accuracy": 1.0, "ln_flops": -1.0}, "vector": True}
    monkeypatch.setitem(gymnasium.spec(PROPOSE).kwargs, "objective", objective)
    out = tmp_path / "run"
    assert search(monkeypatch, out, agent="nsga2", evaluations=30) == 0
    summary, rewards = (
        json.loads((out / "summary.json").read_text()),
        np.array([row["reward"] for row in history_rows(out)]),
    )
    front = nondominated_fronts(rewards)[0].tolist()
    assert summary["best"] is None and summary["front"] == front and 1 < len(front) < 30
    assert f"{len(front)} of 30 evaluations are the front" in capfd.readouterr().out
    assert (out / "search.png").read_bytes().startswith(b"\x89PNG")
    assert command(monkeypatch, "replay", out) == 0
    (out / "summary.json").write_text(json.dumps({**summary, "front": front[1:]}))
    assert command(monkeypatch, "replay", out) == 1
    assert "the summary does not reproduce: front" in capfd.readouterr().err
    assert search(monkeypatch, tmp_path / "other") == 2  # random search needs one reward
    assert "vector of rewards" in capfd.readouterr().err and not (tmp_path / "other").exists()


@pytest.mark.parametrize("agent", ("bohb", "hyperband"))
def test_a_front_is_of_the_largest_fidelity(agent, monkeypatch, tmp_path):
    objective = {"terms": {"accuracy": 1.0, "ln_flops": -1.0}, "vector": True}
    monkeypatch.setitem(gymnasium.spec(PROPOSE).kwargs, "objective", objective)
    assert search(monkeypatch, tmp_path / "run", agent=agent, evaluations=60) == 0
    found = history_rows(tmp_path / "run")
    compared = [row for row in found if row["epochs"] == max(row["epochs"] for row in found)]
    front = nondominated_fronts(np.array([row["reward"] for row in compared]))[0]
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert len(compared) < 60 and summary["front"] == [compared[i]["index"] for i in front]
    assert command(monkeypatch, "replay", tmp_path / "run") == 0


def test_without_matplotlib_a_search_ends_without_its_picture(monkeypatch, tmp_path, capfd):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = tmp_path / "run"
    assert search(monkeypatch, out, agent="bohb", env="PyNASCENT/Digits-Propose-v0") == 0
    assert json.loads((out / "summary.json").read_text())["evaluations"] == len(history_rows(out)) == 12
    assert not (out / "search.png").exists()
    assert "no search.png: plots need matplotlib: pip install 'pynascent[plot]'" in capfd.readouterr().err


def test_same_seed_same_history(monkeypatch, tmp_path):
    for name in ("a", "b"):
        assert search(monkeypatch, tmp_path / name, "--seed", 7) == 0
    assert search(monkeypatch, tmp_path / "c", "--seed", 8) == 0
    first, second, third = (list(map(without_times, history_rows(tmp_path / name))) for name in "abc")
    assert first == second != third


def test_lanes_do_not_change_random_search(monkeypatch, tmp_path):
    assert search(monkeypatch, tmp_path / "one", "--lanes", 1) == 0
    assert search(monkeypatch, tmp_path / "four", "--lanes", 4) == 0
    architectures = [[row["architecture"] for row in history_rows(tmp_path / name)] for name in ("one", "four")]
    assert len(architectures[0]) == len(architectures[1]) == 12


def test_resume_completes_what_a_kill_left(monkeypatch, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert search(monkeypatch, whole) == 0
    assert search(monkeypatch, cut) == 0
    # What a kill leaves: some rows, half a line, no summary.
    lines = (cut / "history.jsonl").read_text().splitlines(keepends=True)
    (cut / "history.jsonl").write_text("".join(lines[:5]) + lines[5][:30])
    for name in ("summary.json", "search.png"):
        (cut / name).unlink()
    assert search(monkeypatch, cut, "--resume") == 0
    assert list(map(without_times, history_rows(cut))) == list(map(without_times, history_rows(whole)))
    assert (cut / "history.jsonl").read_text().splitlines(keepends=True)[:5] == lines[:5]


def test_resume_refuses_a_history_of_something_else(monkeypatch, tmp_path, capfd):
    out = tmp_path / "run"
    assert search(monkeypatch, out) == 0
    (out / "summary.json").unlink()
    changed = history_rows(out)
    changed[3]["architecture"] = [0, 0, 0, 0, 0, 0]
    (out / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in changed))
    assert search(monkeypatch, out, "--resume") == 2
    assert "line 4" in capfd.readouterr().err


def test_resuming_a_finished_search_changes_nothing(monkeypatch, tmp_path):
    out = tmp_path / "run"
    assert search(monkeypatch, out) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert search(monkeypatch, out, "--resume") == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def one_line(capfd) -> str:
    error = capfd.readouterr().err.strip()
    assert error.startswith("pynascent: error: ") and "\n" not in error, error
    return error


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"env": "PyNASCENT/Nothing-Build-v0"}, ["PyNASCENT/Nothing-Build-v0", "LiveDigits-Build-v0"]),
        ({"agent": "gradient_descent"}, ["gradient_descent", "bohb"]),
        ({"evaluations": 0}, ["0", "at least 1"]),
        ({"evaluations": -3}, ["-3", "at least 1"]),
        ({"env": "PyNASCENT/Cost-Edit-v0", "agent": "bohb"}, ["edit", "PyNASCENT/Cost-Propose-v0"]),
        ({"more": ("--epochs", 5)}, ["epochs=5", "1, 3, 9, 27"]),
        ({"more": ("--mu", 0.1)}, ["isi", "validation_accuracy"]),
        ({"more": ("--lam", -1)}, ["lam", "at least 0"]),
        ({"more": ("--setting", "speed=9")}, ["speed", "repeats"]),
        ({"more": ("--setting", "speed")}, ["name=value"]),
        ({"more": ("--lanes", 0)}, ["--lanes 0"]),
        ({"more": ("--seed", -1)}, ["--seed -1"]),
        ({"more": ("--workers", 2)}, ["--workers", "live"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(change, expected, monkeypatch, tmp_path, capfd):
    arguments = dict(change)
    out = tmp_path / "run"
    assert search(monkeypatch, out, *arguments.pop("more", ()), **arguments) == 2
    error = one_line(capfd)
    for part in expected:
        assert part in error, error
    assert not out.exists()


def test_folders_that_are_not_free_are_refused(monkeypatch, tmp_path, capfd):
    finished = tmp_path / "finished"
    assert search(monkeypatch, finished) == 0
    capfd.readouterr()
    assert search(monkeypatch, finished) == 2
    assert "finished search" in one_line(capfd)
    assert search(monkeypatch, finished, "--resume", "--seed", 3) == 2
    assert "seed=0" in one_line(capfd)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    assert search(monkeypatch, foreign) == 2
    assert "other files" in one_line(capfd)
    assert search(monkeypatch, foreign, "--resume") == 2
    assert "no search of ours" in one_line(capfd)
    assert [path.name for path in foreign.iterdir()] == ["notes.txt"]
    (finished / "summary.json").unlink()
    assert search(monkeypatch, finished) == 2
    assert "--resume" in one_line(capfd)


def test_an_unwritable_folder_is_refused(monkeypatch, tmp_path, capfd):
    # /proc refuses new folders to everybody, root included (who may write anywhere else).
    out = Path("/proc/pynascent/run") if os.geteuid() == 0 else tmp_path / "locked" / "run"
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
    assert search(monkeypatch, out) == 2
    assert "cannot write" in one_line(capfd)


def test_a_missing_extra_is_one_line(monkeypatch, tmp_path, capfd):
    from pynascent.envs import TaskSpec, register_environments

    register_environments(
        TaskSpec(name="Missing", description="", evaluator="support.missing:Evaluator", install="train")
    )
    assert search(monkeypatch, tmp_path / "run", env="PyNASCENT/Missing-Propose-v0") == 2
    error = one_line(capfd)
    assert "no_such_framework" in error and "pynascent[train]" in error


def test_explain_refuses_what_it_cannot_explain(monkeypatch, tmp_path, capfd):
    out = tmp_path / "run"
    assert search(monkeypatch, out) == 0
    capfd.readouterr()
    assert command(monkeypatch, "explain", tmp_path / "nothing", "--method", "lime") == 2
    assert "no finished search" in one_line(capfd)
    assert command(monkeypatch, "explain", out, "--method", "tea_leaves") == 2
    assert "gradient_x_input" in one_line(capfd)
    assert command(monkeypatch, "explain", out, "--method", "lime") == 2
    assert "best.keras" in one_line(capfd)


def test_run_folder_needs_a_summary(tmp_path):
    assert not RunFolder(tmp_path).finished


def test_envs_lists_spaces_metrics_and_fidelities(monkeypatch, capfd):
    monkeypatch.setenv("COLUMNS", "240")
    assert command(monkeypatch, "envs") == 0
    text = capfd.readouterr().out
    for part in ("PyNASCENT/Cost-Build-v0", "5,184 architectures", "1, 3, 9, 27", "validation_accuracy (fraction"):
        assert part in text


def test_an_environment_of_a_module_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "my_spaces.py").write_text(
        "import gymnasium\n"
        "spec = gymnasium.spec('PyNASCENT/Digits-Propose-v0')\n"
        "gymnasium.register('Mine/Digits-v0', spec.entry_point, vector_entry_point=spec.vector_entry_point, "
        "kwargs=spec.kwargs, disable_env_checker=True)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "out"
    assert search(monkeypatch, out, env="my_spaces:Mine/Digits-v0", evaluations=5) == 0
    assert len(history_rows(out)) == 5
    assert command(monkeypatch, "replay", out, "--module", "my_spaces") == 0
