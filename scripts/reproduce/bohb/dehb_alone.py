"""DEHB's own differential evolution on NAS-Bench-201 under the protocol "NATS", beside our agents.

The `dehb` package needs an environment of its own. From the project's root, once for each table (seconds: 20000,
40000, 120000 for CIFAR10, CIFAR100, ImageNet16), with the arrays that `against_hpbandster dump` writes:

    SCRATCH/bin/python -m scripts.reproduce.bohb.dehb_alone cifar100.npz 40000 0:200 theirs.json

with ``python3.11 -m venv SCRATCH && SCRATCH/bin/pip install dehb``. Settings are the package's defaults for its DE
(population 20, rand1_bin) with its paper's factors of 0.5 (Awad, Mallik and Hutter, 2021, IJCAI); a vector stands for
the options into whose parts of [0, 1] its entries fall, as in the package. Seeds are added to a file that is there.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from .against_hpbandster import add_seeds, judge, load


class BudgetSpentError(Exception):
    """The next training does not fit into the budget: the search ends before it."""


def main(path: str, budget: str, seeds: str, out: str) -> None:
    """Play the seeds that the file ``out`` lacks, and print what it then holds."""
    from dehb.optimizers.de import DE

    index, cardinalities, accuracy, seconds, test = load(path)

    def play(seed: int) -> dict:
        seen: list[int] = []
        clock, start = 0.0, time.perf_counter()

        def train(vector: np.ndarray, **_: Any) -> dict:
            nonlocal clock
            options = np.minimum((vector * cardinalities).astype(int), cardinalities - 1)
            i = index[tuple(options.tolist())]
            clock += float(seconds[i])
            if clock > float(budget):
                raise BudgetSpentError
            seen.append(i)
            return {"fitness": 1.0 - float(accuracy[i]), "cost": float(seconds[i])}

        search = DE(f=train, dimensions=len(cardinalities), mutation_factor=0.5, crossover_prob=0.5, seed=seed)
        try:
            search.run(generations=10**6)
        except BudgetSpentError:
            return judge(seed, seen, accuracy, test, time.perf_counter() - start)
        raise AssertionError("a million generations end no earlier than the budget")

    runs = add_seeds(out, "DEHB's DE", seeds, play)
    for measure in ("value", "report"):
        scores = 100 * np.array([run[measure] for run in runs])
        print(f"{measure}: {scores.mean():.2f} ± {scores.std(ddof=1):.2f} % over {len(scores)} seeds")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
