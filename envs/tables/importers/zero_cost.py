"""Zero-cost scores of the NAS-Bench-201 cells, joined onto tables that are there by architecture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...core.evaluation import FloatArray, IntArray, Metric
from ...spaces.cells.graphs import connected
from ..builder import MetricData, TableData
from ..errors import TableError
from .base import Counter, ImportRequest, provenance
from .nasbench201 import DATASETS, from_naslib, joined_tables
from .nasbench201_npz import load_arrays

KIND = "nasbench201-zen"
NO_SCORE = -1e8
"""What the files have for a network that has no score, because its output does not depend on its input."""
AGREE = 0.95  # Spearman's rank correlation of the files' accuracies with the tables'
CITATION = (
    "M. Lin, P. Wang, Z. Sun, H. Chen, X. Sun, Q. Qian, H. Li, R. Jin. Zen-NAS: A Zero-Shot NAS for High-Performance "
    "Image Recognition. ICCV 2021."
)
LICENCE = "Apache-2.0 (NASLib)"


def zen_columns(scores: FloatArray, seconds: FloatArray) -> list[MetricData]:
    """Return the Zen score and its seconds as columns.

    Args:
        scores: ``(rows,)``, `NO_SCORE` where there is none.
        seconds: ``(rows,)`` that computing each took.
    """
    none = scores <= NO_SCORE / 2
    note = f" {int(none.sum()):,} networks have none (NaN): their output does not depend on their input."
    return [
        MetricData(
            Metric("zen_score", "score", None, -np.inf, np.inf, maximize=True),
            np.where(none, np.nan, scores),
            description="Zen score of the untrained network (Lin et al., ICCV 2021)." + (note if none.any() else ""),
            gaps=bool(none.any()),
        ),
        MetricData(Metric("zen_seconds", "s"), seconds, description="Time that computing the Zen score took."),
    ]


def read(request: ImportRequest) -> Iterator[TableData]:
    """Yield each NAS-Bench-201 table that is there, with the Zen score added.

    Rows are matched by architecture: the file has its operations in another order (0 skip, 1 none, 2 conv 3×3, 3
    conv 1×1, 4 pool), and two of the six edges change places. Whether that was read rightly is checked on the data:
    the cells without a score must be those without a path, and the file's accuracies must rank the cells as
    the table does. They are of one training each, and so are not equal to the table's means.
    """
    path = request.only_file(KIND, "nasbench201_zen.npz")
    arrays = load_arrays(path)
    architectures = from_naslib(arrays.get("architectures", np.zeros(0)), str(path))
    counter = Counter(request, len(DATASETS))
    for dataset, data in joined_tables(request, counter):
        rows = matched_rows(data, architectures, str(path))

        def take(name: str, official: str = dataset.official, rows: IntArray = rows) -> FloatArray:
            found = arrays.get(f"{official}__{name}")
            if found is None or found.shape != rows.shape or found.dtype.kind != "f":
                raise TableError(f"{path} needs an array '{official}__{name}' of {len(rows)} numbers")
            return found.astype(np.float64)[rows]

        scores = take("zen")
        edges = data.space.from_index(np.arange(data.space.size)) != 0
        if not np.array_equal(scores > NO_SCORE / 2, connected(edges, 4)):
            raise TableError(f"{path}: the cells without a score on {dataset.official} are not those without a path")
        known = next(m for m in data.metrics if m.metric.name == data.search_metric)
        agreement = rank_correlation(take("validation_accuracy"), np.nanmean(known.values[:, -1], axis=1))
        if agreement < AGREE:
            raise TableError(
                f"{path}: its accuracies on {dataset.official} rank the cells otherwise than the table {data.name!r} "
                f"(Spearman {agreement:.2f}): its operations or edges are coded in another way"
            )
        data.add(zen_columns(scores, take("zen_seconds")), LICENCE, CITATION, provenance(KIND, path))
        yield data


def matched_rows(data: TableData, architectures: IntArray, where: str) -> IntArray:
    """Return for each cell in official order its row in a file ``(size,)``.

    Raises:
        TableError: the file has not each cell once.
    """
    index = data.space.index(architectures)
    rows = np.argsort(index, kind="stable")
    if not np.array_equal(index[rows], np.arange(data.space.size)):
        raise TableError(f"{where} has not each of the {data.space.size:,} cells once")
    return rows


def rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Return Spearman's rank correlation of two columns ``(rows,)``, ties by their mean rank."""
    return float(np.corrcoef(_mean_ranks(first), _mean_ranks(second))[0, 1])


def _mean_ranks(values: FloatArray) -> FloatArray:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]
