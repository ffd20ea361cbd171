"""The builder that spaces write networks with; `Layer`, `Network` and `Shape` are those of ``layers.py``."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from .layers import Layer, Network, Shape
from .operations import find_operation

__all__ = ["Layer", "Network", "NetworkBuilder", "Shape"]


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


class NetworkBuilder:
    """Writes a `Network` layer by layer; every method returns the new layer's index.

    Images are channels-last. Convolutions and pools pad to "same" unless told ``padding="valid"``, whose
    output is ⌈size / stride⌉ as in TensorFlow.

    Example:
        >>> b = NetworkBuilder((8, 8, 1))
        >>> x = b.relu(b.batch_norm(b.conv(b.input, filters=16, kernel=3)))
        >>> network = b.build(b.dense(b.global_avg_pool(x), 10))
        >>> network.output_shape
        (10,)
    """

    input = 0

    def __init__(self, input_shape: Shape) -> None:
        self._layers: list[Layer] = [Layer("input", (), tuple(input_shape), label="input")]

    def shape(self, x: int) -> Shape:
        """Return the output shape of layer ``x``."""
        return self._layers[x].shape

    def add_layer(self, op: str, inputs: tuple[int, ...], shape: Shape, label: str = "", **attributes: Any) -> int:
        """Append a layer of a given shape; `layer` works the shape out."""
        self._layers.append(Layer(op, inputs, shape, MappingProxyType(attributes), label))
        return len(self._layers) - 1

    def layer(self, op: str, *xs: int, label: str = "", **attributes: Any) -> int:
        """Append a layer of any operation, its shape as the operation's rule has it.

        Args:
            op: a name in `OPERATIONS`, or ``"module:Class"``.
            *xs: the layers that it reads.
            label: what a drawing writes on it.
            **attributes: the operation's settings.

        Raises:
            ValueError: the operation is unknown, or does not fit the shapes that it reads.
        """
        shape = find_operation(op).shape([self.shape(x) for x in xs], attributes)
        return self.add_layer(op, xs, shape, label, **attributes)

    def build(self, output: int) -> Network:
        """Return the network that ends in layer ``output``, without layers that the output does not need.

        Layers nobody reads would be counted by the analytic cost and missed by a framework that traces
        from the output, so they are removed here, once.
        """
        needed, stack = {0}, [output]
        while stack:
            index = stack.pop()
            if index not in needed or index == 0:
                needed.add(index)
                stack.extend(i for i in self._layers[index].inputs if i not in needed)
        kept = sorted(needed)
        renumbered = {old: new for new, old in enumerate(kept)}
        return Network(
            tuple(
                Layer(layer.op, tuple(renumbered[i] for i in layer.inputs), layer.shape, layer.attributes, layer.label)
                for layer in (self._layers[i] for i in kept)
            )
        )

    # -- images ---------------------------------------------------------------------------------------

    def conv(
        self,
        x: int,
        filters: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: str = "same",
        bias: bool = False,
        groups: int = 1,
        label: str = "",
    ) -> int:
        """Two-dimensional convolution to ``filters`` channels."""
        kernel = _pair(kernel)
        label = label or f"conv {kernel[0]}x{kernel[1]}, {filters}"
        return self.layer(
            "conv",
            x,
            label=label,
            filters=filters,
            kernel=kernel,
            stride=stride,
            padding=padding,
            bias=bias,
            groups=groups,
        )

    def depthwise_conv(
        self,
        x: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: str = "same",
        bias: bool = False,
        label: str = "",
    ) -> int:
        """Convolution of each channel by itself."""
        kernel = _pair(kernel)
        label = label or f"depthwise {kernel[0]}x{kernel[1]}"
        return self.layer("depthwise_conv", x, label=label, kernel=kernel, stride=stride, padding=padding, bias=bias)

    def max_pool(self, x: int, kernel: int = 2, stride: int | None = None, padding: str = "same") -> int:
        """Maximum over a window."""
        return self._pool("max_pool", x, kernel, stride, padding)

    def avg_pool(self, x: int, kernel: int = 2, stride: int | None = None, padding: str = "same") -> int:
        """Mean over a window; padding is not counted in the mean."""
        return self._pool("avg_pool", x, kernel, stride, padding)

    def _pool(self, op: str, x: int, kernel: int, stride: int | None, padding: str) -> int:
        stride = kernel if stride is None else stride
        label = f"{op[:3]}-pool {kernel}x{kernel}"
        return self.layer(op, x, label=label, kernel=_pair(kernel), stride=stride, padding=padding)

    def global_avg_pool(self, x: int) -> int:
        """Mean over all positions: images and token sequences become a feature vector."""
        return self.layer("global_avg_pool", x, label="global average")

    def shift(self, x: int) -> int:
        """Move an image one position up and left; zeros come in below and on the right."""
        return self.layer("shift", x)

    def scale(self, x: int, gates: int) -> int:
        """Multiply each channel of an image by its gate, a feature vector ``(channels,)``."""
        return self.layer("scale", x, gates, label="x")

    # -- any shape ------------------------------------------------------------------------------------

    def batch_norm(self, x: int) -> int:
        """Batch normalisation over the last axis, with scale and offset."""
        return self.layer("batch_norm", x)

    def relu(self, x: int) -> int:
        """Rectified linear unit."""
        return self.activation(x, "relu")

    def activation(self, x: int, function: str) -> int:
        """Apply one of the activation functions named in Keras, elementwise."""
        return self.layer("activation", x, function=function)

    def add(self, *xs: int) -> int:
        """Sum of layers of one shape."""
        return xs[0] if len(xs) == 1 else self.layer("add", *xs, label="+")

    def concat(self, *xs: int) -> int:
        """Concatenation along the last axis."""
        return xs[0] if len(xs) == 1 else self.layer("concat", *xs, label="concat")

    def truncate(self, x: int, channels: int) -> int:
        """First ``channels`` features of the last axis."""
        shape = find_operation("truncate").shape([self.shape(x)], {"channels": channels})
        return x if shape == self.shape(x) else self.add_layer("truncate", (x,), shape)

    def dense(self, x: int, units: int, bias: bool = True, label: str = "") -> int:
        """Affine map of the last axis."""
        return self.layer("dense", x, label=label or f"dense, {units}", units=units, bias=bias)

    def zeros(self, x: int) -> int:
        """Layer of zeros with ``x``'s shape (the "none" operation of cell spaces)."""
        return self.layer("zeros", x, label="zero")

    def reshape(self, x: int, shape: Shape) -> int:
        """Same values in another shape."""
        shape = find_operation("reshape").shape([self.shape(x)], {"shape": shape})
        return self.add_layer("reshape", (x,), shape)

    # -- sequences ------------------------------------------------------------------------------------

    def layer_norm(self, x: int) -> int:
        """Layer normalisation over the last axis, with scale and offset."""
        return self.layer("layer_norm", x)

    def position(self, x: int) -> int:
        """Add a learned embedding of each position to a sequence ``(tokens, features)``."""
        return self.layer("position", x, label="position")

    def attention(self, query: int, key: int, value: int, heads: int) -> int:
        """Scaled dot-product attention of ``heads`` heads over sequences; it has no weights of its own.

        Features are split evenly among the heads; project before and after with `dense`.
        """
        return self.layer("attention", query, key, value, label=f"attention, {heads} heads", heads=heads)

    # -- blocks of several layers ---------------------------------------------------------------------

    def inverted_bottleneck(
        self, x: int, filters: int, kernel: int, expansion: int, stride: int = 1, function: str = "relu"
    ) -> int:
        """Mobile inverted bottleneck (Sandler et al., 2018): widen 1×1, depthwise, narrow 1×1, shortcut.

        Each convolution is followed by batch normalisation, the first two by ``function`` as well; an
        expansion of 1 leaves the widening out. ``x`` is added where the shape stays.
        """
        channels = self.shape(x)[2]
        y = x
        if expansion != 1:
            y = self.activation(self.batch_norm(self.conv(y, channels * expansion, 1)), function)
        y = self.activation(self.batch_norm(self.depthwise_conv(y, kernel, stride)), function)
        y = self.batch_norm(self.conv(y, filters, 1))
        return self.add(x, y) if self.shape(x) == self.shape(y) else y
