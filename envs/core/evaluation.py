"""What an environment asks of an evaluator, and what it gets back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import inf
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..spaces import SearchSpace

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


MEAN_SEED = -1
"""Training seed that asks an evaluator for the mean over its trainings."""


class Status(IntEnum):
    """How an evaluation ended.

    ``OK`` and ``INCOMPLETE`` rows carry measurements; the others carry the worst values.
    """

    OK = 0
    DIVERGED = 1  # the training loss became NaN or infinite
    CRASHED = 2  # the training failed again and again; the evaluator's log says why
    UNPAID = 3  # the search's budget did not cover it: it was not evaluated, or is not delivered
    INCOMPLETE = 4  # trained, but a later stage failed: what that stage measures is missing (NaN)
    MISSING = 5  # the table that answers has no row for it


@dataclass(frozen=True)
class Metric:
    """A column of an evaluation.

    Attributes:
        name: its key.
        unit: ``"fraction"``, ``"FLOPs"``, ``"count"``, ``"s"``, ``"ms"``, ….
        split: ``"train"``, ``"validation"`` or ``"test"`` for what is measured on data, else None. A metric
            of the test split enters neither a reward nor an ``info``.
        lower: smallest value possible.
        upper: largest value possible.
        maximize: whether more is better.
        deterministic: whether the same question always gives the same value (a time does not).
    """

    name: str
    unit: str
    split: str | None = None
    lower: float = 0.0
    upper: float = inf
    maximize: bool = False
    deterministic: bool = True

    @property
    def sign(self) -> int:
        """1 where more is better, −1 where less is: times it, values are to be maximised."""
        return 1 if self.maximize else -1

    @property
    def shown_unit(self) -> str:
        """The unit in which `text` shows values: ``%`` of an accuracy or error rate; ``""`` of bare numbers."""
        if self.unit == "fraction":
            return "%" if self.split is not None else ""
        return "" if self.unit == "count" else self.unit

    def better(self, a: float, b: float) -> bool:
        """Say whether a value is strictly better than another."""
        return self.sign * a > self.sign * b

    def best(self, values: FloatArray, axis: int | None = None) -> Any:
        """Return the best of some values, or of each row or column; NaN is passed over where there is another."""
        return (np.nanmax if self.maximize else np.nanmin)(values, axis=axis)

    def best_so_far(self, values: FloatArray, axis: int = -1) -> FloatArray:
        """Return the best value up to each place, along an axis; NaN is passed over."""
        return (np.fmax if self.maximize else np.fmin).accumulate(values, axis=axis)

    def text(self, value: float) -> str:
        """Return a value with its unit: ``94.20 %``, ``0.3107 nats``, ``156064 FLOPs``."""
        number = f"{100 * value:.2f}" if self.shown_unit == "%" else f"{value:.6g}"
        return f"{number} {self.shown_unit}".rstrip()

    @property
    def label(self) -> str:
        """Name and unit, for axes and headings: ``validation accuracy (%)``."""
        name = self.name.replace("_", " ")
        return f"{name} ({self.shown_unit})" if self.shown_unit else name


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("validation_accuracy", "fraction", "validation", 0.0, 1.0, maximize=True),
        Metric("test_accuracy", "fraction", "test", 0.0, 1.0, maximize=True),
        Metric("training_loss", "nats", "train"),
        Metric("flops", "FLOPs"),
        Metric("elementwise_flops", "FLOPs"),
        Metric("parameters", "count"),
        Metric("isi", "fraction", None, 0.0, 1.0, maximize=True),
        Metric("training_seconds", "s", deterministic=False),
        Metric("explanation_seconds", "s", deterministic=False),
        Metric("latency_ms", "ms", deterministic=False),
    )
}
"""The metrics that the suite's own evaluators speak of, by name."""


