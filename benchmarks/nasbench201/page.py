"""The page docs/results/nasbench201.md: every figure on it comes from the folders that `play` filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pynascent.scripts.benchmarking.folder import BenchmarkFolder
from pynascent.scripts.benchmarking.results import Run, TaskResults, read_results
from pynascent.scripts.benchmarking.statistics import holm, welch, wilson

from . import pictures
from .groups import DATASETS
from .peers import DIRECT_PEERS, NATS_PEERS, PUBLISHED, Peer

Results = Mapping[str, TaskResults]
"""Dataset → the runs of all agents on it."""

RANDOM = "random"  # it comes first
QUERIES = {"CIFAR10": (20, 40, 60, 100), "CIFAR100": (20, 40, 60, 100), "ImageNet16": (40, 60, 100, 200)}


def read(out: Path, protocol: str) -> dict[str, TaskResults]:
    """Return what all groups of a protocol have played, by dataset, policies of one kind together."""
    merged: dict[str, TaskResults] = {}
    for folder in sorted(out.glob(f"{protocol}*"), key=lambda folder: (RANDOM not in folder.name, folder.name)):
        for task in read_results(BenchmarkFolder(folder)):
            dataset = task.label.removeprefix("NASBench201-")
            into = merged.setdefault(dataset, TaskResults(task.label, task.config))
            for agent, runs in task.runs.items():
                label = agent.rpartition("-")[0] if agent.startswith("ppo-from-") else agent
                into.runs.setdefault(label, []).extend(runs)
    return {dataset: merged[dataset] for dataset in DATASETS if dataset in merged}


def write_page(out: Path, docs: Path) -> Path:
    """Write the page and its pictures; returns the former's path."""
    docs.mkdir(parents=True, exist_ok=True)
    nats, direct = read(out, "nats"), read(out, "direct")
    lines = [
        "# Search agents on NAS-Bench-201",
        "",
        "Written by `python -m benchmarks.nasbench201 page OUT` from what `python -m benchmarks.nasbench201 play OUT` "
        "played: edit nothing here. The protocols are those of [the benchmark](../benchmark.md). Mean ± standard "
        "deviation over seeds; settings are the agents' defaults but where a name says otherwise.",
    ]
    if nats:
        lines += ["", "## Protocol `nats`", "", *_nats(nats)]
        pictures.over_time(docs / "nats.svg", nats)
        lines += ["", "![Best 12-epoch validation accuracy over simulated time](nats.svg)"]
    if direct:
        lines += ["", "## Protocol `direct`", "", *_direct(direct)]
        pictures.at_optimum(docs / "direct.svg", direct)
        lines += ["", "![Share of runs that have found the optimum, over evaluations](direct.svg)"]
    path = docs / "nasbench201.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return ["| " + " | ".join(cells) + " |" for cells in (headings, ["---"] * len(headings), *rows)]


def agents_of(results: Results) -> list[str]:
    """Return all agents, in the order of the groups."""
    return list(dict.fromkeys(agent for task in results.values() for agent in task.runs))


def _percent(values: np.ndarray) -> str:
    return (
        f"{100 * values.mean():.2f} ± {100 * values.std(ddof=1):.2f}" if len(values) > 1 else f"{100 * values[0]:.2f}"
    )


def _nats(results: Results) -> list[str]:
    agents, datasets = agents_of(results), list(results)
    lines = []
    for measure, title in (
        ("report", "200-epoch test accuracy (%) of the cell with the best 12-epoch validation accuracy seen:"),
        ("value", "Best 12-epoch validation accuracy seen (%), which is what the agents optimise:"),
    ):
        rows = []
        for agent in agents:
            cells = [
                _percent(results[name].scores(agent, measure)) if agent in results[name].runs else ""
                for name in datasets
            ]
            rows.append([f"`{agent}`", _seeds(results, agent), *cells])
        if measure == "report":
            rows += [[f"{peer.name} (published)", "", *peer.cells(datasets)] for peer in PUBLISHED]
        else:
            best = [f"{100 * results[name].optimum:.2f}" if results[name].optimum else "" for name in datasets]
            rows.append(["the table's best", "", *best])
        lines += [title, "", *table(["agent", "seeds", *datasets], rows), ""]
    return [*lines, *_against_random(results), "", *_random(results), "", *_peers(results)]


