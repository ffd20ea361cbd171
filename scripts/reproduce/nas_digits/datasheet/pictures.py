"""The pictures of NAS-Digits' data sheet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pynascent.scripts.plots import QUIET_STYLE

from ...markdown import number
from .measured import Measured
from .oracle import Front, RandomSearch
from .ranks import best_quarter, spearman, two_seeds, with_other_trainings
from .sweep import Best

POINT = {"s": 7, "linewidths": 0, "alpha": 0.7}
MOST_BYTES = 300_000


def picture(path: Path, panels: int, draw: Callable[[Any, Any], None], width: float = 4.6, height: float = 3.6) -> None:
    """Draw on a row of axes and write a PNG.

    Raises:
        ValueError: it came out larger than `MOST_BYTES`.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(QUIET_STYLE):
        figure, axes = pyplot.subplots(1, panels, figsize=(width * panels, height), layout="constrained", squeeze=False)
        draw(figure, axes[0])
        # Nothing of the machine in the file: the same table gives the same bytes.
        figure.savefig(path, dpi=110, metadata={"Software": None})
        pyplot.close(figure)
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes, more than {MOST_BYTES:,}: draw less in it")


def accuracy_flops(path: Path, measured: Measured, two: Front, lam: float, mu: float) -> None:
    """Accuracy against FLOPs, coloured by ISI, with the front and the best by reward."""

    def draw(figure: Any, axes: Any) -> None:
        accuracy, best = measured.mean("validation_accuracy"), int(measured.rewards(lam, mu).argmax())
        order = np.random.default_rng(0).permutation(len(measured))  # no order of the table on top
        points = axes[0].scatter(
            measured.flops[order], 100 * accuracy[order], c=measured.mean("isi")[order], cmap="viridis", **POINT
        )
        axes[0].step(
            measured.flops[two.rows],
            100 * accuracy[two.rows],
            where="post",
            color="crimson",
            lw=1,
            label="Pareto front",
        )
        axes[0].plot(
            measured.flops[best], 100 * accuracy[best], "*", color="crimson", ms=12, mec="white", label="best by reward"
        )
        axes[0].set(xscale="log", xlabel="FLOPs", ylabel="validation accuracy (%)")
        axes[0].legend(loc="lower right")
        figure.colorbar(points, label="ISI", ax=axes[0])

    picture(path, 1, draw, width=6.4, height=4.2)


def pareto(path: Path, measured: Measured, two: Front, three: Front) -> None:
    """The front of accuracy and FLOPs with the seeds' spread, and that of accuracy, FLOPs and ISI."""

    def draw(figure: Any, axes: Any) -> None:
        accuracy, isi = 100 * measured.mean("validation_accuracy"), measured.mean("isi")
        trainings = 100 * measured.by_seed("validation_accuracy")[:, two.rows]
        rest = {"color": "#cccccc", **POINT}
        axes[0].scatter(measured.flops, accuracy, **rest)
        reach = np.abs(np.stack([trainings.min(axis=0), trainings.max(axis=0)]) - accuracy[two.rows])
        axes[0].errorbar(
            measured.flops[two.rows],
            accuracy[two.rows],
            reach,
            fmt="o",
            ms=3.5,
            lw=0.8,
            color="crimson",
            capsize=2,
        )
        axes[0].set(title="accuracy, FLOPs; bars: least and most of the seeds")
        axes[1].scatter(measured.flops, accuracy, **rest)
        points = axes[1].scatter(
            measured.flops[three.rows], accuracy[three.rows], c=isi[three.rows], s=14, linewidths=0, cmap="viridis"
        )
        axes[1].set(title="accuracy, FLOPs, ISI")
        figure.colorbar(points, label="ISI", ax=axes[1])
        for axis in axes:
            axis.set(xscale="log", xlabel="FLOPs", ylabel="validation accuracy (%)")

    picture(path, 2, draw)


