"""The picture of one search: reward over evaluations, and accuracy against FLOPs coloured by ISI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..envs import SearchTask
from .files import replace_file
from .judging import MEASURED, accuracy_metric, metric_label, violation, worth

QUIET_STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
}
"""Matplotlib's settings for the small pictures of reports and data sheets."""


def load_pyplot() -> Any:
    """Return ``matplotlib.pyplot``, drawing into files.

    Raises:
        ModuleNotFoundError: matplotlib is missing; the message names the extra that has it.
    """
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("plots need matplotlib: pip install 'pynascent[plot]'", name=error.name) from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def incumbents(task: SearchTask, rows: Sequence[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the best feasible reward so far, among successes at the largest fidelity.

    Returns:
        ``(k,)`` evaluation numbers, from 1, and ``(k,)`` rewards: the k rows at the largest fidelity from the first
        feasible one on.
    """
    largest = max((row["epochs"] for row in rows), default=0)
    numbers, rewards, best = [], [], None
    for i, row in enumerate(rows, start=1):
        if row["epochs"] != largest or row["status"] not in MEASURED:
            continue
        if violation(task, row) == 0 and (best is None or worth(task, row) > worth(task, best)):
            best = row
        if best is not None:
            numbers.append(i)
            rewards.append(best["reward"])
    return np.array(numbers, dtype=np.int64), np.array(rewards)


def plot_search(path: Path, rows: Sequence[dict[str, Any]], task: SearchTask, title: str) -> None:
    """Draw ``search.png`` from the rows of a history; where rewards are vectors, without rewards."""
    pyplot = load_pyplot()
    one_reward = not any(isinstance(row["reward"], list) for row in rows)
    panels = 2 if one_reward else 1
    figure, axes = pyplot.subplots(1, panels, figsize=(6 * panels, 4.8), layout="constrained", squeeze=False)
    figure.suptitle(title)
    if one_reward:
        _plot_rewards(axes[0, 0], rows, task)
    _plot_costs(figure, axes[0, -1], rows, task)
    replace_file(path, lambda temporary: figure.savefig(temporary, dpi=120))
    pyplot.close(figure)


def _plot_rewards(axes: Any, rows: Sequence[dict[str, Any]], task: SearchTask) -> None:
    epochs = sorted({row["epochs"] for row in rows})
    good = {i: row for i, row in enumerate(rows, start=1) if row["status"] in MEASURED}
    feasible = {i for i, row in good.items() if violation(task, row) == 0}
    for level, fidelity in enumerate(epochs):
        at = [i for i, row in good.items() if row["epochs"] == fidelity and i in feasible]
        shade = 0.25 + 0.6 * (level + 1) / len(epochs)
        label = f"{fidelity} epoch{'s' if fidelity > 1 else ''}"
        axes.scatter(at, [good[i]["reward"] for i in at], s=18, alpha=shade, label=label)
    broken = [i for i in good if i not in feasible]
    if broken:
        rewards = [good[i]["reward"] for i in broken]
        axes.scatter(broken, rewards, s=18, facecolors="none", edgecolors="tab:gray", label="breaks a constraint")
    at, best = incumbents(task, rows)
    if len(at):
        axes.step([*at, len(rows)], [*best, best[-1]], where="post", color="black", label="best so far")
    failed = [i + 1 for i, row in enumerate(rows) if row["status"] not in MEASURED]
    if failed:
        lowest = axes.get_ylim()[0]
        axes.scatter(failed, [lowest] * len(failed), marker="x", color="crimson", label="failed")
    axes.set(xlabel="evaluation", ylabel="reward", title="reward over evaluations")
    axes.legend(fontsize=8, loc="lower right")


_COSTS = {"flops": "FLOPs of one forward pass", "parameters": "parameters", "cost_seconds": "cost (s)"}


def _plot_costs(figure: Any, axes: Any, rows: Sequence[dict[str, Any]], task: SearchTask) -> None:
    metric = accuracy_metric(task)
    good = [row for row in rows if row["status"] in MEASURED]
    # A table may know no FLOPs, and a chart on a logarithmic scale needs more than zeros.
    cost = next((name for name in _COSTS if any((row.get(name) or 0) > 0 for row in good)), "cost_seconds")
    has_isi = any(row.get("isi") is not None for row in good)
    colours = {"c": _column(good, "isi"), "cmap": "viridis"} if has_isi else {"color": "tab:blue"}
    sizes = [12 + 4 * np.sqrt(row["epochs"]) for row in good]
    points = axes.scatter(
        _column(good, cost), _column(good, metric.name), s=sizes, edgecolors="black", linewidths=0.3, **colours
    )
    if has_isi:
        figure.colorbar(points, ax=axes, label="ISI")
    better = "" if metric.maximize else ", less is better"
    axes.set(
        xscale="log",
        xlabel=_COSTS[cost],
        ylabel=metric_label(metric) + better,
        title=f"{metric_label(metric, unit=False)} against cost (larger dots: more epochs)",
    )


def _column(rows: Sequence[dict[str, Any]], name: str) -> list[float]:
    values = (row.get(name) for row in rows)
    return [np.nan if value is None else value for value in values]
