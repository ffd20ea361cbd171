"""The user's own code in a benchmark: live tasks, agents and tasks that change, agents that do not fit."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pynascent.scripts.benchmark.run_file import read_run

from support.bench_table import write_table

for package in ("moocore", "scipy", "matplotlib"):
    pytest.importorskip(package)

HELPER = "STEP = 1\n"
AGENTS = '''
import numpy as np
from pynascent.agents import AskTellAgent
from helper import STEP


class Steps(AskTellAgent):
    """Draws, and takes every STEP-th draw."""

    name = "steps"

    def begin(self, space, fidelities, rng):
        self.space, self.rng, self.fidelities = space, rng, fidelities

    def ask(self, count):
        return self.space.sample(self.rng, count * STEP)[::STEP]

    def tell(self, actions, rewards, ok, infos):
        pass


class Vector(Steps):
    name = "vector"
    vector_reward = multi_objective = True
'''
LIVE = '''
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import numpy as np
from pynascent.envs import METRICS, Evaluation, TaskSpec, register_environments
from pynascent.envs.spaces import ChainSpace
from helper import STEP


class Threads:
    """Judges a candidate in a thread, for a while that is its cost."""

    seeds = None

    def __init__(self, workers=1, store=None):
        self.space, self.fidelities = ChainSpace(), (1,)
        self.metrics = {"validation_accuracy": METRICS["validation_accuracy"]}
        self.parallelism, self.most, self.now = workers, 0, 0
        self.pool, self.lock = ThreadPoolExecutor(workers), threading.Lock()
        self.running, self.next = {}, 0

    def _judge(self, row):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        seconds = 0.03 + 0.04 * float(row.sum() % 5) / 5
        time.sleep(seconds)
        with self.lock:
            self.now -= 1
        return float(row.sum()) / 100, seconds

    def _evaluation(self, answers, epochs, seeds):
        accuracy, seconds = np.array(answers, dtype=float).reshape(-1, 2).T
        return Evaluation(np.zeros(len(accuracy), np.int8), np.asarray(epochs), np.asarray(seeds),
                          {"validation_accuracy": STEP * accuracy}, seconds)

    def evaluate(self, architectures, epochs, seeds):
        return self._evaluation(list(self.pool.map(self._judge, architectures)), epochs, seeds)

    def submit(self, architectures, epochs, seeds):
        tickets = []
        for row, e, s in zip(architectures, epochs, seeds):
            self.running[self.next] = (self.pool.submit(self._judge, row), e, s)
            tickets.append(self.next)
            self.next += 1
        return tickets

    def collect(self, timeout=None):
        wait([future for future, _, _ in self.running.values()], timeout, FIRST_COMPLETED)
        done = [ticket for ticket, (future, _, _) in self.running.items() if future.done()]
        found = []
        for ticket in done:
            future, e, s = self.running.pop(ticket)
            found.append((ticket, self._evaluation([future.result()], [e], [s])))
        return found

    def close(self):
        pass


register_environments(TaskSpec("Threads", "judged in threads", "live_task:Threads"))
'''


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with a table, an agent and a live task that import a helper; the current folder."""
    (tmp_path / "tables").mkdir()
    write_table(tmp_path / "tables" / "Made.nastable")
    for name, text in (("helper", HELPER), ("own_agents", AGENTS), ("live_task", LIVE)):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    return tmp_path


def pynascent(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    """Run ``pynascent ARGUMENTS`` in a process of its own, which has imported nothing before."""
    return subprocess.run(
        [sys.executable, "-m", "pynascent.scripts.cli.app", *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=300,
        check=False,
    )


def benchmark(*arguments: object, seeds="0:2", budget="12", out="out", **environment: str):
    return pynascent("benchmark", "--seeds", seeds, "--budget", budget, "--out", out, *arguments, **environment)


def results(out="out") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((Path(out) / "results.csv").read_text())))


def test_a_live_task_of_ones_own_keeps_every_worker_busy(home):
    arguments = ("--module", "live_task", "--tasks", "Threads", "--agents", "random,regularized_evolution")
    done = benchmark(*arguments, "--workers", 3, budget="60", seeds="0:1")
    assert done.returncode == 0, done.stderr.decode()
    for agent in ("random", "regularized_evolution"):
        record = read_run(home / "out/runs/Threads" / agent / "0.npz")
        rows, log = record.rows, record.about["in_training"]
        assert sorted(rows["trial"]) == list(range(60)) and (np.diff(rows["ended_seconds"]) >= 0).all()
        assert not np.array_equal(rows["trial"], np.sort(rows["trial"]))  # told as they end, not as they were asked for
        assert log["mean"] > 2.7 and max(count for _, count in log["log"]) == 3 and log["per_hour"] > 0
        assert record.question["workers"] == 3 and record.question["task"]["evaluator"] == {"workers": 3}
    page = (home / "out/report.html").read_text()
    assert "Live training" in page and "mean in training" in page and "seconds of training" in page
    assert all(float(row["mean_in_training"]) > 2.7 for row in results())


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--tasks", "Table:Made", "--agent", "own_agents:Steps"), "the code of the agent steps"),
        (("--tasks", "Threads", "--module", "live_task", "--agents", "random"), "the code of the task Threads"),
    ],
)
def test_code_that_an_agent_or_a_task_imports_is_part_of_it(home, options, what):
    assert benchmark(*options).returncode == 0
    again = benchmark(*options, "--resume")
    assert again.returncode == 0 and b"0 runs played, 2 were there already" in again.stdout
    (home / "helper.py").write_text("STEP = 2\n")
    changed = benchmark(*options, "--resume", seeds="0:3")
    assert changed.returncode == 2
    error = changed.stderr.decode().splitlines()[-1]
    assert error.startswith("pynascent: error: --resume: ") and what in error and "give a new folder" in error


