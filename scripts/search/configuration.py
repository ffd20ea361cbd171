"""What was asked of a search, as it is written into its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any


@dataclass(frozen=True)
class SearchConfiguration:
    """Everything that determines a search; it is compared on ``--resume``.

    Attributes:
        env: environment id.
        agent: agent's name, or ``module:Class``.
        evaluations: budget; a search that is resumed may be given a larger one.
        seed: seed of the agent and the environment.
        epochs: fidelity of every evaluation, or None for the environment's default.
        lam: λ, or None for the task's.
        mu: μ, or None for the task's.
        lanes: candidates proposed at a time.
        settings: the agent's settings that differ from its defaults.
        evaluator: arguments of the task's evaluator.
        objective: the objective as plain JSON, or None for the environment's.
        modules: modules that were imported first, by their names; they are not compared, since a record cannot say
            where on a machine they are.
        grown_from: budgets that the search had before, ascending, where it was resumed with a larger one.
    """

    env: str
    agent: str
    evaluations: int
    seed: int = 0
    epochs: int | None = None
    lam: float | None = None
    mu: float | None = None
    lanes: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    evaluator: Mapping[str, Any] = field(default_factory=dict)
    objective: Mapping[str, Any] | None = None
    modules: Sequence[str] = ()
    grown_from: Sequence[int] = ()

    def grown(self, begun: Mapping[str, Any]) -> SearchConfiguration:
        """Return the configuration of a search that was begun with another budget, and goes on with this one.

        Args:
            begun: the recorded configuration that it was begun with.
        """
        before = [*begun.get("grown_from", ())]
        before += [begun["evaluations"]] if begun["evaluations"] < self.evaluations else []
        return replace(self, grown_from=before)

    def record(self) -> dict[str, Any]:
        """Return the configuration as what JSON gives back of it."""
        return json.loads(json.dumps(asdict(self)))


_NOT_COMPARED = {"evaluations", "modules", "grown_from"}
_COMPARED = {entry.name for entry in fields(SearchConfiguration)} - _NOT_COMPARED
_ABSENT: dict[str, Any] = {"objective": None}  # of configurations that were written before there was such a thing


def first_difference(begun: Mapping[str, Any], asked: Mapping[str, Any]) -> str | None:
    """Return the first part, budget and modules apart, that two recorded configurations differ in, or None."""
    for name in sorted({*begun, *asked, *_COMPARED} - _NOT_COMPARED):
        mine, other = (config.get(name, _ABSENT.get(name)) for config in (begun, asked))
        if name == "env":
            mine, other = (str(value).rpartition(":")[2] for value in (mine, other))
        if mine != other:
            return name
    return None
