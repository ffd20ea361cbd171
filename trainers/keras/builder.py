"""Builds the Keras 3 model that a `Network` describes: one table from operation to Keras layer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...envs.network.operations import find_operation
from ...envs.spaces import Layer, Network
from ...evaluation.optional import require


@dataclass(frozen=True)
class Site:
    """Where a Keras layer is to stand: what the functions of `KERAS_LAYERS` know.

    Attributes:
        layer: the network's layer, with its settings.
        input_shapes: shapes of what it reads, without the batch.
        name: the name that the Keras layer must take.
        seed: seed of this layer alone, None for unseeded initialisers.
        batch_norm_momentum: how much of a moving average a batch leaves in place.
    """

    layer: Layer
    input_shapes: tuple[tuple[int, ...], ...]
    name: str
    seed: int | None
    batch_norm_momentum: float

    def __getitem__(self, key: str) -> Any:
        """Return one of the layer's settings."""
        return self.layer[key]

    @property
    def keras(self) -> Any:
        """The keras module."""
        return require("keras", "train", "building a model")

    def glorot_uniform(self, weight: int = 0) -> Any:
        """Return the initialiser of the layer's ``weight``-th random weight, seeded where the model is."""
        seed = None if self.seed is None else self.derived(weight)
        return self.keras.initializers.GlorotUniform(seed=seed)

    def derived(self, *key: int) -> int:
        """Return a seed in 0..2³¹ − 1 of this layer's and some integers; of an unseeded layer, of these alone."""
        return _derive(0 if self.seed is None else self.seed, *key)


def _derive(*key: int) -> int:
    """Hash integers to a seed in 0..2³¹ − 1, the same in every process."""
    return int(np.random.SeedSequence(key).generate_state(1)[0] >> 1)


def _conv(site: Site) -> Any:
    return site.keras.layers.Conv2D(
        site["filters"],
        site["kernel"],
        strides=site["stride"],
        padding=site["padding"],
        groups=site["groups"],
        use_bias=site["bias"],
        data_format="channels_last",
        kernel_initializer=site.glorot_uniform(),
        name=site.name,
    )


def _depthwise_conv(site: Site) -> Any:
    return site.keras.layers.DepthwiseConv2D(
        site["kernel"],
        strides=site["stride"],
        padding=site["padding"],
        use_bias=site["bias"],
        data_format="channels_last",
        depthwise_initializer=site.glorot_uniform(),
        name=site.name,
    )


def _dense(site: Site) -> Any:
    return site.keras.layers.Dense(
        site["units"], use_bias=site["bias"], kernel_initializer=site.glorot_uniform(), name=site.name
    )


def _batch_norm(site: Site) -> Any:
    return site.keras.layers.BatchNormalization(axis=-1, momentum=site.batch_norm_momentum, name=site.name)


def _max_pool(site: Site) -> Any:
    return site.keras.layers.MaxPooling2D(**_window(site))


def _avg_pool(site: Site) -> Any:
    return site.keras.layers.AveragePooling2D(**_window(site))  # TensorFlow's mean leaves padding out


def _window(site: Site) -> dict[str, Any]:
    return {
        "pool_size": site["kernel"],
        "strides": site["stride"],
        "padding": site["padding"],
        "data_format": "channels_last",
        "name": site.name,
    }


def _global_avg_pool(site: Site) -> Any:
    layers, rank = site.keras.layers, len(site.input_shapes[0])
    if rank == 3:
        return layers.GlobalAveragePooling2D(data_format="channels_last", name=site.name)
    if rank == 2:
        return layers.GlobalAveragePooling1D(data_format="channels_last", name=site.name)
    raise ValueError(
        f"global_avg_pool of shape {site.input_shapes[0]} at {site.name}: "
        "it reads (height, width, channels) or (tokens, features)"
    )


def _add(site: Site) -> Any:
    return site.keras.layers.Add(name=site.name)


def _concat(site: Site) -> Any:
    return site.keras.layers.Concatenate(axis=-1, name=site.name)


def _activation(site: Site) -> Any:
    return site.keras.layers.Activation(site["function"], name=site.name)


def _reshape(site: Site) -> Any:
    return site.keras.layers.Reshape(site.layer.shape, name=site.name)


def _layer_norm(site: Site) -> Any:
    return site.keras.layers.LayerNormalization(axis=-1, epsilon=1e-6, name=site.name)


def _position(site: Site) -> Any:
    seed = None if site.seed is None else _derive(site.seed, 0)
    normal = site.keras.initializers.RandomNormal(stddev=0.02, seed=seed)
    return _own_layers(site).PositionEmbedding(normal, name=site.name)


def _attention(site: Site) -> Any:
    return _own_layers(site).DotProductAttention(site["heads"], name=site.name)


def _truncate(site: Site) -> Any:
    return _own_layers(site).Truncate(site.layer.shape[-1], name=site.name)


