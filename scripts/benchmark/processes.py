"""Runs in parallel: processes of this machine, or of a Ray cluster."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from ...envs.core.imports import CodePath
from ...trainers.workers import ray_runtime
from .play import play

NumberedAnswer = tuple[int, "bytes | str"]
"""A run's number and its file; or, where it failed, why."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def attempt(question: Mapping[str, Any]) -> bytes | str:
    """Play a run; an agent that fails, or lacks a package, gives the reason instead of the run's file."""
    try:
        return play(question)
    except OSError:
        raise  # the machine is not ready for this benchmark: no other run would fare better
    except Exception as error:
        if os.environ.get("PYNASCENT_TRACEBACK"):
            raise
        return f"{type(error).__name__}: {' '.join(str(error).split())}"


def in_this_process(questions: Sequence[Mapping[str, Any]]) -> Iterator[NumberedAnswer]:
    """Play runs one after the other, here."""
    for number, question in enumerate(questions):
        yield number, attempt(question)


def in_processes(
    questions: Sequence[Mapping[str, Any]], processes: int, modules: Sequence[str] = ()
) -> Iterator[NumberedAnswer]:
    """Play runs in processes of their own, and yield them as they end.

    Args:
        questions: what to play.
        processes: how many at a time.
        modules: modules that each process imports first.

    Raises:
        ChildProcessError: a process ended without an answer.
    """
    # Spawned, not forked: TensorFlow does not survive a fork. One core each, since there is one for each.
    context = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(processes, context, _begin, (CodePath.here(modules),)) as pool:
        try:
            yield from _as_completed(questions, lambda question: pool.submit(attempt, question), 2 * processes)
        except BrokenProcessPool as error:
            raise ChildProcessError(
                "a process of the benchmark was ended from outside (out of memory?): finished runs are kept, "
                "--resume goes on; fewer --processes need less memory"
            ) from error
        except BaseException:  # interrupted, or nobody wants the rest
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.terminate()
            raise


def in_ray(
    questions: Sequence[Mapping[str, Any]], address: str | None, processes: int | None, modules: Sequence[str] = ()
) -> Iterator[NumberedAnswer]:
    """Play runs on Ray, and yield them as they end.

    Args:
        questions: what to play.
        address: of a running cluster; None starts a local Ray.
        processes: runs at a time; None for as many as the cluster has CPUs.
        modules: modules that each worker imports first; they must lie on its machine where they lie on this one.

    Raises:
        ModuleNotFoundError: Ray is missing; the message names the extra.
        ConnectionError: nothing answers at the address.
    """
    ray = ray_runtime.acquire(address)
    try:
        remote = ray.remote(num_cpus=1, max_retries=2)(_attempt_with)
        places = processes or (ray_runtime.cores() if address is None else int(ray.cluster_resources().get("CPU", 1)))
        waiting: dict[Any, int] = {}
        for number, question in enumerate(questions):
            waiting[remote.remote(CodePath.here(modules), question)] = number
            if len(waiting) >= places:
                done, _ = ray.wait(list(waiting), num_returns=1)
                yield waiting.pop(done[0]), ray.get(done[0])
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1)
            yield waiting.pop(done[0]), ray.get(done[0])
    finally:
        ray_runtime.release()


def _attempt_with(code: CodePath, question: Mapping[str, Any]) -> bytes | str:
    """Play a run where the user's modules have to be found first."""
    code.follow()
    return attempt(question)


def _as_completed(
    questions: Sequence[Mapping[str, Any]], submit: Callable[[Mapping[str, Any]], Future], ahead: int
) -> Iterator[NumberedAnswer]:
    waiting: dict[Future, int] = {}
    for number, question in enumerate(questions):
        waiting[submit(question)] = number
        if len(waiting) >= ahead:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            yield from ((waiting.pop(future), future.result()) for future in done)
    while waiting:
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        yield from ((waiting.pop(future), future.result()) for future in done)


def _begin(code: CodePath) -> None:
    """Prepare a process: it must not outlive a killed parent, which cannot tell it to stop."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            multiprocessing.connection.wait([parent.sentinel])
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
    code.follow()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Set the variables that libraries read when they are imported, for the processes started meanwhile."""
    added = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
