"""The random forest against splits found by trying all, scikit-learn's forest, and what it must do by itself."""

import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.agents.model_based.feature_blocks import cost_columns
from pynascent.agents.model_based.random_forest import RandomForest, _best_split, _draw_columns, _Splits
from pynascent.envs.spaces import ChainSpace, SearchSpace

from support.by_hand import numbered


def friedman(count, rng):
    """Ten columns of which five count (Friedman, 1991), with noise."""
    x = rng.random((count, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return x, y + rng.standard_normal(count)


def error_of(splits, split, weight, y):
    """Squared error that a split leaves, infinite where it splits nothing."""
    left = splits.left[:, split] > 0
    if not weight[left].sum() or not weight[~left].sum():
        return np.inf
    return sum((weight[s] * (y[s] - np.average(y[s], weights=weight[s])) ** 2).sum() for s in (left, ~left))


@pytest.mark.parametrize("seed", range(5))
def test_a_split_leaves_least_squared_error(seed):
    rng = np.random.default_rng(seed)
    splits = _Splits(rng.integers(0, 4, size=(12, 5)).astype(np.float64))
    weight, y = rng.integers(1, 4, size=12).astype(np.float64), rng.standard_normal(12)
    allowed = _draw_columns(5, 1, rng)[0][splits.column]
    best = _best_split(splits.left, weight, y - np.average(y, weights=weight), allowed)
    errors = [error_of(splits, split, weight, y) for split in np.flatnonzero(allowed)]
    assert error_of(splits, best, weight, y) == pytest.approx(min(errors))


def test_every_split_reads_half_of_the_columns():
    drawn = _draw_columns(10, 200, np.random.default_rng(0))
    assert (drawn.sum(axis=1) == 5).all()
    assert (drawn.mean(axis=0) > 0.35).all()
    assert _draw_columns(1, 1, np.random.default_rng(0)).all()


def test_it_is_as_good_as_scikit_learns():
    ensemble = pytest.importorskip("sklearn.ensemble")
    ours, theirs = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        (x, y), (new, truth) = friedman(80, rng), friedman(300, rng)
        ours.append(((RandomForest(x, y, 40, rng)(new) - truth) ** 2).mean())
        other = ensemble.RandomForestRegressor(40, max_features=0.5, random_state=seed).fit(x, y)
        theirs.append(((other.predict(new) - truth) ** 2).mean())
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.1)


def test_one_that_matters_among_columns_that_do_not():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, size=(60, 4)).astype(np.float32)
    forest = RandomForest(x, 3.0 * x[:, 2], 30, rng)
    assert forest(np.eye(4, dtype=np.float32)) == pytest.approx([0, 0, 3, 0], abs=0.3)


def test_the_same_seed_grows_the_same_trees():
    x, y = friedman(40, np.random.default_rng(0))
    first, again, other = (RandomForest(x, y, 5, np.random.default_rng(seed))(x) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("columns", [1, 3])
def test_inputs_that_are_all_alike_have_a_mean(columns):
    forest = RandomForest(np.ones((6, columns)), np.arange(6.0), 50, np.random.default_rng(0))
    assert forest(np.ones((2, columns))) == pytest.approx([2.5, 2.5], abs=0.5)


def test_one_input_is_what_it_predicts():
    forest = RandomForest(np.zeros((1, 2)), np.array([7.0]), 3, np.random.default_rng(0))
    assert forest(np.full((4, 2), 5.0)).tolist() == [7.0] * 4


class WithoutArithmetic(ChainSpace):
    cost = SearchSpace.cost


def test_costs_are_read_where_they_are_arithmetic():
    space = ChainSpace()
    rows = space.sample(np.random.default_rng(0), 5)
    assert np.exp(cost_columns(space, rows)[:, 0]) == pytest.approx(space.cost(rows)["flops"], rel=1e-5)
    assert cost_columns(WithoutArithmetic(), rows).shape == (5, 0)


@pytest.mark.parametrize("forest", [-0.1, 1.5])
def test_a_share_is_from_0_to_1(forest):
    with pytest.raises(ValueError, match=r"forest=.*: give a number of at least 0, at most 1"):
        make_agent("bayesian_optimization", forest=forest)


def test_the_forest_is_heard():
    space, asked = ChainSpace(), []
    for forest in (1e-9, 0.5):  # both grow trees, so that both draw alike
        agent = numbered(make_agent("bayesian_optimization", forest=forest))
        agent.begin(space, (), np.random.default_rng(0))
        rows = []
        for _ in range(20):
            row = agent.ask(1)
            agent.tell(row, row.sum(axis=1).astype(float), np.ones(1, dtype=bool), {})
            rows.append(row[0].tolist())
        asked.append(rows)
    assert asked[0][:5] == asked[1][:5]  # uniform draws
    assert asked[0] != asked[1]
