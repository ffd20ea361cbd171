"""The pool: worker groups that train and helpers that do the rest, kept warm for one stage after the other."""

from __future__ import annotations

import atexit
import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

from ...envs.core.evaluation import Status
from ..data.dataset import DataSource
from . import ray_runtime
from .group import WorkerDied, WorkerGroup, keras_file_here, run_here
from .jobs import ComponentUnavailable, StageJob, StageReport

logger = logging.getLogger("pynascent.trainers")

TRIES = 3  # of a piece of work
STARTS = 6  # of a group, in a row: one whose process is killed while it starts has done nothing wrong


class PoolError(RuntimeError):
    """The pool's processes could not be started, or the pool was closed while work was waiting."""


class Crashed(RuntimeError):
    """A piece of work failed: once, where the same would come of it again, or in every try.

    Attributes:
        traceback: of the worker, where there is one.
    """

    def __init__(self, reason: str, traceback: str = "") -> None:
        super().__init__(reason)
        self.traceback = traceback


@dataclass(frozen=True)
class PoolSettings:
    """What makes two pools one.

    Attributes:
        workers: number of worker groups; None for as many as a cluster has CPUs for.
        ranks: processes of each group.
        gpus_per_rank: GPUs of each process.
        explainers: number of helper processes, which explain and measure.
        ray_address: of a running Ray cluster; None for a local Ray.
    """

    workers: int | None
    ranks: int = 1
    gpus_per_rank: float = 0
    explainers: int = 1
    ray_address: str | None = None


Finished = tuple[StageReport, Any]
"""A stage's report, and a Ray reference to what it wrote."""


@dataclass
class _Task:
    function: Callable[..., tuple[Any, Any]]
    arguments: tuple[Any, ...]
    future: Future[tuple[Any, Any]]


class _Feeder(threading.Thread):
    """Feeds one group from a queue and replaces the group when one of its processes dies."""

    def __init__(self, pool: Pool, name: str, group: WorkerGroup, tasks: SimpleQueue[_Task | None]) -> None:
        super().__init__(name=name, daemon=True)
        self.pool, self.group, self.tasks = pool, group, tasks
        self.start_error: Exception | None = None
        self.busy = False

    def run(self) -> None:
        """Start the group, then do task after task until told to end by a None."""
        self._start_group()
        while (task := self.tasks.get()) is not None:
            self.busy = True
            self._do(task)
            self.busy = False

    def _start_group(self) -> None:
        self.start_error = None
        try:
            self.pool.connect()
            self.group.start()
        except Exception as error:  # whatever it is, the caller who waits for a result is to hear of it
            self.start_error = error
        if self.pool.closed:
            self.group.stop()

    def _do(self, task: _Task) -> None:
        reason, traceback = "", ""
        tries = starts = 0
        while tries < TRIES and starts < (STARTS if isinstance(self.start_error, WorkerDied) else TRIES):
            if self.pool.closed:
                return task.future.set_exception(PoolError("the pool was closed before the candidate was finished"))
            if not self.group.started:
                if starts or self.start_error is None:
                    self._start_group()
                if self.start_error is not None:
                    starts += 1
                    reason = f"{self.name} could not be started: {_first_line(self.start_error)}"
                    if isinstance(self.start_error, (PoolError, ConnectionError)):
                        break  # trying again will not help
                    continue
            starts, tries = 0, tries + 1
            try:
                arguments = [self.pool.ship(argument) for argument in task.arguments]
                return task.future.set_result(self.group.run(task.function, *arguments))
            except Exception as error:  # a worker's death, or whatever its code raised
                if self.pool.closed:
                    continue
                # What a worker raised carries its traceback as its text.
                reason, traceback = _first_line(error), _plain(str(error)) if _cause(error) is not error else ""
                logger.warning("%s, try %d of %d: %s", self.name, tries, TRIES, reason)
                if isinstance(error, WorkerDied) or self.group.ranks > 1:
                    self.group.stop()
                if isinstance(_cause(error), ComponentUnavailable):
                    return task.future.set_exception(PoolError(str(_cause(error))))
                if not _may_pass(error):
                    break
        task.future.set_exception(Crashed(reason, traceback) if self.start_error is None else PoolError(reason))


