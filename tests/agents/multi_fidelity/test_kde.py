"""The categorical kernel densities and the good/bad split, against values worked out by hand."""

from itertools import product

import numpy as np
import pytest

from pynascent.agents.multi_fidelity.kde import (
    CategoricalKDE,
    GoodBadModel,
    Observations,
    categorical_reference,
    normal_reference,
)

CARDINALITIES = np.array([3, 2])


def test_normal_reference_is_statsmodels_rule():
    data = np.array([[0, 0], [2, 0], [2, 1], [0, 1]])
    # σ is 1 and ½; 1.06 σ 4^(−1/6)
    assert normal_reference(data, CARDINALITIES) == pytest.approx(1.06 * np.array([1.0, 0.5]) * 4 ** (-1 / 6))


def test_normal_reference_agrees_with_statsmodels():
    nonparametric = pytest.importorskip("statsmodels.nonparametric.kernel_density")
    data = np.random.default_rng(0).integers(0, [5, 5, 3], size=(20, 3))
    theirs = nonparametric.KDEMultivariate(data=data, var_type="uuu", bw="normal_reference")
    assert normal_reference(data, np.array([5, 5, 3])) == pytest.approx(theirs.bw)
    # Where every option occurs in the data and no bandwidth is clipped, the densities agree too.
    data = np.random.default_rng(1).integers(0, 2, size=(40, 3))
    theirs = nonparametric.KDEMultivariate(data=data, var_type="uuu", bw="normal_reference")
    assert (theirs.bw < 0.5).all()
    queries = np.array(list(product(range(2), repeat=3)))
    assert CategoricalKDE(data, np.array([2, 2, 2])).pdf(queries) == pytest.approx(theirs.pdf(queries))


def test_categorical_reference_is_the_uniform_bandwidth_shrunk():
    agreeing, spread = np.zeros((4, 2), dtype=int), np.array([[0, 0], [1, 1], [2, 0], [2, 1]])
    expected = np.array([2 / 3, 1 / 2]) * 4 ** (-2 / 6)
    assert categorical_reference(spread, CARDINALITIES) == pytest.approx(expected)
    assert categorical_reference(agreeing, CARDINALITIES) == pytest.approx(expected)


def test_density_by_hand():
    kde = CategoricalKDE(np.array([[0, 1], [2, 1]]), CARDINALITIES, min_bandwidth=0.1)
    # choice 0: σ = 1, 1.06 · 2^(−1/6) = 0.944, clipped to ⅔; choice 1: σ = 0, raised to 0.1
    assert kde.bandwidths == pytest.approx([2 / 3, 0.1])
    # kernels of choice 0 are uniform, ⅓; of choice 1: 0.9 on option 1, 0.1 on option 0
    assert kde.pdf(np.array([[0, 1], [1, 1], [1, 0]])) == pytest.approx([0.3, 0.3, 0.1 / 3])


@pytest.mark.parametrize("bandwidth", ["normal_reference", "categorical"])
def test_density_sums_to_one_and_unseen_options_are_finite(bandwidth):
    cardinalities = np.array([5, 1, 3])
    data = np.array([[4, 0, 0], [4, 0, 1], [3, 0, 1]])
    everything = np.array(list(product(range(5), range(1), range(3))))
    density = CategoricalKDE(data, cardinalities, bandwidth=bandwidth).pdf(everything)
    assert np.isfinite(density).all() and (density > 0).all()
    assert density.sum() == pytest.approx(1.0)


def test_samples_keep_an_option_with_one_minus_bandwidth():
    data, cardinalities = np.array([[0, 0], [0, 0]]), np.array([4, 2])
    kde = CategoricalKDE(data, cardinalities, min_bandwidth=0.4)
    drawn = kde.sample(np.random.default_rng(0), 40_000)
    # kept, or drawn again uniformly: 0.6 + 0.4 / k
    assert (drawn == 0).mean(axis=0) == pytest.approx([0.6 + 0.1, 0.6 + 0.2], abs=0.01)


def fit(count, d=3, **options):
    rng = np.random.default_rng(count)
    rows, losses = rng.integers(0, 4, size=(count, d)), rng.permutation(count).astype(float)
    return rows, losses, GoodBadModel.fit(rows, losses, np.full(d, 4), **options)


def test_first_fit_is_at_twice_d_plus_one():
    assert fit(7)[2] is None
    rows, losses, model = fit(8)
    order = np.argsort(losses)
    assert np.array_equal(model.good.data, rows[order[:4]])
    assert np.array_equal(model.bad.data, rows[order[4:]])


@pytest.mark.parametrize(("count", "good", "bad"), [(20, 4, 16), (40, 6, 34), (101, 15, 85)])
def test_split_is_15_and_85_percent(count, good, bad):
    model = fit(count)[2]
    assert (len(model.good.data), len(model.bad.data)) == (good, bad)


def test_failed_ones_are_bad_and_ties_keep_their_order():
    rows = np.arange(8)[:, None] % 4
    losses = np.array([np.inf, 1, 1, 1, 1, 0, np.inf, 1])
    model = GoodBadModel.fit(rows, losses, np.array([4]), min_points=3)
    assert model.good.data[:, 0].tolist() == [5 % 4, 1, 2]
    assert model.bad.data[:, 0].tolist() == [3, 0, 3, 0, 2]


def test_proposal_has_the_best_ratio_of_the_draws():
    model = fit(60)[2]
    proposed = model.propose(np.random.default_rng(5), 64)
    drawn = model.good.sample(np.random.default_rng(5), 64)
    ratio = model.bad.pdf(drawn) / model.good.pdf(drawn)
    assert np.array_equal(proposed, drawn[np.argmin(ratio)])
    assert model.propose(np.random.default_rng(5), 64, lambda rows: np.zeros(len(rows), bool)) is None
    only = model.propose(np.random.default_rng(5), 64, lambda rows: rows[:, 0] == drawn[7, 0])
    assert only[0] == drawn[7, 0]


def test_observations_grow():
    observed = Observations(2)
    for i in range(50):
        observed.add(np.array([i, -i]), float(i))
    assert len(observed) == 50
    assert np.array_equal(observed.configurations[:, 1], -np.arange(50))
    assert np.array_equal(observed.losses, np.arange(50.0))
