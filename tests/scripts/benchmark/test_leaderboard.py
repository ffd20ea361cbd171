"""`pynascent leaderboard`: a record enters only if every one of its runs reproduces."""

import json
import shutil

import numpy as np
import pytest

from pynascent.scripts.benchmark.run_file import RunRecord, encode, read_run

from support.bench_table import write_table
from support.command_line import command

for package in ("moocore", "scipy", "matplotlib"):
    pytest.importorskip(package)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "tables").mkdir()
    write_table(home / "tables" / "Made.nastable")
    return home


@pytest.fixture(scope="module")
def finished(home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYNASCENT_DATA", str(home))
        options = ("--tasks", "Table:Made", "--agents", "random,hyperband", "--seeds", "0:2", "--processes", 1)
        assert command(patch, "benchmark", *options, "--budget", "20+40000000s", "--out", home / "bench") == 0
    return home / "bench"


@pytest.fixture
def copied(finished, home, tmp_path, monkeypatch):
    """A copy of the benchmark, to be touched."""
    monkeypatch.setenv("PYNASCENT_DATA", str(home))
    monkeypatch.setenv("COLUMNS", "120")
    return shutil.copytree(finished, tmp_path / "bench")


def touch(folder, change, agent="random", seed=1):
    """Change a run's file."""
    path = folder / f"runs/Made/{agent}/{seed}.npz"
    record = read_run(path)
    rows = record.rows.copy()
    changed = change(rows, record.about)
    path.write_bytes(encode(RunRecord(record.about, rows if changed is None else changed)))


def test_what_reproduces_enters_and_is_shown_best_first(copied, tmp_path, monkeypatch, capfd):
    board = tmp_path / "board.json"
    assert command(monkeypatch, "leaderboard", "add", copied, "--board", board, "--by", "me") == 0
    assert capfd.readouterr().out.count("entered") == 2
    records = json.loads(board.read_text())["records"]
    assert [(record["agent"], record["runs"], record["by"]) for record in records] == [
        ("random", 2, "me"),
        ("hyperband", 2, "me"),
    ]
    means = {}
    for agent in ("random", "hyperband"):
        runs = [read_run(copied / f"runs/Made/{agent}/{seed}.npz").rows for seed in range(2)]
        means[agent] = np.mean([np.nanmax(rows["value"]) for rows in runs])
    assert {record["agent"]: record["value"] for record in records} == pytest.approx(means)
    # Entering the same again replaces; another name is another record.
    assert command(monkeypatch, "leaderboard", "add", copied, "--board", board, "--by", "me", "--agent", "random") == 0
    assert len(json.loads(board.read_text())["records"]) == 2
    assert command(monkeypatch, "leaderboard", "add", copied, "--board", board, "--by", "you") == 0
    assert len(json.loads(board.read_text())["records"]) == 4
    capfd.readouterr()
    assert command(monkeypatch, "leaderboard", "show", "--board", board) == 0
    shown = capfd.readouterr().out
    assert "Made, protocol task, 20 evaluations, 40,000,000 simulated s" in shown
    order = [line.split()[3] for line in shown.splitlines() if line.startswith("│")]
    assert [means[agent] for agent in order] == sorted((means[agent] for agent in order), reverse=True)


def better(rows, about):
    rows["reward"][3] = rows["value"][3] = rows["metric.validation_accuracy"][3] = 0.99


def other_report(rows, about):
    rows["report"][3] += 0.01


def other_terms(rows, about):
    rows["terms"][3, 1] += 0.01


def cheaper(rows, about):
    rows["cost_seconds"] /= 2
    rows["clock_seconds"] /= 2


def longer(rows, about):
    return np.concatenate([rows, rows[:1]])


def other_epochs(rows, about):
    rows["epochs"][3] = 12


def other_seed(rows, about):
    about["question"]["protocol"]["training_seed"] = 1


def larger_budget(rows, about):
    about["question"]["task"]["evaluations"] = 30


def invalid(rows, about):
    rows["architecture"][3] = 9


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (better, "seed 1: row 3 (line 4) does not reproduce: validation_accuracy"),
        (other_report, "seed 1: row 3 does not reproduce: report"),
        (other_terms, "seed 1: row 3 does not reproduce: terms"),
        (cheaper, "cost_seconds"),
        (longer, "clock_seconds"),
        (other_epochs, "does not reproduce: validation_accuracy"),
        (other_seed, "was run with another protocol"),
        (larger_budget, "was run with another task"),
        (invalid, "seed 1: architecture 0 has option 9"),
    ],
)
def test_what_does_not_reproduce_is_refused(change, what, copied, tmp_path, monkeypatch, capfd):
    touch(copied, change)
    board = tmp_path / "board.json"
    assert command(monkeypatch, "leaderboard", "add", copied, "--board", board) == 1
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and "random on Made is not entered" in error and what in error, error
    assert [record["agent"] for record in json.loads(board.read_text())["records"]] == ["hyperband"]


def test_more_evaluations_than_the_budget_are_refused(copied, tmp_path, monkeypatch, capfd):
    configuration = json.loads((copied / "benchmark.json").read_text())
    configuration["tasks"]["Made"]["evaluations"] = 10
    (copied / "benchmark.json").write_text(json.dumps(configuration))

    def smaller(rows, about):
        about["question"]["task"]["evaluations"] = 10

    for agent in ("random", "hyperband"):
        for seed in range(2):
            touch(copied, smaller, agent, seed)
    assert command(monkeypatch, "leaderboard", "add", copied, "--board", tmp_path / "board.json") == 1
    assert "20 evaluations with a budget of 10" in capfd.readouterr().err
    assert not (tmp_path / "board.json").exists()


def test_a_file_names_no_code_to_run(copied, tmp_path, monkeypatch, capfd):
    def with_code(rows, about):
        about["question"]["task"]["evaluator"] = {"table": "Made", "space": {"space": "evil:Space"}}

    configuration = json.loads((copied / "benchmark.json").read_text())
    configuration["tasks"]["Made"]["evaluator"] = {"table": "Made", "space": {"space": "evil:Space"}}
    (copied / "benchmark.json").write_text(json.dumps(configuration))
    for agent in ("random", "hyperband"):
        for seed in range(2):
            touch(copied, with_code, agent, seed)
    assert command(monkeypatch, "leaderboard", "add", copied, "--board", tmp_path / "board.json") == 2
    assert "add --allow-import evil if you trust it" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("show", "--board", "none.json"), "none.json does not exist"),
        (("show", "--board", "broken.json"), "is no leaderboard"),
        (("add", "nowhere"), "holds no benchmark"),
        (("add", "bench", "--agent", "nobody"), "--agent nobody"),
    ],
)
def test_errors_are_one_line(arguments, what, copied, monkeypatch, capfd):
    monkeypatch.chdir(copied.parent)
    (copied.parent / "broken.json").write_text("{}")
    assert command(monkeypatch, "leaderboard", *arguments) == 2
    error = capfd.readouterr().err
    assert error.startswith("pynascent: error: ") and error.count("\n") == 1 and what in error
