"""What watches an evaluator: it is told of candidates, and serves and writes what becomes of them."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

from ...envs.core.evaluation import Metric, Status
from ..data.dataset import DataSource
from ..stages.base import Arrays, Candidate, Stage
from ..workers.pool import Pool
from .counts import Counts
from .settings import WatchSettings

logger = logging.getLogger("pynascent.trainers")


class Result(Protocol):
    """What a candidate came to, as the pipeline gives it."""

    @property
    def status(self) -> Status:
        """How it ended."""
        ...

    @property
    def metrics(self) -> Mapping[str, float]:
        """What was measured, by name."""
        ...

    @property
    def cost_seconds(self) -> float:
        """What it cost the search."""
        ...


class Watching:
    """Counts an evaluator's candidates, and opens the metrics and the logs that are asked for.

    Nothing is opened before `start`: an evaluator that is only made, copied or sent elsewhere takes no port.
    What goes wrong later, a full disk for one, is logged and disturbs no search.

    Args:
        settings: what is asked for.
        metrics: what the evaluator measures.
        stages: of the evaluator.
        data: the data set.
        pool: returns the evaluator's pool, None while there is none.
        curve: returns the learning curve of a stage's key, None where it is gone.
    """

    def __init__(
        self,
        settings: WatchSettings,
        metrics: Mapping[str, Metric],
        stages: Sequence[Stage],
        data: DataSource,
        pool: Callable[[], Pool | None],
        curve: Callable[[str], Arrays | None],
    ) -> None:
        self.settings, self.counts = settings, Counts()
        self._metrics, self._pool, self._curve = metrics, pool, curve
        self._data = data
        self._training = next((stage for stage in stages if "learning_curve" in stage.writes), None)
        self._server: Any = None
        self._logs: Any = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str | None:
        """Where the metrics are, ``http://127.0.0.1:PORT/metrics``; None where they are not served now."""
        return None if self._server is None else self._server.url

    def start(self) -> None:
        """Open what is asked for and not open yet.

        Raises:
            ValueError: the port is taken, or the folder cannot be written.
        """
        with self._lock:
            if self.settings.tensorboard is not None and self._logs is None:
                from .tensorboard import TensorBoardLogs

                self._logs = TensorBoardLogs(self.settings.tensorboard, self._metrics)
            if self.settings.prometheus is not None and self._server is None:
                from .prometheus import Collector, MetricsServer

                self._server = MetricsServer(self.settings.prometheus, Collector(self.counts, self._pool))
                logger.info("metrics at %s", self._server.url)

    def close(self) -> None:
        """Stop serving; the counts stay."""
        with self._lock:
            server, self._server, self._logs = self._server, None, None
        if server is not None:
            server.close()

    def follow(self, candidate: Candidate, keys: Mapping[str, str], runs: Sequence[Stage], future: Future[Any]) -> None:
        """Count a candidate as running until its future is done, and then by what it came to.

        Args:
            candidate: what is evaluated.
            keys: stage → key of its result.
            runs: the stages that are to run; the store has the others.
            future: of the result.
        """
        with self.counts.changing() as counts:
            counts.running += 1
        future.add_done_callback(partial(self._ended, candidate, dict(keys), frozenset(stage.name for stage in runs)))

    def _ended(self, candidate: Candidate, keys: dict[str, str], ran: frozenset[str], future: Future[Any]) -> None:
        try:
            if future.cancelled() or future.exception() is not None:
                return self._count("error")
            result: Result = future.result()
            self._count("finished" if result.status == Status.OK else result.status.name.lower(), stored=not ran)
            if result.status == Status.CRASHED:
                return
            training = self._training
            trained = training is not None and training.name in ran and result.status != Status.DIVERGED
            logs = self._logs
            curve = None
            if training is not None and (trained or logs is not None):
                curve = self._curve(keys[training.name])
            with self.counts.changing() as counts:
                counts.cost_seconds += result.cost_seconds
            if trained and training is not None:
                self._count_training(candidate, training, result, curve)
            if logs is not None:
                key = hashlib.sha256("\n".join(sorted(keys.values())).encode()).hexdigest()
                logs.write(candidate, key, result.metrics, result.cost_seconds, curve)
        except Exception as error:  # whoever waits for the candidate is not to suffer for it
            logger.warning("watching a candidate failed: %s: %s", type(error).__name__, error)

    def _count(self, how: str, stored: bool = False) -> None:
        with self.counts.changing() as counts:
            counts.running -= 1
            counts.stored += stored
            if how == "finished":
                counts.finished += 1
            else:
                counts.failed[how] += 1

    def _count_training(self, candidate: Candidate, stage: Stage, result: Result, curve: Arrays | None) -> None:
        seconds = result.metrics.get(stage.seconds_metric.name, 0.0)
        batch = getattr(getattr(stage, "training", None), "batch_size", 1)
        images = candidate.epochs * (len(self._data.train) // batch) * batch  # an epoch drops what fills no batch
        with self.counts.changing() as counts:
            counts.images += images
            counts.training_seconds += seconds
            counts.images_per_second = images / seconds if seconds > 0 else None
            if curve is not None and "loss_scale" in curve:
                counts.loss_scale = float(curve["loss_scale"][-1])
