"""Importers of TransNAS-Bench-101, Accel-NASBench, Zen scores and AnalogNAS-Bench, on small made-up files."""

import numpy as np
import pytest

from pynascent.envs.core.evaluation import METRICS
from pynascent.envs.spaces import AccelNASBenchSpace, NASBench201Space, TransNASMacroSpace, TransNASMicroSpace
from pynascent.envs.spaces.cells.graphs import connected
from pynascent.envs.tables import MetricData, MissingTableError, TableData, TableError, TableEvaluator, own_path
from pynascent.envs.tables.importers import ImportRequest, import_tables
from pynascent.envs.tables.importers.accel_nasbench import DEVICES, LATENCIES
from pynascent.envs.tables.importers.analognasbench import DRIFTS, SINGLE
from pynascent.envs.tables.importers.nasbench201 import NASLIB_EDGES, NASLIB_OPERATIONS, from_naslib
from pynascent.envs.tables.importers.transnasbench101 import TASKS

pytestmark = pytest.mark.filterwarnings("error")
SPACE = NASBench201Space()
CELLS = SPACE.from_index(np.arange(SPACE.size))


def bring(kind, *files, **arguments):
    return list(import_tables(kind, ImportRequest(list(files), **arguments), force=True))


# -- TransNAS-Bench-101 -------------------------------------------------------------------------------


def transnas_arrays(part):
    """Return arrays as the file has them, all architectures, every value another."""
    space = TransNASMicroSpace() if part == "micro" else TransNASMacroSpace()
    rows = np.concatenate(list(space.enumerate()))
    codes = rows if part == "micro" else space.codes(rows)
    rng = np.random.default_rng(1)
    order = rng.permutation(len(codes))
    arrays = {"architectures": codes[order].astype(np.int8)}
    arrays["lengths"] = ((codes > 0).sum(axis=1) if part == "macro" else np.full(len(codes), 6))[order].astype(np.int8)
    for task in TASKS:
        low, high = {"loss": (-2, -0.5), "SSIM": (0.1, 0.6)}.get(task.metric.unit, (5, 95))
        zen = rng.normal(100, 30, len(codes)).astype(np.float32)
        zen[:7] = -1e8
        arrays[f"{task.key}__validation_accuracy"] = rng.uniform(low, high, len(codes)).astype(np.float32)
        arrays |= {f"{task.key}__zen": zen, f"{task.key}__zen_seconds": np.full(len(codes), 1.5, dtype=np.float32)}
    return rows[order], arrays


@pytest.mark.parametrize("part", ["micro", "macro"])
def test_transnas(part, tmp_path, data_home):
    rows, arrays = transnas_arrays(part)
    path = tmp_path / f"transnasbench101_{part}.npz"
    np.savez(path, **arrays)
    tables = bring("transnasbench101", path)
    assert [t.header.name for t in tables] == [f"TransNAS{part.capitalize()}-{task.label}" for task in TASKS]
    for task, table in zip(TASKS, tables, strict=True):
        evaluator = TableEvaluator(table)
        assert evaluator.search_metric == task.metric.name and evaluator.fidelities == (task.epochs,)
        metric = evaluator.metrics[task.metric.name]
        assert metric.maximize and metric.split == "validation"
        assert (metric.unit == "fraction") == (task.divide == 100.0)
        b = len(rows)
        found = evaluator.evaluate(rows, np.full(b, task.epochs), np.zeros(b, dtype=int))
        given = arrays[f"{task.key}__validation_accuracy"].astype(float) / task.divide
        np.testing.assert_array_equal(found[task.metric.name], given)
        zen = arrays[f"{task.key}__zen"].astype(float)
        np.testing.assert_array_equal(found["zen_score"], np.where(zen < -1e7, np.nan, zen))
        np.testing.assert_array_equal(found["flops"], evaluator.space.cost(rows)["flops"])
        assert (found.cost_seconds == task.epochs).all()
        assert evaluator.space.config()["classes"] == (task.outputs or 75)


