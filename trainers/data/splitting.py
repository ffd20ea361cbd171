"""Dealing examples to splits, and scaling them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
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


def arrange(
    labels: NDArray[Any],
    given: Mapping[str, NDArray[np.intp]],
    seed: int = 0,
    fold: int | None = None,
    folds: int = 5,
    fraction: float = 1.0,
    groups: NDArray[Any] | None = None,
) -> dict[str, NDArray[np.intp]]:
    """Say which examples are in which split, where some splits are given and the others are dealt out of ``train``.

    A missing validation or test split is a fifth of the training examples each, after a twentieth of them (64 at
    most) was set aside as the probe: of training examples alone that is 3 : 1 : 1.

    Args:
        labels: ``(n,)`` classes, or ``(n, labels)`` zeros and ones, of all examples.
        given: split → its examples, indices into ``labels``; ``train`` is among them.
        seed: which examples go where.
        fold: which fold of the training and validation examples together is the validation split, 0..folds − 1;
            None for no folds. Test and probe are the same in all folds.
        folds: number of folds.
        fraction: share of the training split that is kept, above 0 to 1; a smaller one is part of a larger.
        groups: ``(n,)`` whose example it is (a patient), or None. A group is dealt as a whole, and of a group that
            is dealt to the probe only the first example is used.

    Returns:
        Split → ascending indices into ``labels``.

    Raises:
        ValueError: there are too few examples.
    """
    if groups is not None:
        return _arrange_groups(labels, given, seed, fold, folds, fraction, groups)
    classes = _classes(labels)
    parts = {part: np.asarray(rows, dtype=np.intp) for part, rows in given.items()}
    parts = _deal_missing(classes, parts, seed)
    if fold is not None:
        pool = np.sort(np.concatenate([parts["train"], parts["validation"]]))
        if len(pool) < folds:
            raise ValueError(f"{len(pool)} examples are too few for folds={folds}")
        number = fold_numbers(classes[pool], folds, seed)
        parts["train"], parts["validation"] = pool[number != fold], pool[number == fold]
    if fraction < 1:
        train = parts["train"]
        parts["train"] = train[nested_subset(classes[train], fraction, seed)]
    return parts


def _classes(labels: NDArray[Any]) -> NDArray[np.integer]:
    """Return what is dealt in proportion: the classes, or the combinations of labels."""
    return labels if labels.ndim == 1 else np.unique(labels, axis=0, return_inverse=True)[1].reshape(-1)


def _deal_missing(classes: NDArray[Any], parts: dict[str, NDArray[np.intp]], seed: int) -> dict[str, NDArray[np.intp]]:
    missing = [part for part in ("validation", "test", "probe") if part not in parts]
    if not missing:
        return parts
    rows = np.sort(parts["train"])
    n = len(rows)
    if n < 8:
        raise ValueError(f"{n} examples are too few for four splits: give at least 8")
    probe = min(64, max(1, n // 20)) if "probe" in missing else 0
    sizes = {part: probe if part == "probe" else (n - probe) // 5 for part in missing}
    sizes = {"train": n - sum(sizes.values()), **sizes}
    dealt = stratify(classes[rows], sizes, np.random.default_rng(seed))
    return parts | {part: rows[places] for part, places in dealt.items()}


def _arrange_groups(
    labels: NDArray[Any],
    given: Mapping[str, NDArray[np.intp]],
    seed: int,
    fold: int | None,
    folds: int,
    fraction: float,
    groups: NDArray[Any],
) -> dict[str, NDArray[np.intp]]:
    """Deal groups as if each were an example that has all labels of its examples."""
    names, group_of, first = _number_groups(groups)
    combined = np.full((len(names), *labels.shape[1:]), labels.min(initial=0), dtype=labels.dtype)
    np.maximum.at(combined, group_of, labels)
    given_groups = {part: np.unique(group_of[rows]) for part, rows in given.items()}
    for part, other in combinations(given_groups, 2):
        both = np.intersect1d(given_groups[part], given_groups[other])
        if both.size:
            raise ValueError(f"{names[both[0]]} is in the splits {part!r} and {other!r}: leave it out of one")
    dealt = arrange(combined, given_groups, seed, fold, folds, fraction)
    usable = np.zeros(len(labels), dtype=bool)
    usable[np.concatenate(list(given.values()))] = True
    parts = {}
    for part, chosen in dealt.items():
        if part == "probe" and part not in given:
            parts[part] = np.sort(first[chosen])
            continue
        inside = np.zeros(len(names), dtype=bool)
        inside[chosen] = True
        parts[part] = np.flatnonzero(usable & inside[group_of])
    return parts


def _number_groups(groups: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp], NDArray[np.intp]]:
    """Return the groups, the number of each example's, and the first example of each group."""
    names, first, group_of = np.unique(groups, return_index=True, return_inverse=True)
    return names, group_of.reshape(-1), first


def fold_numbers(classes: NDArray[np.integer], folds: int, seed: int) -> NDArray[np.intp]:
    """Return the fold of each example, ``(n,)`` of 0..folds − 1: equal in size to within one, and stratified."""
    n = len(classes)
    sizes = {str(fold): n // folds + (fold < n % folds) for fold in range(folds)}
    number = np.empty(n, dtype=np.intp)
    for fold, rows in stratify(classes, sizes, np.random.default_rng([seed, folds])).items():
        number[rows] = int(fold)
    return number


def nested_subset(classes: NDArray[np.integer], fraction: float, seed: int) -> NDArray[np.intp]:
    """Return ascending indices of a share of the examples, of each class in proportion, at least one in all.

    Every class's examples are put in a random order that does not depend on the fraction, and spread evenly over
    0..1; what lies below the fraction is taken. So a smaller fraction is a subset of a larger one.
    """
    n = len(classes)
    shuffled = np.random.default_rng([seed, n]).permutation(n)
    order = shuffled[np.argsort(classes[shuffled], kind="stable")]  # by class, shuffled within
    _, start, count = np.unique(classes[order], return_index=True, return_counts=True)
    place = (np.arange(n) - np.repeat(start, count) + 0.5) / np.repeat(count, count)
    ranked = order[np.argsort(place, kind="stable")]
    return np.sort(ranked[: max(1, round(fraction * n))])
