"""What is known of a task beforehand: feasible first, metrics in their directions, random search as it draws."""

import numpy as np
import pytest

from pynascent.envs.core.evaluation import METRICS, Metric
from pynascent.envs.spaces import ChainSpace, space_from_config
from pynascent.envs.tables import MetricData, TableData
from pynascent.scripts.benchmark.benchmark_task import BenchmarkTask
from pynascent.scripts.benchmark.choices import TaskChoice
from pynascent.scripts.benchmark.protocols import NATS, TASK
from pynascent.scripts.benchmark.task_statistics import task_statistics

pytest.importorskip("moocore")

CONSTRAINED = {"terms": {"accuracy": 1, "ln_flops": -0.3}, "constraints": ["flops<=3e5"]}


def digits(evaluations=100, seconds=None, objective=None) -> BenchmarkTask:
    return BenchmarkTask(TaskChoice("Digits", "Digits", {}, evaluations, seconds), TASK, objective)


def draws(task: BenchmarkTask, searches: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values, reports and costs of uniform draws from the space, ``(searches, count)`` each."""
    space, rng = task.evaluator.space, np.random.default_rng(0)
    drawn = space.sample(rng, searches * count)
    seen = task.look_up(drawn)
    assert seen is not None
    judged = task.judge(drawn, seen)
    shape = (searches, count)
    return judged.value.reshape(shape), judged.report.reshape(shape), np.asarray(seen.cost_seconds).reshape(shape)


def test_random_search_draws_a_row_as_often_as_its_class_is_large():
    task = digits()
    space = task.evaluator.space
    forms, sizes = np.unique(space.canonical(np.concatenate(list(space.enumerate()))), axis=0, return_counts=True)
    assert len(forms) == 3826 < space.size == sizes.sum() and sizes.max() > 1
    expected = task_statistics(task)["random"]
    assert expected["value"] == pytest.approx(0.1102, abs=5e-5)  # 0.1072 if all rows were alike
    values, reports, _ = draws(task, 4000, 100)
    best = values.max(axis=1)
    assert abs(best.mean() - expected["value"]) < 4 * best.std() / np.sqrt(len(best))
    assert best.std() == pytest.approx(expected["sd"], rel=0.05)
    found = reports[np.arange(len(reports)), values.argmax(axis=1)]
    assert abs(found.mean() - expected["report"]) < 4 * found.std() / np.sqrt(len(found))


def test_random_search_within_seconds_draws_so_too():
    task = digits(evaluations=None, seconds=60.0)
    expected = task_statistics(task)["random"]
    values, _, costs = draws(task, 4000, 250)
    ends = costs.cumsum(axis=1)
    assert (ends[:, -1] > 60.0).all()
    in_time = np.where(ends <= 60.0, values, -np.inf)
    best, count = in_time.max(axis=1), (ends <= 60.0).sum(axis=1)
    assert abs(best.mean() - expected["value"]) < 4 * best.std() / np.sqrt(len(best))
    assert abs(count.mean() - expected["evaluations"]) < 4 * count.std() / np.sqrt(len(count))


def test_what_breaks_a_constraint_is_never_the_optimum():
    task = digits(objective=CONSTRAINED)
    found = task_statistics(task)
    assert found["optimum"] == pytest.approx(-2.20304, abs=1e-5)  # the reward of what breaks it, −1, is above
    assert 0 < found["feasible"] < found["architectures"] == 3826
    assert all(target <= found["optimum"] for target in found["targets"].values())
    evaluator = task.evaluator
    rows = evaluator.architectures()
    seen = task.look_up(rows)
    assert seen is not None
    judged, flops = task.judge(rows, seen), seen["flops"]
    assert np.array_equal(np.isnan(judged.value), flops > 3e5)
    assert np.array_equal(np.isnan(judged.terms).any(axis=1), flops > 3e5)
    np.testing.assert_allclose(judged.violation, np.maximum(flops / 3e5 - 1, 0), atol=1e-12)
    # The front is one of feasible architectures.
    assert max(-point[1] for point in found["front"]) <= 0.3 * np.log(3e5) + 1e-9
    expected = found["random"]
    values, _, _ = draws(task, 4000, 100)
    best = np.where(np.isnan(values), -np.inf, values).max(axis=1)
    assert np.isinf(best).mean() == pytest.approx(expected["nothing"], abs=0.01)
    best = best[np.isfinite(best)]
    assert abs(best.mean() - expected["value"]) < 4 * best.std() / np.sqrt(len(best))


def test_a_strict_constraint_leaves_searches_without_a_value():
    task = digits(evaluations=5, objective={"terms": {"accuracy": 1}, "constraints": ["accuracy>=0.9"]})
    expected = task_statistics(task)["random"]
    values, _, _ = draws(task, 4000, 5)
    nothing = np.isnan(values).all(axis=1)
    assert 0.02 < nothing.mean() < 0.98
    assert abs(nothing.mean() - expected["nothing"]) < 4 * np.sqrt(expected["nothing"] / len(nothing))
    best = np.nanmax(values[~nothing], axis=1)
    assert abs(best.mean() - expected["value"]) < 4 * best.std() / np.sqrt(len(best))


@pytest.fixture(scope="module")
def losses(tmp_path_factory):
    """A table that is searched by a loss, at 12 and 200 epochs."""
    space = space_from_config({"space": "nasbench_macro"})
    architectures = np.concatenate(list(space.enumerate()))
    rng = np.random.default_rng(0)
    loss = rng.uniform(0.2, 2.3, (len(architectures), 2, 1))
    test = loss + rng.normal(0, 0.05, loss.shape)
    seconds = np.broadcast_to(np.array([120.0, 2000.0])[None, :, None], loss.shape)
    metrics = [
        MetricData(Metric("validation_loss", "nats", "validation", 0.0, np.inf), loss, epochs=(12, 200)),
        MetricData(Metric("test_loss", "nats", "test", 0.0, np.inf), test, epochs=(12, 200)),
        MetricData(METRICS["training_seconds"], seconds, epochs=(12, 200)),
    ]
    data = TableData(
        name="Losses",
        space=space,
        architectures=architectures,
        metrics=metrics,
        search_metric="validation_loss",
        cost_metric="training_seconds",
    )
    path = tmp_path_factory.mktemp("tables") / "Losses.nastable"
    data.write(path)
    return path, loss, test


@pytest.mark.parametrize("protocol", [TASK, NATS])
def test_less_of_a_loss_is_better_and_it_is_no_percentage(losses, protocol):
    path, loss, test = losses
    task = BenchmarkTask(TaskChoice("Losses", "Table", {"table": str(path)}, 50), protocol)
    found = task_statistics(task)
    column = 0 if protocol is NATS else 1
    best = loss[:, column, 0].argmin()
    assert found["value"] == {"label": "validation loss (nats)", "factor": -1.0}
    assert found["value"]["factor"] * found["optimum"] == pytest.approx(loss[best, column, 0])
    assert found["report"] == {"label": "test loss (nats)", "factor": -1.0}
    assert found["report_at_optimum"] == pytest.approx(test[best, 1, 0])
    assert found["best_report"] == pytest.approx(test[:, 1, 0].min())


def test_an_accuracy_is_shown_in_per_cent_and_a_sum_of_terms_is_a_reward():
    assert task_statistics(digits(objective={"accuracy": 1}))["value"] == {
        "label": "validation accuracy (%)",
        "factor": 100.0,
    }
    assert task_statistics(digits())["value"] == {"label": "reward", "factor": 1.0}
    assert task_statistics(digits(objective={"latency_ms": -1}))["value"] == {
        "label": "latency ms (ms)",
        "factor": -1.0,
    }


def test_every_metric_that_is_not_of_the_test_split_is_kept():
    task = digits(objective={"accuracy": 1})
    assert {"isi_spearman", "latency_ms", "latency_batch64_ms", "parameters"} <= set(task.evaluator.metrics)


def test_a_space_that_draws_otherwise_has_no_exact_expectation(tmp_path):
    class Skewed(ChainSpace):
        def sample(self, rng, size=1):
            return super().sample(rng, size) // 2 * 2

    task = digits()
    task.evaluator.space = Skewed()
    assert "random" not in task_statistics(task)
