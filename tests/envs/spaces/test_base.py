"""What the base class does for spaces that users define, at the edges."""

import numpy as np
import pytest

from pynascent.envs.spaces import Choice, NetworkBuilder, SearchSpace
from pynascent.envs.spaces import base as base_module


class Bits(SearchSpace):
    """Three bits, of which those sums are allowed that the caller names."""

    def __init__(self, allowed=(0, 1, 2, 3)):
        self.allowed = tuple(allowed)
        super().__init__("bits", [Choice(f"bit{i}", (0, 1)) for i in range(3)])

    def config(self):
        return {"allowed": list(self.allowed)}

    def valid(self, architectures):
        return np.isin(np.atleast_2d(architectures).sum(axis=1), self.allowed)

    def network(self, architecture):
        builder = NetworkBuilder((4, 4, 1))
        x = builder.input
        for bit in self.check(architecture)[0]:
            x = builder.conv(x, 2, 3 if bit else 1)
        return builder.build(builder.dense(builder.global_avg_pool(x), 2))


def test_a_space_without_valid_architectures_says_so(monkeypatch):
    monkeypatch.setattr(base_module, "REJECTIONS", 50)
    with pytest.raises(ValueError, match="Bits must define a sample"):
        Bits(allowed=()).sample(np.random.default_rng(0), 3)
    assert Bits(allowed=()).count() == 0


def test_an_isolated_architecture_has_no_neighbours_and_cannot_be_mutated_by_one(monkeypatch):
    monkeypatch.setattr(base_module, "ATTEMPTS", 50)
    space, rng = Bits(allowed=(0, 3)), np.random.default_rng(0)
    zeros = np.zeros((1, 3), dtype=int)
    assert space.neighbours(zeros).shape == (0, 3)
    with pytest.raises(ValueError, match=r"no valid copy with changes=1 in 50 draws"):
        space.mutate(zeros, rng)
    np.testing.assert_array_equal(space.mutate(zeros, rng, changes=3), [[1, 1, 1]])


def test_a_child_that_no_draw_makes_valid_is_its_first_parent():
    space = Bits(allowed=(0, 3))
    first, second = np.zeros((200, 3), dtype=int), np.ones((200, 3), dtype=int)
    children = space.crossover(first, second, np.random.default_rng(0))
    assert space.valid(children).all() and 0 < children.mean() < 1


def test_the_default_mask_looks_ahead_to_the_last_choice():
    space = Bits(allowed=(0, 3))
    assert space.option_mask([[-1, -1, -1], [1, -1, -1], [0, 0, -1]], [0, 1, 2]).tolist() == [
        [True, True],
        [False, True],
        [True, False],
    ]


def test_the_default_largest_climbs_to_the_top():
    assert Bits().largest().tolist() == [1, 1, 1]
    assert Bits(allowed=(0, 1, 2)).largest().sum() == 2


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ([], "no choices"),
        ([Choice("a", ())], "at least one"),
        ([Choice("a", (1, 1))], "twice"),
        ([Choice("a", (1,)), Choice("a", (2,))], "rename one"),
    ],
)
def test_choices_that_make_no_space_are_refused(choices, message):
    class Given(Bits):
        def __init__(self):
            SearchSpace.__init__(self, "given", choices)

    with pytest.raises(ValueError, match=message):
        Given()
