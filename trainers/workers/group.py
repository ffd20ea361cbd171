"""A warm worker group: the processes that train one candidate after the other, one or several ranks of Horovod."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from ...envs.core.imports import CodePath
from ...evaluation.optional import require
from ..training.communicator import Alone, Communicator, HorovodRanks
from .jobs import StageJob, keras_file, run_stage
from .ray_runtime import import_ray, is_loopback

logger = logging.getLogger("pynascent.trainers")

_communicator: Communicator = Alone()  # of this process, when it is a rank


class WorkerDied(RuntimeError):
    """A process of a group ended in the middle of its work."""


class Rank:
    """Body of an actor that runs what it is sent; Horovod's own actors have the same method."""

    def execute(self, function: Callable[[Any], Any]) -> Any:
        """Return ``function(None)``."""
        return function(None)


def set_up_rank(_: Any, ranks: int, gpu: bool, code: CodePath) -> int:
    """Make this process ready to train: find the user's modules, import TensorFlow, join Horovod's ranks.

    Returns:
        Its process id.
    """
    global _communicator
    code.follow()
    from .tensorflow_runtime import set_up_tensorflow

    if ranks > 1:
        _communicator = HorovodRanks()
    # Ray shows a lone rank its own GPUs only; Horovod's ranks see all those of the machine.
    local_rank = _communicator.local_rank if isinstance(_communicator, HorovodRanks) else 0
    set_up_tensorflow(gpu=local_rank if gpu else None)
    require("keras", "train", "training")
    # What is loaded now stays for good: collections between candidates need not look through it again.
    gc.collect()
    gc.freeze()
    return os.getpid()


def run_here(_: Any, job: StageJob, artifacts: Any) -> tuple[Any, Any]:
    """Run a stage in this process, or in this rank of several; the first rank returns report and artifacts."""
    report, written = run_stage(job, artifacts, _communicator)
    return (report, written) if _communicator.rank == 0 else (None, None)


def keras_file_here(_: Any, *arguments: Any) -> tuple[Any, Any]:
    """Make a ``.keras`` file in this process."""
    return keras_file(*arguments), None


class WorkerGroup:
    """R processes under Ray that stay alive between candidates. Use it from one thread.

    Args:
        ranks: R. With more than 1, Horovod's RayExecutor places them and joins them (Gloo on CPU, NCCL
            on GPUs where Horovod was built with it).
        gpus_per_rank: GPUs of each rank; a fraction shares one, for a single rank.
        cpus_per_rank: Ray's logical CPUs of each rank; 0 for a group that only helps out.
    """

    def __init__(self, ranks: int = 1, gpus_per_rank: float = 0, cpus_per_rank: int = 1) -> None:
        self.ranks, self.gpus_per_rank, self.cpus_per_rank = ranks, gpus_per_rank, cpus_per_rank
        self.process_ids: list[int] = []
        self._actors: list[Any] = []
        self._executor: Any = None

    @property
    def started(self) -> bool:
        """Whether the processes are there."""
        return bool(self.process_ids)

    def start(self) -> None:
        """Start the processes and wait until they are ready to train.

        Raises:
            WorkerDied: one ended before it was ready.
        """
        try:
            if self.ranks > 1:
                self._start_horovod()
            else:
                ray = import_ray()
                options = {"num_cpus": self.cpus_per_rank, "num_gpus": self.gpus_per_rank}
                self._actors = [ray.remote(Rank).options(**options).remote()]
            code = CodePath.here()
            call = partial(set_up_rank, ranks=self.ranks, gpu=self.gpus_per_rank > 0, code=code)
            self.process_ids = self._all([actor.execute.remote(call) for actor in self._actors])
        except BaseException:
            self.stop()
            raise

    def _start_horovod(self) -> None:
        from .horovod_executor import start_executor

        self._executor = start_executor(self.ranks, int(self.gpus_per_rank), self.cpus_per_rank, is_loopback())
        self._actors = list(self._executor.adapter.workers)

    def run(self, function: Callable[..., tuple[Any, Any]], *arguments: Any) -> tuple[Any, Any]:
        """Run a function in every rank and wait for all.

        Args:
            function: a module's function; it is called with None and the arguments, and returns a pair.
            arguments: travel to every rank.

        Returns:
            The first rank's pair: the value, and a Ray reference to the second, which stays where it is.

        Raises:
            WorkerDied: a rank ended in the middle.
            ray.exceptions.RayTaskError: the function raised; with several ranks the others may be waiting
                for the one that failed: stop the group.
        """
        call = partial(_call, function=function, arguments=arguments)
        pairs = [actor.execute.options(num_returns=2).remote(call) for actor in self._actors]
        values = self._all([first for first, _ in pairs])
        return values[0], pairs[0][1]

    def _all(self, references: list[Any]) -> list[Any]:
        """Wait for every rank, but not after the first failure: the others would wait for it for ever."""
        ray = import_ray()
        pending = list(references)
        try:
            while pending:
                ready, pending = ray.wait(pending, num_returns=1, timeout=120 if not self.started else None)
                if not ready:
                    logger.warning("still waiting for Ray to place %d processes: is the cluster busy?", len(pending))
                ray.get(ready)
            return ray.get(references)
        except ray.exceptions.RayActorError as error:
            raise WorkerDied(str(error).strip().splitlines()[0]) from error

    def stop(self) -> None:
        """End the processes."""
        ray = import_ray()
        actors, self._actors, self.process_ids = self._actors, [], []
        executor, self._executor = self._executor, None
        if not ray.is_initialized():
            return
        for actor in actors:
            ray.kill(actor, no_restart=True)
        if executor is not None:
            from .horovod_executor import stop_executor

            stop_executor(executor)


def _call(_: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(None, *arguments)