def _cause(error: BaseException) -> BaseException:
    return getattr(error, "cause", None) or error  # Ray wraps what a worker raised


def _may_pass(error: BaseException) -> bool:
    """Say whether another try may go better: not where the stage's own code raised, which computes the same again."""
    cause = getattr(error, "cause", None)
    passing = ("ResourceExhaustedError", "UnavailableError", "HorovodInternalError")
    return cause is None or isinstance(cause, (OSError, MemoryError)) or type(cause).__name__ in passing


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)  # Ray colours it


def _first_line(error: BaseException) -> str:
    cause = _cause(error)
    line = (str(cause).strip().splitlines() or [""])[0]
    return line if isinstance(cause, (PoolError, WorkerDied, ConnectionError)) else f"{type(cause).__name__}: {line}"


class Pool:
    """W worker groups and E helpers, started together in the background and kept warm.

    A stage that trains is run by the first group that is free, any other stage by a helper; what one stage writes
    goes from process to process, while the group goes on with the next candidate. A stage whose process dies is
    tried three times in all, with new processes; processes that die while they start are started up to six times. One
    that raises is tried again only where that may help (memory, files, connections): the same code on the same input
    would raise again.

    Args:
        settings: how many of what.
    """

    def __init__(self, settings: PoolSettings) -> None:
        self.settings = settings
        self.closed = False
        self._process = os.getpid()
        ray_runtime.import_ray(settings.ray_address is None)  # before atexit: close() must run before Ray's own exit
        atexit.register(self.close)
        self._lock = threading.RLock()
        self._connected = False
        self._datasets: dict[str, Any] = {}
        self._running: dict[str, Future[Finished]] = {}
        self._training: SimpleQueue[_Task | None] = SimpleQueue()
        self._helping: SimpleQueue[_Task | None] = SimpleQueue()
        self._feeders: list[_Feeder] = []
        groups = [
            ("worker group", settings.workers or 0, settings.ranks, settings.gpus_per_rank, 1, self._training),
            ("explainer", settings.explainers, 1, 0, 0, self._helping),
        ]
        if settings.workers is None:
            self.connect()
            fits = int(self._ray.cluster_resources().get("CPU", 0)) // settings.ranks
            groups[0] = ("worker group", max(fits, 1), *groups[0][2:])
        for name, count, ranks, gpus, cpus, tasks in groups:
            for index in range(count):
                feeder = _Feeder(self, f"{name} {index + 1}", WorkerGroup(ranks, gpus, cpus), tasks)
                self._feeders.append(feeder)
        for feeder in self._feeders:
            feeder.start()

    def connect(self) -> None:
        """Connect to Ray; the first caller does it, the others wait.

        Raises:
            PoolError: the cluster has not the CPUs or GPUs that the settings ask for.
        """
        with self._lock:
            if not self._connected:
                self._ray = ray_runtime.acquire(self.settings.ray_address)
                self._connected = True
                if self.settings.ray_address is None and not ray_runtime.is_loopback():
                    logger.warning("the Ray of this process was not started by pynascent: it listens beyond localhost")
            has = self._ray.cluster_resources()
            if not has.get("CPU"):
                raise PoolError("Ray has ended: its node process is gone")
            ranks = self.settings.ranks * (self.settings.workers or 1)
            for kind, needed in (("CPU", ranks), ("GPU", ranks * self.settings.gpus_per_rank)):
                if needed > has.get(kind, 0):
                    raise PoolError(
                        f"{self.settings.workers or 1} workers of {self.settings.ranks} ranks need {needed:g} "
                        f"{kind}s, Ray has {has.get(kind, 0):g}: ask for fewer"
                    )

    def submit(self, key: str, trains: bool, job: StageJob, artifacts: Mapping[str, Any]) -> Future[Finished]:
        """Queue a stage of a candidate and return its future at once.

        Args:
            key: of the stage's result: as long as one of this key is on its way, its future is returned.
            trains: whether a worker group is to run it, else a helper.
            job: what to do; its ``data`` is the data set itself.
            artifacts: what the stage reads, by name: named arrays, or Ray references to such.

        Returns:
            A future of the report and of a Ray reference to the artifacts that were written (None where the stage
            crashed). It raises `PoolError` where no process could be started, a component is missing in the worker
            processes, or the pool was closed.
        """
        with self._lock:
            if self.closed:
                raise PoolError("the pool is closed")
            if self._process != os.getpid():
                raise PoolError(
                    "this process was forked from one with a live pool, which it cannot use: "
                    "fork before the first evaluation, or start processes by spawn"
                )
            if key in self._running:
                return self._running[key]
            done: Future[Finished] = Future()
            self._running[key] = done
        ran: Future[tuple[Any, Any]] = Future()
        ran.add_done_callback(lambda future: self._finish(key, future))
        (self._training if trains else self._helping).put(_Task(run_here, (job, dict(artifacts)), ran))
        return done

    def ship(self, argument: Any) -> Any:
        """Return a job with its data set replaced by a reference to Ray's copy; leave other arguments alone."""
        if not isinstance(argument, StageJob):
            return argument
        data: DataSource = argument.data
        with self._lock:
            checksum = data.checksum
            if checksum not in self._datasets:
                self._datasets[checksum] = self._ray.put(data)
            return replace(argument, data=self._datasets[checksum])

    def get(self, reference: Any) -> Any:
        """Return what a Ray reference stands for."""
        return self._ray.get(reference)

    def _finish(self, key: str, ran: Future[tuple[Any, Any]]) -> None:
        error = ran.exception()
        with self._lock:
            future = self._running.pop(key, None)
        if future is None:  # the pool was closed meanwhile
            return
        if error is None:
            future.set_result(ran.result())
        elif isinstance(error, Crashed):
            logger.error("a stage failed and counts as crashed: %s", error)
            future.set_result((StageReport(Status.CRASHED, reason=str(error), traceback=error.traceback), None))
        else:
            future.set_exception(error)

    def keras_file(self, *arguments: Any) -> bytes:
        """Make a ``.keras`` file in a helper's process; arguments as of `jobs.keras_file`."""
        made: Future[tuple[Any, Any]] = Future()
        self._helping.put(_Task(keras_file_here, arguments, made))
        return made.result()[0]

    @property
    def size(self) -> int:
        """Number of worker groups."""
        return sum(feeder.tasks is self._training for feeder in self._feeders)

    @property
    def process_ids(self) -> dict[str, list[int]]:
        """Process ids of each worker group and helper that is up, by name."""
        return {feeder.name: list(feeder.group.process_ids) for feeder in self._feeders if feeder.group.started}

    @property
    def busy(self) -> list[str]:
        """Names of the worker groups and helpers that have something to do now."""
        return [feeder.name for feeder in self._feeders if feeder.busy]

    @property
    def waiting(self) -> dict[str, int]:
        """Stages that no process has taken up yet: of the kinds ``worker group`` and ``explainer``, about how many."""
        return {"worker group": self._training.qsize(), "explainer": self._helping.qsize()}

    def close(self) -> None:
        """End every process; whoever still waits for a candidate gets a `PoolError`."""
        with self._lock:
            # A forked child inherits the exit function, not the processes.
            if self.closed or self._process != os.getpid():
                return
            self.closed = True
        atexit.unregister(self.close)
        for feeder in self._feeders:
            feeder.tasks.put(None)
        for feeder in self._feeders:
            feeder.group.stop()
        for feeder in self._feeders:
            feeder.join(timeout=10)
        with self._lock:
            if self._connected:
                ray_runtime.release()
                self._connected = False
            waiting, self._running = self._running, {}
        for future in waiting.values():
            future.set_exception(PoolError("the pool was closed before the candidate was finished"))


_shared: dict[PoolSettings, tuple[Pool, int]] = {}
_shared_lock = threading.Lock()


def borrow(settings: PoolSettings) -> Pool:
    """Return this process's warm pool of these settings, started if there is none; `give_back` it later."""
    with _shared_lock:
        pool, users = _shared.get(settings, (None, 0))
        if pool is None or pool.closed:
            pool, users = Pool(settings), 0
        _shared[settings] = (pool, users + 1)
        return pool


def give_back(pool: Pool) -> None:
    """Say that a borrower is done; the last one closes the pool."""
    with _shared_lock:
        kept, users = _shared.get(pool.settings, (None, 0))
        if kept is not pool:
            return
        if users > 1:
            _shared[pool.settings] = (pool, users - 1)
            return
        del _shared[pool.settings]
    pool.close()
