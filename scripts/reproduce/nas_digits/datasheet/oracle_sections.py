"""What there is to find in NAS-Digits, as Markdown: the yardstick of every search on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...markdown import grid, number, percent
from .measured import Measured
from .oracle import Front, RandomSearch

COLUMNS = ["architecture", "validation", "test", "ISI", "FLOPs", "smaller ones", "reward"]


def _line(measured: Measured, row: int, rewards: np.ndarray) -> list[str]:
    values = [measured.mean(name)[row] for name in ("validation_accuracy", "test_accuracy", "isi")]
    return [
        measured.text(row),
        percent(values[0]),
        percent(values[1]),
        number(values[2]),
        f"{measured.flops[row]:,.0f}",
        percent(measured.flops_rank[row], 0),
        number(float(rewards[row]), 4),
    ]


def best(measured: Measured, lam: float, mu: float) -> list[str]:
    """Return the best architectures by reward, accuracy, ISI and size; means over seeds, after the last epoch."""
    rewards = measured.rewards(lam, mu)
    chosen = {
        "best by reward": rewards.argmax(),
        "best by validation accuracy": measured.mean("validation_accuracy").argmax(),
        "best by test accuracy": measured.mean("test_accuracy").argmax(),
        "best by ISI": measured.mean("isi").argmax(),
        "largest": measured.flops.argmax(),
        "smallest": measured.flops.argmin(),
    }
    one = [[f"{seed}", *_line_of_seed(measured, lam, mu, seed)] for seed in measured.seeds]
    return [
        f"Reward: accuracy − {lam:g} ln FLOPs − {mu:g} (1 − ISI), the default of `PyNASCENT/Digits-*`. Means over the "
        f"{len(measured.seeds)} seeds after {measured.last} epochs.",
        "",
        *grid(["", *COLUMNS], [[name, *_line(measured, int(row), rewards)] for name, row in chosen.items()]),
        "",
        "The best reward of single trainings, as an environment with a fixed `training_seed` (0 by default) shows it:",
        "",
        *grid(["training seed", "best reward", "architecture", "its reward, mean over seeds"], one),
    ]


def _line_of_seed(measured: Measured, lam: float, mu: float, seed: int) -> list[str]:
    seen = measured.rewards(lam, mu, seed)
    row = int(seen.argmax())
    return [number(float(seen[row]), 4), measured.text(row), number(float(measured.rewards(lam, mu)[row]), 4)]


def fronts(measured: Measured, two: Front, three: Front, lam: float, mu: float) -> list[str]:
    """Return the Pareto fronts: the one of accuracy and FLOPs line by line."""
    rewards = measured.rewards(lam, mu)

    def reference(front: Front) -> str:
        names = ("accuracy", "ln FLOPs", "ISI")
        signs = (1, -1, 1)
        return ", ".join(f"{n} {s * r:.4g}" for n, s, r in zip(names, signs, front.reference, strict=False))

    rows = [
        [name, f"{len(front.rows)}", number(front.hypervolume, 4), percent(front.share), reference(front)]
        for name, front in (("accuracy, −ln FLOPs", two), ("accuracy, −ln FLOPs, ISI", three))
    ]
    return [
        *grid(["terms, maximised", "architectures", "hypervolume", "of the box", "reference point"], rows),
        "",
        "Validation accuracy and ISI, means over seeds after the last epoch. The reference point is a guess's "
        "accuracy, the largest architecture's ln FLOPs and an ISI of 0; the box reaches from it to the best of each "
        "term alone.",
        "",
        "The front of accuracy and FLOPs:",
        "",
        *grid(COLUMNS, [_line(measured, int(row), rewards) for row in two.rows]),
    ]


def random_lines(measured: Measured, lam: float, mu: float, found: Sequence[RandomSearch], optimum: float) -> list[str]:
    """Return what random search is expected to reach, line by line.

    Args:
        measured: the table.
        lam: λ of the reward.
        mu: μ of the reward.
        found: of random search.
        optimum: the best reward that it can see.
    """
    top = float(measured.rewards(lam, mu).max())
    rows = [
        [
            f"{line.draws:,}",
            number(line.seen, 4),
            number(line.sd, 4),
            number(optimum - line.seen, 4),
            number(line.true, 4),
            number(top - line.true, 4),
            percent(line.test, 2),
        ]
        for line in found
    ]
    heading = ["evaluations", "best reward seen", "its SD", "below the best to see", "its architecture's mean reward"]
    return grid([*heading, "regret", "its test accuracy"], rows)
