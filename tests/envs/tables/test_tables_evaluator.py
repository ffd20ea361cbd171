"""The table evaluator: every answer is the number that was written, and costs microseconds."""

import copy
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest

from pynascent.envs.core.evaluation import METRICS, Evaluation, Evaluator, Metric, TabularEvaluator
from pynascent.envs.spaces import ChainSpace, SearchSpace
from pynascent.envs.tables import (
    MEAN_SEED,
    CategoricalSpace,
    MetricData,
    Table,
    TableData,
    TableError,
    TableEvaluator,
    verify_table,
)


@pytest.fixture
def evaluator(written) -> TableEvaluator:
    return TableEvaluator(written)


def expected(known, rows, epochs, seeds):
    """Look the accuracy up in the arrays as they were given, the slow way."""
    found = []
    for row, e, s in zip(rows, epochs, seeds, strict=True):
        own = known.accuracy[row, known.EPOCHS.index(e)]
        own = own[~np.isnan(own)]
        found.append(own.mean() if s == MEAN_SEED else own[s % len(own)])
    return np.array(found)


def test_it_is_an_evaluator(evaluator, known):
    assert isinstance(evaluator, Evaluator)
    assert evaluator.space == known.space
    assert evaluator.fidelities == (1, 9, 27)
    assert evaluator.seeds == (0, 1, 2)
    assert evaluator.search_metric == "validation_accuracy"
    assert evaluator.metrics["validation_accuracy"] == METRICS["validation_accuracy"]


@pytest.mark.parametrize("b", [1, 2, 72, 500])
@pytest.mark.parametrize("mixed", ["neither", "epochs", "seeds", "both"])
def test_answers_are_what_was_written(evaluator, known, b, mixed):
    rng = np.random.default_rng(b)
    rows = rng.integers(len(known.architectures), size=b)
    epochs = rng.choice(known.EPOCHS, b) if mixed in ("epochs", "both") else np.full(b, 9)
    seeds = rng.integers(-1, 3, b) if mixed in ("seeds", "both") else np.full(b, 1)
    result = evaluator.evaluate(known.architectures[rows], epochs, seeds)
    assert len(result) == b and result.ok.all()
    np.testing.assert_allclose(result["validation_accuracy"], expected(known, rows, epochs, seeds), rtol=1e-15)
    place = np.searchsorted(known.EPOCHS, epochs)
    np.testing.assert_array_equal(result["training_seconds"], known.seconds[rows, place, 0])
    np.testing.assert_array_equal(result.cost_seconds, known.seconds[rows, place, 0])
    np.testing.assert_array_equal(result["flops"], known.flops[rows])
    np.testing.assert_array_equal(result["edge_latency_ms"], known.edge[rows])
    isi = np.where(seeds == MEAN_SEED, known.isi[rows, 0].mean(axis=1), known.isi[rows, 0, seeds])
    # Known at 27 epochs alone: NaN elsewhere, never another fidelity's number.
    np.testing.assert_allclose(result["isi"], np.where(epochs == 27, isi, np.nan), rtol=1e-15)
    np.testing.assert_array_equal(result.epochs, epochs)
    np.testing.assert_array_equal(result.seed, seeds)
    assert all(result[name].dtype == np.float64 for name in result.metrics)


def test_one_row_at_a_time_is_the_same_as_a_batch(evaluator, known):
    rng = np.random.default_rng(0)
    architectures = known.space.sample(rng, 60)
    epochs, seeds = rng.choice(known.EPOCHS, 60), rng.integers(-1, 3, 60)
    batch = evaluator.evaluate(architectures, epochs, seeds)
    single = Evaluation.concatenate(
        [evaluator.evaluate(architectures[i : i + 1], epochs[i : i + 1], seeds[i : i + 1]) for i in range(60)]
    )
    for name in batch.metrics:
        np.testing.assert_array_equal(single[name], batch[name])
    np.testing.assert_array_equal(single.cost_seconds, batch.cost_seconds)
    assert single.row(3) == batch.row(3)