def _own_layers(site: Site) -> Any:
    assert site.keras  # the one clear line where keras is missing
    from . import layers as keras_layers

    return keras_layers


def _zeros(site: Site) -> Any:
    def apply(x: Any) -> Any:
        zeros = site.keras.ops.zeros_like(x)
        # The only operation of Keras's own that saves, loads and costs nothing; its name comes from a global
        # counter, so it is set here, before the model that records it is made.
        zeros._keras_history.operation.name = site.name
        return zeros

    return apply


KERAS_LAYERS: dict[str, Callable[[Site], Any]] = {
    "conv": _conv,
    "depthwise_conv": _depthwise_conv,
    "dense": _dense,
    "batch_norm": _batch_norm,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "global_avg_pool": _global_avg_pool,
    "add": _add,
    "concat": _concat,
    "activation": _activation,
    "reshape": _reshape,
    "layer_norm": _layer_norm,
    "position": _position,
    "attention": _attention,
    "truncate": _truncate,
    "zeros": _zeros,
}
"""Operation → function of a `Site` that returns the Keras layer: what is called with the tensor that the
layer reads (or the list of them, where it reads several). A space with new operations adds its own here."""


def _keras_layer(op: str) -> Callable[[Site], Any]:
    """Return what builds an operation's Keras layer: its own ``keras`` method, or its entry in `KERAS_LAYERS`.

    Raises:
        KeyError: it has neither.
    """
    try:
        own = getattr(find_operation(op), "keras", None)
    except ValueError:  # an operation that has an entry alone
        own = None
    if own is None and op not in KERAS_LAYERS:
        raise KeyError(f"no Keras layer is known for the operation {op!r}: known are {sorted(KERAS_LAYERS)}")
    return own or KERAS_LAYERS[op]


def site_of(network: Network, index: int, seed: int | None, batch_norm_momentum: float = 0.9) -> Site:
    """Return where the ``index``-th layer of a network stands, with a seed of its own."""
    layer = network.layers[index]
    return Site(
        layer,
        tuple(network.layers[i].shape for i in layer.inputs),
        f"l{index:02d}_{re.sub(r'[^A-Za-z0-9]+', '_', layer.op)}",
        None if seed is None else _derive(seed, index),
        batch_norm_momentum,
    )


def layer_names(network: Network) -> list[str]:
    """Return the names that a network's layers have in the model that `build_model` builds."""
    return ["l00_input", *(site_of(network, index, None).name for index in range(1, len(network.layers)))]


Adapt = Callable[[Site, Any], Any]
"""(site, Keras layer) → what is called in its place; the layer has not been called yet."""


@contextmanager
def _policy(keras: Any, policy: str | None) -> Iterator[None]:
    """Give the layers that are made here a dtype policy, whoever makes them: users' operations know nothing of it."""
    if policy is None:
        yield
        return
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build_model(
    network: Network,
    name: str = "candidate",
    seed: int | None = None,
    *,
    batch_norm_momentum: float = 0.9,
    policies: Sequence[str] | None = None,
    adapt: Adapt | None = None,
) -> Any:
    """Build the Keras 3 functional model of a network: images in, logits out.

    Layers are named by place and operation (``l07_conv``), the same in every process. Initialisers are
    Keras's own: Glorot uniform kernels, zero biases, unit scales.

    Args:
        network: the layer graph; images are (height, width, channels) float32.
        name: name of the model.
        seed: non-negative integer that fixes the initial weights: each layer draws from (seed, its index), so
            two models of one network and seed start with identical weights, in any process.
            None draws anew each time.
        batch_norm_momentum: share of the moving averages that a batch leaves in place, 0..1. Trainings of
            a few hundred steps need less than Keras's 0.99, or inference uses statistics from long ago.
        policies: Keras dtype policy of each of the network's layers; None for float32 in all.
        adapt: changes the layers for a training, with dropout for instance; weights must stay in number and order.

    Returns:
        A `keras.Model` from (b, *network.input_shape) to logits (b, *network.output_shape).

    Raises:
        KeyError: an operation has neither a ``keras`` method nor an entry in `KERAS_LAYERS`; the message lists those.
        ModuleNotFoundError: keras is missing; the message names the extra that has it.
        ValueError: the seed is negative, or a layer's settings do not fit its input.
    """
    if seed is not None and seed < 0:
        raise ValueError(f"seed={seed}: give a non-negative integer, or None for unseeded weights")
    keras = require("keras", "train", "building a model")
    tensors = [keras.Input(network.input_shape, name="l00_input")]
    for index, layer in enumerate(network.layers[1:], start=1):
        site = site_of(network, index, seed, batch_norm_momentum)
        inputs = [tensors[i] for i in layer.inputs]
        with _policy(keras, None if policies is None else policies[index]):
            made = _keras_layer(layer.op)(site)
            if adapt is not None:
                made = adapt(site, made)
            tensors.append(made(inputs if len(inputs) > 1 else inputs[0]))
    return keras.Model(tensors[0], tensors[-1], name=name)
