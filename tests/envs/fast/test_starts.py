"""Episode counters whose starts are drawn ahead, and codes after edits: against the plain way of saying it."""

import numpy as np
import pytest

from pynascent.envs.fast.codes import Edits, Prefixes
from pynascent.envs.fast.starts import Episodes
from pynascent.envs.spaces import ChainSpace, NASBench201Space, NASBenchMacroSpace, SearchSpace


def draw_for(seeds):
    """Return a draw that tells lanes (by their seeds) and episodes apart, and the plain code of one of them."""

    def draw(episodes):
        return seeds[:, None] * 1000 + episodes

    return draw


@pytest.mark.parametrize("lanes", [1, 5, 64])
def test_starts_drawn_ahead_are_those_of_their_episodes(lanes):
    rng = np.random.default_rng(lanes)
    episodes, seeds, counts = Episodes(lanes), np.arange(1, lanes + 1), np.full(lanes, -1)
    everyone = np.arange(lanes)
    assert episodes.of(everyone).tolist() == [-1] * lanes
    for _ in range(600):
        rows = np.flatnonzero(rng.random(lanes) < rng.choice([0.1, 0.5, 1.0]))
        kind = rng.choice(["drawn", "plain", "seed"], p=[0.9, 0.08, 0.02])
        if not len(rows):
            continue
        if kind == "seed":  # new seeds, first episode
            seeds[rows] += 100
            episodes.put(rows, -1)
            counts[rows] = -1
        elif kind == "plain":  # given starts: nothing is drawn
            episodes.begin(rows)
            counts[rows] += 1
        else:
            codes = episodes.begin_drawn(rows, draw_for(seeds))
            counts[rows] += 1
            assert codes.tolist() == (seeds[rows] * 1000 + counts[rows]).tolist()
        assert episodes.of(everyone).tolist() == counts.tolist()


def test_without_draws_all_lanes_count_alike():
    episodes = Episodes(4)
    for count in range(3):
        episodes.begin(np.arange(4))
        assert episodes.of(np.arange(4)).tolist() == [count] * 4
    episodes.begin(np.array([2]))
    assert episodes.of(np.arange(4)).tolist() == [2, 2, 3, 2]


@pytest.mark.parametrize(
    "space", [ChainSpace(), NASBench201Space(), NASBenchMacroSpace()], ids=lambda s: type(s).__name__
)
def test_codes_after_edits_are_those_of_the_edited_architectures(space):
    edits = Edits(space)
    rng = np.random.default_rng(0)
    architectures = space.sample(rng, 3000)
    actions = rng.integers(0, len(edits), 3000)
    assert len(edits) == space.cardinalities.sum() + 1
    expected = architectures.copy()
    choices = np.searchsorted(space.offsets, actions, side="right") - 1
    changed = np.flatnonzero(choices < space.n)  # all but those that stop
    expected[changed, choices[changed]] = actions[changed] - space.offsets[choices[changed]]
    codes = edits.apply(SearchSpace.index(space, architectures), actions)
    assert codes.dtype == np.int64 and np.array_equal(SearchSpace.from_index(space, codes), expected)


@pytest.mark.parametrize("space", [ChainSpace(), NASBenchMacroSpace()], ids=lambda s: type(s).__name__)
def test_numbered_prefixes_are_what_they_say(space):
    prefixes = Prefixes(space)
    states = np.arange(prefixes.first[-1])
    rows = prefixes.architectures.astype(np.int64)
    assert prefixes.first[-1] == Prefixes.count(space) and len(np.unique(rows, axis=0)) == len(rows)
    assert np.array_equal(prefixes.encode(rows), states)
    assert np.array_equal((rows >= 0).sum(axis=1), prefixes.level)
    rng = np.random.default_rng(0)
    for state in rng.choice(prefixes.first[-2], 50):
        level = int(prefixes.level[state])
        for action in range(prefixes.width):
            after = prefixes.following[state * prefixes.width + action]
            expected = rows[state].copy()
            if action < space.cardinalities[level]:
                expected[level] = action
            assert np.array_equal(rows[after], expected)
