"""Watching a real evaluator on a real pool: scraped over HTTP as Prometheus does, its logs read by TensorBoard."""

import copy
import pickle
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pynascent.trainers.live import LiveEvaluator

from support.processes import LOOPBACK, family, listening, wait_until
from support.scraping import samples

ROWS = np.array([(4, 3, 2, 5, 1, 0), (0, 0, 0, 0, 0, 0)])
SCALED = {"precision": "mixed_float16", "loss_scaling": "dynamic"}


def ask(live, rows, epochs=1):
    return live.evaluate(rows, np.full(len(rows), epochs), np.zeros(len(rows), int))


def value(live, *name):
    return samples(live.watching.url).get(name)


def test_a_search_is_seen_from_outside(make_evaluator, tmp_path):
    logs = tmp_path / "logs"
    live = make_evaluator(training=SCALED, watch={"prometheus": 0, "tensorboard": str(logs)})
    assert live.watching.url is None  # nothing is open before the first question
    tickets = live.submit(ROWS, [3, 3], [0, 0])
    assert value(live, "pynascent_candidates_running") == 2
    wait_until(lambda: value(live, "pynascent_queue_depth", "worker group") == 1, 60)  # one worker, two candidates
    assert value(live, "pynascent_groups_busy", "worker group") == 1
    done: list = []
    while len(done) < len(tickets):
        done += live.collect()
    assert all(evaluation.ok.all() for _, evaluation in done)
    wait_until(lambda: value(live, "pynascent_candidates_running") == 0, 10)
    found = samples(live.watching.url)
    assert found["pynascent_candidates_finished_total",] == 2 and found["pynascent_candidates_stored_total",] == 0
    assert found["pynascent_queue_depth", "worker group"] == found["pynascent_queue_depth", "explainer"] == 0
    assert found["pynascent_groups", "worker group"] == found["pynascent_groups", "explainer"] == 1
    seconds = sum(evaluation["training_seconds"][0] for _, evaluation in done)
    assert found["pynascent_training_images_total",] == 2 * 3 * 600
    assert found["pynascent_training_seconds_total",] == pytest.approx(seconds)
    assert found["pynascent_cost_seconds_total",] == pytest.approx(sum(e.cost_seconds[0] for _, e in done))
    for process in ("driver", "worker group 1", "explainer 1"):  # the workers have imported TensorFlow
        assert found["pynascent_resident_memory_bytes", process, "0"] > (5e7 if process == "driver" else 2e8)
        assert found["pynascent_cpu_seconds_total", process, "0"] > 1
    losses = {np.float32(evaluation["training_loss"][0]) for _, evaluation in done}
    runs = [EventAccumulator(str(run)).Reload() for run in logs.iterdir()]
    assert len(runs) == 2
    assert {run.Scalars("curve/training_loss")[-1].value for run in runs} == losses
    for run in runs:
        assert [event.step for event in run.Scalars("curve/training_loss")] == [1, 2, 3]
        assert len(run.Scalars("curve/loss_scale")) == len(run.Scalars("curve/skipped_steps")) == 3
        assert run.Scalars("result/validation_accuracy")[0].step == 3
        assert not any("test" in tag for tag in run.Tags()["scalars"])
    assert found["pynascent_loss_scale",] in {run.Scalars("curve/loss_scale")[-1].value for run in runs}
    assert listening(family()) <= LOOPBACK


def test_what_the_store_answers_is_no_training(make_evaluator, tmp_path):
    ask(make_evaluator(), ROWS[:1])
    live = make_evaluator(watch={"prometheus": 0, "tensorboard": str(tmp_path / "logs")})
    assert ask(live, ROWS[:1]).ok.all()
    found = samples(live.watching.url)
    assert found["pynascent_candidates_stored_total",] == found["pynascent_candidates_finished_total",] == 1
    assert found["pynascent_training_images_total",] == 0 and found["pynascent_groups", "worker group"] == 0
    (run,) = (tmp_path / "logs").iterdir()
    assert EventAccumulator(str(run)).Reload().Scalars("curve/training_loss")


def test_a_training_that_goes_on_counts_what_it_adds(make_evaluator):
    live = make_evaluator(stages=["train"], promotions="continue", watch={"prometheus": 0})
    seconds = [ask(live, ROWS[:1], epochs)["training_seconds"][0] for epochs in (1, 9)]
    wait_until(lambda: value(live, "pynascent_candidates_running") == 0, 10)
    found = samples(live.watching.url)
    assert found["pynascent_training_images_total",] == 9 * 600
    assert found["pynascent_training_seconds_total",] == pytest.approx(seconds[1])  # of both: the first's and the rest


def test_it_ends_with_the_evaluator_and_is_no_part_of_a_key(make_evaluator):
    plain, live = make_evaluator(), make_evaluator(watch={"prometheus": 0})
    assert plain.keys(ROWS[0], 1, 0) == live.keys(ROWS[0], 1, 0)
    assert "watch" not in plain.config() and live.config() == {**plain.config(), "watch": {"prometheus": 0}}
    copies = [copy.deepcopy(live), pickle.loads(pickle.dumps(live)), LiveEvaluator(**live.config())]
    live.watching.start()
    assert [c.watching.url for c in copies] == [None] * 3  # a copy takes no port until it is asked
    port = int(live.watching.url.split(":")[2].partition("/")[0])
    live.close()
    assert live.watching.url is None
    socket.create_server(("127.0.0.1", port)).close()


def test_a_taken_port_is_one_line_and_nothing_is_trained(make_evaluator):
    with socket.create_server(("127.0.0.1", 0)) as other:
        live = make_evaluator(watch={"prometheus": other.getsockname()[1]})
        with pytest.raises(ValueError, match="is taken: give another, or 0 for any free one") as error:
            ask(live, ROWS)
    assert "\n" not in str(error.value)


def test_without_it_nothing_is_opened_or_imported(make_evaluator, tmp_path):
    before = threading.active_count()
    live = make_evaluator()
    assert live.watching is None and threading.active_count() == before
    code = f"""
import sys
from pynascent.trainers import LiveEvaluator
LiveEvaluator("chain", workers=1, store={str(tmp_path / "s.sqlite")!r}).close()
names = ("pynascent.trainers.watching", "prometheus_client", "tensorboard", "pynvml")
assert not [name for name in sys.modules if name.startswith(names)]
"""
    subprocess.run([sys.executable, "-c", code], check=True)
