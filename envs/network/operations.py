"""The operations of networks: for each, the shape of what it returns and what it costs, in one place.

An operation of one's own is one class, and its Keras layer stands beside its cost::

    @register_operation
    class Noise(Operation):
        name = "noise"

        def keras(self, site):  # only called where networks are trained
            return site.keras.layers.GaussianNoise(site["stddev"], name=site.name)

    builder.layer("noise", x, stddev=0.1)

Where it is not registered, networks name it by reference, ``builder.layer("my_module:Noise", x, stddev=0.1)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from math import prod
from typing import Any, ClassVar, TypeVar

from ..core.components import Registry
from .figures import Cost
from .layers import Layer, Shape


class Operation:
    """What a layer computes. The defaults are those of a function of each value by itself that costs nothing.

    A subclass may also define ``keras(site)``, which returns the Keras layer (see `pynascent.trainers.keras.builder`).

    Attributes:
        name: what layers call it.
    """

    name: ClassVar[str] = ""

    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        """Return the shape of the output for these shapes of the inputs, none with the batch.

        Raises:
            ValueError: the operation does not fit them.
        """
        return inputs[0]

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Return parameters and FLOPs of a layer, as ``cost.py`` counts them."""
        return Cost()


OPERATIONS: Registry = Registry("operation")
"""The operations by name, each an `Operation`."""

Kind = TypeVar("Kind", bound=type[Operation])


def register_operation(operation: Kind) -> Kind:
    """Add an operation under its name; to be used as a decorator of its class.

    Raises:
        ValueError: it has no name, or another operation has it.
    """
    known = OPERATIONS.get(operation.name)
    if known is None or type(known) is not operation:
        OPERATIONS.register(operation.name, operation())
    return operation


def find_operation(op: str) -> Operation:
    """Return the operation of a name, or of a reference ``"module:Class"``.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    return _referred(op) if ":" in op else OPERATIONS.resolve(op)


@cache
def _referred(reference: str) -> Operation:
    found = OPERATIONS.resolve(reference)
    if not (isinstance(found, type) and issubclass(found, Operation)):
        raise ValueError(f"operation {reference!r} is {found!r}: name a subclass of Operation")
    return found()


def _equal(name: str, inputs: Sequence[Shape]) -> Shape:
    if len(set(inputs)) != 1:
        raise ValueError(f"{name} of shapes {list(inputs)}: they must be equal")
    return inputs[0]


def _window(shape: Shape, attributes: Mapping[str, Any]) -> Shape:
    """Return height and width after a convolution or a pool."""
    height, width, _ = shape
    kernel, stride = attributes["kernel"], attributes["stride"]
    if attributes["padding"] == "same":
        return -(-height // stride), -(-width // stride)
    return (height - kernel[0]) // stride + 1, (width - kernel[1]) // stride + 1


def _weighted(layer: Layer, weights: int, positions: int, outputs: int) -> Cost:
    bias = outputs if layer["bias"] else 0
    return Cost(weights + bias, 2 * weights * positions, prod(layer.shape) if bias else 0, weights + bias)


@register_operation
class Input(Operation):
    """The network's input."""

    name = "input"


@register_operation
class Conv(Operation):
    """Two-dimensional convolution."""

    name = "conv"

    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        """Return ⌈size / stride⌉, or what fits for valid padding, and the filters."""
        return *_window(inputs[0], attributes), attributes["filters"]

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Count a multiply-accumulate for each weight and position."""
        height, width = layer["kernel"]
        weights = height * width * (inputs[0][2] // layer["groups"]) * layer["filters"]
        return _weighted(layer, weights, layer.shape[0] * layer.shape[1], layer["filters"])


@register_operation
class DepthwiseConv(Operation):
    """Convolution of each channel by itself."""

    name = "depthwise_conv"

    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        """Return ⌈size / stride⌉, or what fits for valid padding, and the same channels."""
        return *_window(inputs[0], attributes), inputs[0][2]

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Count a multiply-accumulate for each weight and position."""
        height, width = layer["kernel"]
        return _weighted(layer, height * width * inputs[0][2], layer.shape[0] * layer.shape[1], inputs[0][2])


