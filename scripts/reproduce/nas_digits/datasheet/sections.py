"""What the trainings of NAS-Digits say of accuracy, size, fidelities, noise, ISI and cost, as Markdown."""

from __future__ import annotations

from math import sqrt

import numpy as np

from ...markdown import grid, number, percent
from .measured import Mask, Measured
from .ranks import best_quarter, partial_spearman, spearman, spread, two_seeds, with_other_trainings

BARS = {"validation_accuracy": 0.85, "isi": 0.80}
"""Least rank correlation of two seeds, over the whole table, that the benchmark has to show."""
JUDGED = ("validation_accuracy", "test_accuracy", "isi", "isi_spearman")


def shown_epochs(measured: Measured) -> list[int]:
    """Return the epochs that accuracy is reported at: the fidelities, and 18 where it is known."""
    known = measured.evaluator.table.column("validation_accuracy").epochs or ()
    return sorted({*measured.epochs, *({18} & set(known))})


def composition(measured: Measured) -> list[str]:
    """Return what the table consists of."""
    header, table = measured.evaluator.table.header, measured.evaluator.table
    accuracy, weights = measured.mean("validation_accuracy"), measured.weights
    facts = [
        ["distinct architectures", f"{len(measured):,}"],
        ["architectures of the space", f"{measured.space.size:,}"],
        ["that one row stands for", f"1 to {weights.max()}, {weights.mean():.2f} on average"],
        ["widths", ", ".join(map(str, measured.widths))],
        ["training seeds", f"{len(measured.seeds)}"],
        ["trainings", f"{len(measured) * len(measured.seeds):,}"],
        ["fidelities", ", ".join(map(str, measured.epochs)) + " epochs"],
        ["FLOPs", f"{measured.flops.min():,.0f} to {measured.flops.max():,.0f}"],
        ["parameters", "{:,.0f} to {:,.0f}".format(*_range(measured.mean("parameters")))],
        ["validation accuracy, mean over seeds", "{} to {}".format(*map(percent, _range(accuracy)))],
        ["distinct values of it", f"{len(np.unique(np.round(accuracy, 9))):,}"],
        ["size of the file", f"{table.path.stat().st_size / 1e6:.2f} MB"],
        *([name, value] for name, value in header.provenance.items()),
    ]
    return grid(["", ""], facts)


