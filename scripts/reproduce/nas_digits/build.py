"""Trains the rows of NAS-Digits in several processes; killed and started again, it goes on where it was."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import Any

from ....envs.spaces.base import IntArray
from .row_store import Architecture, RowStore, pending
from .rows import measure_latency, train_row
from .settings import SEEDS

OnRow = Callable[[int, int], None]


def train_rows(store: RowStore, order: IntArray, processes: int, on_row: OnRow, most: int | None = None) -> int:
    """Train what the store has no row of, and put each row into it as it ends.

    Args:
        store: finished rows.
        order: ``(rows, n)`` architectures, the first ones first.
        processes: that train at once, one thread each.
        on_row: called with (rows done, rows wanted) after each row.
        most: rows to train at most; None for all.

    Returns:
        How many rows were trained.
    """
    wanted = len(order) * len(SEEDS)
    jobs = pending(order, SEEDS, store.done())
    before = wanted - len(jobs)
    jobs = jobs[:most]
    on_row(before, wanted)
    done = 0
    with worker_processes(min(processes, max(1, len(jobs)))) as pool:
        running: dict[Future[bytes], tuple[Architecture, int]] = {}
        upcoming = iter(jobs)
        while True:
            # A few ahead of the processes, so that none waits and an interrupt loses little.
            while len(running) < 2 * processes and (job := next(upcoming, None)) is not None:
                running[pool.submit(train_row, *job)] = job
            if not running:
                return done
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                architecture, seed = running.pop(future)
                store.put(architecture, seed, future.result())
                done += 1
                on_row(before + done, wanted)


def measure_latencies(architectures: list[Architecture], on_row: OnRow) -> dict[Architecture, list[float]]:
    """Return milliseconds of an inference at batch 1 and 64 of each architecture, one after the other.

    In a single process of one thread, so that nothing of ours runs beside it.
    """
    with worker_processes(1) as pool:
        latencies = {}
        for architecture, pair in zip(architectures, pool.map(measure_latency, architectures), strict=True):
            latencies[architecture] = pair
            on_row(len(latencies), len(architectures))
        return latencies


def worker_processes(count: int) -> Any:
    """Return a pool of fresh processes in which TensorFlow is set up, and which end when this process does."""
    return ProcessPoolExecutor(count, get_context("spawn"), _start, (os.getpid(),))


def _start(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)  # a killed parent cannot tell its workers to stop

    threading.Thread(target=watch, daemon=True).start()
    from ....trainers.workers.tensorflow_runtime import set_up_tensorflow

    set_up_tensorflow(1)
