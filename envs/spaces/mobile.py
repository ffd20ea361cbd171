"""The mobile space: stages of inverted bottlenecks with elastic depth, kernel, expansion and width."""

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


class MobileSpace(SearchSpace):
    """Stem, stages of mobile inverted bottlenecks, 1×1 head, global mean, dense: as in Once-for-All.

    Each stage chooses its depth (number of blocks) and width (channels), and each of its blocks, or the
    stage as a whole, its depthwise kernel and its expansion (Cai et al., ICLR 2020; Sandler et al., CVPR
    2018). The first block of a stage strides. Choices of blocks beyond the chosen depth have no effect;
    `canonical` sets them to their first option. With the defaults, for 32×32 images, there are 8.4 × 10¹⁰
    combinations and 4.4 × 10⁹ distinct networks. For 8×8 images, give for instance
    ``input_shape=(8, 8, 1), strides=(1, 2, 1), kernels=(3, 5)``.

    Args:
        widths: for each stage, options for its number of channels.
        depths: options for the number of blocks of a stage.
        kernels: options for the depthwise kernel, odd numbers.
        expansions: options for how many times wider a block is inside.
        strides: stride of each stage's first block.
        per: ``"block"`` for a kernel and an expansion of each block, ``"stage"`` for one of each stage.
        stem: channels of the 3×3 stem.
        head: channels of the 1×1 convolution at the end, 0 for none.
        activation: ``"relu"``, ``"relu6"`` or ``"hard_swish"``.
        input_shape: (height, width, channels) of one image.
        classes: number of classes.
    """

    def __init__(
        self,
        widths: Sequence[Sequence[int]] = ((16, 24), (24, 40), (48, 80)),
        depths: Sequence[int] = (1, 2, 3),
        kernels: Sequence[int] = (3, 5, 7),
        expansions: Sequence[int] = (3, 4, 6),
        strides: Sequence[int] = (1, 2, 2),
        per: str = "block",
        stem: int = 16,
        head: int = 128,
        activation: str = "relu",
        input_shape: Sequence[int] = (32, 32, 3),
        classes: int = 10,
    ) -> None:
        check_integers(1, depths=depths, kernels=kernels, expansions=expansions, strides=strides)
        check_integers(1, stem=[stem], classes=[classes], input_shape=input_shape)
        check_integers(0, head=[head])
        for stage, options in enumerate(widths, start=1):
            check_integers(1, **{f"widths of stage {stage}": options})
        if any(kernel % 2 == 0 for kernel in kernels):
            raise ValueError(f"kernels={tuple(kernels)}: give odd numbers")
        if not widths or len(widths) != len(strides):
            raise ValueError(f"{len(widths)} stages have widths and {len(strides)} strides: give each stage both")
        if per not in ("block", "stage"):
            raise ValueError(f"per={per!r}: choose block or stage")
        if activation not in ("relu", "relu6", "hard_swish"):
            raise ValueError(f"activation={activation!r}: choose relu, relu6 or hard_swish")
        if len(input_shape) != 3:
            raise ValueError(f"input_shape={tuple(input_shape)}: give (height, width, channels)")
        self.widths = tuple(tuple(options) for options in widths)
        self.depths, self.kernels, self.expansions = tuple(depths), tuple(kernels), tuple(expansions)
        self.strides, self.per, self.stem, self.head = tuple(strides), per, stem, head
        self.activation, self.input_shape, self.classes = activation, tuple(input_shape), classes
        # Blocks of a stage that have choices of their own.
        self._blocks = max(self.depths) if per == "block" else 1
        choices = []
        for stage, options in enumerate(self.widths, start=1):
            choices += [Choice(f"stage{stage}_depth", self.depths), Choice(f"stage{stage}_width", options)]
            for block in range(1, self._blocks + 1):
                place = f"stage{stage}_block{block}" if per == "block" else f"stage{stage}"
                choices += [Choice(f"{place}_kernel", self.kernels), Choice(f"{place}_expansion", self.expansions)]
        super().__init__("mobile", choices)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        lists = ("depths", "kernels", "expansions", "strides", "input_shape")
        plain = ("per", "stem", "head", "activation", "classes")
        return {
            "widths": [list(options) for options in self.widths],
            **{name: list(getattr(self, name)) for name in lists},
            **{name: getattr(self, name) for name in plain},
        }

    def _by_stage(self, rows: IntArray) -> IntArray:
        """View rows as ``(b, stages, 2 + 2 × blocks)``: depth, width, then kernel and expansion of each block."""
        return rows.reshape(len(rows), len(self.widths), 2 + 2 * self._blocks)

    def canonical(self, architectures: ArrayLike) -> IntArray:
        """Return representatives: choices of blocks beyond their stage's depth are 0."""
        rows = self.check(architectures).copy()
        if self.per == "block":
            stages = self._by_stage(rows)
            depth = np.array(self.depths)[stages[:, :, 0]]  # (b, stages)
            unused = np.repeat(np.arange(self._blocks) >= depth[:, :, None], 2, axis=2)
            stages[:, :, 2:][unused] = 0
        return rows

    def network(self, architecture: ArrayLike) -> Network:
        """Return the layer graph of one architecture ``(n,)``."""
        stages = self._by_stage(self.check(architecture))[0]
        builder = NetworkBuilder(self.input_shape)
        x = self._stem(builder)
        for stage, (widths, stride) in enumerate(zip(self.widths, self.strides, strict=True)):
            depth, width = self.depths[stages[stage, 0]], widths[stages[stage, 1]]
            for block in range(depth):
                kernel, expansion = stages[stage, 2:].reshape(-1, 2)[block if self.per == "block" else 0]
                x = builder.inverted_bottleneck(
                    x, width, self.kernels[kernel], self.expansions[expansion], stride, self.activation
                )
                stride = 1
        return builder.build(self._head(builder, x))

    def _stem(self, builder: NetworkBuilder) -> int:
        x = builder.conv(builder.input, self.stem, 3, label=f"stem 3x3, {self.stem}")
        return builder.activation(builder.batch_norm(x), self.activation)

    def _head(self, builder: NetworkBuilder, x: int) -> int:
        if self.head:
            x = builder.activation(builder.batch_norm(builder.conv(x, self.head, 1)), self.activation)
        return builder.dense(builder.global_avg_pool(x), self.classes)

    # -- cost -----------------------------------------------------------------------------------------

    @cached_property
    def _cost_tables(self) -> tuple[FloatArray, list[tuple[FloatArray, FloatArray]], FloatArray]:
        """Count the parts once: stem; first and later blocks of each stage; head."""

        def stem() -> Network:
            builder = NetworkBuilder(self.input_shape)
            return builder.build(self._stem(builder))

        def block(place: tuple[Shape, int], before: int, width: int, kernel: int, expansion: int) -> Network:
            size, stride = place
            builder = NetworkBuilder((*size, before))
            x = builder.inverted_bottleneck(builder.input, width, kernel, expansion, stride, self.activation)
            return builder.build(x)

        def head(size: Shape, width: int) -> Network:
            builder = NetworkBuilder((*size, width))
            return builder.build(self._head(builder, builder.input))

        size, befores, stages = self.input_shape[:2], (self.stem,), []
        for widths, stride in zip(self.widths, self.strides, strict=True):
            options = (self.kernels, self.expansions)
            first = count_parts(block, [(size, stride)], befores, widths, *options)[0]
            size, befores = tuple(-(-length // stride) for length in size), widths
            later = [count_parts(block, [(size, 1)], [width], [width], *options)[0, 0, 0] for width in widths]
            stages.append((first, np.stack(later)))
        return count_parts(stem), stages, count_parts(head, [size], befores)[0]

    def cost(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Count each row's cost, ``(b,)`` columns, block by block from counted parts."""
        stages = self._by_stage(self.check(architectures))
        stem, tables, head = self._cost_tables
        total = np.repeat(stem[None], len(stages), axis=0)  # (b, columns)
        before = np.zeros(len(stages), dtype=np.int64)
        for stage, (first, later) in enumerate(tables):
            depth, width = np.array(self.depths)[stages[:, stage, 0]], stages[:, stage, 1]
            total += first[before, width, stages[:, stage, 2], stages[:, stage, 3]]
            for block in range(1, max(self.depths)):
                column = 2 + 2 * block if self.per == "block" else 2
                share = later[width, stages[:, stage, column], stages[:, stage, column + 1]]
                total += np.where(block < depth, 1, 0)[:, None] * share
            before = width
        return named_columns(total + head[before])

    def largest(self) -> IntArray:
        """Return the costliest architecture: the largest option of every choice, since each only adds work."""
        return np.array([int(np.argmax(choice.options)) for choice in self.choices], dtype=np.int64)
