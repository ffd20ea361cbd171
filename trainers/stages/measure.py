"""The stage of a user's own measurements of a trained candidate."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...envs.core.components import Registry
from ...envs.core.evaluation import Metric
from ...envs.core.provenance import provenance
from ..data.dataset import DataSource
from ..training.configuration import Component
from .base import Candidate, Stage, StageContext, StageResult, component_identity


@dataclass(frozen=True)
class Measured:
    """What a measurement is given.

    Attributes:
        validation_logits: ``(n, classes)`` float32 on the validation split, with the final weights.
        test_logits: ``(n, classes)`` float32 on the test split: for metrics of the split ``test`` alone.
        data: the data set.
        candidate: the candidate.
        context: of the stage, for the trained Keras model.
    """

    validation_logits: NDArray[np.float32]
    test_logits: NDArray[np.float32]
    data: DataSource
    candidate: Candidate
    context: StageContext

    @cached_property
    def model(self) -> Any:
        """The trained Keras model."""
        return self.context.model()


class Measurement(ABC):
    """A metric of a trained candidate; its keyword arguments are its settings.

    Attributes:
        metric: its name, unit, split and direction. Declare ``split="test"`` for what is measured on test data: it
            is for reports then, and no search sees it.
    """

    metric: Metric

    @abstractmethod
    def measure(self, measured: Measured) -> float:
        """Return the value."""


class ExpectedCalibrationError(Measurement):
    """Expected calibration error on the validation split (Naeini et al., 2015, AAAI), 0..1, less is better.

    Args:
        bins: equal bins of the largest probability, over which |accuracy − confidence| is averaged by their sizes.
    """

    metric = Metric("calibration_error", "fraction", "validation", 0.0, 1.0)

    def __init__(self, bins: int = 15) -> None:
        if not isinstance(bins, int) or bins < 1:
            raise ValueError(f"bins={bins!r}: give an integer of at least 1")
        self.bins = bins

    def measure(self, measured: Measured) -> float:
        """See `Measurement`."""
        labels = measured.data.validation.labels
        if labels.ndim != 1:
            raise ValueError("calibration_error needs one class per example, not a multi-label data set")
        logits = measured.validation_logits.astype(np.float64)
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
        place = np.minimum((confidence * self.bins).astype(np.int64), self.bins - 1)
        gap = np.bincount(place, right - confidence, minlength=self.bins)
        return float(np.abs(gap).sum() / len(labels))


MEASUREMENTS = Registry("measurement", {"calibration_error": ExpectedCalibrationError})
"""Name → class whose keyword arguments are the settings."""


@dataclass(frozen=True)
class Measure(Stage):
    """Measure a trained candidate.

    Args:
        measurements: names in `MEASUREMENTS`, or components.
    """

    measurements: Sequence[Component] = ()
    name: ClassVar[str] = "measure"
    reads: ClassVar[tuple[str, ...]] = ("predictions", "weights")

    def __post_init__(self) -> None:
        """Check the measurements."""
        if isinstance(self.measurements, (str, Mapping)) or not self.measurements:
            raise ValueError(
                f"measure: measurements={self.measurements!r}: give a list of {', '.join(MEASUREMENTS)}, or components"
            )
        _ = self.made

    @cached_property
    def made(self) -> list[Measurement]:
        """The measurements."""
        made = [MEASUREMENTS.make(component) for component in self.measurements]
        for component, measurement in zip(self.measurements, made, strict=True):
            if not isinstance(getattr(measurement, "metric", None), Metric):
                raise ValueError(f"measure: {component!r} declares no metric: give a Measurement with a Metric")
        return made

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """One metric for each measurement."""
        return {measurement.metric.name: measurement.metric for measurement in self.made}

    def identity(self) -> dict[str, Any]:
        """See `Stage.identity`."""
        each = [component_identity(MEASUREMENTS, component) for component in self.measurements]
        return {"measurements": each, **provenance(self)}

    def run(self, context: StageContext) -> StageResult:
        """See `Stage.run`."""
        predictions = context.artifacts["predictions"]
        measured = Measured(predictions["validation"], predictions["test"], context.data, context.candidate, context)
        metrics, uncharged = {}, 0.0
        for measurement in self.made:
            started = time.perf_counter()
            metrics[measurement.metric.name] = float(measurement.measure(measured))
            if measurement.metric.split == "test":
                uncharged += time.perf_counter() - started
        return StageResult(metrics, uncharged_seconds=uncharged)
