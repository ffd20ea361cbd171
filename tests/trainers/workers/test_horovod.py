"""Two real Horovod ranks under Ray, on Gloo."""

import logging
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest

from pynascent.envs.core.imports import CodePath
from pynascent.envs.spaces import ChainSpace, space_to_config
from pynascent.trainers.data.dataset import Split
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.live import LiveEvaluator
from pynascent.trainers.stages import Candidate
from pynascent.trainers.stages.base import unpack_weights
from pynascent.trainers.training.configuration import TrainingConfiguration
from pynascent.trainers.workers.jobs import make_job
from pynascent.trainers.workers.ray_runtime import cores

from support.processes import LOOPBACK, family, listening, wait_until
from support.training_process import train_alone, training_process

pytest.importorskip("horovod")
pytestmark = pytest.mark.skipif(cores() < 2, reason="needs two cores for two ranks")

ARCHITECTURE = (4, 3, 2, 5, 1, 0)  # every kind of convolution, each with batch normalisation, and residuals
SGD = TrainingConfiguration(optimizer="sgd", learning_rate=0.05)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    store = tmp_path_factory.mktemp("ranks") / "store.sqlite"
    evaluator = LiveEvaluator(ChainSpace(), ranks_per_candidate=2, training={"fidelities": [1, 20]}, store=store)
    yield evaluator
    evaluator.close()


def test_two_ranks_compute_what_one_does(live):
    digits = load_dataset("digits")
    five_steps = replace(digits, train=Split(digits.train.images[:250].copy(), digits.train.labels[:250].copy()))
    stage = {"component": "train", "settings": {"configuration": {"optimizer": "sgd", "learning_rate": 0.05}}}
    space = ChainSpace()
    job = make_job(stage, space_to_config(space), Candidate(space, ARCHITECTURE, 1, 3), five_steps, CodePath())
    _, reference = live.pool.submit("five steps", True, job, {}).result()
    weights = unpack_weights(live.pool.get(reference)["weights"])
    assert len(live.pool.process_ids["worker group 1"]) == 2
    with training_process() as process:
        before, *_, alone = process.submit(train_alone, ARCHITECTURE, five_steps, SGD, 1, 3).result()
    assert len(weights) == len(alone)
    for two, one in zip(weights, alone, strict=True):  # moving averages of batch normalisation too
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-5)
    assert max(np.abs(a - b).max() for a, b in zip(before, alone, strict=True)) > 0.01  # they did move


def _train(live, key, configuration, epochs=1):
    """Return the report and the artifacts of a training by two ranks."""
    space, stage = ChainSpace(), {"component": "train", "settings": {"configuration": configuration}}
    candidate = Candidate(space, ARCHITECTURE, epochs, 3)
    job = make_job(stage, space_to_config(space), candidate, load_dataset("digits"), CodePath())
    report, reference = live.pool.submit(key, True, job, {}).result()
    return report, live.pool.get(reference) if reference is not None else {}


def test_half_precision_exchanges_lose_little(live):
    plain, half = (
        unpack_weights(_train(live, f"compression {c}", {"optimizer": "sgd", "gradient_compression": c})[1]["weights"])
        for c in ("none", "fp16")
    )
    difference = max(np.abs(a - b).max() for a, b in zip(plain, half, strict=True))
    assert 0 < difference < 0.05


def test_ranks_that_normalise_alone_train_and_share_their_moving_averages(live):
    report, artifacts = _train(live, "own batch norm", {"sync_batch_norm": False}, epochs=3)
    together, _ = _train(live, "one batch norm", {}, epochs=3)
    assert report.metrics["training_loss"] != together.metrics["training_loss"]
    assert abs(report.metrics["validation_accuracy"] - together.metrics["validation_accuracy"]) < 0.2
    assert all(np.isfinite(w).all() for w in unpack_weights(artifacts["weights"]))


def test_two_ranks_train_with_everything_at_once(live):
    configuration = {
        "precision": "mixed_bfloat16",
        "dropout": 0.1,
        "drop_connect": 0.01,
        "l2": 1e-4,
        "l2_adaptation": "generalisation_gap",
        "remat": "blocks",
        "accumulation": 5,
        "loss_scaling": "dynamic",
        "scale_learning_rate": True,
    }
    report, artifacts = _train(live, "everything", configuration, epochs=3)
    assert report.status.name == "OK", report.reason
    assert artifacts["learning_curve"]["skipped_steps"].tolist() == [0, 0, 0]
    assert artifacts["learning_curve"]["training_loss"][-1] < artifacts["learning_curve"]["training_loss"][0]


def test_adasum_says_what_it_needs(live):
    import horovod.tensorflow as hvd

    report, _ = _train(live, "adasum", {"gradient_reduction": "adasum"})
    if hvd.mpi_built() or hvd.nccl_built():
        assert report.status.name == "OK"
    else:
        assert "gradient_reduction='adasum' needs a Horovod built with MPI or NCCL" in report.reason


def test_nothing_listens_beyond_localhost(live):
    row = np.array([ARCHITECTURE])
    assert live.evaluate(row, np.array([1]), np.array([0])).ok[0]
    addresses = listening(family())
    assert addresses and addresses <= LOOPBACK


def test_one_killed_rank_replaces_the_group_and_its_candidate_is_retried(live, caplog):
    row = np.array([ARCHITECTURE])
    live.submit(row, np.array([20]), np.array([1]))
    wait_until(lambda: "worker group 1" in live.pool.busy and "worker group 1" in live.pool.process_ids)
    victims = live.pool.process_ids["worker group 1"]
    time.sleep(1.0)
    assert "worker group 1" in live.pool.busy
    with caplog.at_level(logging.WARNING, "pynascent.trainers"):
        os.kill(victims[1], signal.SIGKILL)
        ((_, one),) = live.collect()
    assert one.ok[0] and one["validation_accuracy"][0] > 0.5
    replaced = live.pool.process_ids["worker group 1"]
    assert len(replaced) == 2 and not set(replaced) & set(victims)
    assert "worker group 1, try 1 of 3" in caplog.text
