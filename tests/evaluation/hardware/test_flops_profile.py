"""The analytic cost equals what Keras and TensorFlow's profiler count, operation by operation."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from math import prod

import numpy as np
import pytest

from pynascent.envs.spaces import ChainSpace, Network, NetworkBuilder, layer_costs, network_cost

tf = pytest.importorskip("tensorflow")

from pynascent.evaluation.hardware.flops_profile import MULTIPLY_ACCUMULATE, profile_flops, profile_operations  # noqa: E402
from pynascent.trainers.keras.builder import build_model  # noqa: E402

SPACES = {
    "default": (ChainSpace(), 14),
    "per-block residual": (ChainSpace(residual="per_block"), 9),
    "three stages": (ChainSpace(stages=3, blocks=1), 9),
    "colour, odd size": (ChainSpace(input_shape=(13, 11, 3), classes=7), 9),
    "other widths, no residual": (ChainSpace(stages=1, blocks=3, widths=(3, 12, 20), residual="none"), 9),
}
CASES = {
    f"{name} {k}": (space, row)
    for name, (space, count) in SPACES.items()
    for k, row in enumerate(space.sample(np.random.default_rng(2024), count))
}


def expected_by_type(network: Network) -> dict[str, int]:
    """Count by TensorFlow operation type, from the network's layers and the convention of envs.spaces.cost."""
    counts: Counter[str] = Counter()
    for layer, cost in zip(network.layers, layer_costs(network), strict=True):
        values, channels = prod(layer.shape), layer.shape[-1]
        if layer.op == "batch_norm":
            counts.update(Rsqrt=2 * channels, Sub=channels, AddV2=channels + values, Mul=2 * channels + values)
            continue
        kind = {"conv": "Conv2D", "depthwise_conv": "DepthwiseConv2dNative", "dense": "MatMul"}.get(layer.op)
        if kind:
            counts[kind] += cost.flops
            counts["BiasAdd"] += cost.elementwise_flops
        kind = {"max_pool": "MaxPool", "avg_pool": "AvgPool", "global_avg_pool": "Mean", "add": "AddV2"}.get(layer.op)
        if kind:
            counts[kind] += cost.elementwise_flops
    return {kind: count for kind, count in counts.items() if count}


def check(network: Network) -> dict[str, int]:
    """Compare parameters, counts by type, and counts by layer; return the profiler's counts by type."""
    cost = network_cost(network)
    model = build_model(network)
    assert model.count_params() == cost.parameters
    operations = profile_operations(model)
    profiled: Counter[str] = Counter()
    by_layer: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for operation in operations:
        profiled[operation.type] += operation.flops
        place = re.search(r"/l(\d+)_", operation.name)
        if operation.flops:
            assert place, f"{operation} belongs to no layer"
            by_layer[int(place[1])][operation.type not in MULTIPLY_ACCUMULATE] += operation.flops
    profiled = Counter({kind: flops for kind, flops in profiled.items() if flops})
    assert dict(profiled) == expected_by_type(network)
    assert sum(profiled[kind] for kind in MULTIPLY_ACCUMULATE) == cost.flops
    assert profiled.total() == cost.flops + cost.elementwise_flops
    for index, layer_cost in enumerate(layer_costs(network)):
        assert by_layer[index] == [layer_cost.flops, layer_cost.elementwise_flops], network.layers[index]
    return dict(profiled)


def test_there_are_fifty_architectures_that_use_every_operation():
    assert len(CASES) == 50
    used = {
        option for space, row in CASES.values() for option in space.options(row).values() if isinstance(option, str)
    }
    assert used >= set(ChainSpace().operations) | {"no", "yes"}


@pytest.mark.parametrize(("space", "row"), CASES.values(), ids=CASES)
def test_analytic_cost_equals_keras_and_the_profiler(space, row):
    check(space.network(row))


def test_operations_that_the_chain_space_does_not_use():
    b = NetworkBuilder((9, 8, 4))
    x = b.conv(b.input, 8, (3, 1), stride=2, padding="valid", bias=True)
    x = b.depthwise_conv(x, 3, padding="valid", bias=True)
    x = b.concat(b.avg_pool(x, 2, stride=1), b.zeros(x))
    check(b.build(b.dense(b.global_avg_pool(b.add(x, b.activation(x, "relu"), x)), 3, bias=False)))


def test_grouped_convolutions_are_counted_by_group():
    b = NetworkBuilder((6, 6, 8))
    network = b.build(b.conv(b.input, 12, 3, groups=4))
    assert network_cost(network).flops == 2 * 9 * 2 * 12 * 36
    assert profile_flops(build_model(network)) == {"Conv2D": network_cost(network).flops}


def test_the_sum_is_the_total_of_the_profiler_itself():
    model = build_model(ChainSpace().network([5, 3, 4, 1, 1, 1]))
    function = tf.function(lambda images: model(images, training=False))
    graph = function.get_concrete_function(tf.TensorSpec((1, 8, 8, 1))).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    total = tf.compat.v1.profiler.profile(graph, options=options).total_float_ops
    assert sum(profile_flops(model).values()) == total