@register_operation
class Dense(Operation):
    """Affine map of the last axis."""

    name = "dense"

    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        """Return the input's shape with so many units last."""
        return *inputs[0][:-1], attributes["units"]

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Count a multiply-accumulate for each weight and position."""
        return _weighted(layer, inputs[0][-1] * layer["units"], prod(layer.shape[:-1]), layer["units"])


@register_operation
class BatchNorm(Operation):
    """Batch normalisation over the last axis."""

    name = "batch_norm"

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Count 4 parameters a channel, 2 of them trained."""
        channels = layer.shape[-1]
        return Cost(4 * channels, 0, 6 * channels + 2 * prod(layer.shape), 2 * channels)


class _Pool(Operation):
    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        return *_window(inputs[0], attributes), inputs[0][2]

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        return Cost(elementwise_flops=prod(layer["kernel"]) * prod(layer.shape))


@register_operation
class MaxPool(_Pool):
    """Maximum over a window."""

    name = "max_pool"


@register_operation
class AvgPool(_Pool):
    """Mean over a window."""

    name = "avg_pool"


@register_operation
class GlobalAvgPool(Operation):
    """Mean over all positions."""

    name = "global_avg_pool"

    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        """Return the last axis alone."""
        return inputs[0][-1:]

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Count an addition for each value."""
        return Cost(elementwise_flops=prod(inputs[0]))


@register_operation
class Add(Operation):
    """Sum of layers of one shape."""

    name = "add"

    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        """Return the inputs' shape, which must be one."""
        return _equal("add", inputs)

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Count n − 1 additions for each value."""
        return Cost(elementwise_flops=(len(inputs) - 1) * prod(layer.shape))


@register_operation
class Concat(Operation):
    """Concatenation along the last axis."""

    name = "concat"

    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        """Return the inputs' shape with their channels added."""
        if len({shape[:-1] for shape in inputs}) != 1:
            raise ValueError(f"concat of shapes {list(inputs)}: all but the last axis must agree")
        return *inputs[0][:-1], sum(shape[-1] for shape in inputs)


@register_operation
class Truncate(Operation):
    """First features of the last axis."""

    name = "truncate"

    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        """Return the input's shape with ``channels`` last."""
        (shape,), channels = inputs, attributes["channels"]
        if not 1 <= channels <= shape[-1]:
            raise ValueError(f"truncate of shape {shape} to {channels} channels: give 1..{shape[-1]}")
        return *shape[:-1], channels


@register_operation
class Reshape(Operation):
    """Same values in another shape."""

    name = "reshape"

    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        """Return the ``shape`` asked for, of as many values."""
        shape = tuple(attributes["shape"])
        if prod(shape) != prod(inputs[0]):
            raise ValueError(f"reshape of {inputs[0]} to {shape}: the number of values differs")
        return shape


@register_operation
class Zeros(Operation):
    """Zeros of the input's shape."""

    name = "zeros"


ACTIVATION_FLOPS = {
    "linear": 0,
    "relu": 0,
    "relu6": 0,
    "leaky_relu": 0,
    "elu": 0,
    "selu": 0,
    "sigmoid": 0,
    "tanh": 0,
    "mish": 1,
    "silu": 2,
    "hard_sigmoid": 2,
    "hard_swish": 3,
    "gelu": 4,
    "softmax": 5,
}
"""Profiled operations per value of each activation, as Keras 3 writes it (sigmoid, tanh, … have no figure)."""


