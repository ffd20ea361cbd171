"""`pynascent benchmark`: runs, resuming, an outside agent, the report, one-line errors."""

import csv
import io
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.recfunctions import repack_fields

from pynascent.scripts.benchmark.benchmark_task import benchmark_task_of
from pynascent.scripts.benchmark.folder import BenchmarkFolder
from pynascent.scripts.benchmark.protocols import NATS
from pynascent.scripts.benchmark.run_file import read_run

from support.bench_table import write_table
from support.command_line import command

pytest.importorskip("moocore")
pytest.importorskip("scipy")
pytest.importorskip("matplotlib")

AGENT = '''
import numpy as np
from pynascent.agents import AskTellAgent


class Climber(AskTellAgent):
    """Mutates the best so far."""

    name = "climber"

    def begin(self, space, fidelities, rng):
        self.space, self.rng, self.best, self.reward = space, rng, None, -np.inf

    def ask(self, count):
        if self.best is None:
            return self.space.sample(self.rng, count)
        return self.space.mutate(np.repeat(self.best[None], count, axis=0), self.rng)

    def tell(self, actions, rewards, ok, infos):
        if rewards.max() > self.reward:
            self.best, self.reward = actions[rewards.argmax()], rewards.max()


class Fails(Climber):
    """Fails at the third question."""

    name = "fails"

    def tell(self, actions, rewards, ok, infos):
        self.told = getattr(self, "told", 0) + 1
        if self.told == 3:
            raise RuntimeError("no luck")
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with the table Made and the module outside_agents."""
    home = tmp_path_factory.mktemp("home")
    (home / "tables").mkdir()
    write_table(home / "tables" / "Made.nastable")
    (home / "outside_agents.py").write_text(AGENT)
    return home


@pytest.fixture(autouse=True)
def at_home(home, monkeypatch):
    monkeypatch.setenv("PYNASCENT_DATA", str(home))
    monkeypatch.chdir(home)
    monkeypatch.setattr("sys.path", [*sys.path])


def played(monkeypatch, out, *more, agents="random,hyperband", seeds="0:3", budget="30") -> int:
    options = ("--tasks", "Table:Made", "--agents", agents, "--seeds", seeds, "--budget", budget, "--processes", 1)
    return command(monkeypatch, "benchmark", *options, "--out", out, *more)


def finished_runs(out) -> list[Path]:
    """Return the files of runs, but not the hidden ones that are being written (or were, when killed)."""
    return sorted(Path(out).glob("runs/*/*/[0-9]*.npz"))


def histories(out) -> dict[str, np.ndarray]:
    """Return every run's rows without what the wall clock decides."""
    found = {}
    for path in finished_runs(out):
        rows = read_run(path).rows
        kept = [name for name in rows.dtype.names if name != "decision_seconds"]
        found[str(path.relative_to(out))] = repack_fields(rows[kept])
    return found


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return set(one) == set(other) and all(one[key].tobytes() == other[key].tobytes() for key in one)


@pytest.fixture(scope="module")
def finished(home, tmp_path_factory):
    """A benchmark of three agents, one of them from outside, four seeds."""
    out = tmp_path_factory.mktemp("benchmarks") / "bench"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYNASCENT_DATA", str(home))
        patch.chdir(home)
        patch.syspath_prepend(str(home))
        options = ("--agent", "outside_agents:Climber", "--setting", "random.repeats=false")
        assert played(patch, out, *options, seeds="0:4") == 0
    return out


def test_a_file_for_each_run_and_a_line_for_each_in_the_results(finished):
    files = sorted(str(path.relative_to(finished / "runs")) for path in finished.glob("runs/*/*/*"))
    assert files == sorted(f"Made/{a}/{s}.npz" for a in ("random", "hyperband", "climber") for s in range(4))
    lines = list(csv.DictReader(io.StringIO((finished / "results.csv").read_text())))
    assert len(lines) == 12
    record = read_run(finished / "runs/Made/climber/2.npz")
    line = next(line for line in lines if (line["agent"], line["seed"]) == ("climber", "2"))
    rows = record.rows
    assert len(rows) == 30 and (rows["epochs"] == 200).all()
    assert float(line["value"]) == rows["value"].max() == rows["reward"].max()
    # The report is the mean test accuracy of the distinct architectures that tie at the best value.
    best = rows[rows["value"] == rows["value"].max()]
    reports = {row["architecture"].tobytes(): row["report"] for row in best}
    assert float(line["report"]) == pytest.approx(np.mean(list(reports.values())), abs=1e-12)
    assert float(line["simulated_seconds"]) == pytest.approx(rows["cost_seconds"].sum())


def test_an_agent_that_chooses_fidelities_does_and_only_the_largest_counts(finished):
    rows = read_run(finished / "runs/Made/hyperband/0.npz").rows
    assert set(rows["epochs"]) == {12, 200}
    assert (
        np.isnan(rows["value"][rows["epochs"] == 12]).all() and not np.isnan(rows["value"][rows["epochs"] == 200]).any()
    )


def test_settings_reach_the_agent(finished):
    rows = read_run(finished / "runs/Made/random/0.npz").rows
    assert read_run(finished / "runs/Made/random/0.npz").question["agent"]["settings"] == {"repeats": False}
    assert len(np.unique(rows["architecture"], axis=0)) == 30


def test_two_processes_give_the_same_histories_as_one(finished, tmp_path, monkeypatch):
    options = ("--agent", "outside_agents:Climber", "--setting", "random.repeats=false", "--processes", 2)
    assert played(monkeypatch, tmp_path / "two", *options, seeds="0:4") == 0
    assert same(histories(tmp_path / "two"), histories(finished))


def test_what_is_there_is_not_run_again_and_more_may_be_added(tmp_path, monkeypatch, capfd):
    out = tmp_path / "grown"
    assert played(monkeypatch, out, seeds="0:2") == 0
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/*/*.npz")}
    assert played(monkeypatch, out, "--resume", agents="random,hyperband,grown=random", seeds="1:3") == 0
    assert "5 runs played, 4 were there already" not in capfd.readouterr().out  # seed 1 of two agents was there
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(out.glob("runs/*/*/*.npz"))) == 4 + 4
    assert BenchmarkFolder(out).configuration()["seeds"] == [0, 1, 2]
    # A run whose file is gone is played again, and comes out the same.
    whole = histories(out)
    (out / "runs/Made/random/1.npz").unlink()
    assert played(monkeypatch, out, "--resume", seeds="0:2") == 0
    assert "1 runs played, 3 were there already" in capfd.readouterr().out
    assert same(histories(out), whole)


def test_killed_and_resumed_equals_uninterrupted(tmp_path, monkeypatch):
    assert played(monkeypatch, tmp_path / "whole", seeds="0:12", budget="150") == 0
    out = tmp_path / "killed"
    code = [sys.executable, "-m", "pynascent.scripts.cli.app", "benchmark", "--tasks", "Table:Made", "--seeds", "0:12"]
    code += ["--agents", "random,hyperband", "--budget", "150", "--processes", "1", "--out", str(out)]
    process = subprocess.Popen(code, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while not len(finished_runs(out)) >= 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 3 <= len(finished_runs(out)) < 24 and not (out / "report.html").exists()
    await_end_of_session(process.pid)
    assert played(monkeypatch, out, "--resume", seeds="0:12", budget="150") == 0
    assert same(histories(out), histories(tmp_path / "whole"))
    assert (out / "report.html").exists()


def await_end_of_session(session: int) -> None:
    """The processes that played do not outlive the one that started them."""
    deadline = time.monotonic() + 30
    while session_members(session):
        assert time.monotonic() < deadline, "a process of the ended benchmark is still there"
        time.sleep(0.1)


def session_members(session: int) -> list[int]:
    """Return the living processes of a session."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.name))
    return found


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"budget": "31"}, "task Made evaluations: 30, not 31"),
        ({"options": ("--protocol", "direct")}, "protocol"),
        ({"options": ("--workers", 2)}, "workers: 1, not 2"),
        ({"options": ("--objective", '{"accuracy": 1, "ln_flops": -0.1}')}, "objective"),
        ({"options": ("--setting", "random.repeats=false")}, 'agent random settings: {}, not {"repeats": false}'),
    ],
)
def test_another_configuration_is_refused_in_one_line(more, what, tmp_path, monkeypatch, capfd):
    assert played(monkeypatch, tmp_path / "out", agents="random", seeds="0") == 0
    before = (tmp_path / "out/benchmark.json").read_bytes()
    capfd.readouterr()
    options = more.pop("options", ())
    assert played(monkeypatch, tmp_path / "out", "--resume", *options, agents="random", seeds="0", **more) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and what in error, error
    assert (tmp_path / "out/benchmark.json").read_bytes() == before


def test_a_changed_outside_agent_is_another_agent(tmp_path, monkeypatch, capfd):
    file = tmp_path / "changing_agent.py"
    file.write_text(AGENT)
    arguments = ("benchmark", "--tasks", "Table:Made", "--agent", f"{file}:Climber", "--seeds", "0", "--budget", "5")
    assert command(monkeypatch, *arguments, "--out", tmp_path / "out") == 0
    file.write_text(AGENT + "\n# changed\n")
    assert command(monkeypatch, *arguments, "--out", tmp_path / "out", "--resume") == 2
    assert "the code of the agent climber" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--tasks", "Nowhere"), "task 'Nowhere' is unknown: known are"),
        (("--tasks", "Table"), "only the task Table takes (and needs) a table"),
        (("--tasks", "Table:Made,Table:Made"), "--tasks has 'Made' twice"),
        (("--tasks", "Table:Missing"), "Missing"),
        (("--agents", "nobody"), "agent 'nobody' is unknown: known are random"),
        (("--agents", "random,random"), "--agents has 'random' twice"),
        (("--agents", "a/b=random"), "label 'a/b'"),
        (("--agents", "_b=random"), "label '_b'"),
        (("--agent", "outside_agents:Nobody"), "the module outside_agents has no Nobody"),
        (("--agent", "outside_agents:np"), "is no subclass of"),
        (("--agent", "no_such_module:Agent"), "cannot import no_such_module"),
        (("--agent", "no_such_file.py:Agent"), "no_such_file.py does not exist"),
        (("--settings", "random.size=3"), "has no setting 'size': allowed are repeats"),
        (("--settings", "other.size=3"), "the agent 'other', which is not among --agents"),
        (("--setting", "nonsense"), "--setting nonsense: give AGENT.name=value"),
        (("--setting", "random.formulation=edit"), "plays propose or build, not 'edit'"),
        (("--setting", "hyperband.eta=1"), "eta=1"),
        (("--seeds", "5:2"), "--seeds 5:2: give FROM:TO"),
        (("--seeds", "0,0"), "a seed is there twice"),
        (("--seeds", "9223372036854775808"), "seeds are integers from 0 to 9223372036854775807"),
        (("--seeds", "0:2000000000"), "at most a million"),
        (("--store", "x.sqlite"), "--store is for live training: Made looks candidates up"),
        (("--seeds", "-1"), "--seeds -1: give FROM:TO"),
        (("--budget", "0"), "--budget 0: give evaluations"),
        (("--budget", "-5s"), "--budget -5s: give evaluations"),
        (("--budget", "nans"), "--budget nans: give evaluations"),
        (("--budget", "5,Other=5"), "--budget for the task 'Other'"),
        (("--protocol", "other"), "protocol 'other' is unknown: known are task, nats, direct"),
        (("--objective", "{"), "--objective {"),
        (("--objective", '{"beauty": 1}'), "no metric 'beauty'"),
        (("--workers", 0), "--workers 0: give an integer from 1"),
        (("--processes", 0), "--processes 0: give an integer from 1"),
        (("--module", "no_such_module"), "cannot import no_such_module"),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(arguments, what, tmp_path, monkeypatch, capfd):
    options = {"--tasks": "Table:Made", "--agents": "random,hyperband", "--seeds": "0", "--budget": "5"}
    options |= {"--out": tmp_path / "out"}
    options[arguments[0]] = arguments[1]
    if arguments[0] == "--budget":
        options["--budget"] = arguments[1]
    parts = [part for pair in options.items() for part in (f"{pair[0]}={pair[1]}",)]
    assert command(monkeypatch, "benchmark", *parts) == 2
    error = capfd.readouterr().err
    assert error.startswith("pynascent: error: ") and error.count("\n") == 1 and what in error, error
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused(finished, tmp_path, monkeypatch, capfd):
    (tmp_path / "notes.txt").write_text("mine")
    assert played(monkeypatch, tmp_path, "--resume") == 2
    assert "holds other files" in capfd.readouterr().err
    assert played(monkeypatch, finished) == 2
    assert "add --resume" in capfd.readouterr().err
    assert command(monkeypatch, "benchmark", "report", tmp_path) == 2
    assert "holds no benchmark" in capfd.readouterr().err


def test_a_damaged_run_is_named(tmp_path, monkeypatch, capfd):
    assert played(monkeypatch, tmp_path / "out", agents="random", seeds="0:2") == 0
    file = tmp_path / "out/runs/Made/random/1.npz"
    file.write_bytes(file.read_bytes()[:-200])
    capfd.readouterr()
    assert command(monkeypatch, "benchmark", "report", tmp_path / "out") == 2
    error = capfd.readouterr().err
    assert "random/1.npz" in error and error.count("\n") == 1


def test_an_agent_that_fails_leaves_the_others_alone(tmp_path, monkeypatch, capfd):
    out = tmp_path / "out"
    assert played(monkeypatch, out, "--agent", "outside_agents:Fails", agents="random", seeds="0:2") == 1
    error = capfd.readouterr().err.splitlines()[-1]
    assert error == "pynascent: 2 runs failed, the first fails on Made, seed 0: RuntimeError: no luck"
    assert len(list(out.glob("runs/Made/random/*.npz"))) == 2 and not list(out.glob("runs/Made/fails/*"))
    assert "2 runs are missing" in (out / "report.html").read_text()


def test_the_nats_protocol(tmp_path, monkeypatch):
    out = tmp_path / "out"
    options = ("--protocol", "nats", "--workers", 3)
    assert played(monkeypatch, out, *options, agents="random,hyperband", budget="20000s", seeds="0:2") == 0
    facts = BenchmarkFolder(out).configuration()["tasks"]["Made"]["statistics"]
    for record in (read_run(path) for path in out.glob("runs/*/*/*.npz")):
        rows = record.rows
        assert (rows["epochs"] == 12).all()  # agents that choose fidelities may not here
        assert rows["clock_seconds"].max() <= 20000 and rows["cost_seconds"].sum() > 2 * 20000
        assert (rows["report"] != rows["metric.test_accuracy"]).any()  # of 200 epochs, not of 12
        assert rows["value"].max() <= facts["optimum"]


def test_vector_rewards_and_their_hypervolume(tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert played(monkeypatch, out, agents="random,nsga2", seeds="0:3", budget="60") == 0
    rows = read_run(out / "runs/Made/nsga2/0.npz").rows
    assert rows["reward"].shape == (60, 2) and np.array_equal(rows["reward"], rows["terms"])
    assert np.array_equal(rows["value"], rows["metric.validation_accuracy"])
    import moocore

    facts = BenchmarkFolder(out).configuration()["tasks"]["Made"]["statistics"]
    expected = moocore.hypervolume(-rows["terms"], ref=-np.array(facts["reference"]))
    lines = list(csv.DictReader(io.StringIO((out / "results.csv").read_text())))
    line = next(line for line in lines if (line["agent"], line["seed"]) == ("nsga2", "0"))
    assert float(line["hypervolume"]) == pytest.approx(expected)
    assert float(line["hypervolume"]) <= facts["front_hypervolume"]


@pytest.mark.parametrize("protocol", ["task", "nats"])
def test_agents_that_could_take_vectors_get_the_reward_that_they_are_judged_by(tmp_path, monkeypatch, protocol):
    out, agents = tmp_path / "out", "hyperband,successive_halving,bohb"
    budget = "30" if protocol == "task" else "9000s"
    assert played(monkeypatch, out, "--protocol", protocol, agents=agents, seeds="0:1", budget=budget) == 0
    for agent in agents.split(","):
        rows = read_run(out / f"runs/Made/{agent}/0.npz").rows
        assert rows["reward"].ndim == 1
        counts = ~np.isnan(rows["value"])
        assert counts.any() and np.array_equal(rows["reward"][counts], rows["value"][counts])


def test_the_report_is_one_well_formed_page_of_its_own(finished):
    page = (finished / "report.html").read_text()
    tree = ET.fromstring(page.removeprefix("<!DOCTYPE html>"))
    pictures = tree.findall(".//figure")
    assert len(pictures) >= 10 and all(
        len(figure.findall(".//{http://www.w3.org/2000/svg}path")) for figure in pictures
    )
    assert not tree.findall(".//script") and len(page) < 5e6
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert links and all(link.startswith(("#", "data:")) for link in links)  # nothing from elsewhere
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', page)) | set(re.findall(r"url\(#([^)]*)\)", page)) <= set(ids)
    for text in ("climber", "Nemenyi", "Cohen’s d", "Time to target", "Reference point"):
        assert text in page


def test_the_report_comes_from_the_files_alone(finished, monkeypatch, tmp_path):
    before = {name: (finished / name).read_bytes() for name in ("report.html", "results.csv", "tests.csv")}
    for name in before:
        (finished / name).unlink()
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))  # no table is there
    assert command(monkeypatch, "benchmark", "report", finished) == 0
    assert {name: (finished / name).read_bytes() for name in before} == before


def test_termination_ends_the_program_and_its_processes(tmp_path):
    code = [sys.executable, "-m", "pynascent.scripts.cli.app", "benchmark", "--tasks", "Table:Made", "--seeds", "0:500"]
    code += ["--agents", "random", "--budget", "200", "--processes", "2", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        code, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True, env=dict(os.environ)
    )
    deadline = time.monotonic() + 120
    while not finished_runs(tmp_path / "out"):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.terminate()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert b"Traceback" not in error and b"terminated; finished evaluations are kept" in error
    await_end_of_session(process.pid)


def test_a_name_leads_to_the_table_that_is_there_now(monkeypatch, tmp_path):
    """One process plays one table after another of the same name: in another folder, and replaced in its own."""
    made = {"label": "Made", "task": "Table", "evaluator": {"table": "Made"}}

    def made_now():
        return benchmark_task_of(made, asdict(NATS), None)

    assert made_now() is made_now() and len(made_now().evaluator.architectures()) == 6561
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="there is no table 'Made'"):
        made_now()
    (tmp_path / "tables").mkdir()
    for config, count in (({"space": "nasbench201"}, 15625), (None, 6561)):
        write_table(tmp_path / "tables" / "Made.nastable", config)
        assert len(made_now().evaluator.architectures()) == count
