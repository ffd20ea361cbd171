"""What a search maximises: rewards computed from the metrics of an evaluation."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .evaluation import Evaluation, FloatArray, Metric
from .numbers import is_finite, plain_number
from .quantities.logarithm import ln_at_least_1

Function = Callable[[FloatArray], FloatArray] | None
Ranges = Callable[[str], tuple[float, float]]


# Functions by name, not lambdas: an environment pickles with its objective.
def _giga(x: FloatArray) -> FloatArray:
    return x / 1e9


def _hours(x: FloatArray) -> FloatArray:
    return x / 3600.0


def _complement(x: FloatArray) -> FloatArray:
    return 1.0 - x


def _negative(x: FloatArray) -> FloatArray:
    return -x


# Terms beside the metrics themselves: name → (metric, function of its column). "accuracy" is put in later,
# since it is whichever metric the task searches on.
_DERIVED: dict[str, tuple[str, Callable[[FloatArray], FloatArray]]] = {
    "gflops": ("flops", _giga),
    "training_hours": ("training_seconds", _hours),
    "instability": ("isi", _complement),
}
_COMPARE: dict[str, Callable[[FloatArray, float], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Objective:
    """Metrics → reward: a weighted sum of terms, hard constraints, or one reward per term.

    A term is a metric (``latency_ms``), its natural logarithm ``ln max(x, 1)`` (``ln_flops``), ``accuracy``
    (the metric that the task searches on, of the validation split; with a minus sign where less of it is better, as
    of a loss), ``gflops``, ``training_hours``, or ``instability`` = 1 − ISI.

    A row that breaks a constraint, or has a term that is not a number, is infeasible. It is worse than every feasible
    one, whatever its reward (`pynascent.envs.core.feasibility`); agents that see nothing but the reward need one that
    says so, too.

    Attributes:
        terms: term → weight; a negative weight is a cost.
        constraints: bounds on terms, such as ``"flops<=5e8"``; a row that breaks one gets
            ``infeasible_reward``, and so does a row with a NaN term (a failed evaluation of a metric
            without a worst value).
        infeasible_reward: that reward; in every component when ``vector``. None, the default, stands for −1 or the
            worst reward that a feasible row can have, whichever is lower: each term at its worst, which is the
            metric's bound, the largest value in the table or the FLOPs of the space's largest architecture, but not
            beyond a constraint on that metric. A term whose metric has no such bound (the seconds of a live
            training) counts 0 there: give a reward of your own where its feasible values could be lower than −1.
        vector: one reward per term, in the terms' order, instead of their sum (multi-objective search).
        allow_test: permit metrics of the test split. Search on test data is no search; this exists for
            oracles and says so in the specification.
    """

    terms: Mapping[str, float]
    constraints: Sequence[str] = ()
    infeasible_reward: float | None = None
    vector: bool = False
    allow_test: bool = False
    parsed_constraints: tuple[tuple[str, Callable[[FloatArray, float], Any], float], ...] = field(
        default=(), init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Check the terms' weights and parse the constraints."""
        if not self.terms:
            raise ValueError("the objective has no terms: give at least one, such as {'accuracy': 1.0}")
        for name, weight in self.terms.items():
            if not is_finite(weight):
                raise ValueError(f"weight {weight!r} of the objective's term {name!r} is not a finite number")
        object.__setattr__(self, "terms", {name: plain_number(weight) for name, weight in self.terms.items()})
        if self.infeasible_reward is not None:
            if not is_finite(self.infeasible_reward):
                raise ValueError(f"infeasible_reward={self.infeasible_reward!r}: give a finite number, or None")
            object.__setattr__(self, "infeasible_reward", plain_number(self.infeasible_reward))
        parsed = []
        for constraint in self.constraints:
            match = re.fullmatch(r"\s*(\w+)\s*(<=|>=|<|>)\s*(\S+)\s*", constraint)
            try:
                parsed.append((match[1], _COMPARE[match[2]], float(match[3])))  # type: ignore[index]
            except (TypeError, ValueError):
                raise ValueError(
                    f"constraint {constraint!r} is not of the form 'term<=number' (<=, >=, <, >), as in 'flops<=5e8'"
                ) from None
            if not np.isfinite(parsed[-1][2]):
                raise ValueError(f"constraint {constraint!r}: give a finite bound")
        object.__setattr__(self, "parsed_constraints", tuple(parsed))

    @property
    def size(self) -> int:
        """Number of rewards per row: 1, or the number of terms when ``vector``."""
        return len(self.terms) if self.vector else 1

    def bind(
        self, metrics: Mapping[str, Metric], accuracy: str = "validation_accuracy", ranges: Ranges | None = None
    ) -> BoundObjective:
        """Resolve the terms against an evaluator's metrics.

        Args:
            metrics: the evaluator's metrics.
            accuracy: the metric that the term ``accuracy`` stands for; counted negatively where less of it is better.
            ranges: returns the smallest and the largest value of a metric, for the reward of infeasible rows; None
                for the bounds that the metrics declare.

        Raises:
            ValueError: a term's metric is unknown to the evaluator, or is of the test split; or a constraint bounds
                the term ``accuracy`` where that stands for what is to be small.
        """
        columns = {}
        if not metrics.get(accuracy, Metric(accuracy, "", maximize=True)).maximize:
            for term, _, _ in self.parsed_constraints:
                if term == "accuracy":
                    raise ValueError(
                        f"a constraint on 'accuracy', which stands for {accuracy!r}, of which less is better: "
                        f"constrain {accuracy!r} itself"
                    )
        for term in [*self.terms, *(name for name, _, _ in self.parsed_constraints)]:
            columns[term] = self._resolve(term, metrics, accuracy)
        declared = {name: (metric.lower, metric.upper) for name, metric in metrics.items()}
        return BoundObjective(self, columns, ranges or declared.__getitem__)

    def _resolve(self, term: str, metrics: Mapping[str, Metric], accuracy: str) -> tuple[str, Function]:
        name, function = term, None
        if term == "accuracy":
            name = accuracy
        elif term in _DERIVED:
            name, function = _DERIVED[term]
        elif term not in metrics and term.startswith("ln_"):
            name, function = term[3:], ln_at_least_1
        if name not in metrics:
            of = f" of the term {term!r}" if term != name else ""
            raise ValueError(
                f"the evaluator has no metric {name!r}{of}: it has {', '.join(sorted(metrics))} "
                "(and ln_<metric>, accuracy, gflops, training_hours, instability where these allow)"
            )
        if metrics[name].split == "test" and not self.allow_test:
            raise ValueError(
                f"the objective's term {term!r} is measured on the test split: a search must not see it; "
                "use a validation metric (or allow_test=True for an oracle)"
            )
        if term == "accuracy" and not metrics[name].maximize:
            function = _negative
        return name, function

    def to_config(self) -> dict[str, Any]:
        """Return plain JSON values that `objective_from_config` takes back."""
        config: dict[str, Any] = {"terms": dict(self.terms)}
        if self.constraints:
            config["constraints"] = list(self.constraints)
        if self.infeasible_reward is not None:
            config["infeasible_reward"] = self.infeasible_reward
        if self.vector:
            config["vector"] = True
        if self.allow_test:
            config["allow_test"] = True
        return config


