"""Figures of others: quoted beside ours, never in their place. Columns are CIFAR-10, CIFAR-100, ImageNet16-120."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """A peer, measured with its own code on the same tables and protocols.

    Attributes:
        name: what it is.
        ours: our agent of the same algorithm.
        nats: protocol `nats`: mean and standard deviation of test accuracy in %, on each dataset.
        direct: protocol `direct`: share of runs at the optimum in % after 100, 100 and 200 evaluations.
    """

    name: str
    ours: str
    nats: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    direct: tuple[float, float, float]


PEERS = (
    Peer("random search", "random", ((93.88, 0.26), (71.65, 0.91), (45.30, 0.97)), (1, 1, 1)),
    Peer(
        "regularised evolution (10, 3)",
        "evolution-10-3",
        ((94.09, 0.28), (72.27, 0.87), (45.84, 0.72)),
        (12, 13, 17),
    ),
    Peer(
        "regularised evolution (50, 10)",
        "evolution-50-10",
        ((94.21, 0.23), (72.58, 0.65), (46.00, 0.61)),
        (14, 13, 22),
    ),
    Peer(
        "local search, first improvement",
        "local_search",
        ((94.28, 0.20), (72.62, 0.66), (46.13, 0.56)),
        (77, 81, 16),
    ),
    Peer("Optuna TPE, multivariate", "tpe", ((94.24, 0.23), (72.45, 0.85), (46.23, 0.48)), (28, 28, 8)),
    Peer("HpBandSter's BOHB generator", "bohb", ((93.90, 0.29), (71.51, 1.10), (45.12, 0.97)), (0, 0, 13)),
    Peer("DEHB's differential evolution", "dehb", ((93.89, 0.34), (71.77, 0.79), (45.36, 0.84)), (0, 0, 4)),
)
PUBLISHED = {
    "regularised evolution": (93.92, 71.84, 45.54),
    "random search": (93.70, 71.04, 44.57),
    "REINFORCE": (93.85, 71.71, 45.24),
    "BOHB": (93.61, 70.85, 44.42),
}
"""Test accuracy in %, Dong et al. (2021, TPAMI, "NATS-Bench"), whose protocol is similar."""
