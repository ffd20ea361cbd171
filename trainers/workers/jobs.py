"""What worker processes are asked to do: one stage of one candidate; and the functions that do it there."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from ...envs.core.evaluation import Status
from ...envs.core.imports import CodePath
from ...envs.spaces import space_from_config
from ..stages import STAGES, Candidate, StageContext
from ..store.evaluation_store import canonical_json
from ..training.communicator import Alone, Communicator


class ComponentUnavailable(RuntimeError):
    """A component that this process has cannot be imported or made in a worker process."""


@dataclass(frozen=True)
class StageJob:
    """One stage of one candidate.

    Attributes:
        stage: the stage as JSON text, `stage_config`.
        space: the space as JSON text, `space_to_config`.
        architecture: option indices ``(n,)``.
        epochs: the fidelity.
        seed: the training seed.
        data: the data set, or a Ray reference to it.
        code: where modules from outside the package are found.
    """

    stage: str
    space: str
    architecture: tuple[int, ...]
    epochs: int
    seed: int
    data: Any
    code: CodePath = field(default_factory=CodePath)


@dataclass(frozen=True)
class ArtifactReference:
    """An artifact among those that a stage wrote, by a Ray reference to all of them."""

    reference: Any
    name: str


@dataclass(frozen=True)
class StageReport:
    """What became of a job.

    Attributes:
        status: ``OK``, ``DIVERGED``, or ``CRASHED``.
        metrics: what was measured, the stage's seconds included.
        seconds: what is charged to the search.
        reason: what went wrong, in one line, for ``CRASHED``.
        traceback: where it went wrong, for ``CRASHED``.
    """

    status: Status
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    reason: str = ""
    traceback: str = ""


def make_job(
    stage: Mapping[str, Any], space: Mapping[str, Any], candidate: Candidate, data: Any, code: CodePath
) -> StageJob:
    """Return a job of plain values, so that a process without the user's modules can still say what it lacks."""
    return StageJob(
        canonical_json(stage),
        canonical_json(space),
        candidate.architecture,
        candidate.epochs,
        candidate.seed,
        data,
        code,
    )


def run_stage(
    job: StageJob, artifacts: Mapping[str, Any], communicator: Communicator | None = None
) -> tuple[StageReport, dict[str, Any]]:
    """Run a job in this process.

    Args:
        job: what to do.
        artifacts: what the stage reads, by name; values may be Ray references.
        communicator: the ranks that do it together.

    Returns:
        The report, and the artifacts that the stage wrote.

    Raises:
        ComponentUnavailable: this process cannot make the space, the stage or the data set.
    """
    stage, candidate, data = _made(job)
    context = StageContext(candidate, data, {n: _resolved(a) for n, a in artifacts.items()}, communicator or Alone())
    started = time.perf_counter()
    try:
        result = stage.run(context)
        seconds = time.perf_counter() - started - result.uncharged_seconds
    finally:
        _forget_models()
    report = StageReport(result.status, {**result.metrics, stage.seconds_metric.name: seconds}, seconds)
    return report, dict(result.artifacts)


def _made(job: StageJob) -> tuple[Any, Candidate, Any]:
    try:
        job.code.follow()
        stage, space = _stage(job.stage), _space(job.space)
        data = _resolved(job.data)
    except (ValueError, ImportError, AttributeError) as error:
        raise ComponentUnavailable(f"a worker process cannot make what is evaluated: {error}") from error
    return stage, Candidate(space, job.architecture, job.epochs, job.seed), data


@lru_cache(maxsize=32)
def _stage(config: str) -> Any:
    return STAGES.make(json.loads(config))


@lru_cache(maxsize=32)
def _space(config: str) -> Any:
    return space_from_config(json.loads(config))


def _resolved(value: Any) -> Any:
    """Return a value that may be a Ray reference, or an artifact behind one."""
    if isinstance(value, ArtifactReference):
        return _resolved(value.reference)[value.name]
    if type(value).__module__.partition(".")[0] != "ray":
        return value
    import ray

    return ray.get(value)


def _forget_models() -> None:
    from .tensorflow_runtime import forget_models

    forget_models()


def keras_file(
    space: Mapping[str, Any], architecture: Sequence[int], weights: Sequence[NDArray[Any]], code: CodePath
) -> bytes:
    """Return the bytes of a ``.keras`` file of a network with these weights."""
    from ..training.loop import model_with_weights

    code.follow()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        model_with_weights(_space(canonical_json(space)).network(architecture), weights).save(path)
        with open(path, "rb") as file:
            return file.read()
