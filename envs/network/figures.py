"""The figures that a layer or network costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Cost:
    """Cost of a layer or network: trainable and non-trainable parameters, and FLOPs of one forward pass."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("parameters", "trainable_parameters", "flops", "elementwise_flops")

    parameters: int = 0  # as Keras's count_params: trainable and not
    flops: int = 0
    elementwise_flops: int = 0
    trainable_parameters: int = 0  # without moving means and variances: what published benchmarks count

    def __add__(self, other: Cost) -> Cost:
        """Sum field by field."""
        return Cost(
            self.parameters + other.parameters,
            self.flops + other.flops,
            self.elementwise_flops + other.elementwise_flops,
            self.trainable_parameters + other.trainable_parameters,
        )