def test_results_do_not_change_with_the_callers_arrays(evaluator, known):
    architectures, epochs, seeds = known.architectures[:4].copy(), np.full(4, 9), np.zeros(4, dtype=np.int64)
    result = evaluator.evaluate(architectures, epochs, seeds)
    architectures[:], epochs[:], seeds[:] = 0, 1, 2
    again = evaluator.evaluate(known.architectures[:4], np.full(4, 9), np.zeros(4, dtype=np.int64))
    np.testing.assert_array_equal(result["validation_accuracy"], again["validation_accuracy"])
    assert result.epochs.tolist() == [9] * 4


def test_other_integer_types_strides_and_empty_batches(evaluator, known):
    plain = evaluator.evaluate(known.architectures[:6], np.full(6, 9), np.ones(6, dtype=int))
    for architectures in (
        known.architectures[:6].astype(np.int8),
        np.asfortranarray(known.architectures[:6]),
        known.architectures[:6].tolist(),
    ):
        result = evaluator.evaluate(architectures, [9] * 6, [1] * 6)
        np.testing.assert_array_equal(result["validation_accuracy"], plain["validation_accuracy"])
    nothing = np.empty(0, dtype=np.int64)
    empty = evaluator.evaluate(np.empty((0, known.space.n), dtype=np.int64), nothing, nothing)
    assert len(empty) == 0
    assert empty["validation_accuracy"].shape == (0,)


@pytest.mark.parametrize("b", [1, 5])
def test_what_is_not_there_is_named(evaluator, known, b):
    architectures, epochs, seeds = known.architectures[:b], np.full(b, 9), np.zeros(b, dtype=np.int64)
    with pytest.raises(TableError, match="epochs=10: the table 'known' has 1, 9, 27"):
        evaluator.evaluate(architectures, np.full(b, 10), seeds)
    for seed in (3, -2):
        with pytest.raises(TableError, match=f"seed={seed}: .* the trainings 0 to 2, and -1"):
            evaluator.evaluate(architectures, epochs, np.full(b, seed))
    for option, position in ((99, 0), (-1, 1), (2, known.space.n - 2)):
        wrong = architectures.copy()
        wrong[-1, position] = option
        with pytest.raises(ValueError, match=f"has option {option} for"):
            evaluator.evaluate(wrong, epochs, seeds)
    with pytest.raises(ValueError, match="integer arrays of shape"):
        evaluator.evaluate(architectures[:, :-1], epochs, seeds)
    with pytest.raises(TableError, match="each needs"):
        evaluator.evaluate(architectures, np.full(b + 1, 9), seeds)
    with pytest.raises(KeyError, match="no metric 'accuracy' in this evaluation: there are validation_accuracy"):
        evaluator.evaluate(architectures, epochs, seeds)["accuracy"]


def test_a_partial_table_names_what_it_lacks(known, tmp_path):
    data = known.data(architectures=known.architectures[:30], partial=True)
    for metric in data.metrics:
        metric.values = metric.values[:30]
    evaluator = TableEvaluator(data.write(tmp_path / "part.nastable"), missing="error")
    assert evaluator.covers(known.architectures).tolist() == [True] * 30 + [False] * 42
    for b in (1, 3):
        with pytest.raises(TableError) as error:
            evaluator.evaluate(known.architectures[30 : 30 + b], np.full(b, 9), np.zeros(b, dtype=np.int64))
        assert known.space.to_string(known.architectures[30]) in str(error.value)
        assert "covers 30 architectures" in str(error.value)
    result = evaluator.evaluate(known.architectures[:30], np.full(30, 27), np.zeros(30, dtype=np.int64))
    np.testing.assert_array_equal(result["flops"], known.flops[:30])
    rows = evaluator.rows(known.architectures[:30])
    np.testing.assert_array_equal(evaluator.architectures()[rows], known.architectures[:30])
    np.testing.assert_array_equal(evaluator.values("flops")[rows], known.flops[:30])
    whole = evaluator.column("flops")
    np.testing.assert_array_equal(whole[known.space.index(known.architectures[:30])], known.flops[:30])
    assert np.isnan(whole[known.space.index(known.architectures[30:])]).all()


