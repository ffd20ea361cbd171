"""Figures of others: quoted beside ours, never in their place.

``NATS_PEERS`` and ``DIRECT_PEERS`` were measured with the peers' own code on the same tables and protocols;
``PUBLISHED`` is from Dong et al. (2021, TPAMI, "NATS-Bench"), whose protocol is similar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One peer.

    Attributes:
        name: what it is.
        ours: our agent of the same algorithm.
        figures: dataset → (mean, standard deviation) of test accuracy, %, or (share at the optimum, %; evaluations).
    """

    name: str
    ours: str
    figures: Mapping[str, tuple[float, float]]

    def cells(self, datasets: Sequence[str]) -> list[str]:
        """Return the means as text."""
        return [f"{self.figures[name][0]:.2f}" for name in datasets]


def _peer(name: str, ours: str, *figures: tuple[float, float]) -> Peer:
    return Peer(name, ours, dict(zip(("CIFAR10", "CIFAR100", "ImageNet16"), figures, strict=True)))


NATS_PEERS = (
    _peer("random search", "random", (93.88, 0.26), (71.65, 0.91), (45.30, 0.97)),
    _peer("regularised evolution (10, 3)", "evolution-10-3", (94.09, 0.28), (72.27, 0.87), (45.84, 0.72)),
    _peer("regularised evolution (50, 10)", "evolution-50-10", (94.21, 0.23), (72.58, 0.65), (46.00, 0.61)),
    _peer("local search, first improvement", "local_search", (94.28, 0.20), (72.62, 0.66), (46.13, 0.56)),
    _peer("Optuna TPE, multivariate", "tpe", (94.24, 0.23), (72.45, 0.85), (46.23, 0.48)),
    _peer("HpBandSter's BOHB generator", "bohb", (93.90, 0.29), (71.51, 1.10), (45.12, 0.97)),
    _peer("DEHB's differential evolution", "dehb", (93.89, 0.34), (71.77, 0.79), (45.36, 0.84)),
)
DIRECT_PEERS = (
    _peer("random search", "random", (1, 100), (1, 100), (1, 200)),
    _peer("regularised evolution (10, 3)", "evolution-10-3", (12, 100), (13, 100), (17, 200)),
    _peer("regularised evolution (50, 10)", "evolution-50-10", (14, 100), (13, 100), (22, 200)),
    _peer("local search, first improvement", "local_search", (77, 100), (81, 100), (16, 200)),
    _peer("Optuna TPE, multivariate", "tpe", (28, 100), (28, 100), (8, 200)),
    _peer("HpBandSter's BOHB generator", "bohb", (0, 100), (0, 100), (13, 200)),
    _peer("DEHB's differential evolution", "dehb", (0, 100), (0, 100), (4, 200)),
)
PUBLISHED = (
    _peer("regularised evolution", "regularized_evolution", (93.92, 0), (71.84, 0), (45.54, 0)),
    _peer("random search", "random", (93.70, 0), (71.04, 0), (44.57, 0)),
    _peer("REINFORCE", "reinforce", (93.85, 0), (71.71, 0), (45.24, 0)),
    _peer("BOHB", "bohb", (93.61, 0), (70.85, 0), (44.42, 0)),
)
