"""What the two spaces of TransNAS-Bench-101 share: arguments, stem, classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...network.graph import NetworkBuilder
from ..arguments import check_integers


class TransNASNetwork:
    """Stem and classifier of TransNAS-Bench-101 (Duan et al., CVPR 2021), as in its authors' ``net_macro.py``.

    A 3×3 convolution of stride 2 to half of ``channels``, batch normalisation, then ReLU, a 3×3 convolution of
    stride 2 to ``channels`` and batch normalisation; modules of two blocks each; global mean and a dense layer.

    Args:
        channels: channels behind the stem, even.
        input_shape: (height, width, channels) of one image.
        classes: number of classes of the dense layer.
    """

    def __init__(self, channels: int, input_shape: Sequence[int], classes: int) -> None:
        check_integers(1, channels=[channels], classes=[classes], input_shape=input_shape)
        if channels % 2:
            raise ValueError(f"channels={channels}: give an even number, the stem begins with half of them")
        if len(input_shape) != 3:
            raise ValueError(f"input_shape={tuple(input_shape)}: give (height, width, channels)")
        self.channels, self.input_shape, self.classes = channels, tuple(input_shape), classes

    def arguments(self) -> dict[str, Any]:
        """Return the arguments as plain JSON values."""
        return {"channels": self.channels, "input_shape": list(self.input_shape), "classes": self.classes}

    def stem(self, builder: NetworkBuilder) -> int:
        """Append the stem; returns its last layer."""
        width = self.channels // 2
        x = builder.conv(builder.input, width, 3, 2, label=f"stem 3x3, {width}")
        return relu_conv_bn(builder, builder.batch_norm(x), self.channels, 3, 2)

    def head(self, builder: NetworkBuilder, x: int) -> int:
        """Append the classifier; returns its last layer."""
        return builder.dense(builder.global_avg_pool(x), self.classes)


def relu_conv_bn(builder: NetworkBuilder, x: int, width: int, kernel: int, stride: int = 1) -> int:
    """Append ReLU, convolution without bias and batch normalisation."""
    return builder.batch_norm(builder.conv(builder.relu(x), width, kernel, stride))
