"""The benchmark's statistics against scipy, statsmodels, moocore and figures computed by hand."""

from itertools import product

import numpy as np
import pytest

from pynascent.evaluation import statistics as ours
from pynascent.scripts.benchmark.pareto import hypervolume, median_attainment, nondominated
from pynascent.scripts.benchmark.report.results import incumbents

stats = pytest.importorskip("scipy.stats")


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    return rng.normal(0.3, 1, 30), rng.normal(0, 1.5, 30)


def test_paired_and_welch_tests_are_scipys(samples):
    x, y = samples
    assert ours.paired_tests(x, y)["t"] == pytest.approx(stats.ttest_rel(x, y).pvalue)
    assert ours.paired_tests(x, y)["wilcoxon"] == pytest.approx(stats.wilcoxon(x, y).pvalue)
    assert ours.welch(x, y[:20]) == pytest.approx(stats.ttest_ind(x, y[:20], equal_var=False).pvalue)


def test_wilcoxon_counts_all_signs_of_few_differences():
    difference = np.array([0.3, -0.1, 0.5, 0.4, 0.2])
    assert ours.wilcoxon(difference) == pytest.approx(stats.wilcoxon(difference, method="exact").pvalue)
    tied = np.array([1.0, 1.0, 2.0, -1.0, 3.0, 0.0])  # ranks 2, 2, 4, −2, 5; the zero is left out
    sums = np.array([np.dot(signs, [2, 2, 4, 2, 5]) for signs in product([1, -1], repeat=5)])
    assert ours.wilcoxon(tied) == pytest.approx((np.abs(sums) >= 11).mean())


def test_wilcoxon_of_many_tied_differences_is_scipys_approximation():
    difference = np.random.default_rng(1).integers(-3, 6, 60) / 10
    expected = stats.wilcoxon(difference[difference != 0], method="approx").pvalue
    assert ours.wilcoxon(difference) == pytest.approx(expected)


def test_no_difference_and_the_same_difference_everywhere():
    x = np.array([0.1, 0.2, 0.3])
    assert ours.paired_tests(x, x) == {"t": 1.0, "wilcoxon": 1.0}
    assert ours.paired_tests(x + 1, x)["t"] == 0.0
    assert ours.welch(np.ones(3), np.ones(4)) == 1.0 and ours.welch(np.ones(3), np.zeros(4)) == 0.0
    assert np.isnan(ours.cohens_d(np.ones(3), np.zeros(3)))


def test_holm_is_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = np.random.default_rng(2).random(15) ** 3
    assert ours.holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1])
    assert ours.holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])


def test_effect_sizes_by_hand():
    x, y = np.array([3.0, 5.0, 4.0]), np.array([1.0, 4.0, 4.0])
    # pooled variance (1 + 3) / 2 = 2, means 4 and 3
    assert ours.cohens_d(x, y) == pytest.approx(1 / np.sqrt(2))
    # of 9 pairs: 3>1, 5>1, 4>1, 5>4, 5>4 are wins, 4=4 twice are halves: (5 + 1) / 9
    assert ours.a12(x, y) == pytest.approx(6 / 9)
    # differences 2, 1, 0: both positive
    assert ours.rank_biserial(x, y) == 1.0
    # differences 1, −2, 3: ranks 1, 2, 3, so (1 + 3 − 2) / 6
    assert ours.rank_biserial(np.array([1.0, 0, 3]), np.array([0.0, 2, 0])) == pytest.approx(1 / 3)


def test_ranks_and_the_critical_difference_are_demsars():
    scores = np.array([[0.9, 0.8, 0.8], [0.7, 0.9, 0.1], [0.5, 0.4, 0.3]])
    assert ours.average_ranks(scores) == pytest.approx([(1 + 2 + 1) / 3, (2.5 + 1 + 2) / 3, (2.5 + 3 + 3) / 3])
    # Demšar (2006), table 5: q0.05 = 2.569 for 4 classifiers, 14 data sets: CD = 1.25
    assert ours.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert ours.critical_difference(2, 10) == pytest.approx(1.960 * np.sqrt(6 / 60), abs=1e-3)
    assert ours.friedman(scores) == pytest.approx(stats.friedmanchisquare(*scores.T).pvalue)
    assert np.isnan(ours.friedman(scores[:, :2]))


def test_cliques_join_what_is_within_the_difference():
    assert ours.cliques(np.array([1.0, 1.8, 2.5, 4.0]), 1.0) == [(0, 1), (1, 2)]
    assert ours.cliques(np.array([1.0, 1.2, 1.4]), 1.0) == [(0, 2)]
    assert ours.cliques(np.array([1.0, 3.0]), 1.0) == []


def test_the_bootstrap_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(200):
        low, high = ours.bootstrap_mean(rng.normal(2, 1, (40, 1)), rng, resamples=500)
        covered.append(low[0] <= 2 <= high[0])
    # 95 % less what a percentile interval of 40 runs lacks; 200 repetitions: ± 4 %
    assert 0.88 <= np.mean(covered) <= 0.99
    low, high = ours.bootstrap_mean(np.ones((1, 5)), rng)
    assert (low == 1).all() and (high == 1).all()


def test_the_share_interval_is_wilsons():
    interval = stats.binomtest(13, 50).proportion_ci(method="wilson")
    assert ours.wilson(13, 50) == pytest.approx((interval.low, interval.high))
    assert ours.wilson(0, 10)[0] == 0.0 and ours.wilson(10, 10)[1] == pytest.approx(1.0)


def test_incumbents_average_over_distinct_ties():
    architectures = np.array([[0], [1], [2], [1], [3]])
    values = np.array([np.nan, 0.5, 0.5, 0.5, 0.4])
    reports = np.array([0.9, 0.1, 0.3, 0.1, 0.8])
    best, report = incumbents(values, reports, architectures)
    assert np.isnan(best[0]) and best[1:] == pytest.approx([0.5] * 4)
    assert np.isnan(report[0]) and report[1:] == pytest.approx([0.1, 0.2, 0.2, 0.2])
    best, report = incumbents(np.array([0.1, 0.3, 0.2]), np.array([1.0, 2.0, 3.0]), np.array([[0], [1], [2]]))
    assert best == pytest.approx([0.1, 0.3, 0.3]) and report == pytest.approx([1.0, 2.0, 2.0])


def test_hypervolume_and_fronts_by_hand():
    pytest.importorskip("moocore")
    points = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [1.0, 1.0], [2.0, 2.0]])
    assert nondominated(points).tolist() == [[1, 3], [2, 2], [3, 1]]
    assert hypervolume(points, np.zeros(2)) == pytest.approx(3 + 2 + 1)
    assert hypervolume(points, np.array([1.0, 1.0])) == pytest.approx(
        1
    )  # points on the reference's edges count nothing
    assert hypervolume(points, np.array([5.0, 5.0])) == 0.0
    # Of three runs, two reach (2, 1) at least, and two (1, 2).
    surface = median_attainment([np.array([[2.0, 1.0]]), np.array([[1.0, 2.0]]), np.array([[2.0, 2.0]])])
    assert sorted(surface.tolist()) == [[1.0, 2.0], [2.0, 1.0]]
