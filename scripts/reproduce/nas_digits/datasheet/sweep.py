"""Which architecture is the best, by λ and μ: how the defaults of the Digits task were chosen.

    python -m pynascent.scripts.reproduce.nas_digits.datasheet.sweep [--table digits] [--lam 0.01 0.02 …]
        [--mu 0.05 0.1 …]

Rewards are accuracy − λ ln FLOPs − μ (1 − ISI) after the last epoch, means over the training seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...markdown import grid, percent
from .measured import Measured

LAMBDAS = tuple(step / 200 for step in range(21))  # 0 to 0.1
MUS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
FACTORS = np.geomspace(1 / 1.5, 1.5, 7)
"""By how much λ and μ are moved, each by itself and both, to see whether the best stays the same."""
MIDDLE = (0.1, 0.9)
"""Between which shares of the FLOPs ranking an architecture is neither large nor small."""


@dataclass(frozen=True)
class Best:
    """The best architecture under one pair of weights.

    Attributes:
        lam: λ.
        mu: μ.
        row: its row in the table.
        flops_rank: share of the architectures that are smaller.
        accuracy: validation, mean over the seeds.
        isi: mean over the seeds.
        lead: by how much its reward is above the second best's.
    """

    lam: float
    mu: float
    row: int
    flops_rank: float
    accuracy: float
    isi: float
    lead: float


def best_under(measured: Measured, lam: float, mu: float) -> Best:
    """Return the best architecture under λ and μ."""
    rewards = measured.rewards(lam, mu)
    row = int(rewards.argmax())
    return Best(
        lam,
        mu,
        row,
        float(measured.flops_rank[row]),
        float(measured.mean("validation_accuracy")[row]),
        float(measured.mean("isi")[row]),
        float(rewards[row] - np.partition(rewards, -2)[-2]),
    )


def sweep(measured: Measured, lambdas: Sequence[float] = LAMBDAS, mus: Sequence[float] = MUS) -> list[list[Best]]:
    """Return the best architecture under every pair of weights: a list for each λ, in it one for each μ."""
    return [[best_under(measured, lam, mu) for mu in mus] for lam in lambdas]


def choose(found: list[list[Best]]) -> Best | None:
    """Return the pair in the middle of the largest stable region of a sweep: the defaults to take.

    A region is all pairs of the grid that have the same best architecture. Of those whose architecture is in
    the `MIDDLE` of the FLOPs ranking it is the one with the most pairs of λ > 0 and μ > 0; its middle is the pair
    that is the most steps of the grid away from any pair outside, then the one nearest to the region's mean
    place. None where there is no such region.
    """
    rows = np.array([[best.row for best in line] for line in found])
    usable = np.array(
        [
            [best.lam > 0 and best.mu > 0 and MIDDLE[0] <= best.flops_rank <= MIDDLE[1] for best in line]
            for line in found
        ]
    )
    if not usable.any():
        return None
    regions, counts = np.unique(rows[usable], return_counts=True)
    inside = np.pad(rows == regions[counts.argmax()], 1)  # beyond the grid is outside
    outside = np.argwhere(~inside) - 1
    places = np.argwhere(inside[1:-1, 1:-1] & usable)
    depth = np.abs(places[:, None] - outside).max(axis=2).min(axis=1)
    off_centre = np.linalg.norm(places - places.mean(axis=0), axis=1)
    i, j = places[np.lexsort((off_centre, -depth))[0]]
    return found[i][j]


def firmness(measured: Measured, lam: float, mu: float) -> tuple[float, float, float]:
    """Return how firmly the best under λ and μ is the best under the 49 pairs around (each weight times 2/3 … 3/2).

    Returns:
        The share of the pairs under which it stays the best, and the smallest and the largest ``flops_rank`` of
        the best under them.
    """
    row = best_under(measured, lam, mu).row
    bests = np.array([measured.rewards(lam * f, mu * g).argmax() for f in FACTORS for g in FACTORS])
    ranks = measured.flops_rank[bests]
    return float((bests == row).mean()), float(ranks.min()), float(ranks.max())


def pair_text(measured: Measured, lam: float, mu: float) -> str:
    """Return a sentence about the best under λ and μ."""
    best, (stays, low, high) = best_under(measured, lam, mu), firmness(measured, lam, mu)
    return (
        f"{measured.text(best.row)}, with {percent(best.accuracy)} validation accuracy and an ISI of {best.isi:.3f}; "
        f"{percent(best.flops_rank)} of the architectures are smaller, {percent(1 - best.flops_rank)} larger. It leads "
        f"the second best by {best.lead:.4f}, and with each weight times 2/3 to 3/2 it stays the best in "
        f"{percent(stays, 0)} of the pairs (size of the best: {percent(low, 0)} to {percent(high, 0)} smaller ones)."
    )


def sweep_text(measured: Measured, found: list[list[Best]]) -> list[str]:
    """Return a sweep as lines of Markdown: the grid, every architecture that is the best somewhere, the choice."""
    mus = [best.mu for best in found[0]]
    cells = [
        [f"{line[0].lam:g}", *(f"{percent(b.flops_rank, 0)} · {percent(b.accuracy)} · {b.isi:.3f}" for b in line)]
        for line in found
    ]
    chosen = choose(found)
    deviations = {
        "accuracy": measured.mean("validation_accuracy").std(ddof=1),
        "ln FLOPs": np.log(measured.flops).std(ddof=1),
        "ISI": measured.mean("isi").std(ddof=1),
    }
    if chosen is None:
        choice = "Under every pair the best architecture is among the smallest or the largest tenth."
    else:
        choice = (
            f"The middle of the largest region whose best is neither among the smallest nor among the largest tenth is "
            f"λ = {chosen.lam:g}, μ = {chosen.mu:g}: {pair_text(measured, chosen.lam, chosen.mu)}"
        )
    return [
        "In each cell, of the best architecture by reward (means over seeds, after the last epoch): the share of the "
        "architectures that have fewer FLOPs · its validation accuracy · its ISI.",
        "",
        *grid(["λ \\ μ", *(f"{mu:g}" for mu in mus)], cells),
        "",
        choice,
        "",
        "Standard deviations over the architectures, to weigh the terms by: "
        + ", ".join(f"{name} {value:.3f}" for name, value in deviations.items())
        + ".",
        "",
        "Every architecture that is the best under some pair of the grid:",
        "",
        *_regions(measured, [best for line in found for best in line]),
    ]


def _regions(measured: Measured, pairs: list[Best]) -> list[str]:
    rows = []
    test = measured.mean("test_accuracy")
    for row in sorted({best.row for best in pairs}, key=lambda row: measured.flops[row]):
        own = [best for best in pairs if best.row == row]
        lams, mus = [best.lam for best in own], [best.mu for best in own]
        rows.append(
            [
                measured.text(row),
                f"{len(own)}",
                f"{min(lams):g} to {max(lams):g}",
                f"{min(mus):g} to {max(mus):g}",
                percent(own[0].flops_rank),
                percent(own[0].accuracy),
                percent(test[row]),
                f"{own[0].isi:.3f}",
            ]
        )
    return grid(["architecture", "pairs", "λ", "μ", "smaller ones", "validation", "test", "ISI"], rows)


def main() -> None:
    """Print the sweep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", default="digits", help="name or path of the table")
    parser.add_argument("--lam", type=float, nargs="+", default=LAMBDAS, help="values of λ, ascending")
    parser.add_argument("--mu", type=float, nargs="+", default=MUS, help="values of μ, ascending")
    arguments = parser.parse_args()
    measured = Measured(arguments.table)
    print("\n".join(sweep_text(measured, sweep(measured, arguments.lam, arguments.mu))))


if __name__ == "__main__":
    main()
