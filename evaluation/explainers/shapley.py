"""Shapley attributions by shap's own partition explainer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..optional import require
from .base import FloatMaps, check_classes, check_completeness, check_inputs, in_graph


@dataclass(frozen=True)
class Shap:
    """Owen values by `shap.PartitionExplainer`: Shapley values in a hierarchy that halves the image.

    Hidden pixels take the baseline's value, so the network is asked, never taken apart: it holds for batch
    normalisation, depthwise convolution and whatever a space may add, where `shap.DeepExplainer` can be
    silently wrong. Attributions sum to logit(image) − logit(baseline) at any number of evaluations, and that
    is checked; regions that the evaluations do not split share their region's attribution evenly.

    Args:
        max_evals: masked images that the network sees for each image. An 8×8 image is split down to every
            pixel in every context by 2,730.
        baseline: value of a hidden pixel.
        batch_size: masked images in one pass.
        tolerance: largest completeness gap allowed, relative to 1 + |sum of attributions|.
    """

    max_evals: int = 500
    baseline: float = 0.0
    batch_size: int = 128
    tolerance: float = 1e-3
    name: ClassVar[str] = "shap"
    stochastic: ClassVar[bool] = False
    complete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        if self.max_evals < 4 or self.batch_size < 2:
            raise ValueError(
                f"max_evals={self.max_evals}, batch_size={self.batch_size}: give at least 4 evaluations, in batches "
                "of at least 2"
            )

    @property
    def settings(self) -> dict[str, Any]:
        """Constructor arguments."""
        return asdict(self)

    def explain(self, model: Any, images: ArrayLike, labels: ArrayLike) -> FloatMaps:
        """See `Explainer.explain`."""
        shap = require("shap", "explain", "the explainer 'shap'")
        images, labels = check_inputs(images, labels, rows=False)
        model = in_graph(model, images.shape[1:])
        check_classes(labels, model.classes)
        masker = shap.maskers.Image(np.full(images.shape[1:], self.baseline, dtype=np.float32))
        maps = np.zeros_like(images)
        # shap breaks ties in its queue by numpy's global generator: fix it meanwhile, give it back as it was.
        state = np.random.get_state()
        try:
            for label in np.unique(labels):
                rows = np.flatnonzero(labels == label)
                # A new explainer for each class: it keeps the baseline's logit of the first call for good.
                explainer = shap.PartitionExplainer(lambda x, k=label: np.asarray(model(x))[:, k], masker)
                for row in rows:
                    np.random.seed(0)
                    explained = explainer(
                        images[row : row + 1], max_evals=self.max_evals, batch_size=self.batch_size, silent=True
                    )
                    maps[row] = explained.values[0].reshape(images.shape[1:])
        finally:
            np.random.set_state(state)
        check_completeness(self.name, model, images, labels, maps, self.baseline, self.tolerance)
        return maps
