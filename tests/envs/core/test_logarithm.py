"""Logarithms that do not depend on the processor: the nearest double, for one value and for many."""

from decimal import Context, Decimal

import numpy as np
import pytest

from pynascent.envs.core.quantities.logarithm import ln_at_least_1
from pynascent.envs.tables import TableEvaluator

EXACT = Context(prec=40)


def nearest(values):
    return np.array([float(EXACT.ln(Decimal(value))) for value in values.tolist()])


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.integers(1, 10**7, 3000).astype(float),
        lambda rng: rng.integers(1, 10**12, 3000).astype(float),
        lambda rng: 1.0 + rng.random(3000) * 1e-9,
        lambda rng: 10.0 ** (rng.random(3000) * 300),
    ],
)
def test_it_is_the_double_nearest_to_the_true_logarithm(draw):
    values = draw(np.random.default_rng(0))
    many = ln_at_least_1(values)
    assert many.tolist() == nearest(values).tolist()
    assert [ln_at_least_1(values[i : i + 1])[0] for i in range(300)] == many[:300].tolist()
    assert np.allclose(many, np.log(values), rtol=3e-16)


def test_the_flops_of_nas_digits_keep_the_logarithms_that_numpy_2_gave_them():
    flops = np.unique(TableEvaluator("digits").values("flops"))
    assert len(flops) == 407 and ln_at_least_1(flops).tolist() == nearest(flops).tolist()
    assert ln_at_least_1(np.array([156064.0])).tolist() == [float.fromhex("0x1.7ea81c9e254dap+3")]


@pytest.mark.parametrize("times", [1, 5])
def test_what_is_below_1_counts_as_1_and_what_is_no_number_stays(times):
    values = np.tile([0.0, -3.0, 1.0, 0.5, -np.inf, np.nan, np.inf], times)
    expected = np.tile([0.0, 0.0, 0.0, 0.0, 0.0, np.nan, np.inf], times)
    assert np.array_equal(ln_at_least_1(values), expected, equal_nan=True)
