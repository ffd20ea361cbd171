"""The space of Accel-NASBench: expansion, kernel, layers and squeeze-and-excitation of seven stages for ImageNet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..network.graph import Network, NetworkBuilder, Shape
from .additive import count_parts, named_columns
from .arguments import check_integers
from .base import Choice, FloatArray, IntArray, SearchSpace

CHANNELS = (16, 24, 40, 80, 112, 192, 320)
STRIDES = (1, 2, 2, 2, 1, 2, 1)
EXPANSIONS, KERNELS, GATES = (1, 4, 6), (3, 5), (0, 1)
LAYERS = ((1, 2, 3),) * 5 + ((1, 2, 3, 4),) + ((1, 2, 3),)
STEM, HEAD = 32, 1280


class AccelNASBenchSpace(SearchSpace):
    """The MnasNet-like space of Accel-NASBench (Ahmad et al., DAC 2024): 1.0 × 10¹¹ networks.

    A 3×3 stem of stride 2 to 32 channels, seven stages of mobile inverted bottlenecks with the channels and
    strides of EfficientNet-B0 (Tan & Le, ICML 2019), a 1×1 convolution to 1,280 channels, global mean, dense. Each
    stage chooses for all of its blocks the expansion (1, 4, 6), the depthwise kernel (3, 5), the number of blocks (1
    to 3, in the sixth stage to 4) and whether they have squeeze-and-excitation, to a quarter of the block's input
    channels, with biases.

    Parameters equal the published ones in every row (our ``trainable_parameters``). The published "MACs" count 4 more
    for each value that is normalised, and pooling: they are larger than ours by that, and not ``flops / 2``.

    The activation is not published with the results: ``activation`` is that of EfficientNet by default. It changes
    neither parameters nor ``flops``.

    Args:
        activation: ``"silu"``, ``"relu"``, ``"relu6"`` or ``"hard_swish"``.
        input_shape: (height, width, channels) of one image.
        classes: number of classes.
    """

    def __init__(
        self, activation: str = "silu", input_shape: Sequence[int] = (224, 224, 3), classes: int = 1000
    ) -> None:
        check_integers(1, classes=[classes], input_shape=input_shape)
        if activation not in ("silu", "relu", "relu6", "hard_swish"):
            raise ValueError(f"activation={activation!r}: choose silu, relu, relu6 or hard_swish")
        if len(input_shape) != 3:
            raise ValueError(f"input_shape={tuple(input_shape)}: give (height, width, channels)")
        self.activation, self.input_shape, self.classes = activation, tuple(input_shape), classes
        choices = []
        for stage, layers in enumerate(LAYERS):
            options = (("e", EXPANSIONS), ("k", KERNELS), ("l", layers), ("se", GATES))
            choices += [Choice(f"block{stage}_{name}", values) for name, values in options]
        super().__init__("accel_nasbench", choices)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"activation": self.activation, "input_shape": list(self.input_shape), "classes": self.classes}

    def features(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Describe each row by its choices, and (``"depth"``) the number of blocks in each stage and in all."""
        depths = self.check(architectures)[:, 2::4].astype(np.float64) + 1
        return super().features(architectures) | {"depth": np.column_stack([depths, depths.sum(axis=1)])}

    # -- network --------------------------------------------------------------------------------------

    def network(self, architecture: ArrayLike) -> Network:
        """Return the layer graph of one architecture ``(28,)``."""
        stages = self.check(architecture)[0].reshape(len(CHANNELS), 4)
        builder = NetworkBuilder(self.input_shape)
        x = self._stem(builder)
        for stage, options in enumerate(stages.tolist()):
            x = self._stage(builder, x, stage, *options)
        return builder.build(self._head(builder, x))

    def _stem(self, builder: NetworkBuilder) -> int:
        x = builder.conv(builder.input, STEM, 3, 2, label=f"stem 3x3, {STEM}")
        return builder.activation(builder.batch_norm(x), self.activation)

    def _head(self, builder: NetworkBuilder, x: int) -> int:
        x = builder.activation(builder.batch_norm(builder.conv(x, HEAD, 1)), self.activation)
        return builder.dense(builder.global_avg_pool(x), self.classes)

    def _stage(self, builder: NetworkBuilder, x: int, stage: int, e: int, k: int, layers: int, se: int) -> int:
        """Append a stage; its options by their indices."""
        for block in range(LAYERS[stage][layers]):
            stride = 1 if block else STRIDES[stage]
            x = self._block(builder, x, CHANNELS[stage], EXPANSIONS[e], KERNELS[k], stride, bool(se))
        return x

    def _block(
        self, builder: NetworkBuilder, x: int, filters: int, expansion: int, kernel: int, stride: int, gated: bool
    ) -> int:
        before, y = builder.shape(x), x
        if expansion != 1:
            y = builder.activation(builder.batch_norm(builder.conv(y, before[-1] * expansion, 1)), self.activation)
        y = builder.activation(builder.batch_norm(builder.depthwise_conv(y, kernel, stride)), self.activation)
        if gated:
            squeezed = builder.dense(builder.global_avg_pool(y), max(1, before[-1] // 4))
            gates = builder.dense(builder.activation(squeezed, self.activation), builder.shape(y)[-1])
            y = builder.scale(y, builder.activation(gates, "sigmoid"))
        y = builder.batch_norm(builder.conv(y, filters, 1))
        return builder.add(x, y) if builder.shape(y) == before else y

    # -- cost -----------------------------------------------------------------------------------------

    @cached_property
    def _parts(self) -> tuple[FloatArray, list[FloatArray], FloatArray]:
        """Count the parts once: stem, each stage by its options, head."""

        def stem() -> Network:
            builder = NetworkBuilder(self.input_shape)
            return builder.build(self._stem(builder))

        def part(place: tuple[Shape, int], *options: int) -> Network:
            builder = NetworkBuilder(place[0])
            return builder.build(self._stage(builder, builder.input, place[1], *options))

        def head(shape: Shape) -> Network:
            builder = NetworkBuilder(shape)
            return builder.build(self._head(builder, builder.input))

        size, before, stages = tuple(-(-length // 2) for length in self.input_shape[:2]), STEM, []
        for stage, (stride, channels) in enumerate(zip(STRIDES, CHANNELS, strict=True)):
            axes = [range(int(count)) for count in self.cardinalities[4 * stage : 4 * stage + 4]]
            stages.append(count_parts(part, [((*size, before), stage)], *axes)[0])
            size, before = tuple(-(-length // stride) for length in size), channels
        return count_parts(stem), stages, count_parts(head, [(*size, before)])[0]

    def cost(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Count each row's cost, ``(b,)`` columns, stage by stage from counted parts."""
        rows = self.check(architectures).reshape(-1, len(CHANNELS), 4)
        stem, stages, head = self._parts
        total = np.repeat((stem + head)[None], len(rows), axis=0)  # (b, columns)
        for stage, table in enumerate(stages):
            total += table[tuple(rows[:, stage].T)]
        return named_columns(total)

    def largest(self) -> IntArray:
        """Return the costliest architecture: the largest option of every choice, since each only adds work."""
        return self.cardinalities - 1
