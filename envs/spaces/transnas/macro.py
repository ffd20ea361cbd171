"""The macro space of TransNAS-Bench-101: where a network of four to six modules shrinks and widens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...network.graph import Network, NetworkBuilder
from ..additive import count_parts, named_columns
from ..base import BoolArray, Choice, FloatArray, IntArray, SearchSpace
from .frame import TransNASNetwork, relu_conv_bn

MODULES = (1, 2, 3, 4)
"""What a module does: 1 neither, 2 doubles the channels, 3 halves the image, 4 both."""
MOST, LEAST = 6, 4  # modules
HALVINGS, DOUBLINGS = 4, 3  # at most; at least one of each


class TransNASMacroSpace(SearchSpace):
    """The macro networks of TransNAS-Bench-101 (Duan et al., CVPR 2021): 3,256 of them.

    Four to six modules of two residual blocks. A network halves its image one to four times and doubles its
    channels one to three times, a module doing either, both or none: Σ over L = 4, 5, 6 of
    (C(L,1) + … + C(L,4)) · (C(L,1) + C(L,2) + C(L,3)) = 210 + 750 + 2,296 = 3,256, the published number.

    Modules 5 and 6 have one option more, 0 for none; the fifth must be there for the sixth to be. So every
    network has one code, of 6,400 combinations 3,256 are valid, and masks lead to them alone.

    A block is ReLU, 3×3 convolution, batch normalisation, twice, and a shortcut, which is a 1×1 convolution with
    batch normalisation where the shape changes; see `TransNASNetwork` for stem and classifier. An architecture's
    string is the benchmark's, ``64-1234-basic``. Cost as in `TransNASMicroSpace`.

    Args:
        channels: channels behind the stem, even.
        input_shape: (height, width, channels) of one image.
        classes: number of classes.
    """

    def __init__(self, channels: int = 64, input_shape: Sequence[int] = (256, 256, 3), classes: int = 75) -> None:
        self.frame = TransNASNetwork(channels, input_shape, classes)
        choices = [Choice(f"module{i}", MODULES if i <= LEAST else (0, *MODULES)) for i in range(1, MOST + 1)]
        super().__init__("transnas_macro", choices)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return self.frame.arguments()

    def codes(self, architectures: ArrayLike) -> IntArray:
        """Return the modules' codes ``(b, 6)``, 0 where there is none."""
        rows = np.atleast_2d(np.asarray(architectures, dtype=np.int64))
        return rows + (np.arange(MOST) < LEAST)

    def valid(self, architectures: ArrayLike) -> BoolArray:
        """Say which rows ``(b, 6)`` are networks of the benchmark, ``(b,)``."""
        codes = self.codes(architectures)
        halvings, doublings = (codes > 2).sum(axis=1), ((codes == 2) | (codes == 4)).sum(axis=1)
        return (
            ((codes[:, 4] > 0) | (codes[:, 5] == 0))
            & (halvings >= 1)
            & (halvings <= HALVINGS)
            & (doublings >= 1)
            & (doublings <= DOUBLINGS)
        )

    def forbidden(self) -> list[dict[str, Any]]:
        """Return the assignments with a sixth module and no fifth; how often a network shrinks is not among them."""
        return [{"module5": 0, "module6": code} for code in MODULES]

    def features(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Describe each row by its choices, and (``"shape"``) modules, halvings and doublings up to each module."""
        codes = self.codes(self.check(architectures))
        halvings, doublings = np.cumsum(codes > 2, axis=1), np.cumsum((codes == 2) | (codes == 4), axis=1)
        shape = np.concatenate([(codes > 0).sum(axis=1, keepdims=True), halvings, doublings], axis=1)
        return super().features(architectures) | {"shape": shape.astype(np.float64)}

    # -- readable form --------------------------------------------------------------------------------

    def to_string(self, architecture: ArrayLike) -> str:
        """Return the benchmark's string, ``64-1234-basic``."""
        codes = self.codes(self.check(architecture))[0]
        return f"{self.frame.channels}-{''.join(str(code) for code in codes if code)}-basic"

    def parse(self, text: str) -> IntArray:
        """Return the architecture ``(6,)`` that a string of the benchmark names.

        Raises:
            ValueError: the text is not of that form, of other channels, or no network of the benchmark.
        """
        found = re.fullmatch(rf"{self.frame.channels}-([1-4]{{{LEAST},{MOST}}})-basic", text.strip())
        if not found:
            raise ValueError(
                f"{text!r} is not of the form {self.frame.channels}-1234-basic, with {LEAST} to {MOST} digits 1 to 4"
            )
        codes = np.array([int(digit) for digit in found[1].ljust(MOST, "0")], dtype=np.int64)
        return self.check(codes - (np.arange(MOST) < LEAST))[0]

    # -- network and cost -----------------------------------------------------------------------------

    def network(self, architecture: ArrayLike) -> Network:
        """Return the layer graph of one architecture ``(6,)``."""
        builder, width = NetworkBuilder(self.frame.input_shape), self.frame.channels
        x = self.frame.stem(builder)
        for code in self.codes(self.check(architecture))[0].tolist():
            if code:
                width *= 2 if code % 2 == 0 else 1
                x = self._module(builder, x, width, 2 if code > 2 else 1)
        return builder.build(self.frame.head(builder, x))

    @classmethod
    def _module(cls, builder: NetworkBuilder, x: int, width: int, stride: int) -> int:
        return cls._block(builder, cls._block(builder, x, width, stride), width, 1)

    @staticmethod
    def _block(builder: NetworkBuilder, x: int, width: int, stride: int) -> int:
        y = relu_conv_bn(builder, relu_conv_bn(builder, x, width, 3, stride), width, 3)
        if builder.shape(x) != builder.shape(y):
            x = builder.batch_norm(builder.conv(x, width, 1, stride))
        return builder.add(x, y)

    @cached_property
    def _parts(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the cost of stem, of modules by (halvings, doublings, code) before, and of heads by both."""

        def stem() -> Network:
            builder = NetworkBuilder(self.frame.input_shape)
            return builder.build(self.frame.stem(builder))

        def module(halvings: int, doublings: int, code: int) -> Network:
            builder, width = self._site(halvings, doublings)
            width *= 2 if code % 2 == 0 else 1
            return builder.build(self._module(builder, builder.input, width, 2 if code > 2 else 1))

        sizes, widths = range(HALVINGS + 1), range(DOUBLINGS + 1)
        return count_parts(stem), count_parts(module, sizes, widths, MODULES), count_parts(self._head, sizes, widths)

    def _site(self, halvings: int, doublings: int) -> tuple[NetworkBuilder, int]:
        """Return a builder whose input is what a module reads after so many halvings and doublings."""
        height, width, _ = self.frame.input_shape
        for _ in range(halvings + 2):  # the stem halves twice
            height, width = -(-height // 2), -(-width // 2)
        channels = self.frame.channels * 2**doublings
        return NetworkBuilder((height, width, channels)), channels

    def _head(self, halvings: int, doublings: int) -> Network:
        builder, _ = self._site(halvings, doublings)
        return builder.build(self.frame.head(builder, builder.input))

    def cost(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Count each row's cost, ``(b,)`` columns, module by module from counted parts."""
        codes = self.codes(self.check(architectures))
        stem, modules, heads = self._parts
        total = np.repeat(stem[None], len(codes), axis=0)  # (b, columns)
        halvings, doublings = np.zeros(len(codes), dtype=np.int64), np.zeros(len(codes), dtype=np.int64)
        for code in codes.T:
            there = code > 0
            total[there] += modules[halvings[there], doublings[there], code[there] - 1]
            halvings += code > 2
            doublings += (code == 2) | (code == 4)
        return named_columns(total + heads[halvings, doublings])

    def largest(self) -> IntArray:
        """Return the costliest network: the first of those with the most FLOPs."""
        rows = np.concatenate(list(self.enumerate()))
        return rows[np.argmax(self.cost(rows)["flops"])]
