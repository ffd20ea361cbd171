"""Every space's networks, built in Keras: parameters and FLOPs are those counted, and they train."""

import numpy as np
import pytest

from pynascent.envs.core.evaluation import Status
from pynascent.envs.network.cost import ACTIVATION_FLOPS
from pynascent.envs.spaces import (
    MobileSpace,
    NASBench101Space,
    NASBench201Space,
    NetworkBuilder,
    SearchSpace,
    VisionTransformerSpace,
    network_cost,
)

from support.space_variants import VARIANTS

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")

from pynascent.evaluation.hardware.flops_profile import MULTIPLY_ACCUMULATE, profile_flops  # noqa: E402
from pynascent.trainers.data.datasets import load_dataset  # noqa: E402
from pynascent.trainers.keras.builder import build_model  # noqa: E402
from pynascent.trainers.training.configuration import TrainingConfiguration  # noqa: E402
from pynascent.trainers.training.loop import model_with_weights, train_candidate  # noqa: E402

DIGITS = {"input_shape": (8, 8, 1), "classes": 10}
SPACES_FOR_DIGITS: dict[str, SearchSpace] = {
    "mobile": MobileSpace(strides=(1, 2, 1), kernels=(3, 5), **DIGITS),
    "vit": VisionTransformerSpace(patches=(2, 4), **DIGITS),
    "vit stages": VisionTransformerSpace(patches=(1, 2), stages=2, depths=(1, 2), widths=(32, 48), **DIGITS),
    "nasbench101": NASBench101Space(channels=16, stacks=2, cells=1, **DIGITS),
    "nasbench201": NASBench201Space(channels=8, cells=1, **DIGITS),
}


def assert_counted_as_profiled(network) -> None:
    counted, model = network_cost(network), build_model(network, seed=0)
    assert model.count_params() == counted.parameters
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == counted.trainable_parameters
    profiled = profile_flops(model)
    heavy = sum(flops for kind, flops in profiled.items() if kind in MULTIPLY_ACCUMULATE)
    assert heavy == counted.flops
    assert sum(profiled.values()) - heavy == counted.elementwise_flops


@pytest.mark.parametrize("name", VARIANTS)
def test_parameters_and_flops_are_those_of_keras_and_the_profiler(name):
    space = VARIANTS[name]
    for row in space.sample(np.random.default_rng(11), 3):
        assert_counted_as_profiled(space.network(row))


@pytest.mark.parametrize("function", ACTIVATION_FLOPS)
def test_every_activation_costs_what_the_profiler_says(function):
    builder = NetworkBuilder((6, 5))
    assert_counted_as_profiled(builder.build(builder.activation(builder.input, function)))


@pytest.mark.parametrize("name", SPACES_FOR_DIGITS)
def test_a_random_architecture_trains_one_epoch_on_digits(name):
    """The real data and the real training: all that can move has moved, and the loss has fallen."""
    space, dataset = SPACES_FOR_DIGITS[name], load_dataset("digits")
    row = space.sample(np.random.default_rng(2024))[0]
    network = space.network(row)
    untrained = build_model(network, seed=1)
    assert untrained.count_params() == space.cost(row)["parameters"][0]
    result = train_candidate(
        network, dataset, TrainingConfiguration(learning_rate=1e-3, batch_size=10), epochs=1, seed=1
    )
    assert result.status == Status.OK and len(result.losses) == 1 and np.isfinite(result.losses[0])
    weights = zip(untrained.get_weights(), result.checkpoints[-1], strict=True)
    assert np.mean([not np.array_equal(before, after) for before, after in weights]) > 0.9
    trained = model_with_weights(network, result.checkpoints[-1])
    assert mean_loss(trained, dataset.train) < mean_loss(untrained, dataset.train)


def mean_loss(model, split) -> float:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return float(loss(split.labels, model(split.images, training=False)))


@pytest.mark.parametrize("name", ["vit", "nasbench101"])
def test_models_with_our_own_layers_save_and_load(name, tmp_path):
    space, rng = SPACES_FOR_DIGITS[name], np.random.default_rng(4)
    own = {"position", "attention"} if name == "vit" else {"truncate"}
    row = space.largest()
    if name == "nasbench101":  # three branches share 16 channels: 6 + 5 + 5, and the first feeds the second
        row = space.parse(
            "conv3x3-bn-relu(0) conv1x1-bn-relu(0,1) maxpool3x3(0) conv3x3-bn-relu() conv3x3-bn-relu() output(1,2,3)"
        )
    network = space.network(row)
    assert own <= {layer.op for layer in network.layers}
    model = build_model(network, seed=5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = rng.normal(size=(3, *network.input_shape)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(loaded(images)), np.asarray(model(images)))


def test_attention_is_keras_own_multi_head_attention():
    """With the same weights, our projections and products give what `keras.layers.MultiHeadAttention` gives."""
    tokens, width, heads = 6, 8, 2
    builder = NetworkBuilder((tokens, width))
    query, key, value = (builder.dense(builder.input, width) for _ in range(3))
    model = build_model(builder.build(builder.dense(builder.attention(query, key, value, heads), width)), seed=3)
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=weight.shape).astype(np.float32) for weight in model.get_weights()]
    model.set_weights(weights)
    theirs = keras.layers.MultiHeadAttention(heads, width // heads)
    x = rng.normal(size=(2, tokens, width)).astype(np.float32)
    theirs(x, x)
    theirs.set_weights([w.reshape(old.shape) for w, old in zip(weights, theirs.get_weights(), strict=True)])
    np.testing.assert_allclose(np.asarray(model(x)), np.asarray(theirs(x, x)), rtol=2e-5, atol=2e-5)


def test_truncate_keeps_the_first_channels_and_refuses_more_than_there_are():
    builder = NetworkBuilder((2, 2, 5))
    model = build_model(builder.build(builder.truncate(builder.input, 3)))
    x = np.arange(20, dtype=np.float32).reshape(1, 2, 2, 5)
    np.testing.assert_array_equal(np.asarray(model(x)), x[..., :3])
    with pytest.raises(ValueError, match=r"give 1\.\.5"):
        builder.truncate(builder.input, 6)


def test_heads_must_divide_the_features():
    builder = NetworkBuilder((4, 10))
    with pytest.raises(ValueError, match="4 heads do not divide"):
        builder.attention(0, 0, 0, 4)