@pytest.mark.parametrize(("change", "message"), [
    (lambda a: a.pop("lengths"), "lengths are not those"),
    (lambda a: a.update(architectures=a["architectures"][:, :5]), r"'architectures' \(rows, 6\)"),
    (lambda a: a["architectures"].__setitem__((3, 0), 9), "has option 9|lengths are not those"),
    (lambda a: a.pop("jigsaw__zen"), "needs an array 'jigsaw__zen'"),
    (lambda a: a["normal__validation_accuracy"].__setitem__(5, np.nan), "has no value"),
    (lambda a: a["class_scene__validation_accuracy"].__setitem__(5, 101), "outside 0 to 1"),
    (lambda a: a["room_layout__validation_accuracy"].__setitem__(5, 0.1), "outside -inf to 0"),
])  # fmt: skip
def test_transnas_files_that_are_wrong(change, message, tmp_path, data_home):
    _, arrays = transnas_arrays("micro")
    change(arrays)
    np.savez(tmp_path / "micro.npz", **arrays)
    with pytest.raises(TableError, match=message):
        bring("transnasbench101", tmp_path / "micro.npz")
    with pytest.raises(TableError, match="must say which is micro and which is macro"):
        (tmp_path / "micro.npz").rename(tmp_path / "results.npz")
        bring("transnasbench101", tmp_path / "results.npz")


# -- Accel-NASBench -----------------------------------------------------------------------------------

ACCEL = AccelNASBenchSpace()
SPEEDS = [*(f"latency_{d}" for d in LATENCIES), *(f"throughput_{d}" for d in DEVICES)]
ACCEL_HEADER = [c.name for c in ACCEL.choices] + [
    "validation_top1_percent", "validation_top5_percent", "train_seconds", "mmacs", "mparams", *SPEEDS
]  # fmt: skip


def accel_line(row, top1, seconds=1000.5, speed="100.25", **changes):
    options = dict(zip(ACCEL_HEADER, map(str, ACCEL.options(row).values()), strict=False))
    values = options | {"validation_top1_percent": top1, "validation_top5_percent": 80.2, "train_seconds": seconds}
    values |= {"mmacs": 123.456, "mparams": 3.000001} | dict.fromkeys(SPEEDS, speed) | changes
    return ",".join(str(values[name]) for name in ACCEL_HEADER)


@pytest.fixture
def accel(tmp_path, data_home):
    """Write lines and import them."""

    def run(*lines):
        path = tmp_path / "accel_nasbench.csv"
        path.write_text("\n".join([",".join(ACCEL_HEADER), *lines]))
        (table,) = bring("accel-nasbench", path)
        return TableEvaluator(table)

    return run


def test_accel_nasbench(accel):
    rows = ACCEL.sample(np.random.default_rng(0), 3)
    evaluator = accel(
        accel_line(rows[0], 60.124),
        accel_line(rows[1], 50.0, throughput_tpuv2=""),
        accel_line(rows[0], 61.126, 2000, speed="200.25", latency_vck190=""),
    )
    header = evaluator.table.header
    assert header.partial and header.rows == 2 and evaluator.seeds == (0, 1)
    seeds = np.array([0, 1, -1, 1])
    found = evaluator.evaluate(rows[[0, 0, 0, 1]], np.ones(4, dtype=int), seeds)
    np.testing.assert_allclose(found["validation_accuracy"], [0.60124, 0.61126, 0.60625, 0.5], rtol=1e-12)
    np.testing.assert_array_equal(found.cost_seconds, [1000.5, 2000, 1500.25, 1000.5])
    np.testing.assert_array_equal(found["zcu102_latency_ms"], [150.25] * 3 + [100.25])
    np.testing.assert_array_equal(found["vck190_latency_ms"], [100.25] * 4)
    assert np.isnan(found["tpuv2_throughput"][3]) and evaluator.metrics["tpuv2_throughput"].maximize
    np.testing.assert_array_equal(found["flops"], ACCEL.cost(rows[[0, 0, 0, 1]])["flops"])
    assert found["published_macs"][0] == 123_456_000 and found["trainable_parameters"][0] == 3_000_001
    missing = evaluator.evaluate(rows[2:], np.ones(1, dtype=int), np.zeros(1, dtype=int))
    assert missing["flops"][0] == ACCEL.cost(rows[2:])["flops"][0] and not missing.ok[0]


