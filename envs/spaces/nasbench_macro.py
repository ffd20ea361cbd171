"""The NAS-Bench-Macro space: one of three blocks in each of eight layers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..network.graph import Network, NetworkBuilder
from .additive import AdditiveCost
from .base import Choice, FloatArray, IntArray, SearchSpace, option_counts

BLOCKS = ("identity", "MB3_K3", "MB6_K5")
STAGES = (2, 3, 3)
HEAD = 1280


class NASBenchMacroSpace(SearchSpace):
    """The space of NAS-Bench-Macro (Su et al., CVPR 2021): 3⁸ = 6,561 networks, 3,969 of them distinct.

    A 3×3 stem, three stages of 2, 3 and 3 layers, a 1×1 convolution to 1,280 channels, global mean, dense.
    The first layer of each stage halves the image and doubles the channels. ``MB3_K3`` is an inverted
    bottleneck of expansion 3 and kernel 3, ``MB6_K5`` one of expansion 6 and kernel 5, each with a shortcut
    where the shape stays; ``identity`` does nothing, or is a strided 1×1 convolution with batch
    normalisation where the shape changes. An architecture's string is the benchmark's key, one digit per
    layer: ``"02012100"``.

    Cost equals the published one in every row: FLOPs there are multiply-accumulates without biases
    (``flops == 2 * published``), parameters are our ``trainable_parameters``, the classifier's bias included.

    Args:
        channels: channels of the stem.
        input_shape: (height, width, channels) of one image.
        classes: number of classes.
    """

    def __init__(self, channels: int = 32, input_shape: Sequence[int] = (32, 32, 3), classes: int = 10) -> None:
        for name, value in (("channels", channels), ("classes", classes)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}={value!r}: give an integer of at least 1")
        if len(input_shape) != 3 or min(input_shape) < 1:
            raise ValueError(f"input_shape={tuple(input_shape)}: give (height, width, channels), each at least 1")
        self.channels, self.input_shape, self.classes = channels, tuple(input_shape), classes
        super().__init__("nasbench_macro", [Choice(f"layer{i + 1}", BLOCKS) for i in range(sum(STAGES))])

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"channels": self.channels, "input_shape": list(self.input_shape), "classes": self.classes}

    def to_string(self, architecture: ArrayLike) -> str:
        """Return the benchmark's key, one digit per layer."""
        return "".join(map(str, self.check(architecture)[0]))

    def parse(self, text: str) -> IntArray:
        """Return the architecture ``(8,)`` of a key of eight digits 0, 1 or 2.

        Raises:
            ValueError: the text is no such key.
        """
        key = text.strip()
        if len(key) != self.n or set(key) - set("012"):
            raise ValueError(f"{text!r} is no NAS-Bench-Macro key: give {self.n} digits, each 0, 1 or 2")
        return np.array([int(digit) for digit in key], dtype=np.int64)

    def canonical(self, architectures: ArrayLike) -> IntArray:
        """Return representatives: identities last in their stage, but for its first layer, which changes shape."""
        rows = self.check(architectures).copy()
        start = 0
        for layers in STAGES:
            part = rows[:, start + 1 : start + layers]
            order = np.argsort(part == 0, axis=1, kind="stable")
            rows[:, start + 1 : start + layers] = np.take_along_axis(part, order, axis=1)
            start += layers
        return rows

    def features(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Describe each row by its choices, and its blocks of each kind in all and (``"stages"``) in each stage."""
        blocks = super().features(architectures)
        rows, ends = self.canonical(architectures), np.cumsum(STAGES)
        parts = [rows[:, end - layers : end] for layers, end in zip(STAGES, ends, strict=True)]
        return blocks | {"stages": np.concatenate([option_counts(part, len(BLOCKS)) for part in parts], axis=1)}

    def network(self, architecture: ArrayLike) -> Network:
        """Return the layer graph of one architecture ``(8,)``."""
        blocks = iter(self.check(architecture)[0])
        builder, width = NetworkBuilder(self.input_shape), self.channels
        x = builder.conv(builder.input, width, 3, label=f"stem 3x3, {width}")
        x = builder.relu(builder.batch_norm(x))
        for layers in STAGES:
            width *= 2
            for layer in range(layers):
                x = self._block(builder, x, BLOCKS[next(blocks)], width, stride=1 if layer else 2)
        x = builder.relu(builder.batch_norm(builder.conv(x, HEAD, 1)))
        return builder.build(builder.dense(builder.global_avg_pool(x), self.classes))

    @staticmethod
    def _block(builder: NetworkBuilder, x: int, block: str, width: int, stride: int) -> int:
        if block == "identity":
            return x if stride == 1 else builder.batch_norm(builder.conv(x, width, 1, stride))
        return builder.inverted_bottleneck(x, width, int(block[-1]), int(block[2]), stride)

    @cached_property
    def _additive_cost(self) -> AdditiveCost:
        return AdditiveCost(self)

    def cost(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Count each row's cost, ``(b,)`` columns: a constant plus one summand for each layer's block."""
        return self._additive_cost(self.check(architectures))

    def largest(self) -> IntArray:
        """Return the costliest architecture: ``MB6_K5`` in every layer."""
        return np.full(self.n, BLOCKS.index("MB6_K5"), dtype=np.int64)