def _seeds(results: Results, agent: str) -> str:
    return str(max(len(task.runs.get(agent, ())) for task in results.values()))


def _against_random(results: Results) -> list[str]:
    """Welch's test of every agent's report against random search's, Holm over the whole table."""
    agents = [agent for agent in agents_of(results) if agent != RANDOM]
    cells: dict[tuple[str, str], float] = {}
    for name, task in results.items():
        for agent in agents:
            if agent in task.runs and "random" in task.runs:
                cells[agent, name] = welch(task.scores(agent, "report"), task.scores("random", "report"))
    corrected = dict(zip(cells, holm(np.array(list(cells.values()))), strict=True))
    rows = []
    for agent in agents:
        row = [f"`{agent}`"]
        for name, task in results.items():
            if (agent, name) not in corrected:
                row.append("")
                continue
            gain = task.scores(agent, "report").mean() - task.scores("random", "report").mean()
            row.append(f"{100 * gain:+.2f}, p = {corrected[agent, name]:.1g}")
        rows.append(row)
    return [
        "Test accuracy above that of `random` (percentage points), Welch's test, Holm's correction over the table:",
        "",
        *table(["agent", *results], rows),
    ]


def _random(results: Results) -> list[str]:
    rows = []
    for name, task in results.items():
        expected = task.facts.get("random")
        if not expected or "random" not in task.runs:
            continue
        for measure, what in (("value", "validation"), ("report", "test")):
            scores = task.scores("random", measure)
            error = scores.std(ddof=1) / np.sqrt(len(scores))
            exact = expected[measure]
            rows.append(
                [
                    name,
                    what,
                    f"{100 * exact:.3f}",
                    f"{100 * scores.mean():.3f} ± {100 * error:.3f}",
                    f"{(scores.mean() - exact) / error:+.1f}",
                ]
            )
    return [
        "Random search beside its expectation, which the table gives exactly (mean ± standard error):",
        "",
        *table(["dataset", "accuracy", "exact (%)", "measured (%)", "standard errors apart"], rows),
    ]


def _peers(results: Results) -> list[str]:
    rows = []
    for peer in NATS_PEERS:
        cells = []
        for name in results:
            ours = _of(results[name], peer)
            mean, spread = peer.figures[name]
            text = f"{mean:.2f} ± {spread:.2f}"
            if ours is not None:
                text += f" / {_percent(ours)}"
            cells.append(text)
        rows.append([peer.name, f"`{peer.ours}`", *cells])
    return [
        "Peers, measured with their own code on the same tables under the same protocol, beside ours (theirs / ours, "
        "test accuracy in %):",
        "",
        *table(["peer", "our agent", *results], rows),
    ]


def _of(task: TaskResults, peer: Peer) -> np.ndarray | None:
    return task.scores(peer.ours, "report") if peer.ours in task.runs else None


def _direct(results: Results) -> list[str]:
    lines = []
    for name, task in results.items():
        counts, peers = QUERIES[name], {peer.ours: peer.figures[name] for peer in DIRECT_PEERS}
        rows = []
        for agent, runs in task.runs.items():
            theirs = f"{peers[agent][0]:g} after {peers[agent][1]:g}" if agent in peers else ""
            shares = [_share(task, runs, count) for count in counts]
            rows.append([f"`{agent}`", str(len(runs)), *shares, theirs, _decision(runs)])
        lines += [
            f"{name}: share of runs (%) that have found the optimum after so many evaluations, with Wilson's 95 % "
            "interval; the share of the peer's own code; the median time of agent and environment per evaluation:",
            "",
            *table(["agent", "seeds", *map(str, counts), "peer", "ms"], rows),
            "",
        ]
    return lines[:-1]


def _share(task: TaskResults, runs: Sequence[Run], count: int) -> str:
    assert task.optimum is not None
    if min(run.evaluations for run in runs) < count:
        return ""
    found = sum(run.evaluations_to(task.optimum) <= count for run in runs)
    low, high = wilson(found, len(runs))
    return f"{100 * found / len(runs):.1f} ({100 * low:.0f}–{100 * high:.0f})"


def _decision(runs: Sequence[Run]) -> str:
    return f"{1e3 * np.median(np.concatenate([run.decision_seconds for run in runs])):.2f}"
