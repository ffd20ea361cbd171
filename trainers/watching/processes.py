"""Memory and processor time of the driver and of the worker processes, and what the GPUs do."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...evaluation.optional import require

DRIVER = "driver"


@dataclass(frozen=True)
class ProcessUse:
    """What one process uses.

    Attributes:
        process: ``driver``, or the name of a worker group or helper.
        rank: which of the group's processes, from 0.
        resident_bytes: memory that it holds at present.
        cpu_seconds: processor time since it started, of user and system.
    """

    process: str
    rank: int
    resident_bytes: int
    cpu_seconds: float


def process_uses(groups: Mapping[str, Sequence[int]]) -> Iterator[ProcessUse]:
    """Look at this process and at the worker processes that are on this machine.

    Args:
        groups: process ids of each group, by the group's name. On a cluster some are of other machines, and are left
            out: only a process that Ray started here is looked at.
    """
    psutil: Any = require("psutil", "watch", "serving metrics to Prometheus")
    asked = [(DRIVER, 0, os.getpid())]
    asked += [(name, rank, pid) for name, pids in groups.items() for rank, pid in enumerate(pids)]
    for name, rank, pid in asked:
        try:
            process = psutil.Process(pid)
            # Ray writes what a worker does in the place of its command: "ray::Rank.execute", "ray::IDLE".
            if name != DRIVER and not "".join(process.cmdline()).startswith("ray::"):
                continue
            with process.oneshot():
                memory, times = process.memory_info(), process.cpu_times()
        except psutil.Error:  # it has just ended, or is another user's
            continue
        yield ProcessUse(name, rank, memory.rss, times.user + times.system)


@dataclass(frozen=True)
class GpuUse:
    """What is used of one GPU, by all programs together.

    Attributes:
        gpu: its index on this machine.
        used_bytes: memory in use.
        total_bytes: memory that it has.
        utilization: share of the last sample period in which it was busy, 0 to 1; None where the GPU does not tell,
            as one that is partitioned (MIG).
    """

    gpu: int
    used_bytes: int
    total_bytes: int
    utilization: float | None


@lru_cache(maxsize=1)
def _nvml() -> Any:
    """Return NVIDIA's management library, or None where there is none: then there is no such GPU."""
    try:
        nvml: Any = importlib.import_module("pynvml")
        nvml.nvmlInit()
    except Exception:  # the package, the driver's library or the driver itself is missing
        return None
    return nvml


def gpu_uses() -> Iterator[GpuUse]:
    """Look at the NVIDIA GPUs of this machine; where NVML is missing there are none."""
    nvml = _nvml()
    if nvml is None:
        return
    for index in range(_asked(nvml, nvml.nvmlDeviceGetCount) or 0):
        device = _asked(nvml, nvml.nvmlDeviceGetHandleByIndex, index)
        memory = _asked(nvml, nvml.nvmlDeviceGetMemoryInfo, device)
        rates = _asked(nvml, nvml.nvmlDeviceGetUtilizationRates, device)
        if memory is not None:
            yield GpuUse(index, int(memory.used), int(memory.total), None if rates is None else rates.gpu / 100)


def _asked(nvml: Any, function: Any, *arguments: Any) -> Any:
    """Return what NVML answers, None where it cannot: a look at a GPU is never worth an error."""
    try:
        return None if None in arguments else function(*arguments)
    except nvml.NVMLError:
        return None
