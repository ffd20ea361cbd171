"""``report.html``, ``results.csv`` and ``tests.csv``, made from a benchmark's folder alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ....evaluation.statistics import friedman
from ...errors import UsageError
from ...files import replace_file
from ..folder import REPORT, RESULTS, TESTS, BenchmarkFolder
from .figures import TaskFigures, critical_difference_diagram, profile_figure
from .html_tables import csv_text, pair_rows, result_rows
from .results import EQUAL_COST, TaskResults, read_results
from .summary import live_table, pair_table, summary_table, target_table

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1360px; padding: 16px; color: #1b1b1b; background: #fff;
  font: 15px/1.5 "DejaVu Sans", Verdana, system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; padding-top: .6rem; border-top: 2px solid #1b1b1b; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p, ul { margin: .4rem 0; max-width: 75ch; }
.note { color: #555; font-size: .85rem; }
.grid { display: grid; gap: 20px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 380px), 1fr)); }
figure { margin: 0; min-width: 0; max-width: 520px; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { color: #333; font-size: .82rem; line-height: 1.4; }
.wide { overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: 4px 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid #ddd; }
th { border-bottom: 1.5px solid #555; vertical-align: bottom; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
td.best { font-weight: 700; }
details { margin: .6rem 0; } summary { cursor: pointer; }
code { font-size: .85em; }
"""

MEASURES = {
    "value": "best value at the end",
    EQUAL_COST: "best value at equal cost",
    "report": "what is reported at the end",
    "hypervolume": "hypervolume at the end",
}


def write_report(path: Path) -> list[Path]:
    """Write ``results.csv``, ``tests.csv`` and ``report.html`` into a benchmark's folder; returns their paths.

    Raises:
        UsageError: the folder holds no benchmark, no run, or a damaged one.
        ModuleNotFoundError: a package is missing; the message names the extra.
    """
    folder = BenchmarkFolder(path)
    configuration = folder.configuration()
    tasks = read_results(folder)
    if not tasks:
        raise UsageError(f"{path} has no finished run yet: there is nothing to report")
    pairs = {task.label: pair_rows(task) for task in tasks}
    texts = {
        RESULTS: csv_text(result_rows(tasks, configuration)),
        TESTS: csv_text([row for task in tasks for row in pairs[task.label]]),
        REPORT: html(tasks, configuration, pairs),
    }
    for name, text in texts.items():
        replace_file(path / name, lambda temporary, text=text: temporary.write_text(text, encoding="utf-8"))
    return [path / name for name in texts]


def html(
    tasks: Sequence[TaskResults], configuration: Mapping[str, Any], pairs: Mapping[str, list[dict[str, Any]]]
) -> str:
    """Return the report as one page that needs nothing else: no script, no font, no network."""
    agents = [agent for agent in configuration["agents"] if any(agent in task.runs for task in tasks)]
    parts = [_heading(tasks, configuration, agents)]
    if len(agents) > 1:
        parts.append(_overall(tasks, agents))
    for task in tasks:
        parts.append(_task(task, configuration, agents, pairs[task.label]))
    parts.append(_appendix(configuration, agents))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f'<link rel="icon" href="data:,"/><title>PyNASCENT benchmark</title><style>{_STYLE}</style></head>\n'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _heading(tasks: Sequence[TaskResults], configuration: Mapping[str, Any], agents: Sequence[str]) -> str:
    protocol = configuration["protocol"]
    runs = sum(len(task.all_runs) for task in tasks)
    missing = len(configuration["tasks"]) * len(configuration["agents"]) * len(configuration["seeds"]) - runs
    lines = [
        f"<h1>PyNASCENT benchmark: {len(agents)} agents, {len(tasks)} tasks, {runs} runs</h1>",
        f"<p>Protocol <b>{escape(protocol['name'])}</b>: {escape(protocol['description'])}.</p>",
    ]
    if missing > 0:
        lines.append(f"<p><b>{missing} runs are missing</b>: the benchmark is not finished, or runs have failed.</p>")
    workers = configuration["workers"]
    if workers > 1:
        kind = "worker groups train" if all(task.statistics["live"] for task in tasks) else "simulated workers share"
        lines.append(f"<p>{workers} {kind} each run's {'candidates' if 'train' in kind else 'time'}.</p>")
    return "".join(lines)


