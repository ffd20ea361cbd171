"""What the importers of NAS-Bench-201 share: its datasets, spaces, licence and citation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.evaluation import IntArray
from ...spaces import SearchSpace, space_from_config
from ..builder import TableData
from ..categorical import space_of_header
from ..errors import MissingTableError, TableError
from ..finding import open_table
from .base import Counter, ImportRequest

EPOCHS = (12, 200)

LICENCE = "MIT (NAS-Bench-201 / NATS-Bench)"
SOURCE = "https://github.com/D-X-Y/NATS-Bench"
CITATION = (
    "X. Dong, L. Liu, K. Musial, B. Gabrys. NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and "
    "Size. IEEE TPAMI 2021. X. Dong, Y. Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture "
    "Search. ICLR 2020."
)
HW_LICENCE = "MIT (HW-NAS-Bench)"
HW_CITATION = (
    "C. Li, Z. Yu, Y. Fu, Y. Zhang, Y. Zhao, H. You, Q. Yu, Y. Wang, Y. Lin. HW-NAS-Bench: Hardware-Aware Neural "
    "Architecture Search Benchmark. ICLR 2021."
)

FLOPS = (
    "2 x the published multiply-accumulates, which count the classifier's bias as one for each class; "
    "published in millions with 5 decimals."
)
PARAMETERS = "Trainable parameters as published: weights, scales and biases, without moving means and variances."


@dataclass(frozen=True)
class Dataset:
    """One of the benchmark's datasets.

    Attributes:
        label: end of the table's name.
        key: suffix of its columns in the compact compilation.
        official: its name in the official files.
        trained: the official name under which models with a validation accuracy were trained.
        validation, test: images in the two splits.
        classes: number of classes.
        side: height and width of an image.
    """

    label: str
    key: str
    official: str
    trained: str
    validation: int
    test: int
    classes: int
    side: int

    def space(self) -> SearchSpace:
        """Return the search space of networks for this dataset."""
        return space_from_config(
            {"space": "nasbench201", "classes": self.classes, "input_shape": [self.side, self.side, 3]}
        )


DATASETS = (
    Dataset("CIFAR10", "c10", "cifar10", "cifar10-valid", 25_000, 10_000, 10, 32),
    Dataset("CIFAR100", "c100", "cifar100", "cifar100", 5_000, 5_000, 100, 32),
    Dataset("ImageNet16", "in16", "ImageNet16-120", "ImageNet16-120", 3_000, 3_000, 120, 16),
)


NASLIB_OPERATIONS = (1, 0, 3, 2, 4)
"""NASLib's operations 0 skip, 1 none, 2 conv 3×3, 3 conv 1×1, 4 pool as ours: none, skip, conv 1×1, conv 3×3, pool."""
NASLIB_EDGES = (0, 1, 3, 2, 4, 5)
"""NASLib's edges 0→1, 0→2, 0→3, 1→2, 1→3, 2→3 in our order, where 1→2 is third."""


def from_naslib(codes: np.ndarray, where: str) -> IntArray:
    """Return the architectures ``(rows, 6)`` of cells as NASLib codes them.

    Args:
        codes: ``(rows, 6)`` operations by NASLib's numbers, edges in NASLib's order.
        where: how errors call their source.

    Raises:
        TableError: they are no such codes.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.shape[1] != 6 or codes.dtype.kind not in "ui" or not len(codes):
        raise TableError(f"{where} needs architectures (rows, 6) of whole numbers, it has {codes.shape} {codes.dtype}")
    codes = codes.astype(np.int64)
    if codes.min() < 0 or codes.max() > 4:
        raise TableError(f"{where}: an operation is {codes[(codes < 0) | (codes > 4)][0]}, they must be 0 to 4")
    return np.array(NASLIB_OPERATIONS)[codes][:, NASLIB_EDGES]


def joined_tables(
    request: ImportRequest, counter: Counter, labels: Sequence[str] = ("CIFAR10", "CIFAR100", "ImageNet16")
) -> Iterator[tuple[Dataset, TableData]]:
    """Yield the contents of each NAS-Bench-201 table that is there, to add columns to, and its dataset.

    ``name`` of the request picks other tables: what their names begin with, before ``-CIFAR10`` and so on.

    Raises:
        MissingTableError: there is none.
        TableError: a table of such a name is not all of NAS-Bench-201.
    """
    found = 0
    for dataset in DATASETS:
        if dataset.label not in labels:
            continue
        name = f"{request.name or 'NASBench201'}-{dataset.label}"
        try:
            table = open_table(name)
        except MissingTableError:
            continue
        finally:
            counter.step()
        found += 1
        space = space_of_header(table.header)
        if space.name != "nasbench201" or table.header.rows != space.size:
            raise TableError(f"the table {name!r} is not all of NAS-Bench-201: its rows cannot be joined")
        yield dataset, TableData.from_table(table, space)
    if not found:
        names = ", ".join(f"{request.name or 'NASBench201'}-{label}" for label in labels)
        raise MissingTableError(
            f"there is no table to join onto (it would be {names}): "
            "import NAS-Bench-201 first (pynascent tables import nats-bench FOLDER)"
        )