@register_operation
class Activation(Operation):
    """One of the activation functions named in Keras."""

    name = "activation"

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Count `ACTIVATION_FLOPS` for each value."""
        function = layer["function"]
        if function not in ACTIVATION_FLOPS:
            raise KeyError(f"no cost is known for the activation {function!r}: known are {sorted(ACTIVATION_FLOPS)}")
        return Cost(elementwise_flops=ACTIVATION_FLOPS[function] * prod(layer.shape))


@register_operation
class LayerNorm(Operation):
    """Layer normalisation over the last axis."""

    name = "layer_norm"

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Count 9 for each value and 4 for each position."""
        features = layer.shape[-1]
        return Cost(2 * features, 0, 9 * prod(layer.shape) + 4 * prod(layer.shape[:-1]), 2 * features)


@register_operation
class Position(Operation):
    """A learned embedding of each position, added."""

    name = "position"

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Count an addition for each value."""
        values = prod(layer.shape)
        return Cost(values, 0, values, values)


@register_operation
class Attention(Operation):
    """Scaled dot-product attention of several heads, without weights of its own."""

    name = "attention"

    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        """Return the query's shape; keys and values must have it, too."""
        shape, heads = _equal("attention", inputs), attributes["heads"]
        if shape[-1] % heads:
            raise ValueError(f"attention of shape {shape}: {heads} heads do not divide its features")
        return shape

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Count the two matrix products, scaling and softmax."""
        tokens, features = layer.shape
        products = 2 * (2 * tokens * tokens * features)  # queries by keys, weights by values
        return Cost(flops=products, elementwise_flops=tokens * features + 5 * layer["heads"] * tokens * tokens)


@register_operation
class Blank(Operation):
    """Zeros of half the image's size and twice its channels: "none" where a cell shrinks and widens."""

    name = "blank"

    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        """Return half the height and width, rounded up, and twice the channels."""
        height, width, channels = inputs[0]
        return -(-height // 2), -(-width // 2), 2 * channels

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Count what the profiler counts for picking every other position: one for each value that is picked."""
        return Cost(elementwise_flops=prod(layer.shape) // 2)

    def keras(self, site: Any) -> Any:
        """Return the Keras layer: every other position, twice, times nothing."""
        layers = site.keras.layers

        def apply(x: Any) -> Any:
            y = layers.MaxPooling2D(
                1, strides=2, padding="same", data_format="channels_last", name=f"{site.name}_halved"
            )(x)
            y = layers.Concatenate(axis=-1, name=f"{site.name}_twice")([y, y])
            zeros = site.keras.ops.zeros_like(y)
            zeros._keras_history.operation.name = site.name  # see the builder's own "zeros"
            return zeros

        return apply


@register_operation
class Shift(Operation):
    """An image moved one position up and left, zeros coming in below and on the right."""

    name = "shift"

    def keras(self, site: Any) -> Any:
        """Return the Keras layer: zeros on two sides, then a crop of the other two."""
        layers = site.keras.layers

        def apply(x: Any) -> Any:
            padded = layers.ZeroPadding2D(((0, 1), (0, 1)), data_format="channels_last", name=f"{site.name}_pad")(x)
            return layers.Cropping2D(((1, 0), (1, 0)), data_format="channels_last", name=site.name)(padded)

        return apply


@register_operation
class Scale(Operation):
    """Each channel of an image multiplied by its gate, as in squeeze-and-excitation (Hu et al., CVPR 2018)."""

    name = "scale"

    def shape(self, inputs: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
        """Return the image's shape; there must be a gate for each channel."""
        image, gates = inputs
        if gates != image[-1:]:
            raise ValueError(f"scale of shape {image} by {gates}: there must be one gate for each channel")
        return image

    def cost(self, layer: Layer, inputs: list[Shape]) -> Cost:
        """Count a multiplication for each value."""
        return Cost(elementwise_flops=prod(layer.shape))

    def keras(self, site: Any) -> Any:
        """Return the Keras layer: gates in the image's rank, multiplied."""
        layers = site.keras.layers

        def apply(inputs: Any) -> Any:
            image, gates = inputs
            gates = layers.Reshape((1, 1, image.shape[-1]), name=f"{site.name}_gates")(gates)
            return layers.Multiply(name=site.name)([image, gates])

        return apply
