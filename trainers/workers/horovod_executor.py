"""Horovod's RayExecutor, kept to the loopback device where Ray is."""

from __future__ import annotations

import importlib
from typing import Any

from ...evaluation.optional import require

START_SECONDS = 300


def start_executor(ranks: int, gpus_per_rank: int, cpus_per_rank: int, loopback: bool) -> Any:
    """Place ``ranks`` Horovod processes with Ray and tell them of each other.

    Args:
        ranks: number of processes.
        gpus_per_rank: GPUs of each, 0 for none.
        cpus_per_rank: Ray's logical CPUs of each.
        loopback: whether everything is to stay on the loopback device.

    Returns:
        A started ``horovod.ray.RayExecutor``.
    """
    runner: Any = require("horovod.ray.runner", "horovod", "training with several ranks")
    settings = runner.RayExecutor.create_settings(timeout_s=START_SECONDS, nics={"lo"} if loopback else None)
    settings.verbose = 0
    executor = runner.RayExecutor(
        settings,
        num_workers=ranks,
        cpus_per_worker=cpus_per_rank,
        use_gpu=gpus_per_rank > 0,
        gpus_per_worker=gpus_per_rank or None,
        use_current_placement_group=False,
    )
    runner.RendezvousServer = _rendezvous_server(loopback)
    executor.start()
    return executor


def stop_executor(executor: Any) -> None:
    """Release an executor's placement, and its rendezvous server, which Horovod itself forgets."""
    rendezvous = executor.adapter.coordinator.rendezvous
    executor.shutdown()
    if rendezvous is not None:
        rendezvous.stop()
        rendezvous._httpd.server_close()


def _rendezvous_server(loopback: bool) -> type[Any]:
    """Return the class of the rendezvous server, which Horovod's coordinator takes from its module.

    Horovod's own listens on every device, and nothing in its settings says otherwise.
    """
    http: Any = importlib.import_module("horovod.runner.http.http_server")
    if not loopback:
        return http.RendezvousServer

    class LoopbackRendezvousServer(http.RendezvousServer):
        def start(self, handler_cls: Any = http.RendezvousHandler) -> int:
            self._httpd = http.RendezvousHTTPServer(("127.0.0.1", 0), handler_cls, self._verbose)
            self._listen_thread = http.in_thread(target=self._httpd.serve_forever)
            return self._httpd.server_address[1]

    return LoopbackRendezvousServer
