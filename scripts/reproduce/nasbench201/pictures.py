"""The page's pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pynascent.scripts.benchmark.report.drawing import legend_rows, styles
from pynascent.scripts.benchmark.report.figures import mean_with_interval, share_of_runs
from pynascent.scripts.benchmark.report.results import TaskResults
from pynascent.scripts.plots import QUIET_STYLE, load_pyplot


def agents_of(results: Mapping[str, TaskResults]) -> list[str]:
    """Return all agents, in the order of the groups."""
    return list(dict.fromkeys(agent for task in results.values() for agent in task.runs))


def _panels(path: Path, results: Mapping[str, TaskResults], draw: Callable[[Any, TaskResults, dict], None]) -> None:
    pyplot = load_pyplot()
    agents = agents_of(results)
    looks = styles(agents)
    with pyplot.rc_context({**QUIET_STYLE, "svg.hashsalt": path.stem, "svg.fonttype": "none"}):
        rows = legend_rows(len(agents)) / 2
        figure, axes = pyplot.subplots(
            1, len(results), figsize=(4.2 * len(results), 3.2 + 0.19 * rows), layout="constrained", squeeze=False
        )
        for panel, (name, task) in zip(axes[0], results.items(), strict=True):
            draw(panel, task, looks)
            panel.set_title(name)
        found = {
            label: line for panel in axes[0] for line, label in zip(*panel.get_legend_handles_labels(), strict=True)
        }
        figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=6)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)


def over_time(path: Path, results: Mapping[str, TaskResults]) -> None:
    """Draw the mean of the best validation accuracy over simulated time, with 95 % bootstrap intervals."""

    def draw(axes: Any, task: TaskResults, looks: dict) -> None:
        lows = []
        for agent in task.runs:
            grid, curves = task.over_time(agent, "best", points=60)
            mean_with_interval(axes, grid / 1000, 100 * curves, agent, looks[agent])
            lows.append(np.quantile(axes.get_lines()[-1].get_ydata(), 0.08))
        if task.optimum is not None:
            axes.axhline(100 * task.optimum, color="#555555", linewidth=0.9, linestyle=(0, (6, 3)))
            axes.set_ylim(min(lows), 100 * task.optimum + 0.05 * (100 * task.optimum - min(lows)))
        axes.set(xlabel="simulated time (1,000 s)", ylabel="best validation accuracy (%)")

    _panels(path, results, draw)


def at_optimum(path: Path, results: Mapping[str, TaskResults]) -> None:
    """Draw the share of runs that have found the optimum, over evaluations."""

    def draw(axes: Any, task: TaskResults, looks: dict) -> None:
        assert task.optimum is not None
        for agent, runs in task.runs.items():
            share_of_runs(axes, runs, task.optimum, False, agent, looks[agent])

    _panels(path, results, draw)