def test_isomorphic_architectures_keep_their_own_results(known, evaluator):
    canonical = known.space.canonical(known.architectures)
    other = (canonical != known.architectures).any(axis=1)
    assert other.sum() > 5
    b = len(canonical)
    own = evaluator.evaluate(known.architectures, np.full(b, 9), np.zeros(b, dtype=np.int64))["flops"]
    np.testing.assert_array_equal(own, known.flops)


def test_a_table_of_canonical_forms_stands_for_their_classes(known, tmp_path):
    canonical = (known.space.canonical(known.architectures) == known.architectures).all(axis=1)
    data = known.data(architectures=known.architectures[canonical], canonical=True)
    for metric in data.metrics:
        metric.values = metric.values[canonical]
    table = data.write(tmp_path / "canonical.nastable")
    assert table.header.rows == canonical.sum() < 72
    evaluator = TableEvaluator(table)
    forms = known.space.canonical(known.architectures)
    arguments = np.full(72, 27), np.full(72, 2)
    result, of_forms = evaluator.evaluate(known.architectures, *arguments), evaluator.evaluate(forms, *arguments)
    for name in result.metrics:
        np.testing.assert_array_equal(result[name], of_forms[name])
    index = known.space.index(known.architectures)
    np.testing.assert_array_equal(evaluator.column("flops")[index], result["flops"])
    np.testing.assert_array_equal(evaluator.column("cost_seconds", 27, 2)[index], result.cost_seconds)
    assert len(evaluator.values("flops")) == canonical.sum()
    one = evaluator.evaluate(known.architectures[:1], *(a[:1] for a in arguments))
    assert one["flops"][0] == result["flops"][0]
    assert len(list(verify_table(table, known.space))) > 3


def test_columns_of_the_whole_table(evaluator, known):
    place = known.space.index(known.architectures)
    np.testing.assert_array_equal(evaluator.column("flops")[place], known.flops)
    np.testing.assert_array_equal(evaluator.column("training_seconds", 9, 0)[place], known.seconds[:, 1, 0])
    mean = evaluator.column("validation_accuracy")[place]  # largest epochs, mean over trainings
    np.testing.assert_allclose(mean, np.nanmean(known.accuracy[:, 2], axis=1), rtol=1e-15)
    first = evaluator.column("validation_accuracy", 1, 0)[place]
    np.testing.assert_array_equal(first, known.accuracy[:, 0, 0])
    np.testing.assert_array_equal(evaluator.architectures(), known.space.from_index(np.arange(72)))
    with pytest.raises(TableError, match="no metric 'loss'"):
        evaluator.column("loss")
    np.testing.assert_array_equal(evaluator.column("cost_seconds", 9, 2)[place], known.seconds[:, 1, 0])
    assert np.isnan(evaluator.column("isi", 9)).all()  # a fidelity of the table at which isi is not known
    with pytest.raises(TableError, match="'isi' is known at 27"):
        evaluator.column("isi", 10)
    with pytest.raises(TableError, match="seed=3"):
        evaluator.column("isi", 27, 3)


def test_columns_are_what_is_evaluated(evaluator, known):
    assert isinstance(evaluator, TabularEvaluator)
    architectures = known.space.from_index(np.arange(72))
    for epochs in evaluator.fidelities:
        for seed in (MEAN_SEED, 0, 1, 2):
            result = evaluator.evaluate(architectures, np.full(72, epochs), np.full(72, seed))
            for name in evaluator.metrics:
                np.testing.assert_array_equal(evaluator.column(name, epochs, seed), result[name])
            np.testing.assert_array_equal(evaluator.column("cost_seconds", epochs, seed), result.cost_seconds)


def test_offered_metrics_and_fidelities_can_be_chosen(written, known):
    evaluator = TableEvaluator(written, fidelities=(1, 27), metrics=["flops", "isi"])
    result = evaluator.evaluate(known.architectures[:3], np.array([1, 27, 27]), np.array([0, 1, 2]))
    assert list(result.metrics) == ["flops", "isi"]
    assert np.isnan(result["isi"]).tolist() == [True, False, False]
    np.testing.assert_array_equal(result.cost_seconds, known.seconds[[0, 1, 2], [0, 2, 2], 0])
    with pytest.raises(TableError, match="epochs=9"):
        evaluator.evaluate(known.architectures[:1], np.array([9]), np.array([0]))
    with pytest.raises(TableError, match=r"fidelities=\[2\]"):
        TableEvaluator(written, fidelities=[2])
    with pytest.raises(TableError, match="no metric 'accuracy'"):
        TableEvaluator(written, metrics=["accuracy"])


