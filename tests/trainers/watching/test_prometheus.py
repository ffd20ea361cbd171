"""The metrics of candidates that come and go, without a pool: what is counted, and how it is served."""

import socket
import urllib.error
import urllib.request
from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from pynascent.envs.core.evaluation import Metric, Status
from pynascent.envs.spaces import ChainSpace
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.pipeline import CandidateResult
from pynascent.trainers.stages import Candidate
from pynascent.trainers.stages.explain import Explain
from pynascent.trainers.stages.train import Train
from pynascent.trainers.watching import processes
from pynascent.trainers.watching.prometheus import METRICS
from pynascent.trainers.watching.settings import WatchSettings
from pynascent.trainers.watching.watching import Watching

from support.processes import LOOPBACK, listening
from support.scraping import samples, scrape

TRAIN, EXPLAIN = Train(), Explain()
KEYS = {"train": "a" * 64, "explain": "b" * 64}
CURVE = {"training_loss": np.array([2.0, 1.0]), "loss_scale": np.array([32768.0, 16384.0])}
EPOCHS = 3


@pytest.fixture
def watching(tmp_path):
    made = Watching(
        WatchSettings(prometheus=0),
        {"validation_accuracy": Metric("validation_accuracy", "1", "validation")},
        [TRAIN, EXPLAIN],
        load_dataset("digits"),
        lambda: None,
        {KEYS["train"]: CURVE}.get,
    )
    made.start()
    yield made
    made.close()


def follow(watching, runs, seconds_before=0.0, epochs_before=0) -> Future:
    future: Future = Future()
    candidate = Candidate(ChainSpace(), (4, 3, 2, 5, 1, 0), EPOCHS, 0)
    watching.follow(candidate, KEYS, runs, future, {"train": seconds_before}, {"train": epochs_before})
    return future


def test_every_metric_is_served_with_its_kind_and_meaning(watching):
    families = scrape(watching.url)
    assert {f"{name}_total" if family.type == "counter" else name for name, family in families.items()} == set(METRICS)
    for name, (kind, _, meaning) in METRICS.items():
        family = families[name.removesuffix("_total")]
        assert (family.type, family.documentation) == (kind, meaning)
        assert name.endswith("_total") == (kind == "counter")


def test_candidates_are_counted_by_what_becomes_of_them(watching):
    waiting = follow(watching, [TRAIN, EXPLAIN])
    good, stored = follow(watching, [TRAIN, EXPLAIN]), follow(watching, [])
    found = samples(watching.url)
    assert found["pynascent_candidates_running",] == 3 and found["pynascent_candidates_finished_total",] == 0
    assert ("pynascent_loss_scale",) not in found and ("pynascent_training_images_per_second",) not in found
    good.set_result(CandidateResult(Status.OK, {"training_seconds": 2.0}, 2.5))
    stored.set_result(CandidateResult(Status.OK, {"training_seconds": 4.0}, 4.5))
    for status in (Status.DIVERGED, Status.CRASHED, Status.INCOMPLETE):
        follow(watching, [EXPLAIN]).set_result(CandidateResult(status, {}, 0.0))
    follow(watching, [TRAIN]).set_exception(RuntimeError("no pool"))
    found = samples(watching.url)
    assert found["pynascent_candidates_running",] == 1
    assert found["pynascent_candidates_finished_total",] == 2 and found["pynascent_candidates_stored_total",] == 1
    for how in ("diverged", "crashed", "incomplete", "error"):
        assert found["pynascent_candidates_failed_total", how] == 1
    images = EPOCHS * 600  # the digits' training split; a stored training is not counted again
    assert found["pynascent_training_images_total",] == images
    assert found["pynascent_training_images_per_second",] == images / 2
    assert found["pynascent_training_seconds_total",] == 2 and found["pynascent_cost_seconds_total",] == 7
    assert found["pynascent_loss_scale",] == 16384
    waiting.set_result(CandidateResult(Status.OK, {"training_seconds": 1.0}, 1.0))
    assert samples(watching.url)["pynascent_training_images_total",] == 2 * images


