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

    def serve(self) -> str | None:
        """Serve the metrics if they are asked for, and return where they are.

        Raises:
            ValueError: the port is taken.
        """
        with self._lock:
            if self.settings.prometheus is not None and self._server is None:
                from .prometheus import Collector, MetricsServer

                self._server = MetricsServer(self.settings.prometheus, Collector(self.counts, self._pool))
        return self.url

    def start(self) -> None:
        """Open what is asked for and not open yet.

        Raises:
            ValueError: the port is taken, or the folder cannot be written.
        """
        with self._lock:
            if self.settings.tensorboard is not None and self._logs is None:
                from .tensorboard import TensorBoardLogs

                self._logs = TensorBoardLogs(self.settings.tensorboard, self._metrics)
        self.serve()

    def close(self) -> None:
        """Stop serving; the counts stay."""
        with self._lock:
            server, self._server, self._logs = self._server, None, None
        if server is not None:
            server.close()

    def follow(
        self,
        candidate: Candidate,
        keys: Mapping[str, str],
        runs: Sequence[Stage],
        future: Future[Any],
        seconds_before: Mapping[str, float],
        epochs_before: Mapping[str, int],
    ) -> None:
        """Count a candidate as running until its future is done, and then by what it came to.

        Args:
            candidate: what is evaluated.
            keys: stage → key of its result.
            runs: the stages that are to run; the store has the others.
            future: of the result.
            seconds_before: stage → seconds of the shorter training that it went on from; read when the future is done.
            epochs_before: stage → epochs of that training.
        """
        with self.counts.changing() as counts:
            counts.running += 1
        ran = frozenset(stage.name for stage in runs)
        future.add_done_callback(partial(self._ended, candidate, dict(keys), ran, seconds_before, epochs_before))

    def _ended(
        self,
        candidate: Candidate,
        keys: dict[str, str],
        ran: frozenset[str],
        seconds_before: Mapping[str, float],
        epochs_before: Mapping[str, int],
        future: Future[Any],
    ) -> None:
        failed = future.cancelled() or future.exception() is not None
        result: Result | None = None if failed else future.result()
        curve = None
        try:
            if result is not None and result.status != Status.CRASHED:
                curve = self._logged(candidate, keys, ran, result)
        except Exception as error:  # whoever waits for the candidate is not to suffer for it
            logger.warning("watching a candidate failed: %s: %s", type(error).__name__, error)
        with self.counts.changing() as counts:
            counts.running -= 1
            if result is None:
                counts.failed["error"] += 1
                return
            counts.stored += not ran
            counts.cost_seconds += result.cost_seconds
            if result.status == Status.OK:
                counts.finished += 1
            else:
                counts.failed[result.status.name.lower()] += 1
            stage = self._training
            if stage is None or stage.name not in ran or result.status in (Status.DIVERGED, Status.CRASHED):
                return
            seconds = result.metrics.get(stage.seconds_metric.name, 0.0) - seconds_before.get(stage.name, 0.0)
            images = self._images(candidate.epochs - epochs_before.get(stage.name, 0))
            counts.images += images
            counts.training_seconds += seconds
            counts.images_per_second = images / seconds if seconds > 0 else None
            if curve is not None and "loss_scale" in curve:
                counts.loss_scale = float(curve["loss_scale"][-1])

    def _logged(
        self, candidate: Candidate, keys: Mapping[str, str], ran: frozenset[str], result: Result
    ) -> Arrays | None:
        """Write a candidate's log where logs are asked for; return its learning curve where it was looked up."""
        stage, logs, curve = self._training, self._logs, None
        if stage is not None and (stage.name in ran or logs is not None):
            curve = self._curve(keys[stage.name])
        if logs is not None:
            key = hashlib.sha256("\n".join(sorted(keys.values())).encode()).hexdigest()
            logs.write(candidate, key, result.metrics, result.cost_seconds, curve)
        return curve

    def _images(self, epochs: int) -> int:
        """Return how many training examples are seen in so many epochs; an epoch drops what fills no batch."""
        batch = getattr(getattr(self._training, "training", None), "batch_size", 1)
        return epochs * (len(self._data.train) // batch) * batch
