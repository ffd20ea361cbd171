"""What importers share: what they are asked, what they say of themselves, and how sources are checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from ...core.evaluation import METRICS, FloatArray, Metric
from ..builder import MetricData, TableData
from ..errors import TableError


def _silent(done: int, total: int) -> None:
    """Report no progress."""


@dataclass
class ImportRequest:
    """What to import.

    Attributes:
        files: the source's files and folders, in the order given.
        name: name of the table, or what the names of several begin with; None for the benchmark's own.
        partial: accept a source that does not cover the space.
        trust_pickle: let Python's own unpickler read the source, which lets the file run code.
        progress: called with (rows done, rows in all).
    """

    files: list[Path]
    name: str | None = None
    partial: bool = False
    trust_pickle: bool = False
    progress: Callable[[int, int], None] = _silent

    def only_file(self, kind: str, what: str) -> Path:
        """Return the one file that a kind takes.

        Raises:
            TableError: there is not exactly one, or it is not there.
        """
        if len(self.files) != 1:
            raise TableError(f"the kind {kind!r} takes one file ({what}), {len(self.files)} were given")
        return existing(self.files[0])


@dataclass(frozen=True)
class Import:
    """An importer.

    Attributes:
        kind: the name by which it is asked for.
        files: what it takes, for help texts.
        read: turns a request into tables.
        pickled: whether its source is a pickle, which only naming the kind lets us read.
        joins: whether it adds to tables that are there, and so replaces them.
        description: one line.
    """

    kind: str
    files: str
    read: Callable[[ImportRequest], Iterator[TableData]]
    description: str
    pickled: bool = False
    joins: bool = False


def existing(path: Path, folder: bool = False) -> Path:
    """Return a path if a file (or, where allowed, a folder) is there.

    Raises:
        TableError: there is none.
    """
    if not (path.is_file() or (folder and path.is_dir())):
        raise TableError(f"there is no file {path}" + (" (and no folder)" if folder else ""))
    return path


def provenance(kind: str, *files: Path) -> dict[str, str]:
    """Return how a table was made: importer, version, and each source file's name and SHA-256."""
    try:
        release = version("pynascent")
    except PackageNotFoundError:  # run from a source tree that is not installed
        release = "not installed"
    found = {"importer": kind, "pynascent": release}
    for file in files:
        if file.is_file():
            with file.open("rb") as opened:
                digest = hashlib.sha256()
                while chunk := opened.read(1 << 20):
                    digest.update(chunk)
            found[f"source {file.name}"] = f"sha256 {digest.hexdigest()}"
        else:
            found[f"source {file.name}"] = "folder"
    return found


def accuracy(
    values: FloatArray,
    epochs: tuple[int, ...],
    images: int,
    name: str = "validation_accuracy",
    split: str = "validation",
    description: str = "",
    averaged: bool = False,
) -> MetricData:
    """Return an accuracy column from percent, as exact multiples of 1 / images.

    Args:
        values: ``(rows, epochs, seeds)`` percent, rounded to float32.
        epochs: fidelities.
        images: images that it was measured on, times 6 where values are means of up to three trainings.
        name: the metric.
        split: what it was measured on.
        description: how.
        averaged: whether values are means.
    """
    metric = METRICS.get(name) or Metric(name, "fraction", split, 0.0, 1.0, maximize=True)
    return MetricData(
        metric, values / 100.0, epochs, description, averaged, resolution=images, tolerance=min(1e-7, 0.4 / images)
    )


@dataclass
class Counter:
    """Counts rows towards a request's progress, telling it every hundred."""

    request: ImportRequest
    total: int
    done: int = field(default=0, init=False)

    def step(self) -> None:
        """Count one row."""
        self.done += 1
        if self.done % 100 == 0 or self.done == self.total:
            self.request.progress(self.done, self.total)


EFFECTIVE_FLOPS = 1e12
"""Sustained FLOP/s that `estimated_seconds` assumes: a present-day GPU at small images."""


def estimated_seconds(flops: FloatArray, epochs: tuple[int, ...], images: int) -> MetricData:
    """Return training times estimated from FLOPs, for benchmarks that publish none.

    seconds = 3 (forward and backward) × FLOPs × images × epochs / `EFFECTIVE_FLOPS`. The name of the column
    says that they are estimates.

    Args:
        flops: ``(rows,)`` FLOPs of one forward pass of one image.
        epochs: fidelities.
        images: training images.
    """
    seconds = 3.0 * flops[:, None, None] * images * np.array(epochs)[None, :, None] / EFFECTIVE_FLOPS
    return MetricData(
        Metric("estimated_training_seconds", "s"),
        np.rint(seconds * 1000) / 1000,
        epochs,
        f"Estimated, not measured: 3 x FLOPs x {images:,} images x epochs / {EFFECTIVE_FLOPS:.0e} FLOP/s.",
    )
