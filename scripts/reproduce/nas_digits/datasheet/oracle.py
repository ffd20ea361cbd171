"""What there is to find in NAS-Digits, and what random search is expected to find of it: exact, from the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pynascent.scripts.benchmark.expectation import expected_after_draws
from pynascent.scripts.benchmark.pareto import hypervolume, nondominated

from .measured import FloatArray, Measured

CHANCE = 0.1
"""Accuracy of a guess among ten classes: the reference point's."""
DRAWS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class Front:
    """The architectures that no other one dominates.

    Attributes:
        rows: their rows in the table, by FLOPs.
        hypervolume: that they dominate above the reference point.
        share: of the box between the reference point and the best of each term alone.
        reference: the reference point, term by term.
    """

    rows: np.ndarray  # (m,) int64
    hypervolume: float
    share: float
    reference: tuple[float, ...]


def front(measured: Measured, isi: bool) -> Front:
    """Return the Pareto front of (validation accuracy, −ln FLOPs) or, with ``isi``, of these and ISI; means over seeds.

    The reference point is a guess's accuracy, the largest architecture's ln FLOPs, and an ISI of 0.
    """
    ln_flops = np.log(measured.flops)
    terms = [measured.mean("validation_accuracy"), -ln_flops, *([measured.mean("isi")] if isi else [])]
    points = np.stack(terms, axis=1)
    reference = np.array([CHANCE, -ln_flops.max(), *([0.0] if isi else [])])
    best = {tuple(point) for point in nondominated(points)}
    rows = np.flatnonzero([tuple(point) in best for point in points])
    volume = hypervolume(points[rows], reference)
    share = volume / float(np.prod(points.max(axis=0) - reference))
    return Front(rows[np.argsort(measured.flops[rows], kind="stable")], volume, share, tuple(reference.tolist()))


@dataclass(frozen=True)
class RandomSearch:
    """What the best of n random draws is expected to be.

    Attributes:
        draws: n.
        seen: expected best reward seen.
        sd: its standard deviation over searches.
        true: expected reward, mean over the training seeds, of the architecture where it was seen.
        test: expected test accuracy of that architecture, mean over the training seeds, 0..1.
    """

    draws: int
    seen: float
    sd: float
    true: float
    test: float


def random_search(
    measured: Measured, lam: float, mu: float, seeds: Sequence[int], draws: Sequence[int] = DRAWS
) -> list[RandomSearch]:
    """Return what random search is expected to reach after some numbers of evaluations; no draw is made.

    It draws uniformly over all architectures of the space with repeats, as the agent ``random`` does, so a
    canonical form counts as often as there are architectures with it; and for each evaluation one of the
    training seeds, all alike.

    Args:
        measured: the table.
        lam: λ of the reward.
        mu: μ of the reward.
        seeds: training seeds that an evaluation may have: all for ``training_seed="resample"``, one for a fixed one.
        draws: numbers of evaluations.
    """
    each = np.repeat(np.arange(len(measured)), measured.weights)  # an architecture of the space → its row
    seen = np.concatenate([measured.rewards(lam, mu, seed)[each] for seed in seeds])

    def reports(values: FloatArray) -> FloatArray:
        return np.tile(values[each], len(seeds))

    true, test = reports(measured.rewards(lam, mu)), reports(measured.mean("test_accuracy"))
    found = []
    for count in draws:
        expected = expected_after_draws(seen, count, true)
        report = expected_after_draws(seen, count, test).report
        found.append(RandomSearch(count, expected.value, expected.sd, expected.report, report))
    return found
