"""How much faster several Horovod ranks train one candidate, and what share of a step they spend on exchange.

    python -m pynascent.scripts.measure.training.ranks   # 1 and 2 ranks, a chain whose compute dominates
    python -m pynascent.scripts.measure.training.ranks --ranks 1 2 4 --channels 64 --compression fp16

Every rank has one thread. Efficiency is that of strong scaling, T₁ / (R · T_R) for one batch, the median over turns in
which the numbers of ranks follow each other. The exchange is timed alone: an all-reduce of as many values as a step
reduces, and of batch normalisation's moments. The last lines are a model, no measurement: a ring all-reduce
(Patarasuk and Yuan, 2009) with the bandwidth and latency measured here, and compute that divides by the ranks.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np

from pynascent.scripts.measure.training.step_memory import chain
from pynascent.trainers.training.configuration import TrainingConfiguration


def time_steps(
    _: Any, blocks: int, channels: int, settings: dict[str, Any], steps: int
) -> tuple[dict[str, float], None]:
    """Time steps and exchanges in one rank of a worker group; seconds of one each."""
    import tensorflow as tf

    from pynascent.trainers.data.dataset import Dataset, Split
    from pynascent.trainers.keras.training_model import training_model
    from pynascent.trainers.training.program import TrainingProgram
    from pynascent.trainers.training.sync_batch_norm import synchronize_batch_norm
    from pynascent.trainers.workers import group as workers

    ranks = workers._communicator
    network, configuration = chain(blocks, 16, channels), TrainingConfiguration.from_config(settings)
    batch, rng = configuration.batch_size, np.random.default_rng(0)
    part = Split(
        rng.normal(size=(batch, *network.input_shape)).astype(np.float32), rng.integers(0, 10, batch).astype(np.int32)
    )
    data = Dataset("noise", 10, part, part, part, part)
    model, _noise = training_model(network, configuration, 0, ranks)
    synchronized = ranks.size > 1 and configuration.sync_batch_norm
    model = synchronize_batch_norm(model, ranks) if synchronized else model
    order = np.tile(np.arange(batch, dtype=np.int32), (steps + 1, 1))
    program = TrainingProgram(model, data, configuration, order, steps + 1, ranks)
    program.run(0, 1)
    started = time.perf_counter()
    program.run(1, steps + 1)
    step = (time.perf_counter() - started) / steps
    values = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    moments = len(model.non_trainable_variables) // 2 if synchronized else 0

    def exchange(size: int, name: str, count: int) -> float:
        if ranks.size == 1 or not count:
            return 0.0
        vector = tf.ones(size)
        how = configuration.gradient_compression, configuration.gradient_reduction
        ranks.combine(vector, f"{name}_0", *how)
        begun = time.perf_counter()
        for i in range(count):
            ranks.combine(vector, f"{name}_{i}", *how)
        return (time.perf_counter() - begun) / count

    small = exchange(2 * channels, "small", 50)
    large = exchange(values + 1, "large", 20)
    # Moments travel forwards and, as gradients, backwards.
    return {
        "step": step,
        "exchange": large + 2 * moments * small,
        "small": small,
        "large": large,
        "values": values,
    }, None


def play(ranks: int, arguments: tuple[Any, ...], turns: int) -> list[dict[str, float]]:
    """Time so many turns in one warm group."""
    from pynascent.trainers.workers import ray_runtime
    from pynascent.trainers.workers.group import WorkerGroup

    ray_runtime.acquire(None)
    group = WorkerGroup(ranks)
    try:
        group.start()
        return [group.run(time_steps, *arguments)[0] for _ in range(turns)]
    finally:
        group.stop()
        ray_runtime.release()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--blocks", type=int, default=6, help="of the chain")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--compression", choices=("none", "fp16"), default="none")
    parser.add_argument("--own-batch-norm", action="store_true", help="each rank normalises by its own part")
    given = parser.parse_args()
    settings = {
        "batch_size": given.batch_size,
        "gradient_compression": given.compression,
        "sync_batch_norm": not given.own_batch_norm,
    }
    arguments = (given.blocks, given.channels, settings, given.steps)
    found: dict[int, list[dict[str, float]]] = {ranks: [] for ranks in given.ranks}
    for _ in range(given.turns):
        for ranks in given.ranks:
            found[ranks] += play(ranks, arguments, 1)
    one = statistics.median(run["step"] for run in found[given.ranks[0]]) * given.ranks[0]
    print(f"chain of {given.blocks} blocks, {given.channels} channels, batch {given.batch_size}, {settings}")
    for ranks, runs in found.items():
        step = statistics.median(run["step"] for run in runs)
        share = statistics.median(run["exchange"] / run["step"] for run in runs)
        pairs = [
            a["step"] * given.ranks[0] / (ranks * b["step"]) for a, b in zip(found[given.ranks[0]], runs, strict=True)
        ]
        print(
            f"  {ranks} ranks: {step * 1e3:7.1f} ms a step, efficiency {statistics.median(pairs):.2f} "
            f"({min(pairs):.2f} to {max(pairs):.2f}), exchange {share:.1%} of a step"
        )
    last, runs = max(found), found[max(found)]
    if last > 1:
        latency = statistics.median(run["small"] for run in runs) / (2 * (last - 1))
        values = runs[0]["values"]
        per_value = max(statistics.median(run["large"] for run in runs) - 2 * (last - 1) * latency, 0.0)
        per_value /= values * 2 * (last - 1) / last
        print("  model (not measured): ring all-reduce of the gradients, compute divided by the ranks")
        for ranks in (8, 16, 32, 64):
            exchange = 2 * (ranks - 1) * (latency + values / ranks * per_value)
            print(f"    {ranks:3d} ranks: efficiency {one / ranks / (one / ranks + exchange):.2f}")


if __name__ == "__main__":
    main()
