"""Metrics for Prometheus, over HTTP on 127.0.0.1 only."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...evaluation.optional import require
from ..workers.pool import Pool
from .counts import Counts
from .processes import gpu_uses, process_uses

HOST = "127.0.0.1"

METRICS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "pynascent_candidates_running": ("gauge", (), "Candidates asked for and not finished, waiting ones included."),
    "pynascent_candidates_finished_total": ("counter", (), "Candidates of which everything was measured or stored."),
    "pynascent_candidates_failed_total": ("counter", ("status",), "Candidates that failed, by how."),
    "pynascent_candidates_stored_total": ("counter", (), "Candidates that the store answered without any work."),
    "pynascent_queue_depth": ("gauge", ("kind",), "Stages that wait for a free worker group, or for a helper."),
    "pynascent_groups": ("gauge", ("kind",), "Worker groups and helpers whose processes are up."),
    "pynascent_groups_busy": ("gauge", ("kind",), "Worker groups and helpers with something to do."),
    "pynascent_training_images_total": ("counter", (), "Training examples seen, each epoch anew."),
    "pynascent_training_images_per_second": ("gauge", (), "Training examples a second, last finished training."),
    "pynascent_training_seconds_total": ("counter", (), "Wall time of the trainings that ended well, in seconds."),
    "pynascent_cost_seconds_total": ("counter", (), "What finished candidates cost the search, in seconds."),
    "pynascent_loss_scale": ("gauge", (), "Loss scale at the end of the last training that had one."),
    "pynascent_resident_memory_bytes": ("gauge", ("process", "rank"), "Resident memory of a process, in bytes."),
    "pynascent_cpu_seconds_total": ("counter", ("process", "rank"), "Processor time of a process, in seconds."),
    "pynascent_gpu_memory_used_bytes": ("gauge", ("gpu",), "Memory of a GPU in use by all programs, in bytes."),
    "pynascent_gpu_memory_total_bytes": ("gauge", ("gpu",), "Memory that a GPU has, in bytes."),
    "pynascent_gpu_utilization_ratio": ("gauge", ("gpu",), "Share of time in which a GPU was busy, 0 to 1."),
}
"""Name → kind, labels and meaning of everything that is served. Those of GPUs have values only where NVML is."""

KINDS = ("worker group", "explainer")
"""Values of the label ``kind``: worker groups train, explainers are the helpers, which explain and measure."""


class Collector:
    """Gives Prometheus' client the metrics of an evaluator, looked up when it asks.

    Args:
        counts: of the evaluator.
        pool: returns the evaluator's pool; None while there is none, which a scrape does not change.
    """

    def __init__(self, counts: Counts, pool: Callable[[], Pool | None]) -> None:
        self.counts, self.pool = counts, pool

    def collect(self) -> Iterable[Any]:
        """Return every metric family with its present values."""
        core: Any = require("prometheus_client.core", "watch", "serving metrics to Prometheus")
        families = {}
        for name, (kind, labels, meaning) in METRICS.items():
            make = core.CounterMetricFamily if kind == "counter" else core.GaugeMetricFamily
            families[name] = make(name, meaning, labels=labels)
        for name, labels, value in (*self._counted(), *self._pooled()):
            families[name].add_metric(labels, value)
        return families.values()

    def _counted(self) -> list[tuple[str, list[str], float]]:
        with self.counts.changing() as c:
            values: list[tuple[str, list[str], float | None]] = [
                ("pynascent_candidates_running", [], c.running),
                ("pynascent_candidates_finished_total", [], c.finished),
                *(("pynascent_candidates_failed_total", [how], number) for how, number in c.failed.items()),
                ("pynascent_candidates_stored_total", [], c.stored),
                ("pynascent_training_images_total", [], c.images),
                ("pynascent_training_images_per_second", [], c.images_per_second),
                ("pynascent_training_seconds_total", [], c.training_seconds),
                ("pynascent_cost_seconds_total", [], c.cost_seconds),
                ("pynascent_loss_scale", [], c.loss_scale),
            ]
        return [(name, labels, value) for name, labels, value in values if value is not None]

    def _pooled(self) -> list[tuple[str, list[str], float]]:
        pool = self.pool()
        waiting = {} if pool is None else pool.waiting
        up = {} if pool is None else pool.process_ids
        busy = [] if pool is None else pool.busy
        values: list[tuple[str, list[str], float]] = []
        for kind in KINDS:
            values += [
                ("pynascent_queue_depth", [kind], waiting.get(kind, 0)),
                ("pynascent_groups", [kind], sum(name.startswith(kind) for name in up)),
                ("pynascent_groups_busy", [kind], sum(name.startswith(kind) for name in busy)),
            ]
        for use in process_uses(up):
            labels = [use.process, str(use.rank)]
            values.append(("pynascent_resident_memory_bytes", labels, use.resident_bytes))
            values.append(("pynascent_cpu_seconds_total", labels, use.cpu_seconds))
        for gpu in gpu_uses():
            values.append(("pynascent_gpu_memory_used_bytes", [str(gpu.gpu)], gpu.used_bytes))
            values.append(("pynascent_gpu_memory_total_bytes", [str(gpu.gpu)], gpu.total_bytes))
            if gpu.utilization is not None:
                values.append(("pynascent_gpu_utilization_ratio", [str(gpu.gpu)], gpu.utilization))
        return values


class MetricsServer:
    """Answers ``http://127.0.0.1:PORT/metrics`` from a thread of its own until it is closed.

    Args:
        port: 1 to 65535, or 0 for any free one.
        collector: what is asked at every scrape. It has a registry of its own: what other code of this process
            registers with Prometheus' client is not served.

    Raises:
        ValueError: the port is taken, or this user may not listen there.
    """

    def __init__(self, port: int, collector: Collector) -> None:
        client: Any = require("prometheus_client", "watch", "serving metrics to Prometheus")
        registry = client.CollectorRegistry(auto_describe=False)
        registry.register(collector)
        try:
            self._server, self._thread = client.start_http_server(port, addr=HOST, registry=registry)
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise ValueError(
                f"watch: prometheus={port}: this port of {HOST} {why}: give another, or 0 for any free one"
            ) from error
        self.url = f"http://{HOST}:{self._server.server_address[1]}/metrics"

    def close(self) -> None:
        """Stop answering and release the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)
