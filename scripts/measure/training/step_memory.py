"""Memory and time of a training step, each in a fresh process, beside the analytic estimate.

    python -m pynascent.scripts.measure.training.step_memory   # a chain of 120 blocks, plain and remat
    python -m pynascent.scripts.measure.training.step_memory --estimates 7   # 7 random networks of each of 3 spaces

Measured is the peak of resident memory during the first steps above what was resident before the first. The chain is
of convolution, batch normalisation and ReLU.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pynascent.envs.network.graph import NetworkBuilder
from pynascent.envs.spaces import Network, space_from_config
from pynascent.trainers.training.configuration import TrainingConfiguration
from pynascent.trainers.training.memory.estimate import step_megabytes
from pynascent.trainers.training.memory.plan import memory_plan

SPACES: dict[str, dict[str, Any]] = {
    "nasbench201": {"space": "nasbench201", "input_shape": [32, 32, 3], "classes": 10, "channels": 16},
    "nasbench_macro": {"space": "nasbench_macro", "input_shape": [32, 32, 3], "classes": 10},
    "mobile": {"space": "mobile", "input_shape": [32, 32, 3], "classes": 10},
}


def chain(blocks: int, size: int = 16, channels: int = 32) -> Network:
    """Return a chain of blocks of convolution, batch normalisation and ReLU on ``size`` × ``size`` images."""
    b = NetworkBuilder((size, size, 3))
    x = b.input
    for _ in range(blocks):
        x = b.relu(b.batch_norm(b.conv(x, filters=channels, kernel=3)))
    return b.build(b.dense(b.global_avg_pool(x), 10))


def network_of(what: Mapping[str, Any]) -> Network:
    """Return the network that a request names: ``{"chain": blocks}`` or ``{"space": …, "seed": …}``."""
    if "chain" in what:
        return chain(what["chain"])
    space = space_from_config(SPACES[what["space"]])
    return space.network(space.sample(np.random.default_rng(what["seed"]), 1)[0])


def measure_here(what: Mapping[str, Any], settings: Mapping[str, Any], steps: int) -> dict[str, float]:
    """Train some steps in this process, which must be fresh; return MB (10⁶ bytes) and seconds per step."""
    from pynascent.trainers.workers.tensorflow_runtime import set_up_tensorflow

    set_up_tensorflow()
    from pynascent.trainers.data.dataset import Dataset, Split
    from pynascent.trainers.keras.builder import layer_names
    from pynascent.trainers.keras.training_model import training_model
    from pynascent.trainers.training.communicator import Alone
    from pynascent.trainers.training.memory.recomputation import recomputing_forward
    from pynascent.trainers.training.program import TrainingProgram

    network, configuration = network_of(what), TrainingConfiguration.from_config(settings)
    batch, rng = configuration.batch_size, np.random.default_rng(0)
    images = rng.normal(size=(batch, *network.input_shape)).astype(np.float32)
    part = Split(images, rng.integers(0, 10, batch).astype(np.int32))
    data = Dataset("noise", 10, part, part, part, part)
    model, noise = training_model(network, configuration, 0, Alone())
    pieces, parts = memory_plan(network, configuration, batch)
    forward = recomputing_forward(model, layer_names(network), pieces) if pieces else None
    order = np.tile(np.arange(batch, dtype=np.int32), (steps + 1, 1))
    program = TrainingProgram(
        model, data, configuration, order, steps + 1, Alone(), noise=noise, forward=forward, parts=parts
    )
    program.run(0, 0)  # traces
    before = resident()
    peak(begin=True)
    program.run(0, 1)
    started = time.perf_counter()
    program.run(1, steps + 1)
    seconds = (time.perf_counter() - started) / steps
    return {"megabytes": peak() - before, "seconds": seconds, "loss": program.loss, "parts": parts}


def resident() -> float:
    """Return this process's resident memory, in MB (10⁶ bytes)."""
    return _status("VmRSS")


def peak(begin: bool = False) -> float:
    """Return the most that it has been, in MB (10⁶ bytes); ``begin`` starts anew from now (Linux)."""
    if begin:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmHWM")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024 / 1e6


def measure(what: Mapping[str, Any], settings: Mapping[str, Any], steps: int = 2) -> dict[str, float]:
    """Do the same in a fresh process.

    Raises:
        RuntimeError: it failed; the message is the end of what it printed.
    """
    # One arena, and large blocks given back at once: what is resident is then what is in use.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    command = [sys.executable, "-m", "pynascent.scripts.measure.training.step_memory", "--child", json.dumps(what)]
    command += ["--settings", json.dumps(settings), "--steps", str(steps)]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ran.returncode:
        raise RuntimeError(f"{what} {settings}: {ran.stderr.strip()[-400:]}")
    return json.loads(ran.stdout.splitlines()[-1])


def _print_chain(blocks: int, steps: int, batch_size: int) -> None:
    what = {"chain": blocks}
    layers = len(network_of(what).layers)
    print(f"chain of {blocks} blocks, {layers} layers, batches of {batch_size}")
    plain: dict[str, float] = {}
    for remat in ("none", "blocks"):
        settings = {"remat": remat, "batch_size": batch_size}
        found = measure(what, settings, steps)
        network, configuration = network_of(what), TrainingConfiguration.from_config(settings)
        pieces, _ = memory_plan(network, configuration, batch_size)
        estimate = step_megabytes(network, batch_size, 4, pieces)
        plain = plain or found
        print(
            f"  remat {remat:7s} {found['megabytes']:8.1f} MB ({found['megabytes'] / plain['megabytes'] - 1:+.0%})  "
            f"estimate {estimate:8.1f} MB   {found['seconds'] * 1e3:7.0f} ms a step "
            f"({found['seconds'] / plain['seconds']:.2f} times)   {len(pieces)} pieces again",
            flush=True,
        )


def _print_estimates(each: int, batch_size: int) -> None:
    errors = []
    for space in SPACES:
        for seed in range(each):
            what = {"space": space, "seed": seed}
            found = measure(what, {"batch_size": batch_size}, 1)
            estimate = step_megabytes(network_of(what), batch_size)
            errors.append(estimate / found["megabytes"] - 1)
            print(
                f"  {space:15s} {seed:2d}  measured {found['megabytes']:8.1f} MB  estimate {estimate:8.1f} MB  "
                f"{errors[-1]:+.1%}",
                flush=True,
            )
    size = [abs(error) for error in errors]
    print(f"{len(errors)} networks: off by {statistics.median(size):.1%} (median), {max(size):.1%} at most")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=120, help="of the chain")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--estimates", type=int, default=0, help="networks of each space")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--settings", help=argparse.SUPPRESS, default="{}")
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measure_here(json.loads(given.child), json.loads(given.settings), given.steps)))
    elif given.estimates:
        _print_estimates(given.estimates, given.batch_size)
    else:
        _print_chain(given.blocks, given.steps, given.batch_size)


if __name__ == "__main__":
    main()
