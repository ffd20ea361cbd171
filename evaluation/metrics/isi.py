"""The Interpretability Stability Index: do a network's explanations settle while it trains?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..explainers.base import Explainer, check_inputs, in_graph
from .similarity import rank_similarity, ssim

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class IsiResult:
    """An ISI and what it is made of.

    Attributes:
        isi: mean structural similarity over images and adjacent checkpoints, clipped to 0..1.
        spearman: the same with rank correlation in place of structural similarity, clipped to 0..1.
        per_pair: ``(T − 1,)`` mean over images of each adjacent pair of checkpoints, −1..1.
        per_image: ``(b,)`` mean over pairs of each image, −1..1.
        standard_error: of the ISI as a mean over the probe images, how far their choice moves it; NaN for a
            single image. (It equals the root mean square, over all ways to halve the probe set, of half the
            difference between the halves.)
    """

    isi: float
    spearman: float
    per_pair: FloatArray  # (T - 1,)
    per_image: FloatArray  # (b,)
    standard_error: float


def checkpoint_steps(epochs: int, steps_per_epoch: int, cycles: int = 9) -> NDArray[np.int64]:
    """Return after how many optimiser steps each cycle ends, ``(cycles,)`` int64, strictly ascending.

    Cycle t of T ends at the fraction t / T of the training, rounded to the nearest step, halves up; the last
    is always the training's last step.

    Args:
        epochs: length of the training.
        steps_per_epoch: optimiser steps in one epoch.
        cycles: T, at least 2.

    Raises:
        ValueError: an argument is too small, or the training has fewer steps than cycles: two checkpoints
            would be one, agree perfectly and raise the index.
    """
    if cycles < 2:
        raise ValueError(f"cycles={cycles}: stability needs at least 2 checkpoints")
    total = epochs * steps_per_epoch
    if epochs < 1 or steps_per_epoch < 1 or total < cycles:
        raise ValueError(
            f"{epochs} epochs of {steps_per_epoch} steps cannot hold {cycles} checkpoints: train longer, with "
            "smaller batches, or ask for fewer cycles"
        )
    t = np.arange(1, cycles + 1, dtype=np.int64)
    return (2 * t * total + cycles) // (2 * cycles)


def normalise_maps(maps: ArrayLike) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return maps as |φ| / max |φ| and whether each is usable: finite, and not zero everywhere.

    Args:
        maps: ``(T, b, h, w)``, or ``(T, b, h, w, c)`` whose |φ| are summed over channels first: how much a
            pixel matters, whichever channel carries it; or ``(T, b, f)`` of feature rows, taken as one line of pixels.

    Returns:
        ``(T, b, h, w)`` float64 in 0..1, unusable maps all zero, and ``(T, b)`` bool.
    """
    strength = np.abs(np.asarray(maps, dtype=np.float64))
    if strength.ndim == 3:
        strength = strength[:, :, None, :]
    if strength.ndim not in (4, 5):
        raise ValueError(f"maps of shape {strength.shape}: give (T, b, h, w), (T, b, h, w, c) or (T, b, f)")
    if strength.ndim == 5:
        strength = strength.sum(axis=-1)
    largest = strength.max(axis=(2, 3), initial=0.0)  # NaN and infinity come through
    usable = np.isfinite(largest) & (largest > 0)
    safe = np.where(usable, largest, 1.0)[..., None, None]
    return np.where(usable[..., None, None], strength, 0.0) / safe, usable


def interpretability_stability_index(maps: ArrayLike) -> IsiResult:
    """Compute the ISI of attribution maps at T checkpoints.

    ISI = mean over images and adjacent checkpoints of SSIM(φ_t, φ_t+1), clipped to 0..1, of maps
    normalised by `normalise_maps`. A pair with a zero or non-finite map counts 0: two dead networks do
    not agree on anything.

    Args:
        maps: ``(T, b, h, w)``, ``(T, b, h, w, c)`` or ``(T, b, f)`` attribution maps, in the order of training, T ≥ 2.

    Raises:
        ValueError: another shape, fewer than 2 checkpoints, or no image.
    """
    normal, usable = normalise_maps(maps)
    if len(normal) < 2 or not normal.shape[1]:
        raise ValueError(f"maps of shape {np.shape(maps)}: stability needs at least 2 checkpoints and 1 image")
    both = usable[:-1] & usable[1:]  # (T - 1, b)
    similar = np.where(both, ssim(normal[:-1], normal[1:]), 0.0)
    ranked = np.where(both, rank_similarity(normal[:-1], normal[1:]), 0.0)
    per_image = similar.mean(axis=0)
    b = len(per_image)
    return IsiResult(
        isi=float(np.clip(similar.mean(), 0.0, 1.0)),
        spearman=float(np.clip(ranked.mean(), 0.0, 1.0)),
        per_pair=similar.mean(axis=1),
        per_image=per_image,
        standard_error=float(per_image.std(ddof=1) / np.sqrt(b)) if b > 1 else float("nan"),
    )


def explain_checkpoints(
    model: Any, checkpoints: Sequence[Sequence[ArrayLike]], images: ArrayLike, labels: ArrayLike, explainer: Explainer
) -> NDArray[np.float32]:
    """Explain one network at several points of its training.

    Args:
        model: the Keras model, images → logits; its weights are the same afterwards as before.
        checkpoints: T lists of arrays in the order of ``model.get_weights()``.
        images: ``(b, h, w, c)`` probe images, or ``(b, f)`` feature rows.
        labels: ``(b,)`` the class to explain, the true one for the ISI.
        explainer: which method.

    Returns:
        ``(T, b, h, w, c)`` or ``(T, b, f)`` float32; NaN where the network's logits are not finite.
    """
    images, labels = check_inputs(images, labels)
    maps = np.full((len(checkpoints), *images.shape), np.nan, dtype=np.float32)
    # Tracing once beats running nine checkpoints eagerly, even for a network that is seen only once.
    graph = in_graph(model, images.shape[1:])
    before = model.get_weights()
    try:
        for t, weights in enumerate(checkpoints):
            model.set_weights(list(weights))
            alive = np.isfinite(np.asarray(graph(images))).all(axis=-1)  # (b,)
            if alive.any():
                maps[t, alive] = explainer.explain(graph, images[alive], labels[alive])
    finally:
        model.set_weights(before)
    return maps
