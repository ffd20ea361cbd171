"""What an explainer is: attribution maps for one class's logit, behind one small protocol."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..optional import require

FloatMaps = NDArray[np.float32]


class CompletenessError(ArithmeticError):
    """Attributions do not sum to the difference that their method promises: they are wrong, not just noisy."""


@runtime_checkable
class Explainer(Protocol):
    """Attributes a network's logits to input values.

    Explainers hold settings only, no model and no random state: one question has one answer, bit for bit.

    Attributes:
        name: its key in `EXPLAINERS`.
        stochastic: whether maps depend on a sampling seed, ``settings["seed"]``. Their noise is the
            disagreement of two explanations of one checkpoint under two seeds.
        complete: whether attributions sum to logit(image) − logit(baseline image), where every pixel of the
            baseline image is ``settings["baseline"]``.
    """

    name: str
    stochastic: bool
    complete: bool

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of `make_explainer` that rebuild it, as plain JSON values."""
        ...

    def explain(self, model: Any, images: ArrayLike, labels: ArrayLike) -> FloatMaps:
        """Attribute each image's logit of the given class to its values.

        Args:
            model: a Keras model, images → logits (before softmax), or a `GraphModel` of one. It is run in
                inference mode and left as it is.
            images: (b, h, w, c) float32, or feature rows (b, f) where the method is not for images alone.
            labels: (b,) integer, the class whose logit is explained, image by image.

        Returns:
            float32 of the images' shape, signed, in the logit's units.

        Raises:
            ValueError: images or labels have the wrong shape, or a label is not a class of the model.
            CompletenessError: the method promises that attributions sum to something, and they do not.
        """
        ...


class GraphModel:
    """A model's inference pass as one TensorFlow graph, for any batch size; weights stay shared.

    Worth its tracing time (about 0.1 s for a small network) when a model is called more than a few times,
    gradients through it included.

    Args:
        model: a Keras model, images → logits.
        image_shape: (h, w, c).

    Attributes:
        model: the Keras model.
        classes: number of its logits.
    """

    def __init__(self, model: Any, image_shape: tuple[int, ...]) -> None:
        tf = require("tensorflow", "train", "an explanation")
        self.model = model  # the graph reads its variables, so they must live as long
        # A concrete function: a tf.function would warn of retracing when the next candidate's graph is made.
        self._tensor = tf.convert_to_tensor
        self._call = tf.function(lambda images: model(images, training=False)).get_concrete_function(
            tf.TensorSpec((None, *image_shape), tf.float32)
        )
        self.classes = int(self._call.output_shapes[-1])

    def __call__(self, images: Any) -> Any:
        """Return the logits (b, classes) of (b, h, w, c) images, as a tensor."""
        return self._call(self._tensor(images))


def in_graph(model: Any, image_shape: tuple[int, ...]) -> GraphModel:
    """Return the model's `GraphModel`, which it may be already."""
    return model if isinstance(model, GraphModel) else GraphModel(model, image_shape)


def infer(model: Any, images: Any) -> Any:
    """Return logits (b, classes) in inference mode, as a tensor."""
    return model(images) if isinstance(model, GraphModel) else model(images, training=False)


def check_classes(labels: NDArray[np.int64], classes: int) -> None:
    """Raise `ValueError` if a label is no class of a model with so many logits."""
    if labels.max(initial=0) >= classes:
        raise ValueError(f"label {labels.max()} is no class of a model with {classes} logits")


def class_logits(model: Any, images: FloatMaps, labels: NDArray[np.int64], batch_size: int = 1024) -> NDArray[Any]:
    """Return each image's logit of its class, (b,) float32, in batches of at most ``batch_size``."""
    parts = [np.empty(0, np.float32)]
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        logits = np.asarray(infer(model, images[part]))
        check_classes(labels[part], logits.shape[-1])
        parts.append(np.take_along_axis(logits, labels[part][:, None], axis=1)[:, 0])
    return np.concatenate(parts)


def check_inputs(images: ArrayLike, labels: ArrayLike, rows: bool = True) -> tuple[FloatMaps, NDArray[np.int64]]:
    """Return images (b, h, w, c), or feature rows (b, f), as float32 and labels (b,) as int64.

    Args:
        images: what is explained.
        labels: the class of each.
        rows: whether feature rows can be explained.

    Raises:
        ValueError: wrong rank, another number of labels than images, labels that are no class indices.
    """
    images, labels = np.asarray(images, dtype=np.float32), np.asarray(labels)
    if images.ndim != 4 and not (rows and images.ndim == 2):
        also = " or (b, features)" if rows else ": this method is for images alone"
        raise ValueError(f"images of shape {images.shape}: give (b, height, width, channels){also}")
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels are {labels.dtype} of shape {labels.shape}: give one class index for each of {len(images)} images"
        )
    if labels.min(initial=0) < 0:
        raise ValueError(f"label {labels.min()}: class indices start at 0")
    return images, labels.astype(np.int64)


def completeness_gap(
    model: Any, images: ArrayLike, labels: ArrayLike, maps: ArrayLike, baseline: float = 0.0
) -> NDArray[np.float64]:
    """Return sum of attributions − (logit of the image − logit of the baseline image), (b,) float64.

    Args:
        model: as in `Explainer.explain`.
        images: (b, h, w, c).
        labels: (b,) the class explained.
        maps: (b, h, w, c) attributions.
        baseline: value of every pixel of the image that attributions are measured from.
    """
    images, labels = check_inputs(images, labels)
    difference = class_logits(model, images, labels) - class_logits(model, np.full_like(images, baseline), labels)
    return _total(maps) - difference


def _total(maps: ArrayLike) -> NDArray[np.float64]:
    """Return the sum of each example's attributions, (b,)."""
    maps = np.asarray(maps, dtype=np.float64)
    return maps.sum(axis=tuple(range(1, maps.ndim)))


def check_completeness(
    name: str,
    model: Any,
    images: FloatMaps,
    labels: NDArray[np.int64],
    maps: ArrayLike,
    baseline: float,
    tolerance: float,
) -> None:
    """Raise `CompletenessError` where the gap exceeds ``tolerance`` × (1 + |sum of attributions|), or is NaN."""
    gap = np.abs(completeness_gap(model, images, labels, maps, baseline))
    allowed = tolerance * (1.0 + np.abs(_total(maps)))
    wrong = ~(gap <= allowed)
    if wrong.any():
        worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap - allowed)))
        raise CompletenessError(
            f"{name}: attributions of image {worst} miss the change of the logit by {gap[worst]:.3g}, "
            f"{allowed[worst]:.3g} is allowed ({int(wrong.sum())} of {len(gap)} images are off)"
        )
