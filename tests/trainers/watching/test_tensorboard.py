"""TensorBoard runs, read back by TensorBoard."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pynascent.envs.core.evaluation import Metric
from pynascent.envs.spaces import ChainSpace
from pynascent.trainers.stages import Candidate
from pynascent.trainers.watching.tensorboard import TensorBoardLogs

METRICS = {
    name: Metric(name, "1", split)
    for name, split in (("validation_accuracy", "validation"), ("test_accuracy", "test"), ("isi", "probe"))
}
CURVE = {"training_loss": np.array([2.0, 1.0, 0.5]), "loss_scale": np.array([8.0, 8.0, 16.0])}
RESULTS = {"validation_accuracy": 0.75, "test_accuracy": 0.5, "isi": 0.25, "unknown": 1.0}
CANDIDATE = Candidate(ChainSpace(), (4, 3, 2, 5, 1, 0), 3, 7)


@pytest.fixture
def logs(tmp_path):
    return TensorBoardLogs(str(tmp_path / "a" / "b"), METRICS)


def read(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(run)).Reload()


def test_a_run_holds_curve_results_and_hyperparameters(logs):
    from tensorboard.plugins.hparams import metadata

    run = logs.write(CANDIDATE, "0123456789abcdef", RESULTS, 1.5, CURVE)
    events = read(run)
    scalars = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert scalars == {
        "curve/training_loss": [(1, 2.0), (2, 1.0), (3, 0.5)],
        "curve/loss_scale": [(1, 8.0), (2, 8.0), (3, 16.0)],
        "result/validation_accuracy": [(3, 0.75)],  # nothing of the test split: a search is watched here
        "result/isi": [(3, 0.25)],
        "result/cost_seconds": [(3, 1.5)],
    }
    content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    values = metadata.parse_session_start_info_plugin_data(content).hparams
    assert values["architecture"].string_value == ChainSpace().to_string(CANDIDATE.architecture)
    assert (values["epochs"].number_value, values["seed"].number_value) == (3, 7)


def test_runs_have_names_of_their_own_and_are_written_once(logs):
    first = logs.write(CANDIDATE, "0123456789abcdef", RESULTS, 1.5, None)
    before = {path: path.stat().st_mtime_ns for path in logs.folder.rglob("*")}
    assert logs.write(CANDIDATE, "0123456789abcdef", {}, 9.0, CURVE) == first
    assert {path: path.stat().st_mtime_ns for path in logs.folder.rglob("*")} == before
    assert logs.write(CANDIDATE, "fedcba9876543210", RESULTS, 1.5, None) != first
    assert first.name.endswith("_e3_s7_0123456789") and first.parent == logs.folder
    assert len(list(logs.folder.iterdir())) == 2


def test_writing_does_not_import_tensorflow(tmp_path):
    code = f"""
import sys
from pynascent.envs.spaces import ChainSpace
from pynascent.trainers.stages import Candidate
from pynascent.trainers.watching.tensorboard import TensorBoardLogs
candidate = Candidate(ChainSpace(), (0,) * 6, 1, 0)
TensorBoardLogs({str(tmp_path / "logs")!r}, {{}}).write(candidate, "k" * 64, {{}}, 0.0, None)
assert "tensorboard" in sys.modules and "tensorflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(list((tmp_path / "logs").rglob("events.*"))) == 1


def test_the_command_that_opens_the_logs_starts():
    # It needs a setuptools that still has pkg_resources, which it does not say.
    command = [Path(sys.executable).with_name("tensorboard"), "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith("2.")
