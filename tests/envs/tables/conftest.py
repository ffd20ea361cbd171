"""Small tables of known contents, a data folder of the test's own, and the folder of real benchmark files."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from zlib import crc32

import numpy as np
import pytest

from pynascent.envs.core.evaluation import METRICS, Metric
from pynascent.envs.spaces import ChainSpace, NASBench201Space, SearchSpace
from pynascent.envs.tables import MetricData, TableData
from pynascent.envs.tables.format import PREFIX

from support.shared_data import shared_data


@pytest.fixture
def data_home(tmp_path, monkeypatch) -> Path:
    """The user's data folder, empty; everything that tests store goes there."""
    home = tmp_path / "home"
    monkeypatch.setenv("PYNASCENT_DATA", str(home))
    return home


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real benchmark files; tests that need it are skipped where it is absent."""
    return shared_data("nasbench201.npz").parent


@pytest.fixture(scope="session")
def official_texts() -> list[str]:
    """All 15,625 strings of NAS-Bench-201 in official order."""
    space = NASBench201Space()
    return [space.to_string(row) for row in space.from_index(np.arange(space.size))]


@dataclass
class Known:
    """What a table was written from: the space, its rows, and every value."""

    space: SearchSpace
    architectures: np.ndarray  # (rows, n), in the order given
    accuracy: np.ndarray  # (rows, 3 epochs, 3 seeds), NaN after the last training
    seconds: np.ndarray  # (rows, 3, 1)
    isi: np.ndarray  # (rows, 1, 3)
    flops: np.ndarray  # (rows,)
    edge: np.ndarray  # (rows,), NaN where unsupported

    EPOCHS = (1, 9, 27)

    def data(self, **changes) -> TableData:
        """Return the data that a table is written from, with some of its fields replaced."""
        arguments = {
            "name": "known",
            "space": self.space,
            "metrics": [
                MetricData(METRICS["validation_accuracy"], self.accuracy, self.EPOCHS, "on 500 images"),
                MetricData(METRICS["training_seconds"], self.seconds, self.EPOCHS),
                MetricData(METRICS["isi"], self.isi, (27,)),
                MetricData(METRICS["flops"], self.flops),
                MetricData(Metric("edge_latency_ms", "ms"), self.edge, gaps=True),
            ],
            "search_metric": "validation_accuracy",
            "architectures": self.architectures,
            "cost_metric": "training_seconds",
            "licence": "CC0-1.0",
            "provenance": {"importer": "test"},
        }
        return TableData(**(arguments | changes))


def make_known(space: SearchSpace, architectures: np.ndarray, seed: int = 0) -> Known:
    """Draw values for these rows: accuracies of 500 images, two trainings or three."""
    rng = np.random.default_rng(seed)
    rows = len(architectures)
    accuracy = rng.integers(50, 500, (rows, 3, 3)) / 500
    accuracy[::2, 1, 2] = np.nan
    accuracy[1::4, 0, 1:] = np.nan
    edge = rng.integers(1, 5000, rows) / 100
    edge[::7] = np.nan
    return Known(
        space,
        architectures,
        accuracy,
        rng.random((rows, 1, 1)) * np.array([1.0, 9.0, 27.0])[:, None] + 0.1,
        rng.random((rows, 1, 3)),
        rng.integers(10**4, 10**8, rows).astype(float),
        edge,
    )


@pytest.fixture(scope="session")
def known() -> Known:
    """All of a chain space of 72 architectures, given in an order of their own."""
    space = ChainSpace(stages=1, blocks=2, widths=(4,))
    architectures = np.concatenate(list(space.enumerate()))
    return make_known(space, np.random.default_rng(1).permutation(architectures))


@pytest.fixture(scope="session")
def written(known, tmp_path_factory) -> Path:
    """The table of `known`."""
    return known.data().write(tmp_path_factory.mktemp("tables") / "known.nastable").path


def rebuilt(data: bytes, header: bytes) -> bytes:
    """Return the file with another header, its length and checksum right."""
    length = struct.unpack_from("<I", data, 12)[0]
    payload = data[-(-(PREFIX + length) // 64) * 64 :]
    prefix = data[:12] + struct.pack("<II", len(header), crc32(header)) + bytes(PREFIX - 20)
    return prefix + header.ljust(-(-(PREFIX + len(header)) // 64) * 64 - PREFIX) + payload


def header_of(data: bytes) -> dict:
    """Return the header of a file."""
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[PREFIX : PREFIX + length])


@pytest.fixture(scope="session")
def surgery() -> SimpleNamespace:
    """Functions that take a table file apart and put it together again."""
    return SimpleNamespace(rebuilt=rebuilt, header_of=header_of)
