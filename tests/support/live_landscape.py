"""A landscape that is trained live: worker threads sleep through each training, and results come as they end."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from pynascent.envs import Evaluation

from .landscape import Landscape


class LiveLandscape(Landscape):
    """An `AsyncEvaluator` of W worker threads.

    Args:
        workers: W, its ``parallelism``.
        delay: seconds of the longest training; a training takes a share of it that its question determines.
        crash: trainings, counted from 0 in the order of submitting, whose ``collect`` raises.
        answered: whether every training takes no time, as if a store answered.
    """

    def __init__(
        self, workers: int, delay: float = 0.02, crash: tuple[int, ...] = (), answered: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.parallelism, self._delay, self._crash, self._answered = workers, delay, crash, answered
        self._pool = ThreadPoolExecutor(workers)
        self._tickets: dict[int, Future] = {}
        self._lock = threading.Lock()
        self.submitted: list[tuple[list[int], int, int]] = []
        self.spans: list[tuple[float, float]] = []  # start and end of each training
        self.closed = 0

    def submit(self, architectures: np.ndarray, epochs: np.ndarray, seeds: np.ndarray) -> list[int]:
        tickets = []
        for row, e, s in zip(architectures, epochs, seeds, strict=True):
            ticket = len(self.submitted)
            self.submitted.append((row.tolist(), int(e), int(s)))
            self._tickets[1000 + ticket] = self._pool.submit(self._train, ticket, row, e, s)
            tickets.append(1000 + ticket)
        return tickets

    def _train(self, ticket: int, row: np.ndarray, epochs: int, seed: int) -> Evaluation:
        start = time.perf_counter()
        share = 0.3 + 0.7 * np.random.default_rng([*row.tolist(), int(epochs)]).random()
        if not self._answered:
            time.sleep(self._delay * share)
        with self._lock:
            self.spans.append((start, time.perf_counter()))
        if ticket in self._crash:
            raise RuntimeError(f"the worker of training {ticket} is gone")
        return self.evaluate(row[None], np.array([epochs]), np.array([seed]))

    def collect(self, timeout: float | None = None) -> list[tuple[int, Evaluation]]:
        if self._tickets:
            wait(self._tickets.values(), timeout, return_when=FIRST_COMPLETED)
        done = sorted(ticket for ticket, future in self._tickets.items() if future.done())
        results, errors = [], []
        for ticket in done:
            future = self._tickets[ticket]
            if future.exception() is None:
                results.append((ticket, future.result()))
                del self._tickets[ticket]
            else:
                errors.append(ticket)
        if errors and not results:
            raise self._tickets.pop(errors[0]).exception()  # type: ignore[misc]
        return results

    def close(self) -> None:
        self.closed += 1
        for future in self._tickets.values():
            future.cancel()
        self._tickets.clear()

    def busy(self) -> float:
        """Return the mean number of trainings under way, from the first start until one worker has no more work."""
        starts, ends = (np.sort([span[i] for span in self.spans]) for i in (0, 1))
        horizon = ends[-self.parallelism]  # afterwards the last ones run out
        begin = starts[self.parallelism - 1]
        return sum(min(e, horizon) - max(s, begin) for s, e in self.spans if e > begin and s < horizon) / (
            horizon - begin
        )
