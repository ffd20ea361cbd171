"""Pictures of explanations."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .optional import require

_CLASSES_SHOWN = 10
_FEATURES_SHOWN = 30

FloatArray = NDArray[np.float64]


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
        images: ``(b, h, w, c)``, grey (c = 1) or RGB (c = 3), any range: grey is stretched, RGB clipped to 0..1. Of
            any other number of channels the mean is drawn in grey. Or ``(b, f)``, rows of features: bars, of which
            the thirty with the largest attributions are drawn.
        maps: as images, signed attributions; channels are summed. Red speaks for the class, blue against.
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
            f"{len(class_names)} class names: give (b, h, w, c) or (b, f) twice, (b, k), (b,) and k names, b ≥ 1"
        )
    if images.ndim not in (2, 4):
        raise ValueError(f"images of shape {images.shape}: give (b, h, w, c), or rows of features (b, f)")
    figure_class = require("matplotlib.figure", "plot", "drawing explanations").Figure
    figure = figure_class(figsize=(7.6, 1.75 * b + 0.7), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes = figure.subplots(b, 3, squeeze=False, width_ratios=(1.0, 1.25, 1.7))
    draw = _draw_image if images.ndim == 4 else _draw_features
    for (left, middle, right), image, attribution, probabilities, label in zip(
        axes, images, maps, predictions, labels, strict=True
    ):
        draw(figure, left, middle, image, attribution)
        left.set_title(f"true: {class_names[label]}", fontsize=9)
        middle.set_title(f"{method}: logit of {class_names[label]}", fontsize=9)
        _draw_prediction(right, probabilities, int(label), class_names)
    figure.savefig(path, dpi=150, format="png")


def _draw_image(figure: Any, left: Any, middle: Any, image: FloatArray, attribution: FloatArray) -> None:
    """Draw an image ``(h, w, c)`` and its attribution map."""
    grey = image.shape[-1] != 3
    left.imshow(image.mean(axis=-1) if grey else image.clip(0, 1), cmap="gray" if grey else None)
    signed = attribution.sum(axis=-1)
    limit = float(np.abs(signed).max()) or 1.0
    drawn = middle.imshow(signed, cmap="RdBu_r", vmin=-limit, vmax=limit)
    figure.colorbar(drawn, ax=middle, fraction=0.046, pad=0.04).ax.tick_params(labelsize=7)
    for axis in (left, middle):
        axis.set_xticks([])
        axis.set_yticks([])


def _draw_features(figure: Any, left: Any, middle: Any, values: FloatArray, attribution: FloatArray) -> None:
    """Draw features ``(f,)`` and their attributions as bars, red for the class and blue against it."""
    del figure  # bars need no scale of colours
    shown = np.sort(np.argsort(-np.abs(attribution), kind="stable")[:_FEATURES_SHOWN])
    at = np.arange(len(shown))
    left.bar(at, values[shown], color="tab:gray")
    middle.bar(at, attribution[shown], color=np.where(attribution[shown] >= 0, "#b2182b", "#2166ac").tolist())
    some = at[:: max(1, len(at) // 8)]  # as many numbers as can be read
    for axis in (left, middle):
        axis.set_xticks(some, [str(k) for k in shown[some]], fontsize=7)
        axis.tick_params(axis="y", labelsize=7)
        axis.axhline(0, color="black", linewidth=0.5)
        axis.spines[["top", "right"]].set_visible(False)
    middle.set_xlabel("feature", fontsize=7)


def _draw_prediction(axis: Any, probabilities: FloatArray, label: int, class_names: Sequence[str]) -> None:
    """Draw the largest class probabilities ``(k,)``, the predicted one green where it is right and red where not."""
    guess = int(probabilities.argmax())
    shown = np.sort(np.argsort(-probabilities, kind="stable")[:_CLASSES_SHOWN])
    colours = np.full(len(class_names), "tab:gray", dtype=object)
    colours[guess] = "tab:green" if guess == label else "tab:red"
    axis.bar(range(len(shown)), probabilities[shown], color=colours[shown].tolist())
    names = [str(class_names[k]) for k in shown]
    tilt = {"rotation": 30, "ha": "right"} if max(map(len, names)) > 3 else {}
    axis.set_xticks(range(len(shown)), names, fontsize=7, **tilt)
    axis.set_ylim(0, 1)
    axis.set_yticks((0, 0.5, 1))
    axis.tick_params(axis="y", labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(f"predicted: {class_names[guess]} ({probabilities[guess]:.0%})", fontsize=9)
