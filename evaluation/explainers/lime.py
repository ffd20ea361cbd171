"""Local linear surrogates by lime's own image explainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..optional import require
from .base import FloatMaps, check_classes, check_inputs, in_graph


def grid_segments(height: int, width: int, rows: int, columns: int) -> NDArray[np.int64]:
    """Return the segment index of each pixel, (height, width): a grid of rows × columns nearly equal cells.

    A picture smaller than the grid has one segment for each pixel.
    """
    rows, columns = min(rows, height), min(columns, width)
    return (np.arange(height) * rows // height)[:, None] * columns + np.arange(width) * columns // width


@dataclass(frozen=True)
class Lime:
    """LIME (Ribeiro et al. 2016) by `lime.lime_image.LimeImageExplainer` on a grid of segments.

    Random subsets of the cells are hidden, and a ridge regression of the logit on which are visible, weighted
    by closeness to the whole image, gives each cell its coefficient. lime's default segmentation is
    meaningless on images as small as 8×8, and its ``random_seed`` fixes nothing but that segmentation: here the
    grid is fixed and the sampler seeded. Every image is explained with the same sequence of subsets, so a
    map depends neither on the image's place in a batch nor on the other images.

    Args:
        grid: cells along each side.
        num_samples: hidden variants of each image.
        baseline: value of a hidden pixel.
        kernel_width: width of the closeness kernel, in cosine distance; lime's default.
        batch_size: variants in one pass.
        seed: of the subsets.
    """

    grid: int = 8
    num_samples: int = 1000
    baseline: float = 0.0
    kernel_width: float = 0.25
    batch_size: int = 1000
    seed: int = 0
    name: ClassVar[str] = "lime"
    stochastic: ClassVar[bool] = True
    complete: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        for key in ("grid", "num_samples", "batch_size"):
            if getattr(self, key) < 1:
                raise ValueError(f"{key}={getattr(self, key)}: give an integer of at least 1")

    @property
    def settings(self) -> dict[str, Any]:
        """Constructor arguments."""
        return asdict(self)

    def explain(self, model: Any, images: ArrayLike, labels: ArrayLike) -> FloatMaps:
        """See `Explainer.explain`. A cell's coefficient is spread evenly over its pixels and channels."""
        images, labels = check_inputs(images, labels, rows=False)
        b, height, width, channels = images.shape
        model = in_graph(model, images.shape[1:])
        check_classes(labels, model.classes)
        segments = grid_segments(height, width, self.grid, self.grid)
        size = np.bincount(segments.ravel()) * channels  # (cells,)
        # lime speaks RGB: a grey image travels as three equal channels and is asked about as one.
        colour = np.repeat(images, 3, axis=3) if channels == 1 else images

        def classify(variants: NDArray[Any]) -> NDArray[Any]:
            return np.asarray(model(variants[..., :channels].astype(np.float32)))

        maps = np.zeros_like(images)
        for row in range(b):
            explained = quiet_explainer(kernel_width=self.kernel_width, random_state=self.seed).explain_instance(
                colour[row].astype(np.float64),
                classify,
                labels=(int(labels[row]),),
                hide_color=self.baseline,
                top_labels=None,
                num_features=len(size),
                num_samples=self.num_samples,
                batch_size=self.batch_size,
                segmentation_fn=lambda image: segments,
                random_seed=self.seed,
            )
            coefficients = np.zeros(len(size))
            for cell, coefficient in explained.local_exp[int(labels[row])]:
                coefficients[cell] = coefficient
            maps[row] = (coefficients / size)[segments][..., None]
        return maps


def quiet_explainer(**arguments: Any) -> Any:
    """Return a `LimeImageExplainer` that hides segments of all variants at once, without a progress bar.

    lime's own loop masks one variant and one segment at a time and prints a bar for each image; the draws and
    the result are the same.
    """
    lime_image = require("lime.lime_image", "explain", "the explainer 'lime'")

    class BatchedLimeImageExplainer(lime_image.LimeImageExplainer):
        def data_labels(
            self,
            image: NDArray[Any],
            fudged_image: NDArray[Any],
            segments: NDArray[Any],
            classifier_fn: Callable[[NDArray[Any]], NDArray[Any]],
            num_samples: int,
            batch_size: int = 10,
        ) -> tuple[NDArray[Any], NDArray[Any]]:
            cells, index = np.unique(segments, return_inverse=True)
            data = self.random_state.randint(0, 2, num_samples * len(cells)).reshape(num_samples, len(cells))
            data[0] = 1
            visible = data[:, index.reshape(segments.shape)].astype(bool)[..., None]  # (samples, h, w, 1)
            parts = [
                classifier_fn(np.where(visible[i : i + batch_size], image, fudged_image))
                for i in range(0, num_samples, batch_size)
            ]
            return data, np.concatenate(parts)

    return BatchedLimeImageExplainer(**arguments)