@dataclass(frozen=True)
class BoundObjective:
    """An objective resolved against an evaluator: a function from evaluations to rewards.

    Attributes:
        objective: what was resolved.
        columns: term, of the reward or a constraint → its metric and the function of the metric's column.
        ranges: returns the smallest and the largest value of a metric.
    """

    objective: Objective
    columns: Mapping[str, tuple[str, Function]]
    ranges: Ranges = field(compare=False, repr=False)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that the reward reads."""
        return tuple(dict.fromkeys(name for name, _ in self.columns.values()))

    def __call__(self, evaluation: Evaluation) -> FloatArray:
        """Return the rewards alone, see `judge`."""
        return self.judge(evaluation)[0]

    def judge(self, evaluation: Evaluation) -> tuple[FloatArray, FloatArray]:
        """Return the rewards of b evaluations, and by how much each breaks the constraints.

        Returns:
            Rewards ``(b,)``, or ``(b, k)`` of a vector objective of k terms; an infeasible row has the objective's
            ``infeasible_reward``. Violations ``(b,)``, at least 0: the sum over the constraints of the excess beyond
            the bound, relative to the bound's magnitude (absolute where the bound is 0). 0 is feasible; ∞ is a
            failed evaluation or a term that is not a number, which is worse than any bound broken.
        """
        values = {}
        for term, (name, function) in self.columns.items():
            column = evaluation[name]
            values[term] = column if function is None else function(column)
        weighted = [weight * values[term] for term, weight in self.objective.terms.items()]
        total = sum(weighted[1:], weighted[0])  # term by term, however many rows there are
        rewards = np.stack(weighted, axis=1) if self.objective.vector else total
        violations = np.zeros(len(evaluation))
        for term, compare, bound in self.objective.parsed_constraints:
            excess = np.abs(values[term] - bound) / (abs(bound) or 1.0)
            # A strict bound is broken at the bound itself, by nothing that could be measured.
            broken = np.maximum(excess, np.finfo(np.float64).tiny)
            violations += np.where(compare(values[term], bound), 0.0, broken)
        violations[~np.isfinite(total) | np.isnan(violations)] = np.inf
        infeasible = violations > 0.0
        if infeasible.any():
            rewards[infeasible] = self.infeasible_reward
        violations[~evaluation.ok] = np.inf
        return rewards, violations

    @cached_property
    def infeasible_reward(self) -> Any:
        """The reward of infeasible rows: a number, or one for each term ``(k,)`` of a vector objective."""
        given = self.objective.infeasible_reward
        if given is not None:
            return given
        worst = np.array([self._worst(term, weight) for term, weight in self.objective.terms.items()])
        return np.minimum(worst if self.objective.vector else sum(worst.tolist()), -1.0)

    def _worst(self, term: str, weight: float) -> float:
        """Return the least that a weighted term can be in a feasible row; 0 where nothing bounds it."""
        if not weight:
            return 0.0
        name, function = self.columns[term]
        low, high = self.ranges(name)
        for bounded, compare, bound in self.objective.parsed_constraints:
            if self.columns[bounded] == (name, None):
                if compare in (operator.le, operator.lt):
                    high = min(high, bound)
                else:
                    low = max(low, bound)
        ends = np.array([low, high], dtype=np.float64)
        worst = (weight * (ends if function is None else function(ends))).min()  # every function is monotone
        return float(worst) if np.isfinite(worst) else 0.0


def flops_isi_objective(lam: float, mu: float) -> Objective:
    """Return the paper's R = accuracy − λ ln FLOPs − μ (1 − ISI); a weight of 0 leaves its term out."""
    terms = {"accuracy": 1.0}
    terms |= {"ln_flops": -lam} if lam else {}
    terms |= {"instability": -mu} if mu else {}
    return Objective(terms)


