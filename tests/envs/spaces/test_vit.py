"""The vision transformer space: validity, tokens and its arguments."""

import numpy as np
import pytest

from pynascent.envs.spaces import VisionTransformerSpace


def test_validity_is_divisibility():
    space = VisionTransformerSpace(
        patches=(2, 3, 4, 64), widths=(48, 64), heads=(2, 3, 5), depths=(1,), mlp_ratios=(2,)
    )
    valid = {tuple(space.options(row).values()) for row in next(space.enumerate())}
    assert valid == {
        (patch, 1, width, heads, 2)
        for patch in (2, 3, 4, 64)
        for width in (48, 64)
        for heads in (2, 3, 5)
        if 32 % patch == 0 and width % heads == 0
    }
    assert VisionTransformerSpace().size == 288 and VisionTransformerSpace().count() == 240


def test_stages_halve_the_grid_and_choose_for_themselves():
    space = VisionTransformerSpace(stages=2)
    row = space.parse(
        "patch=4 stage1_depth=2 stage1_width=48 stage1_heads=3 stage1_mlp_ratio=2 "
        "stage2_depth=4 stage2_width=128 stage2_heads=4 stage2_mlp_ratio=4"
    )
    layers = space.network(row).layers
    attention = [(layer.shape, layer["heads"]) for layer in layers if layer.op == "attention"]
    assert attention == [((64, 48), 3)] * 2 + [((16, 128), 4)] * 4
    assert [layer.shape[-1] for layer in layers if layer.op == "activation"] == [96] * 2 + [512] * 4


def test_a_patch_must_leave_a_grid_that_can_be_halved():
    space = VisionTransformerSpace(input_shape=(8, 8, 1), patches=(2, 8), stages=2)
    mask = space.option_mask(np.full((1, space.n), -1), np.array([0]))
    assert mask[0, :2].tolist() == [True, False]


def test_attention_costs_its_two_matrix_products():
    space = VisionTransformerSpace(input_shape=(8, 8, 1), patches=(4,), depths=(1, 2), widths=(16,), heads=(2,))
    one, two = space.cost([[0, 0, 0, 0, 0], [0, 1, 0, 0, 0]])["flops"]
    tokens, width = 4, 16
    projections, mlp = 4 * tokens * width**2, 2 * tokens * width * 2 * width
    assert two - one == 2 * (projections + mlp + 2 * tokens**2 * width)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patches": (5,)}, "no architecture is valid"),
        ({"heads": (5, 7)}, "no architecture is valid"),
        ({"stages": 0}, "stages"),
        ({"widths": (16.5,)}, "widths"),
        ({"input_shape": (32, 32)}, "input_shape"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        VisionTransformerSpace(**arguments)
