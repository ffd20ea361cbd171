"""How many training images make the best benchmark of NAS-Digits? A pilot on random architectures.

    python -m pynascent.scripts.reproduce.nas_digits.pilot [--images 600 300 200] [--architectures 48]

For each number of training images (twelve batches an epoch whatever it is) random architectures are trained
with two seeds; printed are the rank correlations that a benchmark lives on: of two seeds, of accuracy with
FLOPs, of early with final accuracy, and of ISI.
"""

from __future__ import annotations

import argparse
from functools import cache

import numpy as np

from pynascent.envs.spaces import ChainSpace

SPACE = ChainSpace()


@cache
def program(images: int, width: int):
    """Return the compiled trainings of one width."""
    from pynascent.scripts.reproduce.nas_digits.chain_program import ChainProgram
    from pynascent.trainers.data.digits import digits
    from pynascent.trainers.training.configuration import TrainingConfiguration

    return ChainProgram(SPACE, width, digits(images), TrainingConfiguration(batch_size=images // 12))


def measure(job: tuple[int, tuple[int, ...], int]) -> tuple[float, ...]:
    """Return validation accuracy after 1, 3, 9, 27 epochs, test accuracy, ISI, FLOPs and CPU seconds."""
    from pynascent.evaluation.metrics.isi import interpretability_stability_index

    images, row, seed = job
    done = program(images, SPACE.widths[row[-1]]).train(row, seed)
    early = done.validation_accuracy[[0, 2, 8, 26]]
    isi = interpretability_stability_index(done.maps[27]).isi
    return (*early, done.test_accuracy[-1], isi, SPACE.cost(row)["flops"][0], done.cpu_seconds[-1])


def main() -> None:
    """Train, and print a row for each number of training images."""
    from scipy.stats import spearmanr

    from pynascent.scripts.reproduce.nas_digits.build import worker_processes

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[600, 300, 200])
    parser.add_argument("--architectures", type=int, default=48)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    rows = np.unique(SPACE.canonical(SPACE.sample(np.random.default_rng(7), 4 * arguments.architectures)), axis=0)
    rows = np.random.default_rng(8).permutation(rows)[: arguments.architectures]

    def rank(a, b) -> float:
        return float(np.asarray(spearmanr(a, b))[0])

    print(
        "images  accuracy           SD arch/seed  two seeds  with FLOPs: all, w16, w16 larger half   "
        "test after 1/3/9       ISI: two seeds, with accuracy   CPU s"
    )
    with worker_processes(arguments.processes) as pool:
        for images in arguments.images:
            jobs = [(images, tuple(int(i) for i in row), seed) for row in rows for seed in (0, 1)]
            done = np.array(list(pool.map(measure, jobs, chunksize=4))).reshape(len(rows), 2, -1)
            final, test, isi, flops = done[..., 3], done[..., 4], done[..., 5], done[:, 0, 6]
            mean, wide = final.mean(1), rows[:, -1] == 1
            larger = wide & (flops > np.median(flops[wide]))
            print(
                f"{images:6d}  {final.min():.2f} to {final.max():.2f}       "
                f"{mean.std(ddof=1):.3f} {np.sqrt(final.var(axis=1, ddof=1).mean()):.3f}   "
                f"{rank(final[:, 0], final[:, 1]):.3f}      "
                + " ".join(f"{rank(mean[m], flops[m]):.3f}" for m in (slice(None), wide, larger))
                + "                    "
                + " ".join(f"{rank(done[:, 0, k], test[:, 1]):.2f}" for k in range(3))
                + f"         {rank(isi[:, 0], isi[:, 1]):.3f} {rank(isi.mean(1), mean):.3f}"
                + f"                   {done[..., 7].mean():.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