def resource_objective(alpha: float, beta: float, gamma: float) -> Objective:
    """Return the paper's resource form α·accuracy − β·GFLOPs − γ·training hours."""
    terms = {"accuracy": alpha, "gflops": -beta, "training_hours": -gamma}
    return Objective({term: weight for term, weight in terms.items() if weight})


_FORMS: dict[str, Callable[..., Objective]] = {"flops_isi": flops_isi_objective, "resource": resource_objective}


def objective_from_config(config: Objective | Mapping[str, Any]) -> Objective:
    """Return the objective that plain JSON values describe.

    Accepted are ``{"form": "flops_isi", "lam": λ, "mu": μ}``, ``{"form": "resource", "alpha": α, "beta": β,
    "gamma": γ}``, ``{"terms": {...}, "constraints": [...], ...}`` and, in short, the terms themselves,
    ``{"accuracy": 1.0, "ln_flops": -0.02}``.

    Raises:
        ValueError: the form is unknown, or an argument does not fit.
    """
    if isinstance(config, Objective):
        return config
    if not isinstance(config, Mapping):
        raise ValueError(f"objective={config!r}: give a mapping such as {{'accuracy': 1.0, 'ln_flops': -0.02}}")
    arguments = dict(config)
    form = arguments.pop("form", None)
    if form is not None and form not in _FORMS:
        raise ValueError(f"objective form {form!r} is unknown: known are {', '.join(_FORMS)}")
    try:
        if form is not None:
            return _FORMS[form](**arguments)
        return Objective(**arguments) if "terms" in arguments else Objective(arguments)
    except TypeError as error:
        raise ValueError(f"objective {dict(config)} has an argument that does not fit: {error}") from error