def fidelities(path: Path, measured: Measured) -> None:
    """How well accuracies of every epoch foretell the final ones; overall and among the best quarter."""
    known = measured.evaluator.table.column("validation_accuracy").epochs or measured.epochs
    quarter, final = best_quarter(measured), measured.by_seed("test_accuracy")
    early = {epochs: measured.by_seed("validation_accuracy", epochs) for epochs in known}

    def draw(figure: Any, axes: Any) -> None:
        lines = {
            "all": [with_other_trainings(values, final) for values in early.values()],
            "best quarter": [with_other_trainings(v[:, quarter], final[:, quarter]) for v in early.values()],
        }
        for (name, line), colour in zip(lines.items(), ("#0072B2", "#D55E00"), strict=True):
            axes[0].plot(known, line, color=colour, label=name)
            at = [list(known).index(epochs) for epochs in measured.epochs]
            axes[0].plot(measured.epochs, [line[i] for i in at], "o", ms=4, color=colour)
        axes[0].set(xlabel="epochs", ylabel="rank correlation with final test", ylim=(None, 1), title="fidelities")
        axes[0].legend()
        test = 100 * final.mean(axis=0)
        for epochs, colour in zip(measured.epochs, ("#cccccc", "#56B4E9", "#009E73", "#222222"), strict=False):
            axes[1].scatter(100 * early[epochs][0], test, color=colour, label=f"after {epochs}", **POINT)
        axes[1].set(xlabel="validation accuracy of seed 0 (%)", ylabel="final test accuracy, mean over seeds (%)")
        axes[1].legend(markerscale=2)

    picture(path, 2, draw)


def seed_noise(path: Path, measured: Measured) -> None:
    """Two seeds against each other, and the seeds' spread against accuracy."""

    def draw(figure: Any, axes: Any) -> None:
        accuracy, isi = 100 * measured.by_seed("validation_accuracy"), measured.by_seed("isi")
        for axis, trainings, name in ((axes[0], accuracy, "validation accuracy (%)"), (axes[1], isi, "ISI")):
            axis.scatter(trainings[0], trainings[1], color="#0072B2", **{**POINT, "alpha": 0.4})
            axis.axline((float(trainings.mean()),) * 2, slope=1, color="#555555", lw=0.8)
            title = f"rank correlation of two seeds {two_seeds(trainings)[0]:.3f}"
            axis.set(xlabel=f"{name}, seed 0", ylabel="seed 1", title=title)
        axes[2].scatter(accuracy.mean(0), accuracy.std(axis=0, ddof=1), color="#0072B2", **{**POINT, "alpha": 0.4})
        axes[2].set(xlabel="validation accuracy, mean over seeds (%)", ylabel="SD over seeds (points of %)")

    picture(path, 3, draw, width=3.9)


def isi_accuracy(path: Path, measured: Measured) -> None:
    """ISI against accuracy within each width, coloured by FLOPs."""

    def draw(figure: Any, axes: Any) -> None:
        accuracy, isi = measured.mean("validation_accuracy"), measured.mean("isi")
        scale = {"vmin": np.log10(measured.flops.min()), "vmax": np.log10(measured.flops.max()), "cmap": "viridis"}
        points = None
        for axis, (width, mask) in zip(axes, measured.widths.items(), strict=True):
            points = axis.scatter(100 * accuracy[mask], isi[mask], c=np.log10(measured.flops[mask]), **scale, **POINT)
            title = f"width {width}: rank correlation {number(spearman(accuracy[mask], isi[mask]))}"
            axis.set(xlabel="validation accuracy (%)", ylabel="ISI", title=title)
        figure.colorbar(points, label="log₁₀ FLOPs", ax=axes[-1])

    picture(path, len(measured.widths), draw, width=5.0)


