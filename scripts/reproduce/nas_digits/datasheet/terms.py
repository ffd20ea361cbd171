"""Which term of the reward decides who wins, and what a search gives away that ignores one.

    python -m pynascent.scripts.reproduce.nas_digits.datasheet.terms [--table digits]

The weights of the task ``DigitsISI`` are what `choose_where_terms_matter` takes from the sweep beside this module.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import groupby
from math import sqrt

import numpy as np

from pynascent.envs.core.tasks import find_task
from pynascent.envs.tables import MEAN_SEED

from ...markdown import grid, number, percent
from .measured import FloatArray, Measured
from .ranks import best_quarter, spearman, spread
from .sweep import LAMBDAS, MIDDLE, MUS, Best, best_under, sweep

TASKS = ("Digits", "DigitsISI", "LiveDigits")
Weights = Mapping[str, tuple[float, float]]
"""Name of a task → its λ and μ."""


def choose_where_terms_matter(found: list[list[Best]]) -> Best | None:
    """Return the pair of a sweep under which both terms decide who wins: the weights of ``DigitsISI``.

    Both decide where each weight, moved alone to either end of the grid, makes another architecture the best. Of
    those pairs whose best is in the `MIDDLE` of the FLOPs ranking, it is the one whose best leads by most; of equal
    leads the first, by λ, then μ. None where there is no such pair.

    Args:
        found: a sweep, ascending in both weights.
    """
    rows = np.array([[best.row for best in line] for line in found])
    ends = np.stack(np.broadcast_arrays(rows[:, :1], rows[:, -1:], rows[:1], rows[-1:]))  # (4, λ, μ)
    usable = [
        best
        for line, decided in zip(found, (ends != rows).all(axis=0), strict=True)
        for best, both in zip(line, decided, strict=True)
        if both and MIDDLE[0] <= best.flops_rank <= MIDDLE[1]
    ]
    return max(usable, key=lambda best: best.lead, default=None)


def ignoring_isi(measured: Measured, lam: float, mu: float, seed: int = MEAN_SEED) -> tuple[int, int, float]:
    """Return the best row, the best row without the ISI term, and by how much the latter's reward is lower."""
    rewards = measured.rewards(lam, mu, seed)
    best, other = int(rewards.argmax()), int(measured.rewards(lam, 0.0, seed).argmax())
    return best, other, float(rewards[best] - rewards[other])


def winners(measured: Measured, lam: float, mus: Sequence[float] = MUS) -> list[str]:
    """Return a table of the best architecture at one λ over μ: a line for each stretch of μ with the same one."""
    values = {name: measured.mean(name) for name in ("validation_accuracy", "test_accuracy", "isi")}
    lines = []
    for row, stretch in groupby(mus, key=lambda mu: best_under(measured, lam, mu).row):
        same = list(stretch)
        lines.append(
            [
                f"{lam:g}",
                f"{same[0]:g}" if len(same) == 1 else f"{same[0]:g} to {same[-1]:g}",
                measured.text(row),
                percent(values["validation_accuracy"][row]),
                percent(values["test_accuracy"][row]),
                f"{measured.flops[row]:,.0f}",
                number(values["isi"][row]),
            ]
        )
    return grid(["λ", "μ", "best architecture", "validation", "test", "FLOPs", "ISI"], lines)


def correlations(measured: Measured, weights: Weights) -> list[str]:
    """Return a table of how alike rewards rank the architectures with and without a term."""
    accuracy, quarter = measured.mean("validation_accuracy"), best_quarter(measured)
    ln_flops, isi = np.log(measured.flops), measured.mean("isi")

    def alike(rewards: FloatArray, other: FloatArray) -> str:
        return f"{number(spearman(rewards, other))} · {number(spearman(rewards[quarter], other[quarter]))}"

    lines = []
    for name, (lam, mu) in weights.items():
        rewards = measured.rewards(lam, mu)
        within = spread(np.array([measured.rewards(lam, mu, seed)[quarter] for seed in measured.seeds]))[1]
        lines.append(
            [
                f"`{name}`",
                f"{lam:g}",
                f"{mu:g}",
                alike(rewards, measured.rewards(lam, 0.0)),
                alike(rewards, measured.rewards(0.0, mu)),
                alike(rewards, accuracy),
                " · ".join(number(float(x[quarter].std(ddof=1))) for x in (accuracy, lam * ln_flops, mu * isi)),
                number(ignoring_isi(measured, lam, mu)[2], 4),
                number(within * sqrt(2 / len(measured.seeds)), 4),
            ]
        )
    heading = ["weights of", "λ", "μ", "without ISI", "without ln FLOPs", "accuracy alone", "SD of the terms"]
    return grid([*heading, "given away", "its error"], lines)


def by_training(measured: Measured, weights: Weights) -> list[str]:
    """Return a table of the best in each single training, with and without the ISI term."""
    lines = []
    for name, (lam, mu) in weights.items():
        for seed in measured.seeds:
            best, other, lost = ignoring_isi(measured, lam, mu, seed)
            lines.append([f"`{name}`", f"{seed}", measured.text(best), measured.text(other), number(lost, 4)])
    return grid(["weights of", "training seed", "best", "best without the ISI term", "given away"], lines)


def terms_text(measured: Measured, weights: Weights) -> list[str]:
    """Return what each term decides under the weights of some tasks, as lines of Markdown."""
    chosen = choose_where_terms_matter(sweep(measured))
    if chosen is None:
        choice = "no pair of the grid is one."
    else:
        choice = f"λ = {chosen.lam:g}, μ = {chosen.mu:g}, where the best leads the second best by {chosen.lead:.4f}."
    lines = [
        f"λ from {LAMBDAS[0]:g} to {LAMBDAS[-1]:g} and μ from {MUS[0]:g} to {MUS[-1]:g}, the grid of the sweep above; "
        "means over seeds after the last epoch.",
    ]
    for name, (lam, mu) in weights.items():
        lines += ["", f"At the λ of `{name}` (its μ is {mu:g}):", "", *winners(measured, lam)]
    return [
        *lines,
        "",
        "Rank correlations (Spearman) of the reward with the reward without a term, and with accuracy alone: all "
        "architectures · the best quarter by test accuracy. SD of the terms: standard deviations of accuracy · "
        "λ ln FLOPs · μ ISI over the best quarter. Given away: by how much the architecture that is the best "
        "without the ISI term falls short of the best reward; its error: the standard error of a difference of two "
        "architectures' rewards, from the seeds' spread pooled over the best quarter.",
        "",
        *correlations(measured, weights),
        "",
        "All on this table, that is on 300 training images: `LiveDigits`, which trains on 600, has none.",
        "",
        "The best in each single training, which is what a search with a fixed `training_seed` sees. With the seed "
        "the best changes under any weights, so a difference here is partly noise:",
        "",
        *by_training(measured, weights),
        "",
        "The pair where both terms decide most clearly (each weight, moved alone to either end of its range, makes "
        "another architecture the best; the best is neither among the smallest nor among the largest tenth; of these "
        f"the largest lead): {choice}",
    ]


def task_weights(tasks: Sequence[str] = TASKS) -> dict[str, tuple[float, float]]:
    """Return the λ and μ of registered tasks, by name."""
    return {name: (find_task(name).lam, find_task(name).mu) for name in tasks}


def main() -> None:
    """Print what each term decides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", default="digits", help="name or path of the table")
    print("\n".join(terms_text(Measured(parser.parse_args().table), task_weights())))


if __name__ == "__main__":
    main()
