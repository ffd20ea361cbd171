"""A network as a framework-free layer graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One operation of a network.

    Attributes:
        op: what it computes, a key of the cost table and of the Keras builder.
        inputs: indices of the layers it reads, all smaller than its own.
        shape: shape of its output without the batch: ``(height, width, channels)``, ``(tokens, features)``
            or ``(features,)``.
        attributes: the operation's own settings (kernel, stride, bias, …), read-only.
        label: what a drawing writes on it; empty for operations that a drawing leaves out.
    """

    op: str
    inputs: tuple[int, ...]
    shape: Shape
    attributes: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    def __getitem__(self, key: str) -> Any:
        """Return one attribute."""
        return self.attributes[key]


@dataclass(frozen=True)
class Network:
    """A directed acyclic layer graph in topological order: layer 0 is the input, the last the output."""

    layers: tuple[Layer, ...]

    @property
    def input_shape(self) -> Shape:
        """Shape of one example."""
        return self.layers[0].shape

    @property
    def output_shape(self) -> Shape:
        """Shape of one example's output (logits)."""
        return self.layers[-1].shape

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Pairs (from, to) of layer indices."""
        return tuple((source, index) for index, layer in enumerate(self.layers) for source in layer.inputs)