def isi_fidelities(path: Path, measured: Measured) -> None:
    """How ISI is spread at each fidelity, and what it foretells."""

    def draw(figure: Any, axes: Any) -> None:
        early = {epochs: measured.by_seed("isi", epochs) for epochs in measured.epochs}
        places = range(1, len(early) + 1)
        axes[0].violinplot([values.mean(axis=0) for values in early.values()], places, showmedians=True, widths=0.8)
        axes[0].set_xticks(places, [str(epochs) for epochs in early])
        axes[0].set(xlabel="epochs", ylabel="ISI, mean over seeds")
        final, test = early[measured.last], measured.mean("test_accuracy")
        lines = {
            "with final ISI, other trainings": [with_other_trainings(values, final) for values in early.values()],
            "of two seeds": [two_seeds(values)[0] for values in early.values()],
            "with final test accuracy": [spearman(values.mean(axis=0), test) for values in early.values()],
        }
        for (name, line), colour in zip(lines.items(), ("#0072B2", "#009E73", "#D55E00"), strict=True):
            axes[1].plot(list(early), line, "o-", ms=4, color=colour, label=name)
        axes[1].set(xlabel="epochs", ylabel="rank correlation")
        axes[1].set_xscale("log")
        axes[1].set_xticks(list(early), [str(epochs) for epochs in early], minor=False)
        axes[1].legend()

    picture(path, 2, draw)


def random_search(path: Path, curves: dict[str, tuple[list[RandomSearch], float]], top: float) -> None:
    """What random search is expected to reach against evaluations.

    Args:
        path: the PNG.
        curves: name → random search's figures, and the best reward that it can see.
        top: the best reward, mean over seeds.
    """

    def draw(figure: Any, axes: Any) -> None:
        for (name, (found, optimum)), colour in zip(curves.items(), ("#0072B2", "#D55E00"), strict=False):
            draws = [line.draws for line in found]
            axes[0].plot(draws, [line.seen for line in found], color=colour, label=f"seen, {name}")
            axes[0].plot(draws, [line.true for line in found], color=colour, ls="--", label=f"mean over seeds, {name}")
            axes[0].axhline(optimum, color=colour, lw=0.7, ls=":")
            axes[1].plot(draws, [top - line.true for line in found], color=colour, label=name)
        axes[0].set(xscale="log", xlabel="evaluations", ylabel="reward", title="best seen, and what it is worth")
        axes[1].set(xscale="log", xlabel="evaluations", ylabel="regret, by mean over seeds")
        for axis in axes:
            axis.legend()

    picture(path, 2, draw)


def sweep(path: Path, found: list[list[Best]], lam: float, mu: float) -> None:
    """How large, accurate and stable the best architecture is under each λ and μ; a star where the defaults are."""

    def draw(figure: Any, axes: Any) -> None:
        what = (
            ("share of smaller architectures", [[best.flops_rank for best in line] for line in found], (0.0, 1.0)),
            ("validation accuracy of the best", [[best.accuracy for best in line] for line in found], (None, None)),
            ("ISI of the best", [[best.isi for best in line] for line in found], (None, None)),
        )
        for axis, (title, values, (low, high)) in zip(axes, what, strict=True):
            image = axis.imshow(values, cmap="viridis", aspect="auto", origin="lower", vmin=low, vmax=high)
            axis.set_xticks(range(len(found[0])), [f"{best.mu:g}" for best in found[0]])
            axis.set_yticks(range(len(found)), [f"{line[0].lam:g}" for line in found])
            axis.set(xlabel="μ", ylabel="λ", title=title)
            axis.grid(False)
            figure.colorbar(image, ax=axis)
            for i, line in enumerate(found):
                for j, best in enumerate(line):
                    if (best.lam, best.mu) == (lam, mu):
                        axis.plot(j, i, "*", color="crimson", ms=12, mec="white")

    picture(path, 3, draw, width=4.2)


def latency(path: Path, measured: Measured) -> None:
    """Latency against FLOPs."""

    def draw(figure: Any, axes: Any) -> None:
        for axis, name, batch in zip(axes, ("latency_ms", "latency_batch64_ms"), (1, 64), strict=True):
            for (width, mask), colour in zip(measured.widths.items(), ("#0072B2", "#D55E00"), strict=False):
                values = measured.mean(name)[mask]
                axis.scatter(measured.flops[mask], values, color=colour, label=f"width {width}", **POINT)
            axis.set(xscale="log", xlabel="FLOPs", ylabel=f"ms, batch {batch}", ylim=(0, None))
            axis.legend(markerscale=2)

    picture(path, 2, draw)
