"""Operations as components: a user's own, with its shape, its cost and its Keras layer in one class."""

import sys

import numpy as np
import pytest

from pynascent.envs.network.cost import LAYER_COSTS, layer_costs, network_cost
from pynascent.envs.network.operations import OPERATIONS, Operation, find_operation, register_operation
from pynascent.envs.spaces import Cost, NetworkBuilder

OWN = """
from pynascent.envs.network.operations import Operation
from pynascent.envs.spaces import Cost


class Widen(Operation):
    name = "widen"

    def shape(self, inputs, attributes):
        return *inputs[0][:-1], inputs[0][-1] * attributes["times"]

    def cost(self, layer, inputs):
        return Cost(parameters=7, flops=11 * layer["times"])



class Noise(Operation):
    def keras(self, site):
        return site.keras.layers.GaussianDropout(site["rate"], name=site.name)


class Nothing(Operation):
    pass
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_operation.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_operation:Widen"
    sys.modules.pop("own_operation", None)


def test_an_operation_by_reference(own):
    builder = NetworkBuilder((8, 8, 3))
    x = builder.layer(own, builder.input, times=4)
    assert builder.shape(x) == (8, 8, 12)
    network = builder.build(builder.dense(builder.global_avg_pool(x), 2))
    assert network.layers[1].op == own and network.layers[1]["times"] == 4
    assert layer_costs(network)[1] == Cost(parameters=7, flops=44)
    assert find_operation(own) is find_operation(own)


def test_an_operation_that_is_registered(own):
    from own_operation import Widen

    try:
        assert register_operation(Widen) is Widen and register_operation(Widen) is Widen
        builder = NetworkBuilder((8, 3))
        assert builder.shape(builder.layer("widen", builder.input, times=2)) == (8, 6)

        class Other(Operation):
            name = "widen"

        with pytest.raises(ValueError, match="operation 'widen' is registered already"):
            register_operation(Other)
    finally:
        OPERATIONS._entries.pop("widen")


def test_a_cost_rule_by_name_alone_still_counts():
    builder = NetworkBuilder((4, 4, 2))
    x = builder.add_layer("mine", (builder.input,), (4, 4, 2))
    network = builder.build(x)
    with pytest.raises(KeyError, match=r"no cost is known for the operation 'mine': known are \['activation'"):
        network_cost(network)
    LAYER_COSTS["mine"] = lambda layer, inputs: Cost(flops=5)
    try:
        assert network_cost(network).flops == 5
    finally:
        LAYER_COSTS.pop("mine")


@pytest.mark.parametrize(("reference", "message"), [
    ("convolution", "operation 'convolution' is unknown"),
    ("no_such_module:Thing", "no_such_module"),
    ("collections:OrderedDict", "name a subclass of Operation"),
])  # fmt: skip
def test_what_is_no_operation(reference, message):
    with pytest.raises(ValueError, match=message):
        NetworkBuilder((4, 4, 2)).layer(reference, 0)


def test_shapes_that_do_not_fit_are_refused():
    builder = NetworkBuilder((4, 4, 2))
    narrow = builder.conv(builder.input, 3, 1)
    for call, message in (
        (lambda: builder.add(builder.input, narrow), "add of shapes"),
        (lambda: builder.concat(builder.input, builder.max_pool(narrow)), "all but the last axis must agree"),
        (lambda: builder.truncate(narrow, 4), "to 4 channels: give 1..3"),
        (lambda: builder.reshape(narrow, (5,)), "the number of values differs"),
        (lambda: builder.scale(narrow, builder.global_avg_pool(builder.input)), "one gate for each channel"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize(("op", "shape", "wanted"), [
    ("shift", (4, 3, 2), (4, 3, 2)), ("blank", (5, 4, 3), (3, 2, 6)), ("input", (2,), (2,)),
])  # fmt: skip
def test_shapes(op, shape, wanted):
    assert OPERATIONS[op].shape([shape], {}) == wanted


def test_own_keras_layers_compute_what_they_say():
    pytest.importorskip("tensorflow")
    from types import SimpleNamespace

    import keras

    site = SimpleNamespace(keras=keras, name="here")
    image = keras.Input((3, 4, 2))
    x = np.arange(24, dtype=np.float32).reshape(1, 3, 4, 2) + 1
    shifted = keras.Model(image, OPERATIONS["shift"].keras(site)(image))(x).numpy()
    np.testing.assert_array_equal(shifted[:, :-1, :-1], x[:, 1:, 1:])
    assert not shifted[:, -1].any() and not shifted[:, :, -1].any()
    blank = keras.Model(image, OPERATIONS["blank"].keras(site)(image))(x).numpy()
    assert blank.shape == (1, 2, 2, 4) and not blank.any()
    gates = keras.Input((2,))
    scaled = keras.Model([image, gates], OPERATIONS["scale"].keras(site)([image, gates]))
    np.testing.assert_array_equal(scaled([x, np.array([[2.0, -1.0]])]).numpy(), x * np.array([2.0, -1.0]))


def test_an_operation_of_ones_own_is_built_in_keras(own):
    pytest.importorskip("tensorflow")
    from pynascent.trainers.keras.builder import build_model

    builder = NetworkBuilder((4, 4, 2))
    x = builder.layer("own_operation:Noise", builder.input, rate=0.1)
    model = build_model(builder.build(builder.dense(builder.global_avg_pool(x), 3)), seed=0)
    assert model.layers[1].name == "l01_own_operation_Noise" and model.layers[1].rate == 0.1
    builder = NetworkBuilder((4, 4, 2))
    network = builder.build(builder.layer("own_operation:Nothing", builder.input))
    with pytest.raises(KeyError, match="no Keras layer is known for the operation 'own_operation:Nothing'"):
        build_model(network)