def _figures(figures: Sequence[tuple[str, str]]) -> str:
    drawn = (f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>" for caption, picture in figures)
    return f'<div class="grid">{"".join(drawn)}</div>'


def _overall(tasks: Sequence[TaskResults], agents: Sequence[str]) -> str:
    """Return what is said of all tasks together: profiles and ranks."""
    complete = [task for task in tasks if set(agents) <= set(task.runs)]
    figures = [figure for figure in (profile_figure(tasks, agents),) if figure is not None]
    differ = any(task.costs_differ for task in complete)
    for measure in (EQUAL_COST if differ else "value", "report"):
        blocks = [
            task.common_scores(measure)[1] for task in complete if measure in task.measures or measure == EQUAL_COST
        ]
        blocks = [
            block[:, [list(task.runs).index(a) for a in agents]] for task, block in zip(complete, blocks, strict=False)
        ]
        if not blocks or len(blocks) < len(complete) or len(scores := np.concatenate(blocks)) < 2:
            continue
        figures.append((_rank_caption(measure, scores, "task and seed"), _ranks(f"all-{measure}", agents, scores)))
    if not figures:
        return ""
    note = (
        "Blocks of the rank diagrams are pairs of a task and a seed. Runs on one task are not independent samples of "
        "all tasks (Demšar, 2006, has one block for each data set): they say how sure the order is on these tasks."
    )
    return f'<h2>All tasks</h2>{_figures(figures)}<p class="note">{note}</p>'


def _ranks(name: str, agents: Sequence[str], scores: np.ndarray) -> str:
    return critical_difference_diagram(name, agents, scores)


def _rank_caption(measure: str, scores: np.ndarray, block: str) -> str:
    p = friedman(scores)
    tested = "" if np.isnan(p) else f" Friedman’s test that all are alike: p = {p:.2g}."
    return (
        f"Mean ranks by {MEASURES[measure]}, {len(scores)} blocks (one for each {block}); bars join agents "
        f"that Nemenyi’s test cannot tell apart (α = 0.05).{tested}"
    )


def _task(
    task: TaskResults, configuration: Mapping[str, Any], agents: Sequence[str], pairs: Sequence[Mapping[str, Any]]
) -> str:
    figures = TaskFigures(task, agents).figures()
    named = list(task.runs)
    if len(named) > 1:
        for measure in task.measures:
            seeds, scores = task.common_scores(measure)
            if len(seeds) > 1:
                figures.append(
                    (_rank_caption(measure, scores, "seed"), _ranks(f"{task.label}-{measure}", named, scores))
                )
    parts = [
        f"<h2>{escape(task.label)}</h2>",
        f"<p>{escape(_description(task))}</p>",
        summary_table(task, configuration),
        _figures(figures),
        "<h3>Time to target</h3>",
        target_table(task),
        live_table(task),
    ]
    if pairs:
        parts.append(pair_table(pairs, task.report_label))
    return "".join(parts)


def _description(task: TaskResults) -> str:
    statistics, config = task.statistics, task.config
    budget = [f"{config['evaluations']} evaluations"] if config["evaluations"] else []
    budget += [f"{config['seconds']:,.0f} {task.time_label}"] if config["seconds"] else []
    terms = " + ".join(f"{weight:g} × {name}" for name, weight in statistics["objective"]["terms"].items())
    metric = statistics["accuracy"].replace("_", " ")
    text = f"Budget {' and '.join(budget)}. Value: {terms}, "
    text += f"accuracy being {metric} at {statistics['epochs']} epochs."
    if task.value_factor < 0:
        text += f" Less is better of {task.value_label}."
    for constraint in statistics["objective"].get("constraints", ()):
        text += f" Constraint: {constraint}; what breaks it has no value."
    if task.optimum is not None:
        of = f"{statistics['architectures']:,} architectures"
        if statistics.get("feasible", statistics["architectures"]) < statistics["architectures"]:
            of = f"{statistics['feasible']:,} feasible of {of}"
        text += f" The optimum of {of} is {task.value_factor * task.optimum:.6g} ({task.value_label}), "
        text += f"reached by {statistics['optima']}."
    if "report_at_optimum" in statistics:
        scale = abs(task.report_factor)
        text += (
            f" There {task.report_label} is {scale * statistics['report_at_optimum']:.2f}; the best there is: "
            f"{scale * statistics['best_report']:.2f}."
        )
    if task.costs_differ:
        text += (
            " The agents' runs cost differently: what they reach at equal cost, "
            f"{task.equal_cost:,.0f} {task.time_label}, is the fair comparison."
        )
    if "table" in statistics:
        text += f" Table {statistics['table']}, SHA-256 {statistics['checksum'][:16]}…"
    return text


def _appendix(configuration: Mapping[str, Any], agents: Sequence[str]) -> str:
    lines = []
    for agent in agents:
        choice = configuration["agents"][agent]
        settings = ", ".join(f"{key}={value}" for key, value in choice["settings"].items()) or "defaults"
        source = f", source SHA-256 {choice['source'][:16]}…" if choice["source"] else ""
        lines.append(
            f"<li><b>{escape(agent)}</b>: <code>{escape(choice['agent'])}</code> on {escape(choice['formulation'])}, "
            f"{escape(settings)}{escape(source)}</li>"
        )
    return (
        f"<h2>Agents</h2><ul>{''.join(lines)}</ul><h2>How to read this</h2><ul>"
        "<li><b>Value</b>: the best reward among a run's evaluations at the stated epochs that keep the constraints. "
        "<b>Test metrics</b> are those of the architecture with the best value, which no agent has seen; where several "
        "seen ones tie, the mean of theirs.</li>"
        "<li><b>At equal cost</b>: the best value when a run has spent as many seconds as the median run of the "
        "cheapest agent does in all. Numbers of evaluations compare agents only where each costs the same.</li>"
        "<li>Intervals of means are 95 % percentile bootstrap intervals over runs, of shares Wilson’s.</li>"
        "<li>Tests are two-sided; paired ones pair runs of the same seed; Holm’s correction is among all pairs of "
        "agents on a task and measure. A12 is the probability that a run of the first agent is better (Vargha and "
        "Delaney).</li>"
        "<li>ERT, expected running time: all evaluations spent until the target or the run’s end, divided by the "
        "number of runs that reached it (Hansen et al., COCO).</li>"
        "<li>Simulated seconds are what the trainings cost; decision time is the wall time between evaluations.</li>"
        "</ul>"
        '<p class="note">Made from this folder\'s files alone; <code>pynascent benchmark report</code> makes it again. '
        "<code>results.csv</code> has a line for each run, <code>tests.csv</code> one for each pair of agents.</p>"
    )
