"""Trains candidates: cached stages (train, explain, measure), data sets, Keras networks, Horovod ranks, Ray pools.

What one writes components with is here: ``Dataset``, ``Loss``, ``Measurement``, ``Stage``; and ``LiveEvaluator``.
"""

from .data.dataset import Dataset, DataSource, Split
from .live import LiveEvaluator
from .stages.base import Candidate, Stage, StageContext, StageResult
from .stages.measure import Measured, Measurement
from .training.losses import Loss

__all__ = [
    "Candidate",
    "DataSource",
    "Dataset",
    "LiveEvaluator",
    "Loss",
    "Measured",
    "Measurement",
    "Split",
    "Stage",
    "StageContext",
    "StageResult",
]
