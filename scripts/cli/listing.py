"""``pynascent envs``: the environments with their spaces, metrics and fidelities."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from ...envs import TASKS, environment_id
from ...envs.core.tasks import make_evaluator
from ...envs.mdp.formulations import FORMULATIONS


def environments_table() -> Table:
    """Return a table with one row per task; a task whose extra or table is missing says what it needs."""
    table = Table(title="PyNASCENT environments")
    for heading in ("ids", "search space", "fidelities (epochs)", "metrics", "reward"):
        table.add_column(heading, overflow="fold")
    for spec in TASKS.values():
        ids = "\n".join(environment_id(spec.name, formulation) for formulation in FORMULATIONS)
        reward = f"{spec.accuracy} - {spec.lam:g} ln FLOPs - {spec.mu:g} (1 - ISI)"
        try:
            row = _describe(make_evaluator(spec))
        except (ModuleNotFoundError, ValueError, OSError) as error:
            row = (str(error), "", "")
        table.add_row(f"{ids}\n[dim]{spec.description}[/dim]", *row, reward)
    return table


def _describe(evaluator: Any) -> tuple[str, str, str]:
    space = evaluator.space
    choices = ", ".join(f"{choice.name}:{len(choice)}" for choice in space.choices)
    metrics = "\n".join(
        f"{metric.name} ({metric.unit}{', ' + metric.split if metric.split else ''})"
        for metric in evaluator.metrics.values()
    )
    text = f"{space.name}, {space.size:,} architectures\n[dim]{choices}[/dim]"
    return text, ", ".join(map(str, evaluator.fidelities)), metrics
