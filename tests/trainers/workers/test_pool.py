"""The warm pool at work: real workers and explainers under a local Ray, and what happens when they are killed."""

import logging
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from pynascent.envs import Fidelity
from pynascent.envs.core.evaluation import Status
from pynascent.envs.core.imports import CodePath
from pynascent.envs.spaces import ChainSpace, space_to_config
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.stages import Candidate
from pynascent.trainers.workers.jobs import make_job

from support.histories import without_times
from support.processes import LOOPBACK, alive, family, listening, wait_until
from support.training_process import digest, train, training_process

CONVOLUTIONS = (4, 3, 2, 5, 1, 0)
LONG = {"fidelities": [1, 30]}


def ask(live, rows, epochs=1, seed=0):
    rows = np.atleast_2d(rows)
    return live.evaluate(rows, np.full(len(rows), epochs), np.full(len(rows), seed))


def submit(live, row, epochs=1, seed=0):
    return live.submit(np.array([row]), np.array([epochs]), np.array([seed]))[0]


def test_a_worker_computes_what_a_process_without_ray_does(make_evaluator):
    live = make_evaluator()
    got = ask(live, CONVOLUTIONS, epochs=3, seed=7).row(0)
    with training_process() as process:
        alone = process.submit(train, CONVOLUTIONS, 3, 7).result()
    assert got["status"] == "ok"
    for name in ("validation_accuracy", "test_accuracy"):
        assert got[name] == alone[name]
    assert got["training_loss"] == alone["losses"][-1]
    assert digest(live.weights(CONVOLUTIONS, 3, 7)) == alone["checkpoints"][-1]


def test_metrics_are_measured(make_evaluator):
    live = make_evaluator()
    result = ask(live, [(5, 5, 5, 5, 1, 1), (0, 0, 0, 0, 0, 0)], epochs=3)
    assert result.ok.all()
    cost = live.space.cost(np.array([(5, 5, 5, 5, 1, 1), (0, 0, 0, 0, 0, 0)]))
    for name in ("flops", "elementwise_flops", "parameters"):
        assert (result[name] == cost[name]).all()
    assert result["validation_accuracy"][0] > 0.6 > 0.45 > result["validation_accuracy"][1]
    assert ((result["isi"] > 0) & (result["isi"] <= 1)).all()
    assert (result["training_seconds"] > 0).all() and (result["explanation_seconds"] > 0).all()
    np.testing.assert_allclose(result.cost_seconds, result["training_seconds"] + result["explanation_seconds"])


def test_a_query_and_a_named_fidelity_say_the_same(make_evaluator):
    live = make_evaluator()
    asked = live.query(live.space.to_string(CONVOLUTIONS), epochs=Fidelity(value=3), seed=7)
    result = live.evaluate(np.array([CONVOLUTIONS]), "epochs=3", np.array([7]))
    assert asked == result.row(0) and asked["status"] == "ok" and asked["epochs"] == 3


def test_nothing_is_trained_twice(make_evaluator):
    live = make_evaluator()
    first = ask(live, [CONVOLUTIONS, CONVOLUTIONS])  # in one batch
    assert live.store.counts() == {"train": 1, "explain": 1}
    again = make_evaluator()  # on the same file
    assert again.pool is live.pool
    assert ask(again, CONVOLUTIONS).row(0) == first.row(0)  # the measured times too: it was not trained again
    tickets = [submit(again, (4, 4, 4, 4, 0, 0)) for _ in range(3)]  # while it is running
    rows = {}
    while len(rows) < 3:
        rows.update((ticket, one.row(0)) for ticket, one in again.collect())
    assert sorted(rows) == tickets and rows[tickets[0]] == rows[tickets[1]] == rows[tickets[2]]
    assert live.store.counts() == {"train": 2, "explain": 2}


def test_collect_returns_at_its_timeout(make_evaluator):
    live = make_evaluator(training=LONG)
    ticket = submit(live, (5, 5, 5, 5, 1, 1), epochs=30)
    started = time.monotonic()
    assert live.collect(timeout=0.2) == []
    assert time.monotonic() - started < 2
    ((finished, one),) = live.collect()
    assert finished == ticket and one.ok[0]


def test_explaining_overlaps_training(make_evaluator):
    live = make_evaluator(isi={"explainer": "integrated_gradients", "settings": {"steps": 20}})
    submit(live, (5, 5, 5, 5, 1, 1))
    submit(live, (2, 2, 2, 2, 0, 0), epochs=27)
    wait_until(lambda: set(live.pool.busy) == {"worker group 1", "explainer 1"})
    while live._tickets:
        assert all(one.ok[0] for _, one in live.collect())


