"""A random forest for regression, in numpy: the same seed grows the same trees whatever else is installed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SHARE = 0.5  # of the columns that each split chooses among


class RandomForest:
    """The mean of regression trees, each grown on a bootstrap sample (Breiman, 2001, Machine Learning 45).

    Trees are grown until their leaves are pure. A split is the one that leaves least squared error, among a
    random half of the columns; where none of these splits the node, among all.

    Args:
        inputs: ``(N, k)`` columns, N ≥ 1.
        targets: ``(N,)`` values.
        trees: number of trees.
        rng: bootstrap samples and choices of columns.
    """

    def __init__(self, inputs: NDArray[np.floating], targets: FloatArray, trees: int, rng: np.random.Generator) -> None:
        splits = _Splits(inputs)
        grown = [_grow(splits, targets, rng) for _ in range(trees)]
        first = np.cumsum([0, *(len(tree[0]) for tree in grown[:-1])])
        self._roots = first  # nodes of all trees are numbered through
        self._column = np.concatenate([tree[0] for tree in grown])
        self._threshold = np.concatenate([tree[1] for tree in grown])
        self._child = np.concatenate([tree[2] + start for tree, start in zip(grown, first, strict=True)])
        self._value = np.concatenate([tree[3] for tree in grown])

    def __call__(self, inputs: NDArray[np.floating]) -> FloatArray:
        """Return the predictions ``(m,)`` for ``(m, k)`` columns."""
        numbers, start = inputs.ravel(), np.arange(len(inputs)) * inputs.shape[1]
        node = np.repeat(self._roots[:, None], len(inputs), axis=1)  # (trees, m)
        while True:
            # A leaf is its own left child, and nothing exceeds its threshold.
            exceeds = numbers.take(start + self._column.take(node)) > self._threshold.take(node)
            below = self._child.take(node) + exceeds
            if np.array_equal(below, node):
                return self._value[node].mean(axis=0)
            node = below


class _Splits:
    """Every split that the inputs allow.

    Attributes:
        columns: number of columns k.
        column, threshold: of each of J splits.
        left: ``(N, J)`` 1.0 where an input does not exceed the threshold, else 0.0.
    """

    def __init__(self, inputs: NDArray[np.floating]) -> None:
        self.columns = inputs.shape[1]
        levels = [np.unique(column) for column in inputs.T]
        self.column = np.repeat(np.arange(self.columns), [len(level) - 1 for level in levels])
        self.threshold = np.concatenate([(level[:-1] + level[1:]) / 2 for level in levels])
        self.left = (inputs[:, self.column] <= self.threshold).astype(np.float64)


def _grow(
    splits: _Splits, targets: FloatArray, rng: np.random.Generator
) -> tuple[IntArray, FloatArray, IntArray, FloatArray]:
    """Return one tree's ``(nodes,)`` columns, thresholds, left children (the right one is next) and values."""
    count = len(targets)
    weights = np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)
    allowed = _draw_columns(splits.columns, int(np.count_nonzero(weights)), rng)[:, splits.column]
    column, threshold, child, value = [0], [np.inf], [0], [0.0]
    grow, inner = [(0, np.flatnonzero(weights))], 0
    while grow:
        node, inside = grow.pop()
        weight, y = weights[inside], targets[inside]
        value[node] = float(weight @ y / weight.sum())
        split = None
        if (y != y[0]).any():  # at most one node fewer than inputs, so there are draws enough
            split = _best_split(splits.left[inside], weight, y - value[node], allowed[inner])
            inner += 1
        if split is None:
            continue
        column[node], threshold[node], child[node] = int(splits.column[split]), splits.threshold[split], len(column)
        goes_left = splits.left[inside, split] > 0
        for part in (inside[goes_left], inside[~goes_left]):
            grow.append((len(column), part))
            child.append(len(column))  # its own, until it is split
            column.append(0)
            threshold.append(np.inf)
            value.append(0.0)
    return np.array(column), np.array(threshold), np.array(child), np.array(value)


def _draw_columns(columns: int, draws: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return a random choice of a `SHARE` of the columns for each of several splits, ``(draws, columns)``."""
    order = rng.random((draws, columns)).argsort(axis=1)
    return order < max(1, round(SHARE * columns))


def _best_split(left: FloatArray, weight: FloatArray, centred: FloatArray, allowed: NDArray[np.bool_]) -> int | None:
    """Return the split that leaves least squared error, None where the inputs of a node are all alike.

    Args:
        left: ``(n, J)`` what each split sends to the left, 1.0, of the n inputs of the node.
        weight: ``(n,)`` how often each is in the sample.
        centred: ``(n,)`` targets less their weighted mean, so that the right sum is minus the left one.
        allowed: ``(J,)`` splits on the columns that are drawn.
    """
    if not left.shape[1]:
        return None
    on_left = weight @ left
    spread = on_left * (weight.sum() - on_left)  # 0 where all are on one side
    gain = (weight * centred) @ left
    gain *= gain
    gain = np.divide(gain, spread, out=np.full(len(gain), -1.0), where=spread > 0)
    best = int(np.where(allowed, gain, -1.0).argmax())
    if not allowed[best] or gain[best] < 0:
        best = int(gain.argmax())
    return best if gain[best] >= 0 else None
