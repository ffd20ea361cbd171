"""The picture of one search: reward over evaluations, and accuracy against FLOPs coloured by ISI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .files import replace_file

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


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("plots need matplotlib: pip install 'pynascent[plot]'", name=error.name) from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def incumbents(rows: Sequence[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Return evaluation numbers (1-based) and the best reward so far, among successes at the largest fidelity."""
    largest = max((row["epochs"] for row in rows), default=0)
    at = [i + 1 for i, row in enumerate(rows) if row["epochs"] == largest and row["status"] == "ok"]
    best = np.maximum.accumulate([rows[i - 1]["reward"] for i in at]) if at else np.empty(0)
    return np.array(at), best


def plot_search(path: Path, rows: Sequence[dict[str, Any]], accuracy: str, title: str) -> None:
    """Draw ``search.png`` from the rows of a history; where rewards are vectors, without rewards."""
    pyplot = _matplotlib()
    one_reward = not any(isinstance(row["reward"], list) for row in rows)
    panels = 2 if one_reward else 1
    figure, axes = pyplot.subplots(1, panels, figsize=(6 * panels, 4.8), layout="constrained", squeeze=False)
    figure.suptitle(title)
    if one_reward:
        _plot_rewards(axes[0, 0], rows)
    _plot_costs(figure, axes[0, -1], rows, accuracy)
    replace_file(path, lambda temporary: figure.savefig(temporary, dpi=120))
    pyplot.close(figure)


def _plot_rewards(axes: Any, rows: Sequence[dict[str, Any]]) -> None:
    epochs = sorted({row["epochs"] for row in rows})
    for level, fidelity in enumerate(epochs):
        at = [i + 1 for i, row in enumerate(rows) if row["epochs"] == fidelity and row["status"] == "ok"]
        shade = 0.25 + 0.6 * (level + 1) / len(epochs)
        axes.scatter(
            at,
            [rows[i - 1]["reward"] for i in at],
            s=18,
            alpha=shade,
            label=f"{fidelity} epoch{'s' if fidelity > 1 else ''}",
        )
    at, best = incumbents(rows)
    if len(at):
        axes.step([*at, len(rows)], [*best, best[-1]], where="post", color="black", label="best so far")
    failed = [i + 1 for i, row in enumerate(rows) if row["status"] != "ok"]
    if failed:
        lowest = axes.get_ylim()[0]
        axes.scatter(failed, [lowest] * len(failed), marker="x", color="crimson", label="failed")
    axes.set(xlabel="evaluation", ylabel="reward", title="reward over evaluations")
    axes.legend(fontsize=8, loc="lower right")


def _plot_costs(figure: Any, axes: Any, rows: Sequence[dict[str, Any]], accuracy: str) -> None:
    good = [row for row in rows if row["status"] == "ok"]
    flops = [row["flops"] for row in good]
    scores = [row[accuracy] for row in good]
    has_isi = bool(good) and good[0].get("isi") is not None
    colours = {"c": [row["isi"] for row in good], "cmap": "viridis"} if has_isi else {"color": "tab:blue"}
    sizes = [12 + 4 * np.sqrt(row["epochs"]) for row in good]
    points = axes.scatter(flops, scores, s=sizes, edgecolors="black", linewidths=0.3, **colours)
    if has_isi:
        figure.colorbar(points, ax=axes, label="ISI")
    axes.set(
        xscale="log",
        xlabel="FLOPs of one forward pass",
        ylabel=accuracy.replace("_", " "),
        title="accuracy against FLOPs (larger dots: more epochs)",
    )
