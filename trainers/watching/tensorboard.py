"""TensorBoard logs: one run for each candidate. TensorFlow is not imported for them."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...envs.core.evaluation import Metric
from ...evaluation.optional import require
from ..stages.base import Arrays, Candidate

PURPOSE = "writing TensorBoard logs"


class TensorBoardLogs:
    """Writes a folder that TensorBoard reads, with a folder in it for each candidate.

    A run has the learning curve by epoch (``curve/training_loss``, and ``curve/loss_scale``, ``curve/skipped_steps``,
    ``curve/l2`` where the training has them), the results at the candidate's fidelity (``result/validation_accuracy``,
    ``result/cost_seconds``, …; nothing of the test split), and as hyperparameters the architecture's text, the epochs
    and the seed. A run appears whole when its candidate is finished. One that is there is not written again, so a
    resumed search adds to the folder.

    Args:
        folder: it is made if it is not there.
        metrics: what the evaluator measures; names the split of each.

    Raises:
        ValueError: nothing can be written there.
    """

    def __init__(self, folder: str, metrics: Mapping[str, Metric]) -> None:
        self.folder, self.metrics = Path(folder), metrics
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".{os.getpid()}.probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ValueError(
                f"watch: tensorboard={folder!r}: cannot write there ({error.strerror}): give another folder"
            ) from error

    def write(
        self, candidate: Candidate, key: str, results: Mapping[str, float], cost_seconds: float, curve: Arrays | None
    ) -> Path:
        """Write the run of a finished candidate and return its folder.

        Args:
            candidate: what was evaluated.
            key: of its results; two evaluations of one architecture have runs of different names.
            results: what was measured, by name.
            cost_seconds: what it cost the search.
            curve: ``(epochs,)`` arrays by name; None where the store has removed them.
        """
        run = self.folder / run_name(candidate, key)
        if run.exists():
            return run
        events = [*_curve_events(curve or {}), *self._result_events(candidate, results, cost_seconds)]
        made = self.folder / f".{run.name}.{os.getpid()}"
        made.mkdir()
        try:
            _write_events(made / f"events.out.tfevents.{time.time():.0f}.pynascent", _described(candidate, key), events)
            made.rename(run)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            raise
        return run

    def _result_events(self, candidate: Candidate, results: Mapping[str, float], cost: float) -> list[Any]:
        searched = {
            name: value
            for name, value in results.items()
            if name in self.metrics and self.metrics[name].split != "test"
        }
        return [(candidate.epochs, f"result/{name}", v) for name, v in {**searched, "cost_seconds": cost}.items()]


def run_name(candidate: Candidate, key: str) -> str:
    """Return the name of a candidate's run: the beginning of its text, epochs, seed, the beginning of its key."""
    text = re.sub(r"[^A-Za-z0-9._=+-]+", "_", candidate.space.to_string(candidate.architecture)).strip("_.")
    return f"{text[:80]}_e{candidate.epochs}_s{candidate.seed}_{key[:10]}"


def _curve_events(curve: Arrays) -> list[tuple[int, str, float]]:
    return [
        (epoch, f"curve/{name}", float(value))
        for name, values in curve.items()
        for epoch, value in enumerate(np.ravel(values), start=1)
    ]


def _described(candidate: Candidate, key: str) -> list[Any]:
    """Return the summaries that make a run's hyperparameters: TensorBoard's own for the beginning and the end."""
    hparams: Any = require("tensorboard.plugins.hparams.summary_v2", "watch", PURPOSE)
    metadata: Any = require("tensorboard.plugins.hparams.metadata", "watch", PURPOSE)
    summary_pb2: Any = require("tensorboard.compat.proto.summary_pb2", "watch", PURPOSE)
    data: Any = require("tensorboard.plugins.hparams.plugin_data_pb2", "watch", PURPOSE)
    api: Any = require("tensorboard.plugins.hparams.api_pb2", "watch", PURPOSE)
    values = {
        "architecture": candidate.space.to_string(candidate.architecture),
        "epochs": candidate.epochs,
        "seed": candidate.seed,
    }
    ended = data.SessionEndInfo(status=api.STATUS_SUCCESS, end_time_secs=time.time())
    end = summary_pb2.Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(data.HParamsPluginData(session_end_info=ended)),
        tensor=metadata.NULL_TENSOR,
    )
    return [hparams.hparams_pb(values, trial_id=key), summary_pb2.Summary(value=[end])]


def _write_events(path: Path, summaries: Sequence[Any], scalars: Sequence[tuple[int, str, float]]) -> None:
    """Write an event file: whole summaries first, then scalars as (step, tag, value)."""
    # tensorboard's own EventFileWriter opens its file through TensorFlow, and so imports it; its records do not.
    records: Any = require("tensorboard.summary.writer.record_writer", "watch", PURPOSE)
    event_pb2: Any = require("tensorboard.compat.proto.event_pb2", "watch", PURPOSE)
    summary_pb2: Any = require("tensorboard.compat.proto.summary_pb2", "watch", PURPOSE)
    now = time.time()
    with path.open("wb") as file:
        writer = records.RecordWriter(file)
        writer.write(event_pb2.Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
        for summary in summaries:
            writer.write(event_pb2.Event(wall_time=now, summary=summary).SerializeToString())
        for step, tag, value in scalars:
            summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, simple_value=value)])
            writer.write(event_pb2.Event(wall_time=now, step=step, summary=summary).SerializeToString())
