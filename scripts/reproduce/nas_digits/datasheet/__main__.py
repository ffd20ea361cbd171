"""Writes the data sheet of NAS-Digits, pictures and numbers, from the table and nothing else.

    python -m pynascent.scripts.reproduce.nas_digits.datasheet [--table digits] [--out docs/digits] [--lam λ --mu μ]

λ and μ are those of the task ``Digits`` by default; the module `sweep` beside this one says how they were chosen.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pynascent.envs.core.tasks import find_task

from . import oracle_sections, pictures, sections
from .measured import Measured
from .oracle import front, random_search
from .sweep import pair_text, sweep, sweep_text
from .terms import task_weights, terms_text

OUT = Path(__file__).parents[4] / "docs" / "digits"
COMMAND = "python -m pynascent.scripts.reproduce.nas_digits.datasheet"


def write(table: str, out: Path, lam: float, mu: float) -> Path:
    """Write ``figures.md`` and the pictures of a table into a folder; returns the former's path.

    Args:
        table: name or path of NAS-Digits or a part of it.
        out: the folder, made where there is none.
        lam: λ of the default reward.
        mu: μ of the default reward.
    """
    measured = Measured(table)
    out.mkdir(parents=True, exist_ok=True)
    two, three, swept = front(measured, isi=False), front(measured, isi=True), sweep(measured)
    header = measured.evaluator.table.header
    lines = [
        "# NAS-Digits: numbers and figures",
        "",
        f"Written by `{COMMAND}` from the table `{header.name}` alone (checksum `{header.sha256}`): edit nothing here. "
        "What the table is, how it was made and what it is not good for: [NAS-Digits](../digits.md).",
    ]

    def section(title: str, text: list[str], *images: tuple[str, str]) -> None:
        lines.extend(["", f"## {title}", "", *text])
        for name, caption in images:
            lines.extend(["", f"![{caption}]({name}.png)"])

    section("Composition", sections.composition(measured))
    section("Two seeds", sections.agreement(measured))

    pictures.accuracy_flops(out / "accuracy_flops.png", measured, two, lam, mu)
    pictures.isi_accuracy(out / "isi_accuracy.png", measured)
    section(
        "Accuracy, size and ISI",
        [
            "Rank correlations (Spearman) of means over seeds after the last epoch, each distinct architecture once. "
            "The larger half has more FLOPs than the median.",
            "",
            *sections.size(measured),
        ],
        ("accuracy_flops", "Validation accuracy against FLOPs, coloured by ISI, with the Pareto front"),
        ("isi_accuracy", "ISI against validation accuracy within each width, coloured by FLOPs"),
    )
    pictures.fidelities(out / "fidelities.png", measured)
    section(
        "Fidelities",
        sections.fidelities(measured),
        ("fidelities", "Rank correlation of validation accuracy after each epoch with final test accuracy"),
    )
    pictures.seed_noise(out / "seed_noise.png", measured)
    section(
        "Seed noise",
        sections.noise(measured),
        ("seed_noise", "Two seeds against each other, and the seeds' spread against accuracy"),
    )
    pictures.isi_fidelities(out / "isi_fidelities.png", measured)
    section(
        "ISI",
        sections.isi_fidelities(measured),
        ("isi_fidelities", "ISI at each fidelity: its spread, and its rank correlations"),
    )
    pictures.latency(out / "latency.png", measured)
    section("Cost", sections.cost(measured), ("latency", "Latency of an inference against FLOPs"))

    section("The best", oracle_sections.best(measured, lam, mu))
    pictures.pareto(out / "pareto.png", measured, two, three)
    section(
        "Pareto fronts",
        oracle_sections.fronts(measured, two, three, lam, mu),
        ("pareto", "Pareto fronts of accuracy and FLOPs, and of accuracy, FLOPs and ISI"),
    )
    section("Random search", _random_search(measured, out, lam, mu), ("random_search", "Random search's expected best"))
    pictures.sweep(out / "sweep.png", swept, lam, mu)
    section(
        "Weights of the reward",
        [
            f"The defaults, λ = {lam:g} and μ = {mu:g}, make the best {pair_text(measured, lam, mu)}",
            "",
            *sweep_text(measured, swept),
        ],
        ("sweep", "Size, accuracy and ISI of the best architecture under each λ and μ; the defaults have the star"),
    )
    weights = {**task_weights(), "Digits": (lam, mu)}
    section("Does ISI matter in the reward?", terms_text(measured, weights))
    path = out / "figures.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _random_search(measured: Measured, out: Path, lam: float, mu: float) -> list[str]:
    first = measured.seeds[:1]
    fine = np.unique(np.geomspace(1, 1000, 60).round().astype(int)).tolist()
    kinds = {
        "training_seed=0": first,
        'training_seed="resample"': measured.seeds,
    }
    curves, lines = (
        {},
        [
            "Exact, computed from the table without a draw: the best of n uniform draws with repeats over all "
            f"{measured.space.size:,} architectures, as the agent `random` makes them, rewarded by λ = {lam:g}, "
            f"μ = {mu:g}. The best reward seen is of one training, so it flatters; its architecture's mean reward is "
            "over all seeds, and regret is how far that lies below the best mean reward of all.",
        ],
    )
    for name, seeds in kinds.items():
        optimum = max(float(measured.rewards(lam, mu, seed).max()) for seed in seeds)
        curves[name] = (random_search(measured, lam, mu, seeds, fine), optimum)
        found = random_search(measured, lam, mu, seeds)
        what = "the default" if len(seeds) == 1 else "one of the seeds at random for each evaluation"
        heading = f"`{name}`, {what} (best to see: {optimum:.4f}):"
        lines += ["", heading, "", *oracle_sections.random_lines(measured, lam, mu, found, optimum)]
    pictures.random_search(out / "random_search.png", curves, float(measured.rewards(lam, mu).max()))
    return lines


def main() -> None:
    """Write the data sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", default="digits", help="name or path of the table")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--lam", type=float, help="λ of the reward; by default the Digits task's")
    parser.add_argument("--mu", type=float, help="μ of the reward; by default the Digits task's")
    arguments = parser.parse_args()
    lam = find_task("Digits").lam if arguments.lam is None else arguments.lam
    mu = find_task("Digits").mu if arguments.mu is None else arguments.mu
    print(write(arguments.table, arguments.out, lam, mu))


if __name__ == "__main__":
    main()
