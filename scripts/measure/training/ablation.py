"""What each training technique brings: images per second, memory and accuracy, each against the plain training.

    python -m pynascent.scripts.measure.training.ablation   # every technique on NAS-Digits' space, 5 seeds
    python -m pynascent.scripts.measure.training.ablation --techniques l2 remat --seeds 10 --epochs 27

Techniques take turns seed by seed, each training in a fresh process, so that a machine that slows down slows all. An
accuracy is the mean over seeds with its 95 % interval (Student's t); a difference is that of the pairs of one seed, and
a star marks one whose interval leaves out 0. Images per second are the median over seeds of whole epochs after the
first; memory is the peak of resident memory above what was resident before the first step.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pynascent.envs.spaces import ChainSpace
from pynascent.trainers.training.configuration import TrainingConfiguration

from .step_memory import peak, resident

TECHNIQUES: dict[str, dict[str, Any]] = {
    "plain": {},
    "bfloat16": {"precision": "mixed_bfloat16"},
    "float16": {"precision": "mixed_float16"},
    "float16, auto float32": {"precision": "mixed_float16", "float32_layers": "auto"},
    "remat": {"remat": "blocks"},
    "xla": {"xla": True},
    "accumulation 5": {"accumulation": 5},
    "l2": {"l2": 1e-4},
    "l2, loss trend": {"l2": 1e-4, "l2_adaptation": "loss_trend"},
    "l2, gap": {"l2": 1e-4, "l2_adaptation": "generalisation_gap"},
    "dropout": {"dropout": 0.2},
    "drop_connect": {"drop_connect": 0.05},
    "label smoothing": {"label_smoothing": 0.1},
    "reweighting": {"reweighting": "balanced"},
    "cosine restarts": {"schedule": "warm_restarts", "cycle_epochs": 3},
    "warm-up": {"warmup_epochs": 1},
    "sgd, nesterov": {"optimizer": {"component": "sgd", "settings": {"nesterov": True}}, "learning_rate": 0.05},
}
NETWORK = "stage1_block1=conv_3x3 stage1_block2=conv_3x3 stage2_block1=conv_3x3 stage2_block2=sep_conv_3x3 residual=yes"


def measure_here(settings: Mapping[str, Any], epochs: int, seed: int, width: int) -> dict[str, float]:
    """Train in this process, which must be fresh."""
    from pynascent.trainers.workers.tensorflow_runtime import set_up_tensorflow

    set_up_tensorflow()
    from pynascent.trainers.data.datasets import load_dataset
    from pynascent.trainers.training.loop import train_candidate
    from pynascent.trainers.training.program import TrainingProgram
    from pynascent.trainers.training.scores import Accuracy

    spent: list[tuple[int, float]] = []
    base: list[float] = []
    run = TrainingProgram.run

    def timed(self: TrainingProgram, start: int, stop: int) -> None:
        if not base:
            run(self, 0, 0)  # traces
            base.append(resident())
            peak(begin=True)
        started = time.perf_counter()
        run(self, start, stop)
        spent.append((stop - start, time.perf_counter() - started))

    TrainingProgram.run = timed  # type: ignore[method-assign]
    space, data = ChainSpace(widths=(width,)), load_dataset("digits")
    configuration = TrainingConfiguration.from_config(settings)
    network = space.network(space.parse(f"{NETWORK} width={width}"))
    result = train_candidate(network, data, configuration, epochs, seed)
    later = spent[len(spent) // 2 :]
    images = configuration.batch_size * sum(steps for steps, _ in later)
    score = Accuracy()
    return {
        "images": images / sum(seconds for _, seconds in later),
        "megabytes": peak() - base[0],
        "accuracy": score(result.validation_logits, data.validation.labels) if len(result.validation_logits) else 0.0,
        "test": score(result.test_logits, data.test.labels) if len(result.test_logits) else 0.0,
        "seconds": result.training_seconds,
    }


def measure(settings: Mapping[str, Any], epochs: int, seed: int, width: int) -> dict[str, float]:
    """Do the same in a fresh process.

    Raises:
        RuntimeError: it failed; the message is the end of what it printed.
    """
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    child = json.dumps([settings, epochs, seed, width])
    command = [sys.executable, "-m", "pynascent.scripts.measure.training.ablation", "--child", child]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ran.returncode:
        raise RuntimeError(f"{settings}: {ran.stderr.strip()[-400:]}")
    return json.loads(ran.stdout.splitlines()[-1])


def half_width(values: Sequence[float]) -> float:
    """Return half the 95 % interval of a mean (Student's t); not finite for fewer than two values."""
    from scipy.stats import t

    if len(values) < 2:
        return float("inf")
    return float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def line(name: str, found: Sequence[Mapping[str, float]], plain: Sequence[Mapping[str, float]]) -> str:
    """Return a technique's line of the table, against the plain training of the same seeds."""

    def median(runs: Sequence[Mapping[str, float]], what: str) -> float:
        return statistics.median(run[what] for run in runs)

    accuracy = [run["accuracy"] for run in found]
    gains = [run["accuracy"] - other["accuracy"] for run, other in zip(found, plain, strict=True)]
    gain, around = float(np.mean(gains)), half_width(gains)
    ratios = [run["images"] / other["images"] for run, other in zip(found, plain, strict=True)]
    shown = "" if name == "plain" else f"{gain:+.4f} ± {around:.4f}{'*' if abs(gain) > around else ' '}"
    return (
        f"{name:22s} {median(found, 'images'):9.0f} {statistics.median(ratios):6.2f}  "
        f"{median(found, 'megabytes'):7.1f} {median(found, 'megabytes') / median(plain, 'megabytes') - 1:+5.0%}  "
        f"{np.mean(accuracy):.4f} ± {half_width(accuracy):.4f}  {shown}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--techniques", nargs="+", default=list(TECHNIQUES), choices=list(TECHNIQUES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--width", type=int, default=16, help="channels of the network")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measure_here(*json.loads(given.child))))
        return
    names = list(dict.fromkeys(["plain", *given.techniques]))
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for seed in range(given.seeds):
        for done, name in enumerate(names):
            print(f"\rseed {seed}, {done + 1} of {len(names)}: {name:24s}", end="", file=sys.stderr, flush=True)
            found[name].append(measure(TECHNIQUES[name], given.epochs, seed, given.width))
    print("\r", end="", file=sys.stderr)
    print(f"digits, {given.epochs} epochs, width {given.width}, {given.seeds} seeds, one thread")
    print(f"{'':22s}  images/s  ratio       MB        accuracy (95 %)   against plain, pairs (* leaves out 0)")
    for name in names:
        print(line(name, found[name], found["plain"]))


if __name__ == "__main__":
    main()