def test_accel_files_that_are_wrong(accel):
    row = ACCEL.sample(np.random.default_rng(0))[0]
    for line, message in (
        (accel_line(row, 60.1, block3_k=7), "line 2: block3_k is 7, allowed are 3, 5"),
        (accel_line(row, "60,1"), "line 2: 42 cells where the header has 41"),
        (accel_line(row, ""), "line 2: validation_top1_percent is empty"),
        (accel_line(row, "6_0"), "is '6_0', it must be a number"),
        (accel_line(row, 160.1), "outside 0 to 1"),
        (accel_line(row, 60.1) + "\n" + accel_line(row, 60.2, mmacs=1), "twice with different mmacs"),
        ("", "no lines below"),
    ):
        with pytest.raises(TableError, match=message):
            accel(line)


# -- joined onto NAS-Bench-201 ------------------------------------------------------------------------


def naslib(cells):
    """Return cells as NASLib codes them: the other way round from the importer."""
    codes = np.empty_like(cells)
    codes[:, NASLIB_EDGES] = np.argsort(NASLIB_OPERATIONS)[cells]
    return codes


@pytest.fixture
def base(data_home):
    """A made-up NASBench201-CIFAR10; returns its accuracies by official index."""
    accuracy = np.round(0.1 + 0.8 * np.random.default_rng(3).random(SPACE.size), 4)
    metrics = [MetricData(METRICS["validation_accuracy"], accuracy[:, None, None], (200,))]
    TableData("NASBench201-CIFAR10", SPACE, metrics, "validation_accuracy", licence="MIT").write(
        own_path("NASBench201-CIFAR10")
    )
    return accuracy


def test_naslib_codes_are_those_of_the_readme():
    cells = SPACE.sample(np.random.default_rng(0), 50)
    np.testing.assert_array_equal(from_naslib(naslib(cells), "x"), cells)
    # 0 skip, 1 none, 2 conv 3x3, 3 conv 1x1, 4 pool; positions 2 and 3 change places.
    (cell,) = from_naslib(np.array([[0, 1, 2, 3, 4, 4]]), "x")
    options = [SPACE.choices[0].options[option] for option in cell]
    assert options == ["skip_connect", "none", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "avg_pool_3x3"]
    for wrong in (np.array([[5, 0, 0, 0, 0, 0]]), np.zeros((2, 5), dtype=int), np.zeros((2, 6))):
        with pytest.raises(TableError):
            from_naslib(wrong, "x")


def zen_file(path, accuracy, cells=CELLS, **changes):
    order = np.random.default_rng(4).permutation(len(cells))
    zen = np.where(connected(cells != 0, 4), np.arange(len(cells)) / 100.0, -1e8)
    arrays = {
        "architectures": naslib(cells)[order].astype(np.int8),
        "cifar10__zen": zen[order].astype(np.float32),
        "cifar10__zen_seconds": np.full(len(cells), 0.5, dtype=np.float32),
        "cifar10__validation_accuracy": (100 * accuracy)[order].astype(np.float32),
    }
    np.savez(path, **(arrays | changes))
    return zen


def test_zen_scores_are_joined_by_architecture(base, tmp_path):
    noisy = base + np.random.default_rng(5).normal(0, 0.005, len(base))  # of one training
    zen = zen_file(tmp_path / "zen.npz", noisy)
    (table,) = bring("nasbench201-zen", tmp_path / "zen.npz")
    evaluator = TableEvaluator(table)
    np.testing.assert_array_equal(evaluator.column("validation_accuracy", 200), base)
    np.testing.assert_array_equal(evaluator.column("zen_score"), np.where(zen < 0, np.nan, zen.astype(np.float32)))
    assert "NASLib" in table.header.licence and "Zen-NAS" in table.header.citation
    (again,) = bring("nasbench201-zen", tmp_path / "zen.npz")
    assert again.header.sha256 == table.header.sha256 and again.header.citation == table.header.citation


