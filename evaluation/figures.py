"""Pictures of explanations."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike

from .optional import require

_CLASSES_SHOWN = 10


def draw_explanations(
    path: str | PathLike[str],
    images: ArrayLike,
    maps: ArrayLike,
    predictions: ArrayLike,
    labels: ArrayLike,
    class_names: Sequence[str],
    method: str,
    title: str,
) -> None:
    """Draw image, attribution map and prediction of each example side by side into a PNG.

    Args:
        path: file to write.
        images: ``(b, h, w, c)``, grey (c = 1) or RGB (c = 3), any range: grey is stretched, RGB clipped to 0..1.
        maps: ``(b, h, w, c)`` signed attributions; channels are summed. Red speaks for the class, blue against.
        predictions: ``(b, k)`` class probabilities; the ten largest are drawn.
        labels: ``(b,)`` the true class, the one explained.
        class_names: k names.
        method: name of the explainer, written above the maps.
        title: written above all.

    Raises:
        ModuleNotFoundError: matplotlib is missing; the message names the extra that has it.
        ValueError: the arrays do not belong together.
    """
    images, predictions, labels = np.asarray(images, dtype=np.float64), np.asarray(predictions), np.asarray(labels)
    maps = np.asarray(maps, dtype=np.float64)
    b = len(images)
    if images.shape != maps.shape or predictions.shape != (b, len(class_names)) or labels.shape != (b,) or not b:
        raise ValueError(
            f"images {images.shape}, maps {maps.shape}, predictions {predictions.shape}, labels {labels.shape}, "
            f"{len(class_names)} class names: give (b, h, w, c) twice, (b, k), (b,) and k names, b ≥ 1"
        )
    figure_class = require("matplotlib.figure", "plot", "drawing explanations").Figure
    figure = figure_class(figsize=(7.6, 1.75 * b + 0.7), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes = figure.subplots(b, 3, squeeze=False, width_ratios=(1.0, 1.25, 1.7))
    for row, (image, signed, probabilities, label) in enumerate(
        zip(images, maps.sum(axis=-1), predictions, labels, strict=True)
    ):
        left, middle, right = axes[row]
        grey = image.shape[-1] != 3
        left.imshow(image.mean(axis=-1) if grey else image.clip(0, 1), cmap="gray" if grey else None)
        left.set_title(f"true: {class_names[label]}", fontsize=9)

        limit = float(np.abs(signed).max()) or 1.0
        drawn = middle.imshow(signed, cmap="RdBu_r", vmin=-limit, vmax=limit)
        figure.colorbar(drawn, ax=middle, fraction=0.046, pad=0.04).ax.tick_params(labelsize=7)
        middle.set_title(f"{method}: logit of {class_names[label]}", fontsize=9)

        guess = int(probabilities.argmax())
        shown = np.sort(np.argsort(-probabilities, kind="stable")[:_CLASSES_SHOWN])
        colours = np.full(len(class_names), "tab:gray", dtype=object)
        colours[guess] = "tab:green" if guess == label else "tab:red"
        right.bar(range(len(shown)), probabilities[shown], color=colours[shown].tolist())
        names = [str(class_names[k]) for k in shown]
        tilt = {"rotation": 30, "ha": "right"} if max(map(len, names)) > 3 else {}
        right.set_xticks(range(len(shown)), names, fontsize=7, **tilt)
        right.set_ylim(0, 1)
        right.set_yticks((0, 0.5, 1))
        right.tick_params(axis="y", labelsize=7)
        right.spines[["top", "right"]].set_visible(False)
        right.set_title(f"predicted: {class_names[guess]} ({probabilities[guess]:.0%})", fontsize=9)
        for axis in (left, middle):
            axis.set_xticks([])
            axis.set_yticks([])
    figure.savefig(path, dpi=150, format="png")