def test_pickles_and_copies_go_by_arguments(known, tmp_path):
    path = known.data().write(tmp_path / "t.nastable").path
    evaluator = TableEvaluator(path, fidelities=(9, 27))
    arguments = known.architectures[:4], np.full(4, 9), np.arange(-1, 3)
    before = evaluator.evaluate(*arguments)
    packed = pickle.dumps(evaluator)
    assert len(packed) < 1000
    for other in (pickle.loads(packed), copy.deepcopy(evaluator)):
        assert other.fidelities == (9, 27)
        np.testing.assert_array_equal(other.evaluate(*arguments)["isi"], before["isi"])
        np.testing.assert_array_equal(other.evaluate(*arguments)["validation_accuracy"], before["validation_accuracy"])
    restored = pickle.loads(pickle.dumps(before))
    np.testing.assert_array_equal(restored["flops"], before["flops"])
    evaluator.close()
    np.testing.assert_array_equal(evaluator.evaluate(*arguments)["flops"], before["flops"])
    changed = known.data()
    changed.metrics[3].values = changed.metrics[3].values * 2
    changed.write(path)
    with pytest.raises(TableError, match="contents have changed"):
        pickle.loads(packed)


def test_processes_share_a_table(written, known):
    """Another process that opens the same file gives the same answers."""
    script = (
        "import sys, numpy as np; from pynascent.envs.tables import TableEvaluator\n"
        "e = TableEvaluator(sys.argv[1]); a = e.architectures()\n"
        "print(float(e.evaluate(a, np.full(len(a), 9), np.full(len(a), -1))['validation_accuracy'].sum()))"
    )
    run = subprocess.run([sys.executable, "-c", script, str(written)], capture_output=True, text=True, check=True)
    evaluator = TableEvaluator(written)
    assert float(run.stdout) == float(evaluator.column("validation_accuracy", 9).sum())


def test_without_a_cost_metric_the_cost_is_nominal(known, tmp_path):
    evaluator = TableEvaluator(known.data(cost_metric=None, nominal_seconds=2.5).write(tmp_path / "t.nastable"))
    result = evaluator.evaluate(known.architectures[:3], np.array([1, 9, 27]), np.zeros(3, dtype=int))
    assert result.cost_seconds.tolist() == [2.5, 22.5, 67.5]
    one = evaluator.evaluate(known.architectures[:1], np.array([9]), np.array([0]))
    assert one.cost_seconds.tolist() == [22.5]
    assert (evaluator.column("cost_seconds", 9, 0) == 22.5).all()


class HugeSpace(SearchSpace):
    """More combinations than an int64 index can name, not all of them valid, with isomorphisms."""

    def __init__(self) -> None:
        super().__init__("huge", CategoricalSpace({f"c{i}": tuple(range(10)) for i in range(25)}).choices)

    def network(self, architecture):
        raise NotImplementedError

    def config(self):
        return {}


class LargeSpace(HugeSpace):
    """More combinations than are listed, few enough for an index; odd sums are not valid."""

    def __init__(self) -> None:
        SearchSpace.__init__(self, "large", CategoricalSpace({f"c{i}": tuple(range(10)) for i in range(9)}).choices)

    def valid(self, architectures):
        return np.atleast_2d(architectures).sum(axis=1) % 2 == 0


