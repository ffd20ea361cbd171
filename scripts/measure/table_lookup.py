"""What tables cost: opening one cold, and looking up.

    python -m pynascent.scripts.measure.table_lookup NASBench201-CIFAR10

Opening is measured in a process of its own, after the file's pages were dropped from the system's cache.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pynascent.envs.tables import TableEvaluator, find_table

_IN_A_PROCESS = """
import sys
import numpy as np
import pynascent.envs.tables
from pynascent.scripts.measure.table_lookup import opened
print(opened(sys.argv[1]))
"""


@dataclass(frozen=True)
class Opening:
    """What opening a table cost a fresh process.

    Attributes:
        open_ms: milliseconds until the evaluator stood.
        first_ms: milliseconds that the first evaluation took, with the space's order and the first pages read.
        all_ms: milliseconds to read every value of every metric.
        open_mb: resident memory more after the first evaluation, in 10⁶ bytes.
        all_mb: resident memory more after every value was read.
    """

    open_ms: float
    first_ms: float
    all_ms: float
    open_mb: float
    all_mb: float


def _resident() -> float:
    """Return this process's resident memory in 10⁶ bytes (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def opened(name: str) -> str:
    """Open a table in this process and return an `Opening` as JSON; the package is imported already."""
    before, start = _resident(), time.perf_counter()
    evaluator = TableEvaluator(name)
    stands = time.perf_counter()
    architecture = evaluator.space.largest()[None]
    first = evaluator.evaluate(architecture, np.array(evaluator.fidelities[-1:]), np.array([0]))
    first[evaluator.search_metric]
    answered, memory = time.perf_counter(), _resident()
    for metric in evaluator.metrics:
        evaluator.values(metric).sum()
    done = time.perf_counter()
    opened_ms, first_ms, all_ms = (1e3 * (b - a) for a, b in ((start, stands), (stands, answered), (answered, done)))
    return json.dumps(asdict(Opening(opened_ms, first_ms, all_ms, memory - before, _resident() - before)))


def measure_opening(name: str) -> Opening:
    """Open a table cold: a fresh process, none of the file's pages in memory.

    Raises:
        TableError: there is no such table.
    """
    path = find_table(name)
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    root = Path(__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", _IN_A_PROCESS, str(path)], capture_output=True, text=True, check=True, cwd=root
    )
    return Opening(**json.loads(run.stdout))


def measure_look_up(name: str, rows: int, metrics: int = 1, seconds: float = 0.5) -> float:
    """Return microseconds of one call of ``evaluate`` with ``rows`` rows, the best of many.

    Args:
        name: the table.
        rows: rows in a call, each with a training of its own.
        metrics: how many metrics are read from each answer, the search metric first.
        seconds: how long to measure.
    """
    evaluator, rng = TableEvaluator(name), np.random.default_rng(0)
    architectures = evaluator.architectures()[rng.integers(evaluator.table.header.rows, size=rows)]
    epochs, seeds = np.full(rows, evaluator.fidelities[-1]), rng.integers(len(evaluator.seeds), size=rows)
    others = [metric for metric in evaluator.metrics if metric != evaluator.search_metric]
    names = [evaluator.search_metric, *others][:metrics]
    best, end = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        result = evaluator.evaluate(architectures, epochs, seeds)
        for metric in names:
            result[metric]
        best = min(best, time.perf_counter() - start)
    return 1e6 * best


def main(names: list[str]) -> None:
    """Print the figures of some tables."""
    for name in names:
        opening = measure_opening(name)
        print(f"{name}")
        memory = f"{opening.open_mb:.1f} MB"
        print(f"  open {opening.open_ms:.1f} ms, first evaluation {opening.first_ms:.1f} ms, {memory} more")
        print(f"  every value of every metric {opening.all_ms:.1f} ms, {opening.all_mb:.1f} MB in all")
        for rows, metrics in ((1, 0), (1, 1), (4096, 0), (4096, 1), (4096, 2)):
            print(f"  evaluate {rows} rows and read {metrics} metrics: {measure_look_up(name, rows, metrics):.1f} us")


if __name__ == "__main__":
    main(sys.argv[1:] or ["NASBench201-CIFAR10"])
