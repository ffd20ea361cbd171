"""The pictures of a benchmark's report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....evaluation.statistics import average_ranks, bootstrap_mean, cliques, critical_difference
from ..pareto import median_attainment
from .drawing import legend_rows, styles, svg
from .results import Run, TaskResults, performance_profiles

Figure = tuple[str, str]
"""A caption and a picture."""


def mean_with_interval(axes: Any, grid: Any, curves: Any, agent: str, style: dict[str, Any]) -> None:
    """Draw the mean of ``(runs, t)`` curves with its 95 % bootstrap interval, from where all runs have a value."""
    whole = ~np.isnan(curves).any(axis=0)
    if not whole.any():
        return
    grid, curves = grid[whole], curves[:, whole]
    axes.plot(grid, curves.mean(axis=0), label=agent, **style)
    if len(curves) > 1:
        low, high = bootstrap_mean(curves, np.random.default_rng(0))
        axes.fill_between(grid, low, high, color=style["color"], alpha=0.18, linewidth=0)


def share_of_runs(
    axes: Any,
    runs: Sequence[Run],
    level: float,
    by_time: bool,
    agent: str,
    style: dict[str, Any],
    time_label: str = "simulated seconds",
) -> None:
    """Draw the share of an agent's runs that have reached a value, over evaluations or the runs' clock."""
    ends = sorted(run.seconds_to(level) if by_time else run.evaluations_to(level) for run in runs)
    ends = [end for end in ends if np.isfinite(end)]
    last = max(run.clock[-1] if by_time else run.evaluations for run in runs)
    steps = np.arange(len(ends) + 1) / len(runs) * 100
    axes.step([0, *ends, last], [*steps, steps[-1]], where="post", label=agent, **style)
    axes.set(xlabel=time_label if by_time else "evaluations", ylabel="share of runs (%)", ylim=(-2, 102))


class TaskFigures:
    """The pictures of one task.

    Args:
        task: its results.
        agents: all agents of the benchmark, which decides their colours.
    """

    def __init__(self, task: TaskResults, agents: Sequence[str]) -> None:
        self.task = task
        self.styles = {agent: style for agent, style in styles(agents).items() if agent in task.runs}
        self.scale, self.label = task.value_factor, task.value_label

    def figures(self) -> list[Figure]:
        """Return those that there is something to draw for; the first compares agents at equal cost."""
        task = self.task
        epochs = f"at {task.statistics['epochs']} epochs"
        shown = "mean over runs, 95 % bootstrap interval"
        less = " Less is better." if self.scale < 0 else ""
        by_count = (
            f"Best {self.label} so far, {epochs}, over the number of evaluations, whatever each costs: {shown}. An "
            f"agent that trains most of its candidates briefly pays less for each.{less}",
            self._over_evaluations(),
        )
        found: list[Figure] = [by_count]
        if task.equal_cost > 0:
            end = f" Dotted: {task.equal_cost:,.0f} s, what the cheapest agent has spent." if task.costs_differ else ""
            caption = (
                f"Agents at equal cost: best {self.label} so far, {epochs}, over what the evaluations cost, in "
                f"{task.time_label}: {shown}.{end}{less}"
            )
            found.insert(0, (caption, self._over_time("best", self.label)))
            if task.has_reports:
                caption = (
                    f"{task.report_label} of the architecture that is best so far, over {task.time_label}: {shown}."
                )
                found.append((caption, self._over_time("report", task.report_label)))
        if task.optimum is not None:
            found.append(
                ("Share of runs that have found the optimum, over evaluations.", self._share("optimum", False))
            )
        if task.targets and task.equal_cost > 0:
            middle = list(task.targets)[-2]
            caption = f"Time to target: share of runs that have reached “{middle}”, over {task.time_label}."
            found.append((caption, self._share(middle, True)))
        if len(task.statistics["terms"]) == 2 and task.reference is not None:
            found.append(
                ("Pareto fronts: what half of an agent's runs reach (median attainment surface).", self._fronts())
            )
        if task.reference is not None:
            caption = f"Hypervolume over evaluations: {shown}. Reference point: {self._reference()}."
            found.append((caption, self._hypervolume()))
        if any(run.in_training is not None for run in task.all_runs):
            caption = (
                "Candidates in training over wall time, the first run of each agent; see the table of live training."
            )
            found.append((caption, self._in_training()))
        found.append(
            (
                "Decision time of agent and environment per evaluation: median, and 5 % to 95 % of all.",
                self._decisions(),
            )
        )
        return found

    def _svg(self, name: str, draw: Any, extra: int = 0, **more: Any) -> str:
        return svg(f"{self.task.label}-{name}", draw, legend_rows(len(self.styles) + extra), **more)

    def _mean(self, axes: Any, agent: str, grid: Any, curves: Any) -> None:
        mean_with_interval(axes, grid, curves, agent, self.styles[agent])

    def _focus(self, axes: Any, top: float | None, falls: bool = False) -> None:
        """Leave the first steps, which are far below, out of the picture."""
        lines = [line.get_ydata() for line in axes.get_lines() if len(line.get_ydata()) > 2]
        if not lines:
            return
        # Where less is better the first steps are far above.
        down = falls
        edge = 0.92 if down else 0.08
        ends = [float(np.quantile(line, edge)) for line in lines]
        others = [float(np.min(line) if down else np.max(line)) for line in lines] + ([top] if top is not None else [])
        low, high = (min(others), max(ends)) if down else (min(ends), max(others))
        margin = 0.06 * (high - low) or 0.01
        axes.set_ylim(low - margin, high + margin)

    def _optimum(self, axes: Any) -> float | None:
        if self.task.optimum is None:
            return None
        top = self.scale * self.task.optimum
        axes.axhline(top, color="#555555", linewidth=0.9, linestyle=(0, (6, 3)), label="optimum")
        return top

    def _over_evaluations(self) -> str:
        def draw(axes: Any) -> None:
            for agent in self.styles:
                grid, curves = self.task.over_evaluations(agent)
                self._mean(axes, agent, grid, self.scale * curves)
            random = self.task.statistics.get("random")
            if random:
                style = {"color": "#888888", "linewidth": 1.1, "linestyle": (0, (1, 1.5))}
                axes.plot(random["draws"], self.scale * np.array(random["curve"]), label="random, exact", **style)
            self._focus(axes, self._optimum(axes), self.scale < 0)
            axes.set(xlabel="evaluations", ylabel=self.label)

        return self._svg("evaluations", draw, extra=2 * (self.task.optimum is not None))

    def _over_time(self, what: str, label: str) -> str:
        factor = self.task.report_factor if what == "report" else self.scale

        def draw(axes: Any) -> None:
            for agent in self.styles:
                grid, curves = self.task.over_time(agent, what)
                self._mean(axes, agent, grid, factor * curves)
            if what == "best" and self.task.costs_differ:
                axes.axvline(self.task.equal_cost, color="#555555", linewidth=0.9, linestyle=(0, (1, 2)))
            self._focus(axes, self._optimum(axes) if what == "best" else None, factor < 0)
            axes.set(xlabel=self.task.time_label, ylabel=label)
            axes.ticklabel_format(axis="x", style="sci", scilimits=(-3, 5), useMathText=False)

        return self._svg(f"time-{what}", draw, extra=what == "best" and self.task.optimum is not None)

    def _share(self, target: str, by_time: bool) -> str:
        level = self.task.targets[target]

        def draw(axes: Any) -> None:
            for agent, runs in self.task.runs.items():
                share_of_runs(axes, runs, level, by_time, agent, self.styles[agent], self.task.time_label)
            if by_time:
                axes.ticklabel_format(axis="x", style="sci", scilimits=(-3, 5), useMathText=False)

        return self._svg(f"share-{by_time}", draw)

    def _fronts(self) -> str:
        names = list(self.task.statistics["terms"])
        weights = list(self.task.statistics["terms"].values())
        # What counts is shown as it is, and a cost as the cost itself.
        shown = names[0] == "accuracy" and weights[0] == 1.0
        scale = [self._accuracy()["factor"] if shown else 1.0, -1.0 if weights[1] < 0 else 1.0]

        def draw(axes: Any) -> None:
            if "front" in self.task.statistics:
                front = np.array(self.task.statistics["front"]) * scale
                axes.plot(front[:, 1], front[:, 0], ".", color="#999999", markersize=5, label="whole table")
            for agent, runs in self.task.runs.items():
                points = [run.terms[~np.isnan(run.terms).any(axis=1)] for run in runs]
                surface = median_attainment(points) * scale
                if len(surface):
                    axes.plot(surface[:, 1], surface[:, 0], drawstyle="steps-post", label=agent, **self.styles[agent])
            cost = names[1].replace("ln_flops", "ln FLOPs").replace("_", " ")
            if weights[1] not in (1.0, -1.0):
                cost = f"{abs(weights[1]):g} × {cost}"
            axes.set(xlabel=cost, ylabel=self._term(names[0], weights[0]))

        return self._svg("fronts", draw, extra=1)

    def _accuracy(self) -> dict[str, Any]:
        """Return label and factor of the metric that the term ``accuracy`` stands for."""
        return self.task.statistics.get("search_metric") or {"label": "accuracy (%)", "factor": 100.0}

    def _term(self, name: str, weight: float) -> str:
        if name == "accuracy" and weight == 1.0:
            return self._accuracy()["label"]
        return name.replace("_", " ") if weight == 1.0 else f"{weight:g} × {name.replace('_', ' ')}"

    def _reference(self) -> str:
        assert self.task.reference is not None
        pairs = zip(self.task.statistics["terms"].items(), self.task.reference, strict=True)
        of = "worst of the table" if "reference" in self.task.statistics else "worst of all runs"
        return ", ".join(f"{weight:g} × {name} = {value:.6g}" for (name, weight), value in pairs) + f" ({of})"

    def _hypervolume(self) -> str:
        whole = self.task.statistics.get("front_hypervolume")

        def draw(axes: Any) -> None:
            for agent, runs in self.task.runs.items():
                most = int(np.median([run.evaluations for run in runs]))
                grid = np.unique(np.geomspace(1, most, 16).round().astype(int))
                curves = np.stack([self.task.hypervolume_curve(run, grid) for run in runs])
                self._mean(axes, agent, grid, 100 * curves / whole if whole else curves)
            axes.set(xlabel="evaluations", ylabel="hypervolume (% of the table's)" if whole else "hypervolume")
            self._focus(axes, None)

        return self._svg("hypervolume", draw)

    def _in_training(self) -> str:
        def draw(axes: Any) -> None:
            for agent, runs in self.task.runs.items():
                log = runs[0].in_training
                if log is not None:
                    axes.step(log.seconds, log.counts, where="post", label=agent, **self.styles[agent])
            axes.set(xlabel="wall seconds", ylabel="candidates in training", ylim=(0, None))

        return self._svg("in-training", draw)

    def _decisions(self) -> str:
        agents = list(self.task.runs)

        def draw(axes: Any) -> None:
            for row, agent in enumerate(agents):
                times = 1e3 * np.concatenate([run.decision_seconds for run in self.task.runs[agent]])
                low, middle, high = np.quantile(np.maximum(times, 1e-3), [0.05, 0.5, 0.95])
                color = self.styles[agent]["color"]
                axes.plot([low, high], [row, row], color=color, linewidth=5, alpha=0.35, solid_capstyle="butt")
                axes.plot([middle], [row], "o", color=color, markersize=5)
            axes.set_yticks(range(len(agents)), agents)
            axes.set(xscale="log", xlabel="milliseconds", ylim=(len(agents) - 0.5, -0.5))

        return svg(f"{self.task.label}-decisions", draw, height=0.9 + 0.26 * len(agents))


def critical_difference_diagram(name: str, agents: Sequence[str], scores: np.ndarray) -> str:
    """Draw Demšar's diagram (2006, figure 1): mean ranks, and bars over what Nemenyi's test cannot tell apart.

    Args:
        name: of the picture.
        agents: k of them, at least 2.
        scores: ``(blocks, k)``, higher is better.
    """
    ranks = average_ranks(scores)
    order = np.argsort(ranks, kind="stable")
    ranks, named = ranks[order], [agents[i] for i in order]
    k, difference = len(agents), critical_difference(len(agents), len(scores))
    half = -(-k // 2)
    groups = cliques(ranks, difference)
    top, step = 0.6 + 0.32 * len(groups), 0.62

    def draw(axes: Any) -> None:
        axes.axis("off")
        axes.plot([1, k], [0, 0], color="black", linewidth=1)
        for tick in range(1, k + 1):
            axes.plot([tick, tick], [0, -0.16], color="black", linewidth=1)
            axes.text(tick, -0.25, str(tick), ha="center", va="bottom", fontsize=8)
        shown = min(difference, k - 1)
        axes.plot([1, 1 + shown], [-1.15, -1.15], color="#B00020", linewidth=2.5, solid_capstyle="butt")
        text = f"critical difference {difference:.2f}"
        axes.text(1, -1.3, text, ha="left", va="bottom", fontsize=8, color="#B00020")
        for place, (rank, agent) in enumerate(zip(ranks, named, strict=True)):
            left = place < half
            y = top + step * (place if left else k - 1 - place)
            edge = 1 - 0.04 * (k - 1) if left else k + 0.04 * (k - 1)
            axes.plot([rank, rank, edge], [0, y, y], color="#333333", linewidth=0.9)
            label = f"{agent} {rank:.2f} " if left else f" {rank:.2f} {agent}"
            axes.text(edge, y, label, ha="right" if left else "left", va="center", fontsize=8)
        for level, (first, last) in enumerate(groups):
            y = 0.32 * (level + 1)
            axes.plot([ranks[first] - 0.02 * k, ranks[last] + 0.02 * k], [y, y], color="black", linewidth=4)
        span = k - 1
        axes.set_xlim(1 - 0.85 * span, k + 0.85 * span)
        axes.set_ylim(top + step * half, -2.0)

    return svg(name, draw, height=1.1 + 0.11 * len(groups) + 0.24 * half)


def profile_figure(tasks: Sequence[TaskResults], agents: Sequence[str]) -> Figure | None:
    """Draw performance profiles over all tasks, or nothing where no agent has reached a target."""
    grid, shares, problems = performance_profiles(tasks, agents)
    if not problems:
        return None
    chosen = styles(agents)

    def draw(axes: Any) -> None:
        for agent, share in shares.items():
            axes.plot(grid, 100 * share, drawstyle="steps-post", label=agent, **chosen[agent])
        axes.set(
            xscale="log",
            xlabel="τ: cost, as a multiple of the cheapest agent's",
            ylabel="problems solved (%)",
            ylim=(-2, 102),
        )

    caption = (
        f"Performance profiles (Dolan and Moré, 2002) over {problems} problems, each a target of a task with a seed: "
        "the share that an agent solves within τ times the cost, in seconds of training, of the agent that is cheapest "
        "there."
    )
    return caption, svg("profiles", draw, legend_rows(len(agents)))
