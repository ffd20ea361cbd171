"""The Gaussian process against closed forms and scipy, its posterior against one computed at once."""

import numpy as np
import pytest

from pynascent.agents.model_based.expected_improvement import expected_improvement
from pynascent.agents.model_based.feature_blocks import FeatureBlocks, squared_distances
from pynascent.agents.model_based.gaussian_process import (
    JITTER,
    LOG_NOISE,
    SIGNAL,
    HyperparameterEnsemble,
    evaluate,
    matern,
    prior_deviation,
    prior_mean,
    signal,
)
from pynascent.agents.model_based.posterior import Posterior
from pynascent.envs.spaces import ChainSpace, NASBench201Space

stats = pytest.importorskip("scipy.stats")


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal((30, 3)).astype(np.float32), rng.standard_normal((30, 2)).astype(np.float32)]
    return blocks, rng.standard_normal(12), rng


def take(blocks, rows):
    return [block[rows] for block in blocks]


def test_matern_is_the_textbook_formula(problem):
    blocks, _, _ = problem
    squared = squared_distances(blocks, blocks)
    lengths = np.array([0.7, 2.0])
    for i, j in ((0, 1), (3, 17), (5, 5)):
        r = np.sqrt(
            5 * sum(((b[i] - b[j]).astype(float) ** 2).sum() / x**2 for b, x in zip(blocks, lengths, strict=True))
        )
        assert matern(squared, lengths)[i, j] == pytest.approx((1 + r + r * r / 3) * np.exp(-r), abs=1e-5)


def test_marginal_likelihood_is_students_t(problem):
    """With mean and variance integrated out, the targets are multivariate t with 2 SIGNAL degrees of freedom."""
    blocks, y, _ = problem
    squared = squared_distances(take(blocks, slice(12)), take(blocks, slice(12))).astype(np.float64)
    thetas = [np.array([0.1, -0.3, -3.0]), np.array([0.9, 0.2, -1.5])]
    differences, expected = [], []
    for theta in thetas:
        covariance = matern(squared, np.exp(theta[:-1])) + 1.0  # the constant mean's prior variance
        covariance[np.diag_indices(12)] = 2.0 + np.exp(theta[-1]) + JITTER
        prior = -0.5 * (((theta - prior_mean(2)) / prior_deviation(2)) ** 2).sum()
        expected.append(stats.multivariate_t(np.zeros(12), covariance, df=2 * SIGNAL).logpdf(y) + prior)
        differences.append(evaluate(squared, y, theta).log_posterior)
    assert differences[0] - differences[1] == pytest.approx(expected[0] - expected[1], abs=1e-6)


def test_posterior_is_the_closed_form_and_appending_changes_nothing(problem):
    blocks, y, rng = problem
    seen, rest = take(blocks, slice(12)), take(blocks, slice(12, 30))
    squared = squared_distances(seen, seen)
    fits = HyperparameterEnsemble(2, 2, rng).fit(squared[:, :7, :7], y[:7], 3)
    grown = Posterior(fits, take(seen, slice(9)), rest)  # 7 fitted, 2 known at once, 3 appended
    for row in range(9, 12):
        grown.append(take(seen, slice(row, row + 1)))
    means, deviations = grown.predict(y)
    for fit, mean, deviation in zip(fits, means, deviations, strict=True):
        k = matern(squared.astype(np.float64), fit.lengths)
        k[np.diag_indices(12)] = 1.0 + fit.noise
        across = matern(squared_distances(seen, rest).astype(np.float64), fit.lengths)
        inverse = np.linalg.inv(np.linalg.cholesky(k))
        level, variance, _ = signal(inverse, y)
        solved = np.linalg.solve(k, across)
        assert mean == pytest.approx(level + solved.T @ (y - level), abs=1e-3)
        exact = np.sqrt(variance * (1.0 - (across * solved).sum(axis=0) + fit.noise))
        assert deviation == pytest.approx(exact, abs=1e-3)


def test_the_chains_stand_where_the_posterior_is(problem):
    """On noisy copies of one value the noise must be found large, on a smooth function small."""
    _, _, rng = problem
    x = [np.linspace(-2, 2, 40)[:, None].astype(np.float32)]
    squared = squared_distances(x, x)
    smooth = np.sin(2 * x[0][:, 0].astype(float))
    found = []
    for y in (smooth / smooth.std(), rng.standard_normal(40)):
        fits = HyperparameterEnsemble(1, 4, np.random.default_rng(1)).fit(squared, y, 150)
        found.append(np.log(np.mean([fit.noise for fit in fits])))
    assert found[0] < LOG_NOISE[0] - 0.5
    assert found[1] > LOG_NOISE[0] + 0.5


@pytest.mark.parametrize("mean, deviation, best", [(0.3, 0.5, 0.4), (1.0, 0.2, 0.0), (-1.0, 0.3, 0.5), (0.0, 1.0, 6.0)])
def test_expected_improvement_is_the_integral(mean, deviation, best):
    grid = np.linspace(best, max(best, mean) + 12 * deviation, 400_001)
    exact = ((grid - best) * stats.norm.pdf(grid, mean, deviation)).sum() * (grid[1] - grid[0])
    found = expected_improvement(np.array([mean]), np.array([deviation]), best)[0]
    assert found == pytest.approx(exact, rel=2e-5)


def test_expected_improvement_ranks_the_hopeless():
    found = expected_improvement(np.array([-30.0, -29.0, -10.0, 50.0]), np.ones(4), 0.0)
    assert (np.diff(found) > 0).all() and found[0] > 0
    assert found[-1] == 50.0


@pytest.mark.parametrize("space", [ChainSpace(), NASBench201Space()], ids=lambda space: space.name)
def test_blocks_have_one_scale_and_know_isomorphism(space):
    rows = space.sample(np.random.default_rng(0), 400)
    blocks = FeatureBlocks(space, rows)
    squared = squared_distances(blocks(rows), blocks(rows))
    assert squared.mean(axis=(1, 2)) == pytest.approx(np.ones(len(blocks)), rel=1e-3)
    for block, same in zip(blocks(rows), blocks(space.canonical(rows)), strict=True):
        assert (block == same).all()