@pytest.fixture(scope="module")
def undisturbed(warm, tmp_path_factory):
    """What a long training gives when nobody kills anything."""
    from pynascent.trainers.live import LiveEvaluator

    live = LiveEvaluator(ChainSpace(), workers=1, training=LONG, store=tmp_path_factory.mktemp("calm") / "s.sqlite")
    yield ask(live, (5, 5, 5, 5, 1, 1), epochs=30).row(0)
    live.close()


def test_a_killed_worker_is_replaced_and_its_candidate_retried(make_evaluator, undisturbed, caplog):
    live = make_evaluator(training=LONG)
    tickets = [submit(live, (5, 5, 5, 5, 1, 1), epochs=30), submit(live, CONVOLUTIONS)]
    wait_until(lambda: "worker group 1" in live.pool.busy and "worker group 1" in live.pool.process_ids)
    (victim,) = live.pool.process_ids["worker group 1"]
    time.sleep(1.0)  # in mid-candidate: it takes several seconds
    assert "worker group 1" in live.pool.busy
    with caplog.at_level(logging.WARNING, "pynascent.trainers"):
        os.kill(victim, signal.SIGKILL)
        rows = {}
        while len(rows) < 2:
            rows.update((ticket, one.row(0)) for ticket, one in live.collect())
    assert sorted(rows) == sorted(tickets)
    assert without_times(rows[tickets[0]]) == without_times(undisturbed)
    assert rows[tickets[1]]["status"] == "ok"
    assert live.pool.process_ids["worker group 1"] != [victim]
    assert "worker group 1, try 1 of 3" in caplog.text


def test_a_group_killed_while_it_starts_is_started_again(make_evaluator):
    live = make_evaluator()
    ticket = submit(live, CONVOLUTIONS)
    killed: set[int] = set()

    def starting() -> list[psutil.Process]:
        return [p for p in family() if p.pid not in killed and " ".join(p.cmdline()).startswith("ray::Rank")]

    for _ in range(4):  # more often than a piece of work is tried
        wait_until(starting)
        for process in starting():
            killed.add(process.pid)
            process.kill()
    results = dict(live.collect())
    assert results[ticket].ok[0] and len(killed) >= 4


def test_a_killed_explainer_is_replaced_and_the_explanation_retried(make_evaluator, caplog):
    live = make_evaluator(isi={"explainer": "integrated_gradients", "settings": {"steps": 20}})
    submit(live, (5, 5, 5, 5, 1, 1))
    wait_until(lambda: "explainer 1" in live.pool.busy and "explainer 1" in live.pool.process_ids)
    (victim,) = live.pool.process_ids["explainer 1"]
    time.sleep(0.5)
    assert "explainer 1" in live.pool.busy
    with caplog.at_level(logging.WARNING, "pynascent.trainers"):
        os.kill(victim, signal.SIGKILL)
        ((_, one),) = live.collect()
    assert one.ok[0] and one["isi"][0] > 0
    assert live.pool.process_ids["explainer 1"] != [victim]
    assert "explainer 1, try 1 of 3" in caplog.text


def test_what_would_fail_again_is_not_tried_again(warm, caplog):
    stage = {"component": "train", "settings": {"configuration": {"batch_size": 601}}}
    space = ChainSpace()
    job = make_job(
        stage, space_to_config(space), Candidate(space, CONVOLUTIONS, 1, 0), load_dataset("digits"), CodePath()
    )
    with caplog.at_level(logging.WARNING, "pynascent.trainers"):
        report, reference = warm.pool.submit("impossible", True, job, {}).result()
    assert report.status == Status.CRASHED and reference is None
    assert report.reason == "ValueError: batch_size=601: there are only 600 training examples"
    assert "in batches" in report.traceback
    assert "try 1 of 3" in caplog.text and "try 2" not in caplog.text and "counts as crashed" in caplog.text


def test_a_crash_is_not_stored_and_is_tried_anew(make_evaluator, monkeypatch):
    live = make_evaluator()
    broken = {"component": "train", "settings": {"configuration": {"batch_size": 601}}}
    monkeypatch.setitem(live._pipeline._configs, "train", broken)
    crashed = ask(live, CONVOLUTIONS)
    row = crashed.row(0)
    assert row["status"] == "crashed" and row["validation_accuracy"] == 0
    assert row["reason"].startswith("train: ValueError: batch_size=601") and "traceback: " in row["reason"]
    file = Path(row["reason"].partition("traceback: ")[2].rstrip(")"))
    traceback = file.read_text()
    assert re.search(r'File ".*configuration.py", line \d+, in batches', traceback) and "\x1b" not in traceback
    assert len(live.store) == 0
    monkeypatch.undo()
    assert ask(live, CONVOLUTIONS).ok[0]


