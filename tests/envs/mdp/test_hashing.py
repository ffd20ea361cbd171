"""Counter-based draws: uniform, independent, and the same for one lane as for thousands."""

import warnings

import numpy as np
import pytest

from pynascent.envs.mdp.hashing import below, mix


def chi2(values, bins):
    """Return the chi-squared statistic of integers in 0..bins − 1, standardised (about normal)."""
    counts = np.bincount(values, minlength=bins)
    expected = len(values) / bins
    statistic = ((counts - expected) ** 2 / expected).sum()
    return (statistic - (bins - 1)) / np.sqrt(2 * (bins - 1))


def splitmix64(x):
    """SplitMix64's step as published (Steele, Lea and Flood, 2014), in Python integers."""
    mask = 2**64 - 1
    x = (x + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def test_it_is_splitmix64():
    # First outputs of the reference implementation for the seed 0: its state grows by the golden gamma.
    state, outputs = 0, []
    for _ in range(3):
        outputs.append(splitmix64(state))
        state = (state + 0x9E3779B97F4A7C15) % 2**64
    assert outputs == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    rng = np.random.default_rng(0)
    states, counters = rng.integers(0, 2**64, 1000, dtype=np.uint64), rng.integers(-(2**63), 2**63, 1000)
    expected = [splitmix64(int(s) ^ (int(c) % 2**64)) for s, c in zip(states, counters, strict=True)]
    assert mix(states, counters).tolist() == expected


def test_one_at_a_time_is_all_at_once_and_nothing_warns():
    seeds = np.concatenate([np.arange(-50, 50), [2**63 - 1, -(2**63)]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        together = mix(mix(np.uint64(0), seeds), 3)
        apart = [mix(mix(np.uint64(0), int(seed)), 3) for seed in seeds]
    assert together.dtype == np.uint64 and together.shape == (102,)
    assert together.tolist() == [int(one[0]) for one in apart]
    assert len(set(together.tolist())) == 102


def test_shapes_broadcast_and_inputs_stay_as_they_are():
    state, counter = mix(0, np.arange(4)), np.arange(6)
    before = state.copy(), counter.copy()
    assert mix(state[:, None], counter).shape == (4, 6)
    assert mix(state, 2).shape == (4,) and mix(5, 2).shape == (1,)
    assert (state == before[0]).all() and (counter == before[1]).all()


@pytest.mark.parametrize("bins", (2, 5, 7, 1000, 15_625))
def test_draws_of_neighbouring_seeds_and_steps_are_uniform(bins):
    by_seed = below(mix(mix(np.uint64(0), np.arange(400_000)), 0), bins)
    by_step = below(mix(mix(np.uint64(0), 7), np.arange(400_000)), bins)
    negative = below(mix(mix(np.uint64(0), -np.arange(400_000)), 0), bins)
    for draws in (by_seed, by_step, negative):
        assert draws.min() == 0 and draws.max() == bins - 1
        assert abs(chi2(draws, bins)) < 5


def test_every_bit_is_fair():
    bits = mix(mix(np.uint64(0), np.arange(100_000)), 1)
    ones = [(int(((bits >> np.uint64(k)) & np.uint64(1)).sum())) for k in range(64)]
    assert max(abs(count - 50_000) for count in ones) < 5 * np.sqrt(100_000) / 2


@pytest.mark.parametrize("other", ("seed", "episode", "stream", "step"))
def test_streams_are_independent(other):
    """Pairs of draws that differ by one in one counter fill a 10 × 10 grid evenly."""
    counters = {"seed": np.arange(200_000), "episode": 3, "stream": 1, "step": 5}

    def draw(shift):
        at = {name: value + (shift if name == other else 0) for name, value in counters.items()}
        lane = mix(np.uint64(0), at["seed"])
        return below(mix(mix(lane, at["episode"] * 2**20 + at["stream"]), at["step"]), 10)

    assert abs(chi2(draw(0) * 10 + draw(1), 100)) < 5
    assert abs(np.corrcoef(draw(0), draw(1))[0, 1]) < 5 / np.sqrt(200_000)


def test_no_two_counters_share_a_draw():
    lanes = mix(np.uint64(0), np.arange(1000))
    assert np.unique(mix(lanes[:, None], np.arange(1000))).size == 10**6  # of 2⁶⁴: a repeat has odds of 1 in 10⁷


def test_below_stays_below():
    extremes = np.array([0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1], dtype=np.uint64)
    for bound in (1, 2, 3, 2**16, 2**31, 2**32):
        drawn = below(extremes, bound)
        assert drawn.dtype == np.int64 and drawn.min() == 0 and drawn.max() == bound - 1
    assert below(extremes, np.array([1, 2, 3, 4, 5, 6])).tolist() == [0, 0, 0, 0, 2, 5]
