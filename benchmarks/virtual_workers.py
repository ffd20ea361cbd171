"""Time-to-target against the number of simulated workers, on a table.

    python -m benchmarks.virtual_workers
    python -m benchmarks.virtual_workers --table NASBench201-CIFAR100 --best 0.01 --seeds 50

Random search plays Propose with one lane per simulated worker, trains every candidate in full, and stops at
the first one whose validation accuracy is among the best share of the space. What would take a cluster weeks
is played on the simulated clock: a step's candidates start together and the next step waits for the longest,
so with W workers the clock runs less than W times faster: ``busy`` is the share of their time that is spent
on training. Nor does it help to begin more candidates in a step than it takes to find a good one.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import gymnasium
import numpy as np

from pynascent.envs import BudgetExhausted, SearchBudget

WORKERS = (1, 4, 16, 64, 256, 1024)


@dataclass(frozen=True)
class Run:
    """One search: when its first good candidate was ready.

    Attributes:
        clock_seconds: simulated seconds until then.
        evaluations: evaluations begun until then, its whole batch included.
        busy: share of the workers' time that was spent on training until then.
    """

    clock_seconds: float
    evaluations: int
    busy: float


def target_of(table: str, share: float) -> float:
    """Return the validation accuracy that the best share of the space reaches in the mean over trainings."""
    task = gymnasium.make(f"PyNASCENT/{table}-Propose-v0").unwrapped.task
    accuracy = task.evaluator.column(task.accuracy, task.evaluator.fidelities[-1], 0)
    return float(np.quantile(accuracy, 1.0 - share))


def run(env: gymnasium.vector.VectorEnv, workers: int, target: float, seed: int) -> Run:
    """Search until a candidate reaches the target; the environment has one lane per worker."""
    rng, task = np.random.default_rng(seed), env.unwrapped.task
    budget = SearchBudget(seconds=1e12, workers=workers)
    row, cost = 0, 0.0
    with env.unwrapped.search(budget) as history:
        env.reset(seed=seed)
        try:
            while True:
                env.step(task.space.sample(rng, workers))
                env.reset(options={"reset_mask": np.ones(workers, dtype=bool)})
                batch = history.rows[row:]
                cost += sum(r["cost_seconds"] for r in batch)
                ready = [r["clock_seconds"] for r in batch if r[task.accuracy] >= target]
                if ready:
                    return Run(min(ready), len(history), cost / (budget.clock_seconds * workers))
                row = len(history)
        except BudgetExhausted:
            raise RuntimeError(f"no candidate reached {target} in {budget.seconds:g} simulated seconds") from None


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", default="NASBench201-CIFAR10", help="a table with a registered task")
    parser.add_argument("--best", type=float, default=0.005, help="share of the space that counts as found")
    parser.add_argument("--seeds", type=int, default=20, help="searches per number of workers")
    arguments = parser.parse_args()
    started = time.perf_counter()
    target = target_of(arguments.table, arguments.best)
    print(f"{arguments.table}: random search until validation accuracy {target:.4f} (best {arguments.best:.2%})")
    print(" workers     hours           quartiles  evaluations   busy  speed-up  played in")
    first = 0.0
    for workers in WORKERS:
        begun = time.perf_counter()
        env = gymnasium.make_vec(
            f"PyNASCENT/{arguments.table}-Propose-v0",
            num_envs=workers,
            vectorization_mode="vector_entry_point",
            autoreset_mode="disabled",
        )
        runs = [run(env, workers, target, seed) for seed in range(arguments.seeds)]
        env.close()
        hours = np.array([r.clock_seconds for r in runs]) / 3600.0
        low, median, high = np.quantile(hours, (0.25, 0.5, 0.75))
        first = first or float(hours.mean())
        print(
            f"{workers:>8} {median:>9.2f} {f'{low:.2f} - {high:.2f}':>19} "
            f"{np.median([r.evaluations for r in runs]):>12.0f} {np.mean([r.busy for r in runs]):>6.0%} "
            f"{first / hours.mean():>9.1f} {time.perf_counter() - begun:>9.2f}s"
        )
    print(f"hours: median on the simulated clock; speed-up: of the mean. {time.perf_counter() - started:.1f} s in all")


if __name__ == "__main__":
    main()