@pytest.mark.parametrize("space", [HugeSpace(), LargeSpace()], ids=["beyond int64", "beyond listing"])
def test_large_spaces(space, tmp_path):
    rng = np.random.default_rng(0)
    architectures = np.unique(space.sample(rng, 300), axis=0)
    accuracy = rng.integers(0, 1000, len(architectures)) / 1000
    metrics = [MetricData(METRICS["validation_accuracy"], accuracy[:, None, None], (5,))]
    data = TableData("big", space, metrics, "validation_accuracy", rng.permutation(architectures), partial=False)
    with pytest.raises(TableError, match="declare the table partial"):
        data.write(tmp_path / "t.nastable")
    shuffled = rng.permutation(len(architectures))
    metrics[0].values = accuracy[shuffled][:, None, None]
    table = TableData("big", space, metrics, "validation_accuracy", architectures[shuffled], partial=True).write(
        tmp_path / "t.nastable"
    )
    evaluator = TableEvaluator(table, space=space, missing="error")
    for b in (1, len(architectures)):
        found = evaluator.evaluate(architectures[:b], np.full(b, 5), np.zeros(b, dtype=int))
        np.testing.assert_array_equal(found["validation_accuracy"], accuracy[:b])
    absent = architectures[:1].copy()
    absent[0, 0] = (absent[0, 0] + 2) % 10
    assert not evaluator.covers(absent)[0]
    with pytest.raises(TableError, match="has no row for c0="):
        evaluator.evaluate(absent, np.array([5]), np.array([0]))
    np.testing.assert_array_equal(evaluator.architectures()[evaluator.rows(architectures)], architectures)
    assert list(verify_table(Table(table.path), space))
    np.testing.assert_array_equal(evaluator.values("validation_accuracy"), accuracy)
    with pytest.raises(TableError, match="too many for a column"):
        evaluator.column("validation_accuracy")


class ConstrainedSpace(CategoricalSpace):
    """Two choices, the first at most the second."""

    def valid(self, architectures):
        rows = np.atleast_2d(architectures)
        return rows[:, 0] <= rows[:, 1]


def test_a_constrained_space_is_covered_by_its_valid_architectures(tmp_path):
    space = ConstrainedSpace({"a": (0, 1, 2), "b": (0, 1, 2)})
    metric = Metric("score", "fraction", "validation", 0.0, 1.0, maximize=True)
    data = TableData("c", space, [MetricData(metric, np.arange(6.0)[:, None, None] / 10, (1,))], "score")
    table = data.write(tmp_path / "t.nastable")
    evaluator = TableEvaluator(table, space=space)
    assert table.header.rows == 6
    np.testing.assert_allclose(evaluator.values("score"), np.arange(6) / 10)
    assert np.isnan(evaluator.column("score")).tolist() == (~space.valid(space.from_index(np.arange(9)))).tolist()
    for b in (1, 2):
        with pytest.raises(ValueError, match="is not valid in the space"):
            evaluator.evaluate(np.array([[2, 0]] * b), np.ones(b, dtype=int), np.zeros(b, dtype=int))


def test_another_space_is_refused(written):
    with pytest.raises(TableError, match="they must agree"):
        TableEvaluator(written, space=ChainSpace())
    assert TableEvaluator(written, space={"space": "chain", "stages": 1, "blocks": 2, "widths": [4]}).space.n == 4


def test_a_categorical_space_has_no_network():
    space = CategoricalSpace({"depth": [1, 2], "op": ["a", "b"]}, "mine", 5e6)
    assert space.largest_flops == 5e6
    with pytest.raises(ValueError, match="no networks"):
        space.network([0, 0])
    for choices, message in (
        ({"a": [1, 1]}, "written alike"), ({"a b": [1]}, "blanks"), ({"a": [[1]]}, "texts, numbers"), ([1], "by name"),
        ({"a": ["1", 1]}, "written alike"), ({"a": list(range(70000))}, "at most"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            CategoricalSpace(choices)


def test_look_ups_cost_microseconds(evaluator, known):
    """Generous bounds, best of many: a shared machine must not fail this, a slow implementation must."""
    rng = np.random.default_rng(0)
    many = known.space.sample(rng, 4096), np.full(4096, 9), rng.integers(0, 3, 4096)
    one = tuple(a[:1] for a in many)

    def best(arguments):
        found = []
        for _ in range(300):
            start = time.perf_counter()
            evaluator.evaluate(*arguments)["validation_accuracy"]
            found.append(time.perf_counter() - start)
        return min(found)

    assert best(many) < 400e-6
    assert best(one) < 60e-6
