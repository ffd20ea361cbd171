"""Candidates on their way through the stages: each result from the store, from what is running, or from the pool."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..envs.core.evaluation import Status
from ..envs.core.imports import CodePath
from .data.dataset import DataSource
from .stages import Candidate, Stage, stage_config
from .stages.base import STATE
from .store.evaluation_store import EvaluationStore, Record, question_key
from .workers.jobs import ArtifactReference, StageReport, make_job
from .workers.pool import Pool

if TYPE_CHECKING:
    from .watching.watching import Watching

logger = logging.getLogger("pynascent.trainers")


@dataclass(frozen=True)
class CandidateResult:
    """What all stages of a candidate came to.

    Attributes:
        status: of the stage that nothing else reads from (the training) where it failed, else ``INCOMPLETE`` where
            another stage failed, else ``OK``.
        metrics: what was measured, by name.
        cost_seconds: what the stages are charged together.
        reason: which stage failed and why, in one line.
    """

    status: Status
    metrics: Mapping[str, float]
    cost_seconds: float
    reason: str = ""


@dataclass
class _Flight:
    """A candidate under way."""

    candidate: Candidate
    keys: Mapping[str, str]  # stage → key
    questions: Mapping[str, Mapping[str, Any]]  # stage → question
    todo: list[Stage]
    done: dict[str, StageReport] = field(default_factory=dict)
    kept: dict[str, StageReport] = field(default_factory=dict)  # from the store, though its artifacts are made again
    running: set[str] = field(default_factory=set)
    written: dict[str, Any] = field(default_factory=dict)  # stage → Ray reference to its artifacts
    before: dict[str, float] = field(default_factory=dict)  # stage → seconds of the shorter one that it goes on from
    begun: dict[str, int] = field(default_factory=dict)  # stage → epochs of that one
    future: Future[CandidateResult] = field(default_factory=Future)
    lock: threading.RLock = field(default_factory=threading.RLock)


class Pipeline:
    """The stages of an evaluator.

    Args:
        space_config: the space as plain JSON.
        stages: in an order in which each comes after what it reads.
        data: the data set.
        identity: what every key sees besides the stages: the space, its code, the data set, the environment.
        store: results and artifacts.
        pool: returns the pool, started if it is not there.

    Attributes:
        watching: what is told of the candidates; None where nobody watches.
    """

    def __init__(
        self,
        space_config: Mapping[str, Any],
        stages: Sequence[Stage],
        data: DataSource,
        identity: Callable[[Candidate, Stage], Mapping[str, Any]],
        store: EvaluationStore,
        pool: Callable[[], Pool],
    ) -> None:
        self.space_config, self.stages, self.data, self.identity = space_config, list(stages), data, identity
        self.store, self.pool = store, pool
        self.watching: Watching | None = None
        self._writer = {artifact: stage for stage in stages for artifact in stage.writes}
        self._configs = {stage.name: stage_config(stage) for stage in stages}
        self._disk: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    # -- keys ---------------------------------------------------------------------------------------------

    def questions(self, candidate: Candidate) -> dict[str, dict[str, Any]]:
        """Return stage → everything that determines its result, as plain JSON values."""
        questions: dict[str, dict[str, Any]] = {}
        for stage in self.stages:
            inputs = {artifact: question_key(questions[self._writer[artifact].name]) for artifact in stage.reads}
            questions[stage.name] = {
                "stage": self._configs[stage.name]["component"],
                "version": stage.version,
                "settings": stage.identity(),
                **({"inputs": inputs} if inputs else {}),
                **self.identity(candidate, stage),
            }
        return questions

    # -- asking -------------------------------------------------------------------------------------------

    def ask(self, candidates: Sequence[Candidate], artifact: str | None = None) -> list[Future[CandidateResult]]:
        """Return a future of each candidate's result.

        Args:
            candidates: what is asked for.
            artifact: an artifact that the store is to have afterwards, though it has all the results.
        """
        questions = [self.questions(candidate) for candidate in candidates]
        keys = [{name: question_key(question) for name, question in each.items()} for each in questions]
        stored = self.store.get(list(dict.fromkeys(key for each in keys for key in each.values())))
        futures = []
        for candidate, question, key in zip(candidates, questions, keys, strict=True):
            records = {name: stored[k] for name, k in key.items() if k in stored}
            flight = _Flight(candidate, key, question, self._missing(key, records, artifact))
            for stage in self.stages:
                if stage.name in records:
                    kept = flight.kept if stage in flight.todo else flight.done
                    kept[stage.name] = _report(records[stage.name])
            futures.append(flight.future)
            if self.watching is not None:
                self.watching.follow(candidate, key, flight.todo, flight.future, flight.before, flight.begun)
            self._advance(flight)
        return futures

    def _missing(self, keys: Mapping[str, str], records: Mapping[str, Record], needed: str | None) -> list[Stage]:
        """Return the stages to run: those without a record, and those whose artifacts are needed and gone."""
        if any(record.status == Status.DIVERGED for record in records.values()):
            return []
        todo = {stage.name for stage in self.stages if stage.name not in records}
        wanted = [needed] if needed is not None else []
        for stage in reversed(self.stages):
            wanted += stage.reads if stage.name in todo else ()
            gone = [a for a in wanted if a in stage.writes and not self.store.has_artifact(keys[stage.name], a)]
            if gone and stage.name not in todo:
                todo.add(stage.name)
                wanted += stage.reads
        return [stage for stage in self.stages if stage.name in todo]

    def _advance(self, flight: _Flight) -> None:
        """Start what can be started; the last stage that ends gives the result."""
        started = []
        with flight.lock:
            for stage in list(flight.todo):
                producers = {self._writer[artifact].name for artifact in stage.reads}
                ended = [flight.done[name] for name in producers if name in flight.done]
                if any(report.status != Status.OK for report in ended):
                    flight.todo.remove(stage)  # what it reads was not written
                elif len(ended) == len(producers):
                    flight.todo.remove(stage)
                    flight.running.add(stage.name)
                    started.append(stage)
            if not flight.todo and not flight.running and not flight.future.done():
                flight.future.set_result(self._result(flight))
        for stage in started:
            self._start(flight, stage)

    def _start(self, flight: _Flight, stage: Stage) -> None:
        try:
            pool = self.pool()
            artifacts = {name: self._artifact(flight, name) for name in stage.reads} | self._state(flight, stage)
            job = make_job(self._configs[stage.name], self.space_config, flight.candidate, self.data, CodePath.here())
            ran = pool.submit(flight.keys[stage.name], stage.trains, job, artifacts)
        except Exception as error:
            return self._fail(flight, error)
        # Writing to the disk waits in a thread of its own: the worker's next stage need not.
        ran.add_done_callback(lambda future: self._writing().submit(self._ended, flight, stage, pool, future))

    def _state(self, flight: _Flight, stage: Stage) -> dict[str, Any]:
        """Return what a shorter stage has left for this one to go on from."""
        for candidate in stage.shorter(flight.candidate, self.data):
            key = question_key(self.questions(candidate)[stage.name])
            record = self.store.get([key]).get(key)
            if record is not None and all(self.store.has_artifact(key, name) for name in STATE):
                flight.before[stage.name], flight.begun[stage.name] = record.seconds, candidate.epochs
                epochs = flight.candidate.epochs
                logger.debug("%s of %d epochs goes on from %d", stage.name, epochs, candidate.epochs)
                return {name: self.store.artifact(key, name) for name in STATE}
        return {}

    def _writing(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._disk is None:
                self._disk = ThreadPoolExecutor(1, "pynascent-store")
            return self._disk

    def _artifact(self, flight: _Flight, name: str) -> Any:
        writer = self._writer[name].name
        if writer in flight.written:
            return ArtifactReference(flight.written[writer], name)
        return self.store.artifact(flight.keys[writer], name)

    def _ended(self, flight: _Flight, stage: Stage, pool: Pool, ran: Future[tuple[StageReport, Any]]) -> None:
        try:
            report, reference = ran.result()
            report = _with_seconds(stage, report, flight.before.get(stage.name, 0.0))
            if report.status in (Status.OK, Status.DIVERGED):
                arrays = pool.get(reference) if stage.writes else {}
                record = Record(int(report.status), report.metrics, report.seconds)
                self.store.put(stage.name, flight.questions[stage.name], record, arrays)
            elif report.traceback:
                report = self._with_traceback(flight.keys[stage.name], report)
            with flight.lock:
                flight.running.discard(stage.name)
                flight.done[stage.name] = flight.kept.get(stage.name, report)
                flight.written[stage.name] = reference
            self._advance(flight)
        except Exception as error:
            self._fail(flight, error)

    def _fail(self, flight: _Flight, error: Exception) -> None:
        with flight.lock:
            if not flight.future.done():
                flight.future.set_exception(error)

    def _result(self, flight: _Flight) -> CandidateResult:
        metrics: dict[str, float] = {}
        seconds, status, reason = 0.0, Status.OK, ""
        for stage in self.stages:
            report = flight.done.get(stage.name)
            if report is None:
                continue  # what it reads was not written
            metrics |= report.metrics
            seconds += report.seconds
            if report.status != Status.OK and status == Status.OK:
                status = report.status if not stage.reads else Status.INCOMPLETE
                reason = f"{stage.name}: {report.reason or report.status.name.lower()}"
        return CandidateResult(status, metrics, seconds, reason)

    def _with_traceback(self, key: str, report: StageReport) -> StageReport:
        """Write a crashed stage's traceback beside the store, and return a report whose reason names the file."""
        path = self.store.path.with_suffix(".tracebacks") / f"{key[:16]}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{report.reason}\n\n{report.traceback}\n", encoding="utf-8")
        return replace(report, reason=f"{report.reason} (traceback: {path})")

    def close(self) -> None:
        """Wait until what has finished is written."""
        with self._lock:
            disk, self._disk = self._disk, None
        if disk is not None:
            disk.shutdown(wait=True)


def _with_seconds(stage: Stage, report: StageReport, before: float) -> StageReport:
    """Return a report whose seconds are those of the whole stage, what it went on from included."""
    name = stage.seconds_metric.name
    if not before or name not in report.metrics:
        return report
    metrics = {**report.metrics, name: report.metrics[name] + before}
    return replace(report, metrics=metrics, seconds=report.seconds + before)


def _report(record: Record) -> StageReport:
    return StageReport(Status(record.status), record.metrics, record.seconds)
