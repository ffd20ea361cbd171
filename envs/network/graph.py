"""A network as a framework-free layer graph, and the builder that spaces write it with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from types import MappingProxyType
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
        """Append any layer; the named methods below are this with the shape worked out."""
        self._layers.append(Layer(op, inputs, shape, MappingProxyType(attributes), label))
        return len(self._layers) - 1

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

    def _window(self, x: int, kernel: tuple[int, int], stride: int, padding: str) -> tuple[int, int]:
        height, width, _ = self.shape(x)
        if padding == "same":
            return -(-height // stride), -(-width // stride)
        return (height - kernel[0]) // stride + 1, (width - kernel[1]) // stride + 1

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
        shape = (*self._window(x, kernel, stride, padding), filters)
        label = label or f"conv {kernel[0]}x{kernel[1]}, {filters}"
        return self.add_layer(
            "conv",
            (x,),
            shape,
            label,
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
        shape = (*self._window(x, kernel, stride, padding), self.shape(x)[2])
        label = label or f"depthwise {kernel[0]}x{kernel[1]}"
        return self.add_layer(
            "depthwise_conv", (x,), shape, label, kernel=kernel, stride=stride, padding=padding, bias=bias
        )

    def max_pool(self, x: int, kernel: int = 2, stride: int | None = None, padding: str = "same") -> int:
        """Maximum over a window."""
        return self._pool("max_pool", x, kernel, stride, padding)

    def avg_pool(self, x: int, kernel: int = 2, stride: int | None = None, padding: str = "same") -> int:
        """Mean over a window; padding is not counted in the mean."""
        return self._pool("avg_pool", x, kernel, stride, padding)

    def _pool(self, op: str, x: int, kernel: int, stride: int | None, padding: str) -> int:
        stride = kernel if stride is None else stride
        shape = (*self._window(x, _pair(kernel), stride, padding), self.shape(x)[2])
        label = f"{op[:3]}-pool {kernel}x{kernel}"
        return self.add_layer(op, (x,), shape, label, kernel=_pair(kernel), stride=stride, padding=padding)

    def global_avg_pool(self, x: int) -> int:
        """Mean over all positions: images and token sequences become a feature vector."""
        return self.add_layer("global_avg_pool", (x,), self.shape(x)[-1:], "global average")

    # -- any shape ------------------------------------------------------------------------------------

    def batch_norm(self, x: int) -> int:
        """Batch normalisation over the last axis, with scale and offset."""
        return self.add_layer("batch_norm", (x,), self.shape(x))

    def relu(self, x: int) -> int:
        """Rectified linear unit."""
        return self.activation(x, "relu")

    def activation(self, x: int, function: str) -> int:
        """Apply one of the activation functions named in Keras, elementwise."""
        return self.add_layer("activation", (x,), self.shape(x), function=function)

    def add(self, *xs: int) -> int:
        """Sum of layers of one shape."""
        self._same_shape("add", xs)
        return xs[0] if len(xs) == 1 else self.add_layer("add", xs, self.shape(xs[0]), "+")

    def concat(self, *xs: int) -> int:
        """Concatenation along the last axis."""
        lead = {self.shape(x)[:-1] for x in xs}
        if len(lead) != 1:
            raise ValueError(f"concat of shapes {[self.shape(x) for x in xs]}: all but the last axis must agree")
        channels = sum(self.shape(x)[-1] for x in xs)
        return xs[0] if len(xs) == 1 else self.add_layer("concat", xs, (*lead.pop(), channels), "concat")

    def truncate(self, x: int, channels: int) -> int:
        """First ``channels`` features of the last axis."""
        shape = self.shape(x)
        if not 1 <= channels <= shape[-1]:
            raise ValueError(f"truncate of shape {shape} to {channels} channels: give 1..{shape[-1]}")
        return x if channels == shape[-1] else self.add_layer("truncate", (x,), (*shape[:-1], channels))

    def dense(self, x: int, units: int, bias: bool = True, label: str = "") -> int:
        """Affine map of the last axis."""
        return self.add_layer(
            "dense", (x,), (*self.shape(x)[:-1], units), label or f"dense, {units}", units=units, bias=bias
        )

    def zeros(self, x: int) -> int:
        """Layer of zeros with ``x``'s shape (the "none" operation of cell spaces)."""
        return self.add_layer("zeros", (x,), self.shape(x), "zero")

    def reshape(self, x: int, shape: Shape) -> int:
        """Same values in another shape."""
        if prod(shape) != prod(self.shape(x)):
            raise ValueError(f"reshape of {self.shape(x)} to {shape}: the number of values differs")
        return self.add_layer("reshape", (x,), tuple(shape))

    # -- sequences ------------------------------------------------------------------------------------

    def layer_norm(self, x: int) -> int:
        """Layer normalisation over the last axis, with scale and offset."""
        return self.add_layer("layer_norm", (x,), self.shape(x))

    def position(self, x: int) -> int:
        """Add a learned embedding of each position to a sequence ``(tokens, features)``."""
        return self.add_layer("position", (x,), self.shape(x), "position")

    def attention(self, query: int, key: int, value: int, heads: int) -> int:
        """Scaled dot-product attention of ``heads`` heads over sequences; it has no weights of its own.

        Features are split evenly among the heads; project before and after with `dense`.
        """
        self._same_shape("attention", (query, key, value))
        if self.shape(query)[-1] % heads:
            raise ValueError(f"attention of shape {self.shape(query)}: {heads} heads do not divide its features")
        return self.add_layer(
            "attention", (query, key, value), self.shape(query), f"attention, {heads} heads", heads=heads
        )

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

    def _same_shape(self, op: str, xs: tuple[int, ...]) -> None:
        if len({self.shape(x) for x in xs}) != 1:
            raise ValueError(f"{op} of shapes {[self.shape(x) for x in xs]}: they must be equal")