def test_a_training_that_goes_on_counts_for_what_it_adds(watching):
    follow(watching, [TRAIN], 3.0, 1).set_result(CandidateResult(Status.OK, {"training_seconds": 7.0}, 7.0))
    found = samples(watching.url)
    assert found["pynascent_training_images_total",] == (EPOCHS - 1) * 600
    assert found["pynascent_training_seconds_total",] == 4
    assert found["pynascent_training_images_per_second",] == (EPOCHS - 1) * 600 / 4


def test_the_driver_is_measured_and_gpus_only_where_there_are_some(watching):
    found = samples(watching.url)
    resident = found["pynascent_resident_memory_bytes", "driver", "0"]
    assert 0.5 < resident / psutil.Process().memory_info().rss < 2
    assert found["pynascent_cpu_seconds_total", "driver", "0"] > 0
    gpus = len(list(processes.gpu_uses()))
    assert sum(name.startswith("pynascent_gpu_memory_used") for name, *_ in found) == gpus


def test_gpus_are_told_in_bytes_and_shares(watching, monkeypatch):
    class Device:  # stands in for NVML, which is where an NVIDIA driver is
        NVMLError = OSError
        nvmlDeviceGetCount = staticmethod(lambda: 3)
        nvmlDeviceGetMemoryInfo = staticmethod(lambda device: SimpleNamespace(used=3 * 2**30, total=2**36))

        @staticmethod
        def nvmlDeviceGetHandleByIndex(index):
            if index == 1:
                raise OSError("this one has fallen off the bus")
            return index

        @staticmethod
        def nvmlDeviceGetUtilizationRates(device):
            if device == 2:
                raise OSError("not supported by a partitioned GPU")
            return SimpleNamespace(gpu=45, memory=1)

    monkeypatch.setattr(processes, "_nvml", lambda: Device)
    found = samples(watching.url)
    assert found["pynascent_gpu_memory_used_bytes", "0"] == 3 * 2**30
    assert found["pynascent_gpu_memory_total_bytes", "0"] == 2**36
    assert found["pynascent_gpu_utilization_ratio", "0"] == 0.45
    # What one GPU does not tell keeps nothing of the others back.
    assert found["pynascent_gpu_memory_used_bytes", "2"] == 3 * 2**30
    assert ("pynascent_gpu_utilization_ratio", "2") not in found
    assert ("pynascent_gpu_memory_used_bytes", "1") not in found


def test_a_process_that_ray_did_not_start_is_never_looked_at():
    # On a cluster a worker's process id is another machine's; here it would be anybody's.
    names = [use.process for use in processes.process_uses({"worker group 1": [psutil.Process().ppid(), 2**30]})]
    assert names == ["driver"]


def test_only_this_machine_can_ask(watching):
    assert watching.url.startswith("http://127.0.0.1:")
    assert listening([psutil.Process()]) <= LOOPBACK and "127.0.0.1" in listening([psutil.Process()])


def test_closing_frees_the_port_and_starting_opens_it_again(watching):
    url = watching.url
    port = int(url.rsplit(":", 1)[1].removesuffix("/metrics"))
    watching.close()
    assert watching.url is None
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)
    socket.create_server(("127.0.0.1", port)).close()
    watching.start()
    watching.start()  # twice is once
    assert samples(watching.url)["pynascent_candidates_running",] == 0


def test_what_goes_wrong_while_watching_is_logged_and_hurts_nobody(watching, caplog, tmp_path):
    watching.settings = WatchSettings(prometheus=0, tensorboard=str(tmp_path / "logs"))
    watching.start()
    (tmp_path / "logs").rmdir()
    future = follow(watching, [])
    future.set_result(CandidateResult(Status.OK, {}, 0.0))
    assert future.result().status == Status.OK
    assert "watching a candidate failed: FileNotFoundError" in caplog.text
    assert samples(watching.url)["pynascent_candidates_finished_total",] == 1
