"""How many candidates a live benchmark keeps in training, and what a second worker brings.

    python -m pynascent.scripts.measure.live_workers
    python -m pynascent.scripts.measure.live_workers --agents random asha --evaluations 60 --workers 1 2 4

Plays a live benchmark of each agent with each number of workers, from an empty store, and prints what its runs have
logged between warm-up (the end of the first trial) and the start of the last trial: the mean number of candidates in
training, candidates per hour, and how that compares with the first number of workers. BOHB and ASHA choose how long
candidates train, and with other workers they are told in another order and choose otherwise, so a line says how many
epochs a candidate trained on average, too, and the rate of epochs. The ratios depend on how busy the machine is: run it
on an idle one.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from pynascent.scripts.benchmark.choices import parse_agents, parse_tasks
from pynascent.scripts.benchmark.folder import BenchmarkFolder
from pynascent.scripts.benchmark.parsing import parse_seeds
from pynascent.scripts.benchmark.protocols import TASK
from pynascent.scripts.benchmark.report.in_training import InTraining, in_training
from pynascent.scripts.benchmark.runner import Benchmark, run_benchmark


def play(
    task: str, agent: str, workers: int, evaluations: int, seeds: str, out: Path
) -> tuple[list[InTraining], np.ndarray]:
    """Play an agent's runs with so many workers; returns their logs, and the epochs of each candidate of all runs.

    Raises:
        RuntimeError: a run failed.
    """
    store = out.with_suffix(".sqlite")
    benchmark = Benchmark(
        parse_tasks([task], [str(evaluations)], TASK, live={"workers": workers, "store": str(store)}),
        parse_agents([agent], []),
        parse_seeds(seeds),
        TASK,
        workers=workers,
    )
    outcome = run_benchmark(benchmark, out)
    if outcome.failures:
        raise RuntimeError(f"{agent} with {workers} workers, seed {outcome.failures[0][2]}: {outcome.failures[0][3]}")
    records = [record for *_, record in BenchmarkFolder(out).runs()]
    logs = [in_training(record.rows["started_seconds"], record.rows["ended_seconds"]) for record in records]
    return logs, np.concatenate([record.rows["epochs"] for record in records])


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="LiveDigits", help="a live task")
    parser.add_argument("--agents", nargs="+", default=["random", "bohb", "asha"])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of workers (default 1 2)")
    parser.add_argument("--evaluations", type=int, default=40, help="candidates of a run (default 40)")
    parser.add_argument("--seeds", default="0", help="seeds, as of `pynascent benchmark` (default 0)")
    parser.add_argument("--out", type=Path, help="folder to keep the benchmarks in (default: none)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)
        out.mkdir(parents=True, exist_ok=True)
        print("agent    workers  in training  candidates/h  of first  epochs each   epochs/h  of first", flush=True)
        for agent in options.agents:
            first: tuple[float, float] | None = None
            for workers in options.workers:
                logs, epochs = play(
                    options.task, agent, workers, options.evaluations, options.seeds, out / f"{agent}-{workers}"
                )
                mean, rate = (float(np.mean([getattr(log, name) for log in logs])) for name in ("mean", "per_hour"))
                work = rate * float(epochs.mean())
                first = first or (rate, work)
                print(
                    f"{agent:<8} {workers:>7} {mean:>12.2f} {rate:>13,.0f} {rate / first[0]:>9.2f} "
                    f"{epochs.mean():>12.1f} {work:>10,.0f} {work / first[1]:>9.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
