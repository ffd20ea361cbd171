"""The NAS-Bench-Macro space against the published figures of all 6,561 networks."""

import json
from itertools import product

import numpy as np
import pytest

from pynascent.envs.spaces import NASBenchMacroSpace

from support.shared_data import shared_data


@pytest.fixture(scope="module")
def published():
    return json.loads(shared_data("nas-bench-macro_cifar10.json").read_text(encoding="utf-8"))


def test_keys_are_the_strings_in_order():
    space = NASBenchMacroSpace()
    rows = next(space.enumerate())
    keys = ["".join(digits) for digits in product("012", repeat=8)]
    assert [space.to_string(row) for row in rows] == keys
    np.testing.assert_array_equal([space.parse(key) for key in keys], rows)


@pytest.mark.parametrize("text", ["0201210", "020121000", "02012103", "0201 100", "²0000000"])
def test_other_texts_are_no_keys(text):
    with pytest.raises(ValueError, match="8 digits"):
        NASBenchMacroSpace().parse(text)


def test_there_are_3969_distinct_networks():
    space = NASBenchMacroSpace()
    assert len(np.unique(space.canonical(next(space.enumerate())), axis=0)) == 3969


def test_flops_and_parameters_equal_the_published_ones_of_all_networks(published):
    space = NASBenchMacroSpace()
    assert len(published) == space.size == 6561
    cost = space.cost([space.parse(key) for key in published])
    np.testing.assert_array_equal(cost["flops"], [2 * row["flops"] for row in published.values()])
    np.testing.assert_array_equal(cost["trainable_parameters"], [row["params"] for row in published.values()])


def test_isomorphic_keys_share_their_published_trainings(published):
    """The benchmark trained one of each class and copied its results: our classes are its own."""
    space = NASBenchMacroSpace()
    forms = space.canonical([space.parse(key) for key in published])
    for row, form in zip(published.values(), forms, strict=True):
        assert published[space.to_string(form)]["test_acc"] == row["test_acc"]
