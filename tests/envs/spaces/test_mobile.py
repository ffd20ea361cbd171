"""The mobile space: elastic depth, what its parts cost, and its arguments."""

import numpy as np
import pytest

from pynascent.envs.spaces import MobileSpace


def test_blocks_beyond_the_depth_are_dead():
    space = MobileSpace()
    options = space.options(space.largest()) | {"stage2_depth": 2}
    one = space.from_options(options)
    other = space.from_options(options | {"stage2_block3_kernel": 3, "stage2_block3_expansion": 4})
    alive = space.from_options(options | {"stage2_block2_kernel": 3})
    assert space.network(one).layers == space.network(other).layers
    np.testing.assert_array_equal(space.canonical(one), space.canonical(other))
    assert (space.canonical(one) != space.canonical(alive)).any()


def test_distinct_networks_are_as_many_as_documented():
    space = MobileSpace(widths=((8, 16),), strides=(1,))
    rows = np.concatenate(list(space.enumerate()))
    per_stage = 2 * (9 + 9**2 + 9**3)  # widths, then kernel and expansion of one to three blocks
    assert len(np.unique(space.canonical(rows), axis=0)) == per_stage
    assert MobileSpace().size == (2 * 3 * 9**3) ** 3


def test_choices_mean_what_they_say():
    space = MobileSpace()
    row = space.from_options(
        space.options(np.zeros(space.n, dtype=int)) | {"stage2_depth": 3, "stage2_block2_kernel": 7, "stage3_width": 80}
    )
    layers = space.network(row).layers
    depthwise = [layer for layer in layers if layer.op == "depthwise_conv"]
    assert [layer["kernel"][0] for layer in depthwise] == [3, 3, 7, 3, 3]
    assert [layer["stride"] for layer in depthwise] == [1, 2, 1, 1, 2]
    assert [layer.shape for layer in depthwise][-1] == (8, 8, 24 * 3)
    assert layers[-3].shape == (8, 8, 128) and layers[-3].op == "activation"
    assert sum(layer.op == "add" for layer in layers) == 3  # shortcuts where width and size stay, stem 16 → 16 too


def test_a_kernel_per_stage_holds_for_all_its_blocks():
    space = MobileSpace(per="stage", kernels=(3, 5))
    row = space.largest()
    assert space.n == 12
    kernels = [layer["kernel"] for layer in space.network(row).layers if layer.op == "depthwise_conv"]
    assert kernels == [(5, 5)] * 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernels": (3, 4)}, "odd"),
        ({"kernels": ()}, "kernels"),
        ({"depths": (0, 1)}, "depths"),
        ({"strides": (1, 2)}, "3 stages have widths and 2 strides"),
        ({"widths": ((8,), (), (8,))}, "widths of stage 2"),
        ({"per": "layer"}, "block or stage"),
        ({"activation": "tanh"}, "tanh"),
        ({"head": -1}, "head"),
        ({"input_shape": (8, 8)}, "input_shape"),
        ({"depths": (2, 2)}, "twice"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        MobileSpace(**arguments)
