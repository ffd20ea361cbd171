"""The chain space: a stem, stages of blocks with pooling between them, and a linear classifier."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..network.graph import Network, NetworkBuilder, Shape
from .additive import count_parts, named_columns
from .base import Choice, FloatArray, IntArray, SearchSpace, option_counts

OPERATIONS = ("skip", "max_pool_3x3", "conv_1x1", "sep_conv_3x3", "conv_3x3", "conv_5x5")


class ChainSpace(SearchSpace):
    """Stem, ``stages`` × ``blocks`` one-operation blocks, global average pool, dense.

    The stem is a 3×3 convolution, batch normalisation and ReLU; stages are joined by a 2×2 max-pool. A
    convolution block is convolution, batch normalisation, ReLU; with its residual flag set the block's
    input is added before the ReLU. Skip and max-pool blocks have no weights and ignore the flag. The
    defaults are the space of every Digits task: 6⁴ × 2 × 2 = 5,184 architectures, 3,826 of them distinct.

    Args:
        stages: number of stages, joined by 2×2 max-pools.
        blocks: blocks in each stage.
        operations: options of a block, some of `OPERATIONS`.
        widths: options for the number of channels, the same throughout the network.
        residual: ``"shared"`` for one flag for all blocks, ``"per_block"`` for one each, ``"none"``.
        input_shape: (height, width, channels) of one image.
        classes: number of classes.
    """

    def __init__(
        self,
        stages: int = 2,
        blocks: int = 2,
        operations: Sequence[str] = OPERATIONS,
        widths: Sequence[int] = (8, 16),
        residual: str = "shared",
        input_shape: Sequence[int] = (8, 8, 1),
        classes: int = 10,
    ) -> None:
        for name, value in (("stages", stages), ("blocks", blocks), ("classes", classes)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}={value!r}: give an integer of at least 1")
        unknown = [operation for operation in operations if operation not in OPERATIONS]
        if unknown:
            raise ValueError(f"operation {unknown[0]!r} is unknown: choose from {', '.join(OPERATIONS)}")
        if any(not isinstance(width, int) or width < 1 for width in widths):
            raise ValueError(f"widths={tuple(widths)}: give integers of at least 1")
        if residual not in ("shared", "per_block", "none"):
            raise ValueError(f"residual={residual!r}: choose shared, per_block or none")
        if min(input_shape[:2]) < 2 ** (stages - 1):
            raise ValueError(
                f"input_shape={tuple(input_shape)} is too small for the {stages - 1} poolings of {stages} stages"
            )
        self.stages, self.blocks, self.residual = stages, blocks, residual
        self.operations, self.widths = tuple(operations), tuple(widths)
        self.input_shape, self.classes = tuple(input_shape), classes
        places = [f"stage{s + 1}_block{b + 1}" for s in range(stages) for b in range(blocks)]
        choices = [Choice(place, self.operations) for place in places]
        if residual == "shared":
            choices.append(Choice("residual", ("no", "yes")))
        elif residual == "per_block":
            choices.extend(Choice(f"{place}_residual", ("no", "yes")) for place in places)
        choices.append(Choice("width", self.widths))
        super().__init__("chain", choices)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "stages": self.stages,
            "blocks": self.blocks,
            "operations": list(self.operations),
            "widths": list(self.widths),
            "residual": self.residual,
            "input_shape": list(self.input_shape),
            "classes": self.classes,
        }

    @property
    def _places(self) -> int:
        return self.stages * self.blocks

    def residual_flags(self, rows: IntArray) -> IntArray:
        """Return the residual flag of every block of ``(b, n)`` valid rows, ``(b, stages × blocks)``."""
        if self.residual == "per_block":
            return rows[:, self._places : 2 * self._places]
        if self.residual == "shared":
            return np.repeat(rows[:, self._places : self._places + 1], self._places, axis=1)
        return np.zeros((len(rows), self._places), dtype=np.int64)

    def network(self, architecture: ArrayLike) -> Network:
        """Return the layer graph of one architecture ``(n,)``."""
        rows = self.check(architecture)
        operations = [self.operations[i] for i in rows[0, : self._places]]
        flags, width = self.residual_flags(rows)[0], self.widths[rows[0, -1]]
        builder = NetworkBuilder(self.input_shape)
        x = self._stem(builder, width)
        for place, (operation, residual) in enumerate(zip(operations, flags, strict=True)):
            if place and place % self.blocks == 0:
                x = builder.max_pool(x, 2, padding="valid")
            x = self._block(builder, x, operation, width, bool(residual))
        return builder.build(builder.dense(builder.global_avg_pool(x), self.classes))

    @staticmethod
    def _stem(builder: NetworkBuilder, width: int) -> int:
        return builder.relu(builder.batch_norm(builder.conv(builder.input, width, 3, label=f"stem 3x3, {width}")))

    @staticmethod
    def _block(builder: NetworkBuilder, x: int, operation: str, width: int, residual: bool) -> int:
        if operation == "skip":
            return x
        if operation == "max_pool_3x3":
            return builder.max_pool(x, 3, stride=1)
        kernel = int(operation[-1])
        if operation == "sep_conv_3x3":
            y = builder.conv(builder.depthwise_conv(x, kernel), width, 1, label=f"pointwise, {width}")
        else:
            y = builder.conv(x, width, kernel)
        y = builder.batch_norm(y)
        return builder.relu(builder.add(x, y) if residual else y)

    def canonical(self, architectures: ArrayLike) -> IntArray:
        """Return representatives: skips last in their stage, no residual flag without a convolution.

        A skip is the identity, so within a stage only the order of the other blocks matters; a flag acts
        on convolutions alone.
        """
        rows = self.check(architectures).copy()
        operations = rows[:, : self._places]
        flags = self.residual_flags(rows).copy()
        is_skip = operations == (self.operations.index("skip") if "skip" in self.operations else -1)
        for stage in range(self.stages):
            part = slice(stage * self.blocks, (stage + 1) * self.blocks)
            order = np.argsort(is_skip[:, part], axis=1, kind="stable")
            operations[:, part] = np.take_along_axis(operations[:, part], order, axis=1)
            flags[:, part] = np.take_along_axis(flags[:, part], order, axis=1)
        convolution = np.array(["conv" in operation for operation in self.operations])[operations]
        flags &= convolution
        if self.residual == "per_block":
            rows[:, self._places : 2 * self._places] = flags
        elif self.residual == "shared":
            rows[:, self._places] = flags.any(axis=1)
        return rows

    def features(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Describe each row by its choices, and its operations in all and (``"stages"``) in each stage."""
        blocks, rows = super().features(architectures), self.canonical(architectures)
        parts = [rows[:, stage * self.blocks : (stage + 1) * self.blocks] for stage in range(self.stages)]
        return blocks | {
            "stages": np.concatenate([option_counts(part, len(self.operations)) for part in parts], axis=1)
        }

    @cached_property
    def _cost_tables(self) -> tuple[FloatArray, list[FloatArray]]:
        """Count the parts once: all but the blocks, by width; a block of each stage, by operation, flag, width."""

        def frame(width: int) -> Network:
            builder = NetworkBuilder(self.input_shape)
            x = self._stem(builder, width)
            for _ in range(self.stages - 1):
                x = builder.max_pool(x, 2, padding="valid")
            return builder.build(builder.dense(builder.global_avg_pool(x), self.classes))

        def block(size: Shape, operation: str, residual: bool, width: int) -> Network:
            builder = NetworkBuilder((*size, width))
            return builder.build(self._block(builder, builder.input, operation, width, residual))

        sizes = [tuple(length // 2**stage for length in self.input_shape[:2]) for stage in range(self.stages)]
        return count_parts(frame, self.widths), [
            count_parts(block, [size], self.operations, (False, True), self.widths)[0] for size in sizes
        ]

    def cost(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Count each row's cost, ``(b,)`` columns, block by block from counted parts."""
        rows = self.check(architectures)
        frame, blocks = self._cost_tables
        flags, width = self.residual_flags(rows), rows[:, -1]
        total = frame[width]
        for place in range(self._places):
            total = total + blocks[place // self.blocks][rows[:, place], flags[:, place], width]
        return named_columns(total)

    def largest(self) -> IntArray:
        """Return the costliest architecture: the costliest operation everywhere, at the largest width.

        Each operation's FLOPs grow with its stage's area alone, so one operation is costliest in every block.
        """
        rows = np.zeros((len(self.operations), self.n), dtype=np.int64)
        rows[:, : self._places] = np.arange(len(self.operations))[:, None]
        rows[:, -1] = int(np.argmax(self.widths))
        return rows[self.cost(rows)["flops"].argmax()]
