"""How many candidates of a live run are in training over time, and how fast they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class InTraining:
    """The log of a live run, from the wall times at which its trials were handed in and came back.

    What counts is the time between warm-up and the run's last hand-in: workers start during the first trial, and when
    the budget has nothing left to hand in the last trials end one by one.

    Attributes:
        seconds: ``(t,)`` wall times at which the number changes, since the search began, ascending.
        counts: ``(t,)`` candidates in training from then on.
        warm_up: end of the first trial.
        last: when the last trial was handed in.
        mean: mean number in training between these; NaN where they are no span of time.
        per_hour: candidates that end per hour of this span.
    """

    seconds: FloatArray
    counts: NDArray[np.int64]
    warm_up: float
    last: float
    mean: float
    per_hour: float

    def record(self) -> dict[str, Any]:
        """Return the log as plain JSON: ``mean``, ``per_hour`` (None where unknown), ``log`` of [second, count], …."""
        log = [[round(float(t), 3), int(n)] for t, n in zip(self.seconds, self.counts, strict=True)]
        known = np.isfinite(self.mean)
        return {
            "mean": self.mean if known else None,
            "per_hour": self.per_hour if known else None,
            "warm_up_seconds": round(self.warm_up, 3),
            "last_start_seconds": round(self.last, 3),
            "log": log,
        }


def in_training(started: ArrayLike, ended: ArrayLike) -> InTraining:
    """Return the log of trials from their starts and ends ``(b,)``, in seconds since the search began; b ≥ 1."""
    started, ended = np.asarray(started, dtype=np.float64), np.asarray(ended, dtype=np.float64)
    times = np.unique(np.concatenate([started, ended]))
    counts = np.searchsorted(np.sort(started), times, side="right") - np.searchsorted(
        np.sort(ended), times, side="right"
    )
    warm_up, last = float(ended.min()), float(started.max())
    span = last - warm_up
    if span <= 0:
        return InTraining(times, counts, warm_up, last, float("nan"), float("nan"))
    busy = np.clip(np.minimum(ended, last) - np.maximum(started, warm_up), 0.0, None).sum()
    finished = int(((ended > warm_up) & (ended <= last)).sum())
    return InTraining(times, counts, warm_up, last, float(busy / span), 3600.0 * finished / span)
