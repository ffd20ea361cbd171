"""Time-to-target against the number of simulated workers, on a table.

    python -m pynascent.scripts.measure.virtual_workers
    python -m pynascent.scripts.measure.virtual_workers --agent asha --table NASBench201-CIFAR100 --best 0.01 --seeds 50

An agent plays Propose until a candidate that was trained in full has a validation accuracy among the best share
of the space. What would take a cluster weeks is played on the simulated clock, in two ways. ``waiting``: one lane
per worker, a step's candidates start together and the next step waits for the longest. ``asynchronous``: a worker
that becomes free is given the next candidate at once, and the agent is told a result when it has ended.
``busy`` is the share of the workers' time that is spent on training until the target is reached. More workers help
until more candidates are begun at once than it takes to find a good one, and an agent that learns learns less
from results that are still under way.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from pynascent.agents import AGENTS, AskTellAgent, make_agent
from pynascent.envs import SearchBudget

WORKERS = (1, 4, 16, 64, 256, 1024)
CLOCK_LIMIT = 1e12  # simulated seconds


@dataclass(frozen=True)
class Run:
    """One search: when its first good candidate was ready.

    Attributes:
        clock_seconds: simulated seconds until then.
        evaluations: evaluations begun until then.
        busy: share of the workers' time that was spent on training until then.
    """

    clock_seconds: float
    evaluations: int
    busy: float


class TargetReached(Exception):
    """Ends a search: what starts from here on starts after the first good candidate was ready."""


class Watch:
    """Follows a search until nothing that starts later can be the first good candidate."""

    def __init__(self, metric: str, epochs: int, target: float) -> None:
        self.metric, self.epochs, self.target = metric, epochs, target
        self.ready = np.inf
        self.spans: list[tuple[float, float]] = []

    def __call__(self, row: dict[str, Any]) -> None:
        """Take one row of the history."""
        end = row["clock_seconds"]
        start = end - row["cost_seconds"]
        if start >= self.ready:
            raise TargetReached
        self.spans.append((start, end))
        if row["epochs"] == self.epochs and row[self.metric] >= self.target:
            self.ready = min(self.ready, end)

    def run(self, workers: int) -> Run:
        """Return what was seen."""
        spans = np.array([span for span in self.spans if span[0] < self.ready])
        busy = np.minimum(spans, self.ready) @ np.array([-1.0, 1.0])
        return Run(self.ready, len(spans), float(busy.sum() / (self.ready * workers)))


def target_of(table: str, share: float) -> float:
    """Return the validation accuracy that the best share of the space reaches in the mean over trainings."""
    env: Any = gymnasium.make(f"PyNASCENT/{table}-Propose-v0")
    task = env.unwrapped.task
    accuracy = task.evaluator.column(task.accuracy, task.evaluator.fidelities[-1], 0)
    return float(np.quantile(accuracy, 1.0 - share))


def run(env: Any, name: str, workers: int, target: float, seed: int) -> Run:
    """Search until a candidate reaches the target; one lane is played asynchronously."""
    task = env.unwrapped.task
    watch = Watch(task.accuracy, task.evaluator.fidelities[-1], target)
    try:
        make_agent(name).search(env, SearchBudget(seconds=CLOCK_LIMIT, workers=workers), seed, watch)
    except TargetReached:
        return watch.run(workers)
    raise RuntimeError(f"no candidate reached {target} in {CLOCK_LIMIT:g} simulated seconds")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", default="NASBench201-CIFAR10", help="a table with a registered task")
    known = [name for name, agent in AGENTS.items() if issubclass(agent, AskTellAgent)]
    parser.add_argument("--agent", default="random", choices=known, help="who searches, with its default settings")
    parser.add_argument("--best", type=float, default=0.005, help="share of the space that counts as found")
    parser.add_argument("--seeds", type=int, default=20, help="searches per number of workers")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, help="numbers of workers")
    arguments = parser.parse_args()
    started = time.perf_counter()
    target = target_of(arguments.table, arguments.best)
    print(f"{arguments.table}: {arguments.agent} until validation accuracy {target:.4f} (best {arguments.best:.2%})")
    print(" workers  play              hours           quartiles  evaluations   busy  speed-up  played in")
    first = 0.0
    for workers in arguments.workers:
        for play, lanes in (("waiting", workers), ("asynchronous", 1))[workers == 1 :]:
            begun = time.perf_counter()
            env = gymnasium.make_vec(
                f"PyNASCENT/{arguments.table}-Propose-v0",
                num_envs=lanes,
                vectorization_mode="vector_entry_point",
                autoreset_mode="disabled",
                epochs="choose" if AGENTS[arguments.agent].multi_fidelity else None,
            )
            runs = [run(env, arguments.agent, workers, target, seed) for seed in range(arguments.seeds)]
            env.close()
            hours = np.array([r.clock_seconds for r in runs]) / 3600.0
            low, median, high = np.quantile(hours, (0.25, 0.5, 0.75))
            first = first or float(hours.mean())
            print(
                f"{workers:>8}  {play if workers > 1 else 'one by one':<12} {median:>10.2f} "
                f"{f'{low:.2f} - {high:.2f}':>19} {np.median([r.evaluations for r in runs]):>12.0f} "
                f"{np.mean([r.busy for r in runs]):>6.0%} {first / hours.mean():>9.1f} "
                f"{time.perf_counter() - begun:>9.2f}s"
            )
    print(f"hours: median on the simulated clock; speed-up: of the mean. {time.perf_counter() - started:.1f} s in all")


if __name__ == "__main__":
    main()