def test_a_diverged_candidate_is_stored_and_others_go_on(make_evaluator):
    live = make_evaluator(training={"learning_rate": 1e30})
    row = ask(live, CONVOLUTIONS, epochs=9).row(0)
    assert row["status"] == "diverged" and row["cost_seconds"] > 0
    assert row["validation_accuracy"] == row["isi"] == 0 and row["flops"] == live.space.largest_flops
    assert live.store.counts() == {"train": 1}
    assert ask(live, CONVOLUTIONS, epochs=9).row(0)["cost_seconds"] == row["cost_seconds"]
    assert ask(make_evaluator(), CONVOLUTIONS).ok[0]


def test_the_best_network_scores_what_the_store_says(make_evaluator, tmp_path):
    live = make_evaluator()
    stored = live.best_model((5, 5, 5, 5, 1, 1), 3, 0, tmp_path / "best.keras")
    code = """
        import sys, keras, numpy as np
        from pynascent.trainers.data.datasets import load_dataset
        model, test = keras.saving.load_model(sys.argv[1]), load_dataset("digits").test
        print((model.predict(test.images, verbose=0).argmax(-1) == test.labels).mean())
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "best.keras")]
    loaded = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
    assert loaded == pytest.approx(stored, abs=1e-6) and stored > 0.5


def test_nothing_listens_beyond_localhost(make_evaluator):
    live = make_evaluator()
    ask(live, CONVOLUTIONS)
    names = {p.name() for p in family()}
    assert {"raylet", "gcs_server"} <= names
    addresses = listening(family())
    assert addresses and addresses <= LOOPBACK


DRIVER = """
    import signal, sys, time
    import numpy as np, psutil
    from pynascent.envs.spaces import ChainSpace
    from pynascent.trainers.live import LiveEvaluator

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
    live = LiveEvaluator(ChainSpace(), workers=1, store=sys.argv[1])
    live.evaluate(np.array([[4, 3, 2, 5, 1, 0]]), np.array([1]), np.array([0]))
    live.submit(live.space.sample(np.random.default_rng(0), 50), np.full(50, 27), np.zeros(50, dtype=int))
    print(*(p.pid for p in psutil.Process().children(recursive=True)), flush=True)
    while True:
        live.collect()
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT], ids=lambda s: s.name)
def test_an_ended_driver_leaves_no_process_and_loses_nothing(tmp_path, ending):
    store = tmp_path / "s.sqlite"
    command = [sys.executable, "-c", textwrap.dedent(DRIVER), str(store)]
    # A folder of its own to run in: workers must not depend on it.
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path)
    assert driver.stdout is not None
    children = [psutil.Process(int(pid)) for pid in driver.stdout.readline().split()]
    names = {child.pid: child.name() for child in children}
    assert {"ray::Rank", "raylet", "gcs_server"} <= {name.split(".")[0] for name in names.values()}
    if ending == signal.SIGKILL:
        # Ray's two agents want to report the death to the dead server and give up only after a minute.
        children = [child for child in children if "Agent" not in names[child.pid]]
    driver.send_signal(ending)
    try:
        driver.wait(60)
    finally:
        driver.kill()  # no driver outlives a test that fails
    wait_until(lambda: not any(alive(child) for child in children), 60)
    from pynascent.trainers.live import LiveEvaluator

    resumed = LiveEvaluator(ChainSpace(), workers=1, store=store)
    assert ask(resumed, CONVOLUTIONS).ok[0]
    assert resumed._pool is None  # the store answered
    resumed.close()


RAY_FIRST = """
    import ray  # before the evaluator could set anything
    import numpy as np
    from support.processes import family, listening
    from pynascent.envs.spaces import ChainSpace
    from pynascent.trainers.live import LiveEvaluator

    live = LiveEvaluator(ChainSpace(), workers=1, store="s.sqlite")
    assert live.evaluate(np.array([[4, 3, 2, 5, 1, 0]]), np.array([1]), np.array([0])).ok[0]
    print(*listening(family()))
    from ray._private import ray_constants
    assert not ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV
"""


def test_a_ray_imported_before_stays_on_localhost_and_quiet(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(RAY_FIRST)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= LOOPBACK and done.stdout.split()
    assert done.stderr == ""
