"""The exact expectation of random search: by hand, by enumeration, and against random searches themselves."""

from itertools import product

import numpy as np
import pytest

from pynascent.scripts.benchmark.expectation import expected_after_draws, expected_curve, expected_within_seconds


def test_after_draws_equals_the_mean_over_all_sequences_of_draws():
    values, reports = np.array([1.0, 2.0, 2.0, 3.0]), np.array([0.4, 0.1, 0.7, 0.9])
    best, reported = [], []
    for drawn in product(range(4), repeat=3):
        top = values[list(drawn)].max()
        best.append(top)
        reported.append(np.mean([reports[i] for i in set(drawn) if values[i] == top]))  # ties among those seen
    found = expected_after_draws(values, 3, reports)
    assert found.value == pytest.approx(np.mean(best)) and found.sd == pytest.approx(np.std(best))
    assert found.report == pytest.approx(np.mean(reported))
    assert expected_curve(values, [1, 3]) == pytest.approx([2.0, np.mean(best)])


def searches(values, reports, costs, seconds):
    """Yield probability, best value, report and number of draws of every search of a budget; one draw must fit."""

    def extend(drawn, left, probability):
        for i in range(len(values)):
            if costs[i] > left:
                yield probability / len(values), drawn
            else:
                yield from extend([*drawn, i], left - costs[i], probability / len(values))

    for probability, drawn in extend([], seconds, 1.0):
        if drawn:
            top = values[drawn].max()
            yield probability, top, np.mean([reports[i] for i in set(drawn) if values[i] == top]), len(drawn)


def test_within_seconds_equals_the_mean_over_all_searches():
    values, reports = np.array([1.0, 2.0, 2.5, 3.0]), np.array([0.4, 0.1, 0.7, 0.9])
    costs = np.array([1.0, 2.0, 3.0, 6.0])  # better costs more; times that the grid has exactly
    p, best, report, draws = np.array(list(searches(values, reports, costs, 8.0))).T
    found = expected_within_seconds(values, costs, 8.0, reports, steps=64)
    p = p / p.sum()
    assert found.value == pytest.approx(p @ best) and found.report == pytest.approx(p @ report)
    assert found.evaluations == pytest.approx(p @ draws)
    assert found.lower == pytest.approx(found.value) and found.upper == pytest.approx(found.value)


def test_ties_that_cost_the_same_are_exact_within_seconds_too():
    values, reports, costs = np.array([1.0, 2.0, 2.0]), np.array([0.4, 0.1, 0.7]), np.array([1.0, 2.0, 2.0])
    p, best, report, _ = np.array(list(searches(values, reports, costs, 6.0))).T
    found = expected_within_seconds(values, costs, 6.0, reports, steps=48)
    assert found.value == pytest.approx(p @ best) and found.report == pytest.approx(p @ report)


def test_only_searches_in_which_a_draw_fits_count():
    values, costs = np.array([1.0, 5.0]), np.array([1.0, 100.0])
    found = expected_within_seconds(values, costs, 2.0, steps=64)
    assert found.value == pytest.approx(1.0) and found.evaluations == pytest.approx((1 * 0.25 + 2 * 0.25) / 0.5)


def test_bounds_hold_the_truth_where_times_are_not_on_the_grid():
    rng = np.random.default_rng(0)
    values, costs = rng.random(50), 1 + rng.random(50)
    coarse = expected_within_seconds(values, costs, 20.0, steps=128)
    fine = expected_within_seconds(values, costs, 20.0, steps=16384)
    assert coarse.lower < fine.lower <= fine.value <= fine.upper < coarse.upper
    assert abs(coarse.value - fine.value) < 0.2 * (coarse.upper - coarse.lower)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (([1.0, np.nan], [1.0, 1.0], 10.0), "none of them NaN"),
        (([1.0, 2.0], [0.0, 1.0], 10.0), "too small"),
        (([1.0, 2.0], [20.0, 30.0], 10.0), "nothing fits"),
    ],
)
def test_what_cannot_be_computed_is_refused(arguments, what):
    with pytest.raises(ValueError, match=what):
        expected_within_seconds(*arguments)
    with pytest.raises(ValueError, match="draws=0"):
        expected_after_draws([1.0], 0)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("NASBench201-CIFAR100", 4e4), ("NASBench201-ImageNet16", 1.2e5), ("NASBench201-CIFAR10", 2e4)],
)
def test_random_search_agrees_with_its_expectation_on_the_real_tables(name, seconds, real_tables):
    """Two-sided: environment, clock, agent, protocol and expectation are right together."""
    from dataclasses import asdict

    from pynascent.scripts.benchmark.benchmark_task import BenchmarkTask
    from pynascent.scripts.benchmark.choices import AgentChoice, TaskChoice
    from pynascent.scripts.benchmark.play import play_record, question_of
    from pynascent.scripts.benchmark.protocols import NATS
    from pynascent.scripts.benchmark.report.results import run_of
    from pynascent.scripts.benchmark.task_statistics import task_statistics

    task = TaskChoice(name, name, {}, None, seconds)
    expected = task_statistics(BenchmarkTask(task, NATS))["random"]
    agent = asdict(AgentChoice("random", "random"))
    runs = [run_of(play_record(question_of(asdict(task), agent, s, asdict(NATS), None, 1, 1))) for s in range(60)]
    for found, known in (
        ([run.best[-1] for run in runs], expected["value"]),
        ([run.report[-1] for run in runs], expected["report"]),
        ([run.evaluations for run in runs], expected["evaluations"]),
    ):
        error = np.std(found, ddof=1) / np.sqrt(len(runs))
        assert abs(np.mean(found) - known) < 3.3 * error  # p = 0.001 for each of the nine
    assert np.std([run.best[-1] for run in runs], ddof=1) == pytest.approx(expected["sd"], rel=0.35)
