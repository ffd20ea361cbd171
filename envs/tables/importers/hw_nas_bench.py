"""HW-NAS-Bench: latency and energy of the NAS-Bench-201 cells on six devices, joined onto tables that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...core.evaluation import FloatArray, Metric
from ..builder import MetricData, TableData
from ..errors import TableError
from .base import Counter, ImportRequest, provenance
from .nasbench201 import DATASETS, HW_CITATION, HW_LICENCE, Dataset, joined_tables
from .unpickle import CONTAINERS, NUMPY, load_restricted

KIND = "hw-nas-bench"
SIZE = 15_625
DEVICES = {
    "edgegpu": "NVIDIA Jetson TX2",
    "raspi4": "Raspberry Pi 4",
    "edgetpu": "Google Edge TPU",
    "pixel3": "Google Pixel 3",
    "eyeriss": "Eyeriss (ASIC, estimated)",
    "fpga": "Xilinx ZC706 (FPGA, estimated)",
}
_UNITS = {"latency": ("latency_ms", "ms"), "energy": ("energy_mj", "mJ")}


def device_metric(name: str, values: Any) -> MetricData:
    """Return a column of HW-NAS-Bench, such as ``edgegpu_latency`` → ``edgegpu_latency_ms``.

    Args:
        name: its name in the benchmark.
        values: ``(rows,)`` ms, mJ or a ratio; −1 where the device cannot run the network.

    Raises:
        TableError: the values are no numbers.
    """
    try:
        found: FloatArray = np.asarray(values, dtype=np.float64).copy()
    except (TypeError, ValueError) as error:
        raise TableError(f"HW-NAS-Bench's {name!r} holds something other than numbers: {error}") from None
    device, _, quantity = name.partition("_")
    suffix, unit = _UNITS.get(quantity, (quantity, "ratio"))
    unsupported = found == -1.0
    found[unsupported] = np.nan
    note = f" {int(unsupported.sum()):,} architectures cannot run there (NaN)." if unsupported.any() else ""
    return MetricData(
        Metric(f"{device}_{suffix}", unit),
        found,
        description=f"{quantity.replace('_', ' ').capitalize()} on {DEVICES.get(device, device)}, HW-NAS-Bench.{note}",
        gaps=bool(unsupported.any()),
    )


def read(request: ImportRequest) -> Iterator[TableData]:
    """Yield each NAS-Bench-201 table that is there, with the devices' columns added.

    The file is ``HW-NAS-Bench-v1_0.pickle``, read with an unpickler that admits plain containers and numpy's
    arrays. ``name`` picks other tables: what their names begin with, before ``-CIFAR10`` and so on.
    """
    path = request.only_file(KIND, "HW-NAS-Bench-v1_0.pickle")
    contents = load_restricted(path, str(path), NUMPY, CONTAINERS)
    try:
        cells = contents["nasbench201"]
    except (TypeError, KeyError):
        raise TableError(f"{path} has no part 'nasbench201': it is not HW-NAS-Bench-v1_0.pickle") from None
    for dataset, data in joined_tables(request, Counter(request, len(DATASETS))):
        data.add(_columns(cells, dataset, str(path)), HW_LICENCE, HW_CITATION, provenance(KIND, path))
        yield data


def _columns(cells: Any, dataset: Dataset, where: str) -> list[MetricData]:
    part = cells.get(dataset.official) if isinstance(cells, Mapping) else None
    if not isinstance(part, Mapping):
        raise TableError(f"{where} has no part {dataset.official!r} for NAS-Bench-201")
    names = [name for name in part if isinstance(name, str) and name.split("_")[0] in DEVICES]
    wrong = [name for name in names if np.ndim(part[name]) != 1 or len(part[name]) != SIZE]
    if wrong or not names:
        raise TableError(f"{where}: {dataset.official} needs columns of {SIZE} values, {wrong[:1] or 'it has none'}")
    config = part.get("config")
    if isinstance(config, (list, tuple)) and len(config) == SIZE:
        _check_order(config, dataset, where)
    return [device_metric(name, part[name]) for name in names]


def _check_order(config: Any, dataset: Dataset, where: str) -> None:
    """Refuse a file whose architectures are in another order than the official one."""
    space = dataset.space()
    for i in range(0, SIZE, 625):
        given = config[i].get("arch_str") if isinstance(config[i], Mapping) else None
        if given is not None and given != space.to_string(space.from_index(i)[0]):
            raise TableError(f"{where}: architecture {i} is {given}, not {space.to_string(space.from_index(i)[0])}")