def test_an_agent_that_does_not_fit_is_left_out_and_the_others_play(home):
    done = benchmark(
        "--tasks", "Threads,Table:Made", "--module", "live_task", "--agents", "random", "--agent", "own_agents:Vector"
    )
    assert done.returncode == 1
    error = done.stderr.decode()
    assert "pynascent: vector was left out on Threads: the task 'Threads' has a single objective and no FLOPs" in error
    played = {(row["task"], row["agent"], row["seed"]) for row in results()}
    assert played == {
        ("Threads", "random", "0"),
        ("Threads", "random", "1"),
        *(("Made", agent, seed) for agent in ("random", "vector") for seed in "01"),
    }


def test_where_no_agent_fits_nothing_is_written(home):
    done = benchmark("--tasks", "Threads", "--module", "live_task", "--agent", "own_agents:Vector")
    assert done.returncode == 2 and b"no agent fits its task; vector on Threads" in done.stderr
    assert not (home / "out").exists()


def test_labels_of_any_table_and_formulas_in_the_results(home):
    shutil.copy(home / "tables" / "Made.nastable", home / "tables" / "+my table [v2].nastable")
    seed = 9_007_199_254_740_993  # not a float
    done = benchmark(
        "--tasks",
        f"Table:{home}/tables/+my table [v2].nastable",
        "--agents",
        "=1+1=random",
        "--setting",
        "=1+1.repeats=false",
        seeds=f"{seed}",
        out="out[1]",
        COLUMNS="60",
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"wrote out[1]/results.csv" in done.stdout
    (row,) = results("out[1]")
    assert (row["task"], row["agent"], row["seed"]) == ("'+my table [v2]", "'=1+1", str(seed))
    assert read_run(home / f"out[1]/runs/+my table [v2]/=1+1/{seed}.npz").question["agent"]["settings"] == {
        "repeats": False
    }


def test_a_terminal_that_is_not_utf8(home):
    options = ("--tasks", "Table:Made", "--agents", "random")
    done = benchmark(*options, PYTHONIOENCODING="ascii", LANG="C")
    assert done.returncode == 0 and b"wrote out/report.html" in done.stdout, done.stderr.decode()
    assert pynascent("leaderboard", "add", "out", PYTHONIOENCODING="ascii", LANG="C").returncode == 0
    shown = pynascent("leaderboard", "show", PYTHONIOENCODING="ascii", LANG="C", COLUMNS="120")
    assert shown.returncode == 0 and b"random" in shown.stdout and shown.stdout.isascii()


def test_violations_are_stored_and_a_violating_row_is_never_the_best(home):
    objective = {"terms": {"accuracy": 1, "ln_flops": -0.3}, "constraints": ["flops<=3e5"]}
    agents = "random,local_search,hyperband,nsga2"
    options = ("--tasks", "Digits", "--agents", agents, "--objective", json.dumps(objective))
    assert benchmark(*options, budget="60").returncode == 0
    statistics = json.loads((home / "out/benchmark.json").read_text())["tasks"]["Digits"]["statistics"]
    for row in results():
        rows = read_run(home / f"out/runs/Digits/{row['agent']}/{row['seed']}.npz").rows
        broken = np.maximum(rows["metric.flops"] / 3e5 - 1, 0)
        np.testing.assert_allclose(rows["violation"], broken, atol=1e-12)
        assert int(row["infeasible"]) == (broken > 0).sum()
        assert np.isnan(rows["value"][broken > 0]).all() and np.isnan(rows["terms"][broken > 0]).all()
        if row["value"]:
            assert float(row["value"]) <= statistics["optimum"] < -2.2
            assert float(row["best flops"]) <= 3e5
    assert sum(int(row["infeasible"]) for row in results()) > 20
    page = (home / "out/report.html").read_text()
    assert "Constraint: flops&lt;=3e5; what breaks it has no value." in page
    assert "evaluations that break a constraint" in page


def test_a_run_from_elsewhere_imports_a_module_only_where_the_user_allows_it(home):
    (home / "own_spaces.py").write_text(
        "from pathlib import Path\nfrom pynascent.envs.spaces import NASBenchMacroSpace\n"
        "Path('imported').touch()\n\n\nclass Mine(NASBenchMacroSpace):\n    pass\n"
    )
    evaluator = json.dumps({"space": {"space": "own_spaces:Mine"}})
    done = benchmark("--tasks", "Table:Made", "--agents", "random", "--evaluator", evaluator)
    assert done.returncode == 0, done.stderr.decode()
    (home / "imported").unlink()
    assert pynascent("benchmark", "report", "out").returncode == 0
    refused = pynascent("leaderboard", "add", "out")
    error = refused.stderr.decode()
    assert refused.returncode == 2 and error.count("\n") == 1 and "add --allow-import own_spaces" in error, error
    assert not (home / "imported").exists()
    taken = pynascent("leaderboard", "add", "out", "--allow-import", "own_spaces")
    assert taken.returncode == 0 and b"entered random on Made" in taken.stdout, taken.stderr.decode()
    assert (home / "imported").exists()
