"""BOHB against random search and Hyperband where fidelities are chosen, at equal simulated time.

    python -m pynascent.scripts.reproduce.bohb.fidelities OUT [--task Digits] [--seeds 100:200]
        [--objective '{"accuracy": 1}'] [--trainings 10,20,50,100]

plays ``pynascent benchmark`` under the protocol "task" into OUT, or goes on with what is there, and prints each
agent's best reward at the largest fidelity after the time of 10, 20, 50 and 100 full trainings (of the table's mean
duration; the last is the budget), with Welch's tests and Holm's correction over all that are printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

AGENTS = {
    "random": {"repeats": "false"},
    "hyperband": {},
    "bohb": {},
    "bohb-categorical": {"bandwidth": "categorical"},
    "bohb-no-repeats": {"repeats": "false"},
    "bohb-both": {"bandwidth": "categorical", "repeats": "false"},
}
PEERS = ("random", "hyperband")


def full_training_seconds(task: str) -> float:
    """Return the mean simulated duration of a training to the largest fidelity."""
    import gymnasium

    import pynascent.envs  # noqa: F401 - registers the environments

    env: Any = gymnasium.make(f"PyNASCENT/{task}-Propose-v0")
    evaluator = env.unwrapped.task.evaluator
    return float(evaluator.column("training_seconds", evaluator.fidelities[-1]).mean())


def play(options: argparse.Namespace, seconds: float) -> None:
    """Play what is missing."""
    labels = [name if name in ("random", "hyperband", "bohb") else f"{name}=bohb" for name in AGENTS]
    command = [sys.executable, "-m", "pynascent.scripts.cli.app", "benchmark", "--out", str(options.out)]
    command += ["--tasks", options.task, "--agents", ",".join(labels), "--seeds", options.seeds]
    command += ["--protocol", "task", "--budget", f"{seconds:.6g}s", "--processes", str(options.processes)]
    for label, settings in AGENTS.items():
        for name, value in settings.items():
            command += ["--settings", f"{label}.{name}={value}"]
    if options.objective:
        command += ["--objective", options.objective]
    subprocess.run([*command, *(["--resume"] if options.out.exists() else [])], check=True)


def read(folder: Path, task: str, times: np.ndarray) -> dict[str, np.ndarray]:
    """Return each agent's best value after each time, ``(seeds, times)``."""
    from pynascent.scripts.benchmark.folder import BenchmarkFolder
    from pynascent.scripts.benchmark.report.results import read_results

    [found] = [results for results in read_results(BenchmarkFolder(folder)) if results.label == task]
    return {label: np.stack([run.at(times, "best") for run in found.runs[label]]) for label in AGENTS}


def main() -> None:
    """Play and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--task", default="Digits")
    parser.add_argument("--seeds", default="100:200")
    parser.add_argument("--objective")
    parser.add_argument("--trainings", default="10,20,50,100")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    marks = [int(mark) for mark in options.trainings.split(",")]
    full = full_training_seconds(options.task)
    play(options, full * marks[-1])

    from pynascent.evaluation.statistics import holm, welch

    values = read(options.out, options.task, full * np.array(marks))
    print(f"{options.task}: a full training takes {full:.4g} s; seeds {options.seeds}")
    print("| agent |" + "".join(f" {mark} |" for mark in marks) + "\n| --- |" + " --- |" * len(marks))
    for label, runs in values.items():
        cells = [f" {np.nanmean(runs[:, i]):.4f} ± {np.nanstd(runs[:, i], ddof=1):.4f} |" for i in range(len(marks))]
        print(f"| {label} |{''.join(cells)}")
    found = []
    for label in AGENTS:
        for peer in PEERS if label not in PEERS else ():
            for i in range(len(marks)):
                x, y = (runs[~np.isnan(runs[:, i]), i] for runs in (values[label], values[peer]))
                found.append((f"{label} − {peer}", x.mean() - y.mean(), welch(x, y)))
    corrected = holm(np.array([p for _, _, p in found]))
    print("\n| difference (p, Holm) |" + "".join(f" {mark} |" for mark in marks) + "\n| --- |" + " --- |" * len(marks))
    for start in range(0, len(found), len(marks)):
        part = zip(found[start : start + len(marks)], corrected[start : start + len(marks)], strict=True)
        print(f"| {found[start][0]} |" + "".join(f" {difference:+.4f} ({p:.1g}) |" for (_, difference, _), p in part))


if __name__ == "__main__":
    main()
