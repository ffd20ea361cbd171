"""The page docs/results/nasbench201.md: every figure on it comes from the folders that `play` filled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pynascent.evaluation.statistics import holm, welch, wilson
from pynascent.scripts.benchmark.folder import BenchmarkFolder
from pynascent.scripts.benchmark.report.results import Run, TaskResults, read_results

from ..markdown import grid
from . import pictures
from .groups import DATASETS, NAMES
from .peers import PEERS, PUBLISHED
from .pictures import agents_of

Results = Mapping[str, TaskResults]
"""Dataset → the runs of all agents on it."""

RANDOM = "random"
QUERIES = {"CIFAR10": (20, 40, 60, 100), "CIFAR100": (20, 40, 60, 100), "ImageNet16": (40, 60, 100, 200)}


def read(out: Path, protocol: str) -> dict[str, TaskResults]:
    """Return what all groups of a protocol have played, by dataset, policies of one kind together."""
    merged: dict[str, TaskResults] = {}
    folders = [out / name for name in NAMES if name.startswith(protocol) and (out / name).exists()]
    for folder in folders:
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
        "Written by `python -m pynascent.scripts.reproduce.nasbench201 page OUT` from what "
        "`python -m pynascent.scripts.reproduce.nasbench201 play OUT` played: edit nothing here. The protocols are "
        "those of [the benchmark](../benchmark.md). Mean ± standard "
        "deviation over seeds; settings are the agents' defaults but where a name says otherwise.",
    ]
    if nats:
        lines += ["", "## Protocol `nats`", "", *_nats(nats), *_rerun(out / "peers", list(nats))]
        pictures.over_time(docs / "nats.svg", nats)
        lines += ["", "![Best 12-epoch validation accuracy over simulated time](nats.svg)"]
    if direct:
        lines += ["", "## Protocol `direct`", "", *_direct(direct)]
        pictures.at_optimum(docs / "direct.svg", direct)
        lines += ["", "![Share of runs that have found the optimum, over evaluations](direct.svg)"]
    path = docs / "nasbench201.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _percent(values: np.ndarray) -> str:
    mean = f"{100 * values.mean():.2f}"
    return f"{mean} ± {100 * values.std(ddof=1):.2f}" if len(values) > 1 else mean


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
            rows += [
                [f"{name} (published)", "", *(f"{means[DATASETS.index(dataset)]:.2f}" for dataset in datasets)]
                for name, means in PUBLISHED.items()
            ]
        else:
            best = [f"{100 * results[name].optimum:.2f}" if results[name].optimum else "" for name in datasets]
            rows.append(["the table's best", "", *best])
        lines += [title, "", *grid(["agent", "seeds", *datasets], rows), ""]
    return [*lines, *_against_random(results), "", *_random(results), "", *_peers(results)]


def _seeds(results: Results, agent: str) -> str:
    return str(max(len(task.runs.get(agent, ())) for task in results.values()))


def _against_random(results: Results) -> list[str]:
    """Welch's test of every agent's report against random search's, Holm over the whole table."""
    agents = [agent for agent in agents_of(results) if agent != RANDOM]
    cells: dict[tuple[str, str], float] = {}
    for name, task in results.items():
        for agent in agents:
            if agent in task.runs and RANDOM in task.runs:
                cells[agent, name] = welch(task.scores(agent, "report"), task.scores(RANDOM, "report"))
    corrected = dict(zip(cells, holm(np.array(list(cells.values()))), strict=True))
    rows = []
    for agent in agents:
        row = [f"`{agent}`"]
        for name, task in results.items():
            if (agent, name) not in corrected:
                row.append("")
                continue
            gain = task.scores(agent, "report").mean() - task.scores(RANDOM, "report").mean()
            row.append(f"{100 * gain:+.2f}, p = {corrected[agent, name]:.1g}")
        rows.append(row)
    return [
        "Test accuracy above that of `random` (percentage points), Welch's test, Holm's correction over the table:",
        "",
        *grid(["agent", *results], rows),
    ]


def _random(results: Results) -> list[str]:
    rows = []
    for name, task in results.items():
        expected = task.statistics.get("random")
        if not expected or RANDOM not in task.runs:
            continue
        for measure, what in (("value", "validation"), ("report", "test")):
            scores = task.scores(RANDOM, measure)
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
        *grid(["dataset", "accuracy", "exact (%)", "measured (%)", "standard errors apart"], rows),
    ]


def _peers(results: Results) -> list[str]:
    rows = []
    for peer in PEERS:
        cells = []
        for name, task in results.items():
            mean, spread = peer.nats[DATASETS.index(name)]
            text = f"{mean:.2f} ± {spread:.2f}"
            if peer.ours in task.runs:
                text += f" / {_percent(task.scores(peer.ours, 'report'))}"
            cells.append(text)
        rows.append([peer.name, f"`{peer.ours}`", *cells])
    return [
        "Peers, measured with their own code on the same tables under the same protocol, beside ours (theirs / ours, "
        "test accuracy in %):",
        "",
        *grid(["peer", "our agent", *results], rows),
    ]


def _rerun(folder: Path, datasets: Sequence[str]) -> list[str]:
    """Peers in environments of their own: a file LABEL-DATASET.json each, of the scripts beside this package."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {}  # peer → dataset → runs
    for dataset in datasets:
        for path in sorted(folder.glob(f"*-{dataset}.json")):
            for peer, runs in json.loads(path.read_text(encoding="utf-8")).items():
                found.setdefault(peer, {})[dataset] = runs
    if not found:
        return []
    lines = ["", "Peers' own code, run again beside ours (`bohb_against_hpbandster.py`, `dehb_alone.py`; seeds, %):"]
    for measure, what in (("value", "Best 12-epoch validation"), ("report", "200-epoch test")):
        rows = [
            [peer, *(_scores(runs.get(dataset, []), measure) for dataset in datasets)] for peer, runs in found.items()
        ]
        lines += ["", *grid([what, *datasets], rows)]
    return lines


def _scores(runs: Sequence[Mapping[str, float]], measure: str) -> str:
    return f"{_percent(np.array([run[measure] for run in runs]))} ({len(runs)})" if runs else ""


def _direct(results: Results) -> list[str]:
    lines = []
    for name, task in results.items():
        counts, peers = QUERIES[name], {peer.ours: peer.direct[DATASETS.index(name)] for peer in PEERS}
        rows = []
        for agent, runs in task.runs.items():
            theirs = f"{peers[agent]:g} after {counts[-1]}" if agent in peers else ""
            shares = [_share(task, runs, count) for count in counts]
            rows.append([f"`{agent}`", str(len(runs)), *shares, theirs, _decision(runs)])
        lines += [
            f"{name}: share of runs (%) that have found the optimum after so many evaluations, with Wilson's 95 % "
            "interval; the share of the peer's own code; the median time of agent and environment per evaluation:",
            "",
            *grid(["agent", "seeds", *map(str, counts), "peer", "ms"], rows),
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