def _range(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def agreement(measured: Measured) -> list[str]:
    """Return how alike two training seeds rank the architectures, and whether that is enough."""
    quarter, rows = best_quarter(measured), []
    for name in JUDGED:
        trainings = measured.by_seed(name)
        mean, least = two_seeds(trainings)
        bar = BARS.get(name)
        verdict = "" if bar is None else f"at least {bar:.2f}: {'reached' if mean >= bar else 'NOT REACHED'}"
        rows.append([name, number(mean), number(least), number(two_seeds(trainings[:, quarter])[0]), verdict])
    return grid(
        ["after the last epoch", "mean over pairs of seeds", "least pair", "best quarter by test accuracy", "bar"], rows
    )


def size(measured: Measured) -> list[str]:
    """Return how accuracy and ISI go with size and with each other: rank correlations of means over seeds."""
    accuracy, test, isi = (measured.mean(name) for name in ("validation_accuracy", "test_accuracy", "isi"))
    flops, parameters = measured.flops, measured.mean("parameters")

    def line(name: str, m: Mask) -> list[str]:
        pairs = ((accuracy, flops), (test, flops), (accuracy, parameters), (isi, flops), (isi, accuracy))
        given = partial_spearman(isi[m], accuracy[m], flops[m])
        return [name, f"{m.sum():,}", *(number(spearman(x[m], y[m])) for x, y in pairs), number(given)]

    largest = int(flops.argmax())
    better = int((accuracy > accuracy[largest]).sum())
    heading = ["", "architectures", "accuracy–FLOPs", "test–FLOPs", "accuracy–parameters"]
    return [
        *grid(
            [*heading, "ISI–FLOPs", "ISI–accuracy", "ISI–accuracy, FLOPs given"],
            [line(name, mask) for name, mask in measured.groups.items()],
        ),
        "",
        f"Taking the largest architecture unseen gives {percent(accuracy[largest])} validation and "
        f"{percent(test[largest])} test accuracy (means over seeds); {better:,} architectures "
        f"({percent(better / len(measured))}) have a higher validation accuracy, the best {percent(accuracy.max())}.",
    ]


def fidelities(measured: Measured) -> list[str]:
    """Return how well early accuracies foretell final ones."""
    quarter, final = best_quarter(measured), measured.by_seed("test_accuracy")
    rows = []
    for epochs in shown_epochs(measured):
        early = measured.by_seed("validation_accuracy", epochs)
        of_means = spearman(early.mean(axis=0), final.mean(axis=0))
        between, within = spread(early)
        rows.append(
            [
                f"{epochs}",
                "{} to {}".format(*map(percent, _range(early.mean(axis=0)))),
                number(between),
                number(within),
                number(two_seeds(early)[0]),
                number(with_other_trainings(early, final)),
                number(with_other_trainings(early[:, quarter], final[:, quarter])),
                number(of_means),
            ]
        )
    heading = ["epochs", "validation accuracy", "SD of architectures", "SD of seeds", "two seeds"]
    return [
        *grid([*heading, "with final test", "the same, best quarter", "with final test, means"], rows),
        "",
        "With final test: rank correlation of one training's validation accuracy after so many epochs with the final "
        "test accuracy of the other trainings of the same architecture, so that no training is compared with itself; "
        "mean over the seeds. Best quarter: among the quarter with the highest final test accuracy (mean over seeds). "
        "Means: of the means over seeds.",
    ]


def isi_fidelities(measured: Measured) -> list[str]:
    """Return what ISI is at each fidelity, and what it foretells."""
    final, test = measured.by_seed("isi"), measured.mean("test_accuracy")
    rows = []
    for epochs in measured.epochs:
        early = measured.by_seed("isi", epochs)
        between, within = spread(early)
        mean = early.mean(axis=0)
        rows.append(
            [
                f"{epochs}",
                number(float(mean.mean())),
                "{} to {}".format(*map(number, _range(mean))),
                number(between),
                number(within),
                number(two_seeds(early)[0]),
                number(with_other_trainings(early, final)),
                number(spearman(mean, test)),
                number(spearman(mean, measured.mean("isi_spearman", epochs))),
                number(float(measured.mean("isi_probe_error", epochs).mean())),
            ]
        )
    heading = ["epochs", "mean", "range", "SD of architectures", "SD of seeds", "two seeds", "with final ISI"]
    across = measured.mean("isi_across_seeds")
    return [
        *grid([*heading, "with test accuracy", "with isi_spearman", "probe error"], rows),
        "",
        "Two seeds, with …: rank correlations; with final ISI as above between different trainings. Probe error: the "
        "standard error of an ISI as a mean over its probe images, mean over all.",
        "",
        f"The final maps of two independent trainings are alike by {number(float(across.mean()))} on average "
        f"({number(float(across.min()))} to {number(float(across.max()))}; SSIM). Across architectures that "
        f"similarity ranks with ISI at {number(spearman(across, measured.mean('isi')))} and with accuracy at "
        f"{number(spearman(across, measured.mean('validation_accuracy')))}.",
    ]


def noise(measured: Measured) -> list[str]:
    """Return the seeds' noise after the last epoch, and what it hides."""
    rows = []
    for name in JUDGED:
        trainings = measured.by_seed(name)
        between, within = spread(trainings)
        mean = trainings.mean(axis=0)
        apart = within * sqrt(2 / len(measured.seeds))
        close = int((mean >= mean.max() - 2 * apart).sum())
        allowed = 3 * sqrt(1 + 1 / len(measured.seeds)) * within
        rows.append(
            [name, number(between, 4), number(within, 4), number(between / within, 1), f"{close:,}", number(allowed, 4)]
        )
    agree = spearman(measured.mean("validation_accuracy"), measured.mean("test_accuracy"))
    return [
        *grid(
            ["after the last epoch", "SD of architectures", "SD of seeds", "ratio", "like the best", "verify allows"],
            rows,
        ),
        "",
        "SD of architectures: of their means over seeds. SD of seeds: pooled. Like the best: how many architectures "
        "have a mean within two standard errors of a difference of the highest one, itself among them: which of them "
        "is best is beyond the table. Verify allows: how far a new training may be from its row's mean.",
        "",
        f"Validation and test accuracy (means over seeds) rank the architectures alike at {number(agree)}.",
    ]


def cost(measured: Measured) -> list[str]:
    """Return processor times and latencies; of the machine that made the table."""
    seconds = measured.by_seed("training_seconds")
    rows = [
        [
            f"{epochs}",
            number(float(measured.mean("training_seconds", epochs).mean()), 2),
            "{} to {}".format(*(number(x, 2) for x in _range(measured.mean("training_seconds", epochs)))),
        ]
        for epochs in measured.epochs
    ]
    latencies = [
        [
            name,
            number(float(np.median(values)), 3),
            "{} to {}".format(*(number(x, 3) for x in _range(values))),
            number(spearman(values, measured.flops)),
        ]
        for name in ("latency_ms", "latency_batch64_ms")
        for values in (measured.mean(name),)
    ]
    return [
        *grid(["epochs", "processor seconds of a training", "range"], rows),
        "",
        f"All {seconds.size:,} trainings took {seconds.sum() / 3600:.1f} processor hours, optimiser's steps alone.",
        "",
        *grid(["latency", "median, ms", "range, ms", "rank correlation with FLOPs"], latencies),
        "",
        "Times depend on the machine: they are there to simulate a search's clock, never to be ranked on.",
    ]
