"""Dealing examples to splits, and scaling them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def stratify(labels: NDArray[np.integer], sizes: dict[str, int], rng: np.random.Generator) -> dict[str, NDArray]:
    """Deal every item to one part, each part with every class in proportion.

    Items are put in class order, shuffled within their class, and dealt one by one to the part that is
    furthest behind its share of the items dealt so far. Sizes come out exact, and of each class a part
    gets its proportional number to within one or two.

    Args:
        labels: ``(n,)`` class of each item.
        sizes: part → number of items; they sum to n.
        rng: shuffles within the classes.

    Returns:
        Part → ascending item indices.

    Raises:
        ValueError: the sizes do not sum to n.
    """
    n = len(labels)
    if sum(sizes.values()) != n:
        raise ValueError(f"the sizes {sizes} sum to {sum(sizes.values())}, not to the {n} items there are")
    order = np.lexsort((rng.permutation(n), labels))
    target = np.array(list(sizes.values()))
    dealt = np.zeros(len(target), dtype=np.int64)
    part = np.empty(n, dtype=np.int64)
    for place, item in enumerate(order, start=1):
        # Integer arithmetic: the same deal on every machine, and ties go to the first part named.
        part[item] = chosen = int(np.argmax(target * place - dealt * n))
        dealt[chosen] += 1
    return {name: np.flatnonzero(part == index) for index, name in enumerate(sizes)}


def deal(labels: NDArray[Any], seed: int) -> dict[str, NDArray]:
    """Deal examples to train, validation, test and probe (3 : 1 : 1, after a twentieth, at most 64, as probe).

    Args:
        labels: ``(n,)`` classes, or ``(n, labels)`` zeros and ones, whose combinations are dealt in proportion.
        seed: which examples go where.

    Raises:
        ValueError: there are fewer than eight examples.
    """
    n = len(labels)
    if n < 8:
        raise ValueError(f"{n} examples are too few for four splits: give at least 8")
    classes = labels if labels.ndim == 1 else np.unique(labels, axis=0, return_inverse=True)[1].reshape(-1)
    probe = min(64, max(1, n // 20))
    fifth = (n - probe) // 5
    sizes = {"train": n - probe - 2 * fifth, "validation": fifth, "test": fifth, "probe": probe}
    return stratify(classes, sizes, np.random.default_rng(seed))


def scaled(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """Return the splits' inputs as float32.

    8-bit images are divided by 255. Feature rows are standardised by the training split's mean and standard
    deviation (a constant feature becomes 0). Other images stay as they are.
    """
    train = inputs["train"]
    if train.ndim == 2:
        mean, deviation = train.mean(axis=0), train.std(axis=0)
        deviation = np.where(deviation > 0, deviation, 1.0)
        return {part: ((x - mean) / deviation).astype(np.float32) for part, x in inputs.items()}
    return {part: x.astype(np.float32) / np.float32(255 if x.dtype == np.uint8 else 1) for part, x in inputs.items()}
