"""The numbers that are kept while candidates come and go; a scrape reads them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FAILURES = ("diverged", "crashed", "incomplete", "error")
"""How a candidate fails: the three are statuses of an `Evaluation`; ``error`` is a pool that could not be used."""


@dataclass
class Counts:
    """What has happened to the candidates of one evaluator.

    Attributes:
        running: candidates asked for and not finished; those that wait for a worker are among them.
        finished: candidates of which everything was measured, or was found in the store.
        failed: candidates that failed, by how (`FAILURES`).
        stored: candidates that the store answered whole, without any work.
        images: training examples that were seen, each epoch anew.
        training_seconds: wall time of the trainings that ended well.
        cost_seconds: what the finished stages charge to the search, stored ones included.
        images_per_second: of the last training that ended well; None before there is one.
        loss_scale: at the end of the last training with loss scaling; None before there is one.
    """

    running: int = 0
    finished: int = 0
    failed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FAILURES, 0))
    stored: int = 0
    images: int = 0
    training_seconds: float = 0.0
    cost_seconds: float = 0.0
    images_per_second: float | None = None
    loss_scale: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def changing(self) -> Iterator[Counts]:
        """Let one thread at a time read or change the numbers."""
        with self._lock:
            yield self
