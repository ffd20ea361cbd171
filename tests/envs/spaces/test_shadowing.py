"""Attributes that hide a method of the search space are refused where they are made."""

import pytest

from pynascent.envs.spaces import ChainSpace


@pytest.mark.parametrize("name", ["features", "sample", "network", "cost"])
def test_an_attribute_that_hides_a_method_is_one_clear_error(name):
    class Own(ChainSpace):
        def __init__(self):
            super().__init__()
            setattr(self, name, 12)

    with pytest.raises(ValueError, match=rf"Own\.{name} hides the method {name}\(\)"):
        Own()
    with pytest.raises(ValueError, match=rf"Shadow\.{name} hides"):
        type("Shadow", (ChainSpace,), {name: 12})


def test_methods_and_other_names_stay_free():
    class Own(ChainSpace):
        inputs = 12

        def features(self, architectures):
            return super().features(architectures)

    space = Own()
    space.outputs = 3
    space.cost = lambda rows: {}
    assert space.inputs == 12 and space.cost(None) == {}
