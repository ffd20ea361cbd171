"""The tables of a benchmark's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from ....evaluation.statistics import average_ranks, bootstrap_mean, wilson
from .results import EQUAL_COST, NEVER, Run, TaskResults

NOTHING = "–"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """Return an HTML table; cells are text, and a leading ``*`` marks the best of a column."""

    def cell(column: int, text: str, tag: str = "td") -> str:
        kinds = [*(["text"] if column < text_columns else []), *(["best"] if text.startswith("*") else [])]
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        return f"<{tag}{kind}>{escape(text.removeprefix('*'))}</{tag}>"

    head = "".join(cell(i, heading, "th") for i, heading in enumerate(headings))
    body = "".join(f"<tr>{''.join(cell(i, text) for i, text in enumerate(row))}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def summary_table(task: TaskResults, configuration: Mapping[str, Any]) -> str:
    """Return the main table: what each agent reached, and at what cost."""
    columns: list[tuple[str, dict[str, str]]] = [
        ("runs", {agent: str(len(runs)) for agent, runs in task.runs.items()}),
        (
            "evaluations (median)",
            {a: f"{np.median([r.evaluations for r in runs]):.0f}" for a, runs in task.runs.items()},
        ),
    ]
    units = {"value": task.value_factor, "report": task.report_factor, "hypervolume": 1.0}
    names = {"value": task.value_label, "report": task.report_label, "hypervolume": "hypervolume"}
    units[EQUAL_COST] = units["value"]
    names[EQUAL_COST] = f"{task.value_label} at equal cost ({task.equal_cost:,.0f} s)"
    whole = task.statistics.get("front_hypervolume")
    if whole:
        units["hypervolume"], names["hypervolume"] = 100.0 / whole, "hypervolume (% of the table's)"
    for measure in task.measures:
        scores = {agent: units[measure] * task.scores(agent, measure) for agent in task.runs}
        columns.append((f"{names[measure]}, mean ± sd", _marked(scores, _mean_and_sd, units[measure] < 0)))
        columns.append(("95 % interval", {agent: _interval(values) for agent, values in scores.items()}))
    if task.optimum is not None:
        columns.append(("at the optimum (%)", {agent: _share(runs, task.optimum) for agent, runs in task.runs.items()}))
    if len(task.runs) > 1:
        measure = task.measures[0]
        seeds, scores = task.common_scores(measure)
        if seeds:
            ranks = average_ranks(scores)
            heading = "mean rank at equal cost" if measure == EQUAL_COST else "mean rank"
            columns.append((heading, {a: f"{rank:.2f}" for a, rank in zip(task.runs, ranks, strict=True)}))
    times = {a: 1e3 * np.concatenate([run.decision_seconds for run in runs]) for a, runs in task.runs.items()}
    columns.append(("decision (ms, mean)", {agent: f"{values.mean():.2f}" for agent, values in times.items()}))
    broken = {agent: sum(run.infeasible for run in runs) for agent, runs in task.runs.items()}
    if any(broken.values()):
        columns.append(("evaluations that break a constraint", {a: str(count) for a, count in broken.items()}))
    failed = {agent: sum(run.failed for run in runs) for agent, runs in task.runs.items()}
    if any(failed.values()):
        columns.append(("failed evaluations", {agent: str(count) for agent, count in failed.items()}))
    rows = [[agent, *(cells[agent] for _, cells in columns)] for agent in task.runs]
    random = task.statistics.get("random", {})
    if "value" in random:
        rows.append(_random_row(task, random, [name for name, _ in columns], units, names))
    return table(["agent", *(name for name, _ in columns)], rows) + _random_note(task, configuration, random)


def _marked(scores: Mapping[str, np.ndarray], text: Any, less_is_better: bool) -> dict[str, str]:
    means = {agent: values.mean() for agent, values in scores.items()}
    best = (min if less_is_better else max)(means.values())
    return {a: ("*" if len(scores) > 1 and means[a] == best else "") + text(scores[a]) for a in scores}


def _mean_and_sd(values: np.ndarray) -> str:
    if not np.isfinite(values).all():
        return f"{(~np.isfinite(values)).sum()} runs without"
    return _plain_mean(values.mean()) + (f" ± {values.std(ddof=1):.3g}" if len(values) > 1 else "")


def _plain_mean(mean: float) -> str:
    return f"{mean:.6g}" if abs(mean) < 1 else f"{mean:.3f}"


def _interval(values: np.ndarray) -> str:
    if len(values) < 2 or not np.isfinite(values).all():
        return NOTHING
    low, high = bootstrap_mean(values, np.random.default_rng(0))
    digits = 3 if abs(values.mean()) >= 1 else 5
    return f"{low:.{digits}f} … {high:.{digits}f}"


def _share(runs: Sequence[Run], optimum: float) -> str:
    count = sum(run.best[-1] >= optimum for run in runs)
    low, high = wilson(count, len(runs))
    return f"{100 * count / len(runs):.0f} ({100 * low:.0f} … {100 * high:.0f})"


def _random_row(
    task: TaskResults,
    random: Mapping[str, Any],
    columns: Sequence[str],
    units: Mapping[str, float],
    names: Mapping[str, str],
) -> list[str]:
    row = ["random search, exact expectation"]
    for name in columns:
        if name == f"{names['value']}, mean ± sd":
            row.append(_plain_mean(units["value"] * random["value"]) + f" ± {abs(units['value']) * random['sd']:.3g}")
        elif name == f"{names['report']}, mean ± sd" and random["report"] is not None:
            row.append(f"{abs(units['report']) * random['report']:.3f}")
        elif name == "evaluations (median)":
            row.append(f"{random['evaluations']:.1f}")
        else:
            row.append("")
    return row


def _random_note(task: TaskResults, configuration: Mapping[str, Any], random: Mapping[str, Any]) -> str:
    """Compare measured random searches with the expectation, as a check of environment, clock and agents."""
    notes = []
    for agent, runs in task.runs.items():
        choice = configuration["agents"][agent]
        repeats = choice["settings"].get("repeats", True)
        plain = choice["agent"] == "random" and repeats and configuration["workers"] == 1
        if not plain or "value" not in random or len(runs) < 2:
            continue
        values = task.scores(agent, "value")
        values = values[np.isfinite(values)]  # of searches that found a value, as the expectation is
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
        if error > 0:
            away = (values.mean() - random["value"]) / error
            notes.append(f"{agent}: {len(values)} runs, {away:+.2f} standard errors from its exact expectation.")
    return "".join(f'<p class="note">{escape(note)}</p>' for note in notes)


def target_table(task: TaskResults) -> str:
    """Return, for each target and agent, how many runs reached it and what that took."""
    rows = []
    scale = task.value_factor
    for name, level in task.targets.items():
        for agent, runs in task.runs.items():
            took = np.array([run.evaluations_to(level) for run in runs])
            seconds = np.array([run.seconds_to(level) for run in runs])
            spent = sum(min(end, run.evaluations) for end, run in zip(took, runs, strict=True))
            paid = sum(min(end, float(run.clock[-1])) for end, run in zip(seconds, runs, strict=True))
            reached = int(np.isfinite(took).sum())
            rows.append(
                [
                    f"{name} ({scale * level:.6g})",
                    agent,
                    f"{100 * reached / len(runs):.0f} %",
                    _median(took),
                    _median(seconds),
                    f"{paid / reached:,.0f}" if reached else NOTHING,
                    f"{spent / reached:,.0f}" if reached else NOTHING,
                ]
            )
    headings = [
        "target",
        "agent",
        "runs that reach it",
        "median evaluations",
        f"median {task.time_label}",
        f"ERT ({task.time_label})",
        "ERT (evaluations)",
    ]
    return table(headings, rows, text_columns=2)


def _median(values: np.ndarray) -> str:
    # With more than half of the runs beyond the budget, the median is beyond it too.
    middle = float(np.sort(values)[(len(values) - 1) // 2 :][: 2 - len(values) % 2].mean())
    return NOTHING if middle == NEVER else f"{middle:,.0f}"


def live_table(task: TaskResults) -> str:
    """Return how many candidates of each agent's runs were in training at a time; nothing for looked-up tasks."""
    rows = []
    for agent, runs in task.runs.items():
        logs = [run.in_training for run in runs if run.in_training is not None]
        known = [log for log in logs if np.isfinite(log.mean)]
        if logs:
            rows.append(
                [
                    agent,
                    str(len(logs)),
                    f"{np.mean([log.mean for log in known]):.2f}" if known else NOTHING,
                    str(max(int(log.counts.max()) for log in logs)),
                    f"{np.mean([log.per_hour for log in known]):,.0f}" if known else NOTHING,
                    f"{np.mean([log.warm_up for log in logs]):,.1f}",
                ]
            )
    if not rows:
        return ""
    headings = ["agent", "runs", "mean in training", "most in training", "candidates per hour", "warm-up (s)"]
    note = (
        "Mean and rate are of the time between warm-up, the end of a run's first trial, and the start of its last one."
    )
    return f'<h3>Live training</h3>{table(headings, rows)}<p class="note">{note}</p>'


def pair_table(pairs: Sequence[Mapping[str, Any]], report: str) -> str:
    """Return the tests of all pairs, folded; ``report`` is the label of what is reported."""
    rows = [
        [
            pair["measure"].replace("report", report),
            pair["agent"],
            pair["other"],
            str(pair["pairs"]),
            f"{pair['difference']:+.4g}",
            *(_p(pair[f"p_{test}_holm"]) for test in ("t", "wilcoxon", "welch")),
            f"{pair['cohens_d']:+.2f}",
            f"{pair['a12']:.2f}",
            f"{pair['rank_biserial']:+.2f}",
        ]
        for pair in pairs
    ]
    headings = ["measure", "agent", "against", "pairs", "difference of means", "paired t, p (Holm)"]
    headings += ["Wilcoxon, p (Holm)", "Welch, p (Holm)", "Cohen’s d", "A12", "rank-biserial"]
    return f"<details><summary>Tests of all pairs, and effect sizes</summary>{table(headings, rows, 3)}</details>"


def _p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"