@dataclass
class Evaluation:
    """Results of a batch of b evaluations, column by column.

    Attributes:
        status: ``(b,)`` int8, values of `Status`.
        epochs: ``(b,)`` int64, the fidelity each was trained to.
        seed: ``(b,)`` int64, the training seed.
        metrics: name → ``(b,)`` float64. A mapping may compute a column when it is first asked for.
        cost_seconds: ``(b,)`` float64, what each costs a search on its clock. A result that was stored
            costs what it cost when it was made.
        reasons: ``(b,)`` one line for each row that did not end well, ``""`` for the others; None where the
            evaluator gives none.
    """

    status: NDArray[np.int8]
    epochs: IntArray
    seed: IntArray
    metrics: Mapping[str, FloatArray]
    cost_seconds: FloatArray
    reasons: Sequence[str] | None = None

    def __len__(self) -> int:
        """Return b."""
        return len(self.status)

    def __getitem__(self, name: str) -> FloatArray:
        """Return a metric's column ``(b,)``.

        Raises:
            KeyError: there is no such metric; the message names those there are.
        """
        try:
            return self.metrics[name]
        except KeyError:
            raise KeyError(f"no metric {name!r} in this evaluation: there are {', '.join(self.metrics)}") from None

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which rows were evaluated and did not fail, ``(b,)``; of an incomplete one, some metrics are NaN."""
        return (self.status == Status.OK) | (self.status == Status.INCOMPLETE)

    def take(self, rows: Any) -> Evaluation:
        """Return the rows that an index array or mask selects."""
        return Evaluation(
            self.status[rows],
            self.epochs[rows],
            self.seed[rows],
            {name: self.metrics[name][rows] for name in self.metrics},
            self.cost_seconds[rows],
            None if self.reasons is None else np.array(self.reasons, dtype=object)[rows].tolist(),
        )

    def row(self, index: int) -> dict[str, Any]:
        """Return one row as plain Python values: status by name, epochs, seed, every metric, cost, any reason."""
        reason = self.reasons[index] if self.reasons is not None else ""
        return {
            "status": Status(int(self.status[index])).name.lower(),
            "epochs": int(self.epochs[index]),
            "seed": int(self.seed[index]),
            **{name: float(self.metrics[name][index]) for name in self.metrics},
            "cost_seconds": float(self.cost_seconds[index]),
            **({"reason": reason} if reason else {}),
        }

    @classmethod
    def concatenate(cls, parts: Sequence[Evaluation]) -> Evaluation:
        """Join evaluations of the same metrics row by row."""
        return cls(
            np.concatenate([p.status for p in parts]),
            np.concatenate([p.epochs for p in parts]),
            np.concatenate([p.seed for p in parts]),
            {name: np.concatenate([p.metrics[name] for p in parts]) for name in parts[0].metrics},
            np.concatenate([p.cost_seconds for p in parts]),
            [reason for p in parts for reason in p.reasons or [""] * len(p)] if any(p.reasons for p in parts) else None,
        )

    @classmethod
    def failed(
        cls,
        status: Status,
        epochs: IntArray,
        seed: IntArray,
        metrics: Mapping[str, Metric],
        largest_flops: float,
        cost_seconds: FloatArray | None = None,
    ) -> Evaluation:
        """Return rows that failed: the worst value of each bounded metric, the space's largest FLOPs.

        Accuracy and ISI count 0; ``flops`` counts the space's largest; metrics without a bound are NaN,
        which an objective turns into its infeasible reward.
        """
        b = len(epochs)
        columns = {}
        for name, metric in metrics.items():
            worst = metric.lower if metric.maximize else metric.upper
            worst = largest_flops if name == "flops" else worst
            columns[name] = np.full(b, worst if np.isfinite(worst) else np.nan)
        cost = np.zeros(b) if cost_seconds is None else np.asarray(cost_seconds, dtype=np.float64)
        return cls(np.full(b, status, dtype=np.int8), epochs, seed, columns, cost)


@runtime_checkable
class Evaluator(Protocol):
    """Judges architectures. An environment knows it only through this protocol.

    Evaluators pickle and deep-copy by configuration and reopen their handles lazily. Results depend on
    nothing but the question (architecture, epochs, seed) and the evaluator's configuration.

    An evaluator may name what its fidelities are, ``fidelity_name`` (`pynascent.envs.core.quantities.fidelity`);
    without the attribute they are epochs. One whose promotions go on from the shorter training says
    ``promotions = "continue"``, and a search then pays for what is added (`pynascent.envs.core.quantities.promotions`).

    Attributes:
        space: the search space that it judges.
        fidelities: epochs that can be asked for, ascending; the last is the full training.
        metrics: the columns that it returns, by name.
        seeds: training seeds that exist, for an evaluator with a fixed set; None where any integer will do.
    """

    space: SearchSpace
    fidelities: tuple[int, ...]
    metrics: Mapping[str, Metric]
    seeds: tuple[int, ...] | None

    def evaluate(self, architectures: IntArray, fidelities: IntArray, seeds: IntArray, /) -> Evaluation:
        """Evaluate ``(b, n)`` architectures at ``(b,)`` fidelities (epochs, as a rule) with ``(b,)`` training seeds."""
        ...


@runtime_checkable
class TabularEvaluator(Evaluator, Protocol):
    """An evaluator that only looks up, so that whole columns can be had at once."""

    def column(self, metric: str, epochs: int, seed: int) -> FloatArray:
        """Return a metric (or ``cost_seconds``) of every architecture, ``(space.size,)`` in index order.

        NaN where the table has no such row.
        """
        ...


@runtime_checkable
class AsyncEvaluator(Evaluator, Protocol):
    """An evaluator that works while the caller goes on: live training."""

    def submit(self, architectures: IntArray, fidelities: IntArray, seeds: IntArray, /) -> list[int]:
        """Hand in b questions and return a ticket for each, at once."""
        ...

    def collect(self, timeout: float | None = None) -> list[tuple[int, Evaluation]]:
        """Wait for at least one submitted question and return all that are finished, one row each.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes. Nothing submitted: returns [].
        """
        ...

    def close(self) -> None:
        """Release workers and files; the evaluator opens them again when it is next asked."""
        ...


# Architectures of the largest space of which a whole column is asked.
_LISTED = 2**20


def metric_range(evaluator: Evaluator, name: str) -> tuple[float, float]:
    """Return the smallest and the largest value that a metric can have, in the metric's unit.

    What the metric declares; where that is not finite, what a table holds over its fidelities and seeds, or (of
    ``flops``) the FLOPs of the space's largest architecture; ±∞ where nothing is known.
    """
    metric = evaluator.metrics[name]
    low, high = metric.lower, metric.upper
    if np.isfinite([low, high]).all():
        return low, high
    seen_low, seen_high = np.inf, -np.inf
    for column in _columns(evaluator, name):
        known = column[np.isfinite(column)]
        seen_low, seen_high = known.min(initial=seen_low), known.max(initial=seen_high)
    if seen_low <= seen_high:
        return float(seen_low), float(seen_high)
    if name == "flops" and np.isfinite(evaluator.space.largest_flops):
        return low, float(evaluator.space.largest_flops)
    return low, high


def _columns(evaluator: Evaluator, name: str) -> Iterator[FloatArray]:
    """Yield a table's columns of a metric, one for each fidelity and seed; none of what is no table."""
    # A table has the rows that it covers as `values`; another tabular evaluator has a column of its whole space.
    values = getattr(evaluator, "values", None)
    if values is None and evaluator.space.size <= _LISTED:
        values = getattr(evaluator, "column", None)
    if values is None or evaluator.seeds is None:
        return
    for fidelity in evaluator.fidelities:
        for seed in evaluator.seeds:
            try:
                yield np.asarray(values(name, fidelity, seed), dtype=np.float64)
            except ValueError:  # not known at this fidelity or of this training
                continue
