"""The Keras model built from a network is that network."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from pynascent.envs.spaces import ChainSpace, Layer, Network, NetworkBuilder, network_cost

keras = pytest.importorskip("keras")

from pynascent.envs.network.cost import LAYER_COSTS  # noqa: E402
from pynascent.envs.network.operations import OPERATIONS  # noqa: E402
from pynascent.trainers.keras.builder import KERAS_LAYERS, build_model  # noqa: E402


def every_operation() -> Network:
    """A network that uses each operation of the builder, biases, groups, strides and both paddings."""
    b = NetworkBuilder((9, 8, 4))
    x = b.conv(b.input, 8, 3, stride=2, groups=2, bias=True)
    x = b.conv(x, 6, (1, 3), padding="valid")
    x = b.depthwise_conv(x, 3, bias=True)
    x = b.max_pool(x, 3, stride=1)
    x = b.concat(x, b.zeros(x))
    x = b.activation(b.avg_pool(x, 2, stride=1), "gelu")
    x = b.add(x, b.relu(b.batch_norm(x)), x)
    height, width, channels = b.shape(x)
    tokens = b.dense(b.reshape(x, (height * width, channels)), 5, bias=False)
    both = b.concat(b.global_avg_pool(tokens), b.global_avg_pool(x))
    return b.build(b.dense(both, 3))


def test_every_operation_with_a_cost_can_be_built():
    own = {name for name, operation in OPERATIONS.items() if hasattr(operation, "keras")}  # its Keras layer beside it
    assert set(LAYER_COSTS) - set(KERAS_LAYERS) - own == {"input"}
    # tokens and features, images and vectors: every operation of the builder occurs in the network under test.
    assert {"input", *KERAS_LAYERS} >= {layer.op for layer in every_operation().layers}


def test_shapes_parameters_and_names_follow_the_network():
    network = every_operation()
    model = build_model(network, name="net", seed=0)
    assert model.name == "net"
    assert model.count_params() == network_cost(network).parameters
    assert model.output_shape == (None, *network.output_shape)
    built = {operation.name: operation for operation in model.operations}
    assert sorted(built) == [f"l{i:02d}_{layer.op}" for i, layer in enumerate(network.layers)]
    for i, layer in enumerate(network.layers):
        assert built[f"l{i:02d}_{layer.op}"].output.shape == (None, *layer.shape)
    assert [operation.name for operation in build_model(network).operations] == [o.name for o in model.operations]


def test_mean_pooling_leaves_padding_out():
    b = NetworkBuilder((3, 3, 1))
    ones = np.ones((1, 3, 3, 1), np.float32)
    assert np.all(build_model(b.build(b.avg_pool(b.input, 3, stride=1)))(ones).numpy() == 1)


def test_zeros_stay_zero_whatever_they_read():
    b = NetworkBuilder((2, 2, 1))
    model = build_model(b.build(b.zeros(b.input)))
    assert np.all(model(np.full((1, 2, 2, 1), np.nan, np.float32)).numpy() == 0)


def test_outputs_are_logits():
    model = build_model(ChainSpace().network(np.zeros(6, int)), seed=0)
    logits = model(np.random.default_rng(0).normal(size=(16, 8, 8, 1)).astype(np.float32)).numpy()
    assert logits.shape == (16, 10) and logits.min() < 0


def test_a_seed_fixes_the_weights_of_every_layer():
    network = every_operation()
    first, second, other = (build_model(network, seed=seed).get_weights() for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    random = [k for k, weight in enumerate(first) if np.unique(weight).size > 1]
    assert len(random) == 5 and not any(np.array_equal(first[k], other[k]) for k in random)
    free = [build_model(network).get_weights()[random[0]] for _ in range(2)]
    assert not np.array_equal(*free)


def test_layers_of_one_shape_start_apart():
    b = NetworkBuilder((4, 4, 2))
    model = build_model(b.build(b.conv(b.conv(b.input, 2, 3), 2, 3)), seed=0)
    assert not np.array_equal(*model.get_weights())


_ELSEWHERE = """
import sys
import keras
import numpy as np

path, expected = sys.argv[1:]
stored = np.load(expected)
model = keras.models.load_model(path)
assert not any(name.startswith("pynascent") for name in sys.modules)
np.testing.assert_allclose(model(stored["images"]).numpy(), stored["logits"], atol=1e-6)

from pynascent.envs.spaces import ChainSpace
from pynascent.trainers.keras.builder import build_model

keras.utils.set_random_seed(123)
build_model(ChainSpace().network(np.zeros(6, int)))  # neither the global seed nor earlier models matter
weights = build_model(ChainSpace().network([5, 3, 4, 2, 1, 1]), seed=11).get_weights()
for k, weight in enumerate(weights):
    assert np.array_equal(weight, stored[f"weight{k}"]), k
"""


def test_another_process_loads_the_model_without_this_package_and_draws_the_same_weights(tmp_path):
    model = build_model(every_operation(), seed=0)
    images = np.random.default_rng(0).random((3, 9, 8, 4)).astype(np.float32)
    weights = build_model(ChainSpace().network([5, 3, 4, 2, 1, 1]), seed=11).get_weights()
    path, expected = tmp_path / "model.keras", tmp_path / "expected.npz"
    model.save(path)
    np.savez(expected, images=images, logits=model(images).numpy(), **{f"weight{k}": w for k, w in enumerate(weights)})
    run = subprocess.run([sys.executable, "-c", _ELSEWHERE, str(path), str(expected)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_every_weight_gets_a_gradient():
    import tensorflow as tf

    model = build_model(every_operation(), seed=0)
    images = tf.random.stateless_uniform((4, 9, 8, 4), seed=(0, 0))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(images, training=True) ** 2)
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    for gradient, weight in zip(gradients, model.trainable_variables, strict=True):
        assert gradient is not None and bool(tf.reduce_all(tf.math.is_finite(gradient))), weight.path


def test_batch_norm_momentum_reaches_the_layers():
    network = ChainSpace().network(np.zeros(6, int))
    momenta = {
        layer.momentum
        for layer in build_model(network, batch_norm_momentum=0.7).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    assert momenta == {0.7}


def test_bad_requests_are_named():
    network = every_operation()
    with pytest.raises(ValueError, match="seed=-1"):
        build_model(network, seed=-1)
    strange = Network((Layer("input", (), (4,)), Layer("teleport", (0,), (4,))))
    with pytest.raises(KeyError, match=r"teleport.*known are.*conv"):
        build_model(strange)
    flat = Network((Layer("input", (), (4,)), Layer("global_avg_pool", (0,), (4,))))
    with pytest.raises(ValueError, match="l01_global_avg_pool"):
        build_model(flat)
