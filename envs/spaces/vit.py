"""The vision transformer space: patch, depth, width, heads and MLP ratio, of the whole or of each stage."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..network.graph import Network, NetworkBuilder
from .additive import count_parts, named_columns
from .arguments import check_integers
from .base import BoolArray, Choice, FloatArray, IntArray, SearchSpace


class VisionTransformerSpace(SearchSpace):
    """Patches, learned positions, pre-norm transformer blocks, mean over tokens, dense.

    A block is layer normalisation, multi-head attention and an addition, then layer normalisation, two
    dense layers with GELU between them and an addition (Dosovitskiy et al., ICLR 2021; the mean replaces
    the class token). With one stage the choices hold for the whole network. With more, each stage chooses
    its own depth, width, heads and MLP ratio, and a strided 2×2 convolution merges tokens between stages
    (as in pyramid transformers). An architecture is valid when the heads divide the width in each stage,
    the patch divides the image, and the grid of tokens can be halved between stages; `option_mask` and the
    exported ConfigSpace know all of this.

    With the defaults, for 32×32 images, there are 288 combinations, of which 240 are valid. For 8×8 images,
    give ``input_shape=(8, 8, 1), patches=(2, 4)``.

    Args:
        patches: options for the side of a patch.
        depths: options for the number of blocks (of each stage).
        widths: options for the number of features of a token.
        heads: options for the number of attention heads.
        mlp_ratios: options for how many times wider the MLP is than the token, integers.
        stages: number of stages.
        input_shape: (height, width, channels) of one image.
        classes: number of classes.
    """

    def __init__(
        self,
        patches: Sequence[int] = (2, 4, 8),
        depths: Sequence[int] = (2, 4, 6, 8),
        widths: Sequence[int] = (48, 64, 96, 128),
        heads: Sequence[int] = (2, 3, 4),
        mlp_ratios: Sequence[int] = (2, 4),
        stages: int = 1,
        input_shape: Sequence[int] = (32, 32, 3),
        classes: int = 10,
    ) -> None:
        check_integers(1, patches=patches, depths=depths, widths=widths, heads=heads, mlp_ratios=mlp_ratios)
        check_integers(1, stages=[stages], input_shape=input_shape, classes=[classes])
        if len(input_shape) != 3:
            raise ValueError(f"input_shape={tuple(input_shape)}: give (height, width, channels)")
        self.patches, self.depths, self.widths = tuple(patches), tuple(depths), tuple(widths)
        self.heads, self.mlp_ratios, self.stages = tuple(heads), tuple(mlp_ratios), stages
        self.input_shape, self.classes = tuple(input_shape), classes
        grain = 2 ** (stages - 1)
        # Which patches fit, and which heads divide which width.
        self._fits = np.array([all(side % (patch * grain) == 0 for side in input_shape[:2]) for patch in patches])
        self._divides = np.array(widths)[:, None] % np.array(heads) == 0  # (widths, heads)
        if not self._fits.any() or not self._divides.any():
            raise ValueError(
                f"no architecture is valid: a patch of {self.patches} must divide {self.input_shape[:2]} "
                f"into a grid that {stages - 1} mergings can halve, and one of {self.heads} heads a width of "
                f"{self.widths}"
            )
        choices = [Choice("patch", self.patches)]
        for stage in range(1, stages + 1):
            place = f"stage{stage}_" if stages > 1 else ""
            choices += [
                Choice(f"{place}depth", self.depths),
                Choice(f"{place}width", self.widths),
                Choice(f"{place}heads", self.heads),
                Choice(f"{place}mlp_ratio", self.mlp_ratios),
            ]
        super().__init__("vit", choices)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        lists = ("patches", "depths", "widths", "heads", "mlp_ratios", "input_shape")
        return {name: list(getattr(self, name)) for name in lists} | {"stages": self.stages, "classes": self.classes}

    # -- validity -------------------------------------------------------------------------------------

    def valid(self, architectures: ArrayLike) -> BoolArray:
        """Say in which rows ``(b, n)`` the patch fits the image and the heads divide each width."""
        rows = np.atleast_2d(np.asarray(architectures))
        stages = rows[:, 1:].reshape(len(rows), self.stages, 4)
        return self._fits[rows[:, 0]] & self._divides[stages[:, :, 1], stages[:, :, 2]].all(axis=1)

    def option_mask(self, architectures: ArrayLike, positions: ArrayLike) -> BoolArray:
        """Say which options are left: patches that fit, widths that some heads divide, heads that divide them."""
        rows, positions = np.atleast_2d(np.asarray(architectures)), np.asarray(positions, dtype=np.int64)
        mask = self._options_in_range(positions)
        mask[positions == 0, : len(self.patches)] = self._fits
        role = np.where(positions > 0, (positions - 1) % 4, -1)
        mask[role == 1, : len(self.widths)] = self._divides.any(axis=1)
        asked = np.flatnonzero(role == 2)
        mask[asked, : len(self.heads)] = self._divides[rows[asked, positions[asked] - 1]]
        return mask

    def count(self) -> int:
        """Return the number of valid architectures."""
        stage = len(self.depths) * int(self._divides.sum()) * len(self.mlp_ratios)
        return int(self._fits.sum()) * stage**self.stages

    def forbidden(self) -> list[dict[str, Any]]:
        """Return the patches that do not fit, and each stage's widths with the heads that do not divide them."""
        together: list[dict[str, Any]] = [
            {"patch": patch} for patch, fits in zip(self.patches, self._fits, strict=True) if not fits
        ]
        for stage in range(self.stages):
            width, heads = self.choices[2 + 4 * stage], self.choices[3 + 4 * stage]
            for i, j in np.argwhere(~self._divides):
                together.append({width.name: width.options[i], heads.name: heads.options[j]})
        return together

    # -- network and cost -----------------------------------------------------------------------------

    def network(self, architecture: ArrayLike) -> Network:
        """Return the layer graph of one architecture ``(n,)``."""
        row = self.check(architecture)[0]
        builder, patch = NetworkBuilder(self.input_shape), self.patches[row[0]]
        x = builder.input
        for stage, (depth, width, heads, ratio) in enumerate(row[1:].reshape(self.stages, 4)):
            x = self._enter(builder, x, patch, self.widths[width], stage)
            for _ in range(self.depths[depth]):
                x = transformer_block(builder, x, self.heads[heads], self.mlp_ratios[ratio])
        return builder.build(self._leave(builder, x))

    def _grid(self, patch: int, stage: int) -> tuple[int, int]:
        height, width = (side // patch // 2**stage for side in self.input_shape[:2])
        return height, width

    def _enter(self, builder: NetworkBuilder, x: int, patch: int, width: int, stage: int) -> int:
        """Embed patches, or merge 2×2 tokens at the start of a later stage."""
        side = patch
        if stage:
            x, side = builder.reshape(x, (*self._grid(patch, stage - 1), builder.shape(x)[-1])), 2
        label = f"merge 2x2, {width}" if stage else f"patches {patch}x{patch}, {width}"
        x = builder.conv(x, width, side, stride=side, padding="valid", bias=True, label=label)
        height, length, _ = builder.shape(x)
        x = builder.reshape(x, (height * length, width))
        return x if stage else builder.position(x)

    def _leave(self, builder: NetworkBuilder, x: int) -> int:
        return builder.dense(builder.global_avg_pool(builder.layer_norm(x)), self.classes)

    @cached_property
    def _cost_tables(self) -> tuple[list[FloatArray], list[FloatArray], FloatArray]:
        """Count the parts once: entry and one block of each stage, and the end."""
        # A patch that does not fit is in no architecture; the first that does stands in for it.
        patches = [
            p if fits else self.patches[self._fits.argmax()] for p, fits in zip(self.patches, self._fits, strict=True)
        ]

        def sequence(stage: int, patch: int, width: int) -> NetworkBuilder:
            height, length = self._grid(patch, stage)
            return NetworkBuilder((height * length, width))

        def entry(stage: int, patch: int, before: int, width: int) -> Network:
            builder = sequence(stage - 1, patch, before) if stage else NetworkBuilder(self.input_shape)
            return builder.build(self._enter(builder, builder.input, patch, width, stage))

        def block(stage: int, patch: int, width: int, heads: int, ratio: int) -> Network:
            builder = sequence(stage, patch, width)
            heads = heads if width % heads == 0 else 1  # in no architecture
            return builder.build(transformer_block(builder, builder.input, heads, ratio))

        def end(patch: int, width: int) -> Network:
            builder = sequence(self.stages - 1, patch, width)
            return builder.build(self._leave(builder, builder.input))

        entries, blocks, befores = [], [], self.input_shape[2:]
        for stage in range(self.stages):
            entries.append(count_parts(entry, [stage], patches, befores, self.widths)[0])
            blocks.append(count_parts(block, [stage], patches, self.widths, self.heads, self.mlp_ratios)[0])
            befores = self.widths
        return entries, blocks, count_parts(end, patches, self.widths)

    def cost(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Count each row's cost, ``(b,)`` columns, from counted parts."""
        rows = self.check(architectures)
        entries, blocks, end = self._cost_tables
        patch, before = rows[:, 0], np.zeros(len(rows), dtype=np.int64)
        total = np.zeros((len(rows), end.shape[-1]))
        for stage in range(self.stages):
            depth, width, heads, ratio = rows[:, 1 + 4 * stage : 5 + 4 * stage].T
            total += entries[stage][patch, before, width]
            total += np.array(self.depths)[depth, None] * blocks[stage][patch, width, heads, ratio]
            before = width
        return named_columns(total + end[patch, before])

    def largest(self) -> IntArray:
        """Return the costliest valid architecture.

        More depth, width and MLP only add work, heads add none to ``flops``, and so each stage takes the
        largest width that some heads divide. Smaller patches make more tokens, but a patch's embedding
        costs the same, so the smallest patch that fits is costliest.
        """
        patch = min(np.flatnonzero(self._fits), key=lambda option: self.patches[option])
        width = max(np.flatnonzero(self._divides.any(axis=1)), key=lambda option: self.widths[option])
        heads = int(self._divides[width].argmax())
        stage = [int(np.argmax(self.depths)), int(width), heads, int(np.argmax(self.mlp_ratios))]
        return np.array([int(patch), *stage * self.stages], dtype=np.int64)


def transformer_block(builder: NetworkBuilder, x: int, heads: int, mlp_ratio: int) -> int:
    """Write one pre-norm block on a sequence: attention and a two-layer GELU network, each added to its input."""
    width = builder.shape(x)[-1]
    y = builder.layer_norm(x)
    query, key, value = (builder.dense(y, width, label=f"{part}, {width}") for part in ("query", "key", "value"))
    x = builder.add(x, builder.dense(builder.attention(query, key, value, heads), width, label=f"project, {width}"))
    y = builder.activation(builder.dense(builder.layer_norm(x), mlp_ratio * width), "gelu")
    return builder.add(x, builder.dense(y, width))