def test_zen_files_that_are_coded_otherwise_are_refused(base, tmp_path):
    path = tmp_path / "zen.npz"
    zen_file(path, base)
    codes = dict(np.load(path))
    for change, message in (
        ({"architectures": codes["architectures"][:, ::-1]}, "rank the cells otherwise|are not those without a path"),
        (
            {"architectures": np.array([0, 1, 3, 2, 4], dtype=np.int8)[codes["architectures"]]},
            "rank the cells otherwise",
        ),
        ({"architectures": codes["architectures"][:, [0, 1, 3, 2, 4, 5]]}, "not those without a path"),
        ({"architectures": codes["architectures"] * 0}, "has not each of the 15,625 cells once"),
        ({"cifar10__zen": codes["cifar10__zen"][:-1]}, "needs an array 'cifar10__zen'"),
    ):
        np.savez(path, **(codes | change))
        with pytest.raises(TableError, match=message):
            bring("nasbench201-zen", path)


def test_nothing_to_join_onto(data_home, tmp_path):
    np.savez(tmp_path / "zen.npz", architectures=naslib(CELLS))
    with pytest.raises(MissingTableError, match="import NAS-Bench-201 first"):
        bring("nasbench201-zen", tmp_path / "zen.npz")


DRIFT_NAMES = [f"{kind}_drift_{seconds}" for kind in ("baseline", "finetuned") for seconds in DRIFTS]
ANALOG_HEADER = ["architecture", *(f"{kind}_accuracy" for kind in SINGLE), *DRIFT_NAMES]


def analog_line(cell, value=80.0, cut=None):
    code = '"(' + ", ".join(map(str, naslib(cell[None])[0])) + ')"'
    cells = [str(value)] * len(SINGLE) + [f"{value - 10} ± 1.5"] * len(DRIFT_NAMES)
    if cut is not None:
        cells[cut:] = ["8"] + [""] * (len(cells) - cut - 1)
    return ",".join([code, *cells])


def analog_file(path, *lines):
    path.write_text("\n".join([",".join(ANALOG_HEADER), *lines]), encoding="utf-8")
    return path


def test_analognasbench_is_joined(base, tmp_path):
    cells = CELLS[[17, 4000, 15000]]
    path = analog_file(
        tmp_path / "analog.csv",
        analog_line(cells[0], 90),
        analog_line(cells[1], 80),
        analog_line(cells[0], 91),
        analog_line(cells[2], 70, cut=11),
    )
    (table,) = bring("analognasbench", path)
    evaluator = TableEvaluator(table)
    np.testing.assert_array_equal(evaluator.column("validation_accuracy", 200), base)
    analog = evaluator.column("analog_accuracy")
    assert np.flatnonzero(~np.isnan(analog)).tolist() == [17, 4000, 15000]
    np.testing.assert_allclose(analog[[17, 4000, 15000]], [0.905, 0.8, 0.7], rtol=1e-12)
    drift = evaluator.column("analog_finetuned_drift_86400s_accuracy")
    np.testing.assert_allclose(drift[[17, 4000]], [0.805, 0.7], rtol=1e-12)
    assert np.isnan(drift[15000])
    np.testing.assert_allclose(evaluator.column("analog_baseline_drift_60s_accuracy_sd")[17], 0.015, rtol=1e-12)
    assert all(m.split == "test" for name, m in evaluator.metrics.items() if name.startswith("analog"))


def test_analog_files_that_are_wrong(base, tmp_path):
    for line, message in (
        (analog_line(CELLS[5]).replace("(", "["), "line 2: architecture is"),
        (analog_line(CELLS[5]).replace("70.0 ± 1.5", "70.0 +- 1.5", 1), "a mean and its standard deviation"),
        (analog_line(CELLS[5]).replace("80.0", "80,0", 1), "15 cells where the header has 14"),
        (analog_line(CELLS[5]).replace("80.0", "8x", 1), "'8x', it must be a number"),
        (analog_line(CELLS[5], 120), "outside 0 to 1"),
    ):
        with pytest.raises(TableError, match=message):
            bring("analognasbench", analog_file(tmp_path / "analog.csv", line))
