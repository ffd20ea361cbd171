"""What warm workers save: the same candidates trained in a warm pool, in fresh processes, and without Ray.

    python -m pynascent.scripts.measure.warm_workers

Prints seconds per candidate of three ways to train and explain them, one after the other, with one worker:

- bare: training alone, in one warm process without Ray; the floor.
- pool: training and explanation in the warm pool, from the second candidate on.
- fresh: training and explanation in a new process for each candidate.

Everything runs on one machine in one run, so that the ratios do not depend on how fast it is. They do depend on
how busy it is: run it on an idle one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pynascent.envs.core.imports import CodePath
from pynascent.envs.spaces import ChainSpace, space_to_config
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.live import LiveEvaluator
from pynascent.trainers.stages import Candidate
from pynascent.trainers.workers.jobs import StageJob, make_job, run_stage
from pynascent.trainers.workers.tensorflow_runtime import set_up_tensorflow


def jobs(stage: str, candidates: int, epochs: int) -> list[StageJob]:
    """Return a stage's jobs for all candidates; the first is only there to warm things up."""
    space = ChainSpace()
    rows = space.canonical(space.sample(np.random.default_rng(0), candidates + 1))
    data, config = load_dataset("digits"), {"component": stage}
    each = [Candidate(space, tuple(map(int, row)), epochs, 0) for row in rows]
    return [make_job(config, space_to_config(space), candidate, data, CodePath()) for candidate in each]


def bare(candidates: int, epochs: int) -> list[float]:
    """Return the seconds of each training in this process, without Ray and without explanation."""
    set_up_tensorflow()
    seconds = []
    for job in jobs("train", candidates, epochs):
        started = time.perf_counter()
        run_stage(job, {})
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


def one(index: int, candidates: int, epochs: int) -> list[float]:
    """Train and explain one candidate in this process, which does nothing else."""
    set_up_tensorflow()
    _, artifacts = run_stage(jobs("train", candidates, epochs)[index], {})
    run_stage(jobs("explain", candidates, epochs)[index], artifacts)
    return []


def fresh(candidates: int, epochs: int, processes: int) -> list[float]:
    """Return the seconds of each fresh process, from its start to its end."""
    seconds = []
    for index in range(1, processes + 1):
        started = time.perf_counter()
        _in_new_process("one", index, candidates, epochs)
        seconds.append(time.perf_counter() - started)
    return seconds


def pool(candidates: int, epochs: int, workers: int) -> dict[str, float]:
    """Return seconds until the first candidate is done, and per candidate from then on."""
    with tempfile.TemporaryDirectory() as folder:
        live = LiveEvaluator(ChainSpace(), workers=workers, store=Path(folder, "store.sqlite"))
        rows = np.array([job.architecture for job in jobs("train", candidates, epochs)])
        started = time.perf_counter()
        live.evaluate(rows[:1], np.array([epochs]), np.array([0]))
        first = time.perf_counter() - started
        started = time.perf_counter()
        result = live.evaluate(rows[1:], np.full(candidates, epochs), np.zeros(candidates, dtype=int))
        rest = time.perf_counter() - started
        assert result.ok.all()
        live.close()
    return {"first": first, "each": rest / candidates, "training": float(result["training_seconds"].mean())}


def _in_new_process(what: str, *arguments: int) -> Any:
    command = [sys.executable, __file__, "--part", what, *map(str, arguments)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=12, help="candidates after the first (default 12)")
    parser.add_argument("--processes", type=int, default=4, help="fresh processes to time (default 4)")
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 27], help="lengths of training (default 1 27)")
    parser.add_argument("--workers", type=int, default=1, help="worker groups of the pool (default 1)")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        name, *numbers = arguments.part
        print(json.dumps({"bare": bare, "one": one}[name](*map(int, numbers))))
        return
    if arguments.processes > arguments.candidates:
        parser.error(f"--processes {arguments.processes}: give at most --candidates {arguments.candidates}")
    print(
        f"{'epochs':>6} {'bare':>7} {'pool':>7} {'fresh':>7}   {'fresh/pool':>10} {'pool/bare':>9}   first in the pool"
    )
    for epochs in arguments.epochs:
        alone = float(np.mean(_in_new_process("bare", arguments.candidates, epochs)))
        warm = pool(arguments.candidates, epochs, arguments.workers)
        new = float(np.mean(fresh(arguments.candidates, epochs, arguments.processes)))
        print(
            f"{epochs:>6} {alone:>6.2f}s {warm['each']:>6.2f}s {new:>6.2f}s   "
            f"{new / warm['each']:>10.1f} {warm['each'] / alone:>9.2f}   {warm['first']:.1f}s",
            flush=True,
        )


if __name__ == "__main__":
    main()
