"""Real files of TransNAS-Bench-101, Accel-NASBench, Zen scores and AnalogNAS-Bench: facts, and every value."""

import csv

import gymnasium
import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.envs import SearchBudget
from pynascent.envs.core.registration import TABLE_TASKS
from pynascent.envs.spaces.cells.graphs import connected
from pynascent.envs.tables import TableEvaluator, verify_table
from pynascent.envs.tables.importers import ImportRequest, import_tables
from pynascent.envs.tables.importers.transnasbench101 import TASKS
from pynascent.envs.tables.importers.zero_cost import rank_correlation

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def home(real_data, tmp_path_factory):
    """A data folder with the benchmarks imported from the real files."""
    files = [real_data / f"transnasbench101_{part}.npz" for part in ("micro", "macro")]
    needed = [
        *files,
        real_data / "accel_nasbench.csv",
        real_data / "nasbench201_zen.npz",
        real_data / "analognasbench.csv",
    ]
    absent = [path.name for path in needed if not path.is_file()]
    if absent:
        pytest.skip(f"{absent[0]} is not in {real_data}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYNASCENT_DATA", str(tmp_path_factory.mktemp("benchmarks")))
        list(import_tables("transnasbench101", ImportRequest(files)))
        list(import_tables("accel-nasbench", ImportRequest([needed[2]])))
        list(import_tables("nasbench201-npz", ImportRequest([real_data / "nasbench201.npz"])))
        before = {
            name: TableEvaluator(f"NASBench201-{name}").column("validation_accuracy", 200)
            for name in ("CIFAR10", "CIFAR100", "ImageNet16")
        }
        list(import_tables("nasbench201-zen", ImportRequest([needed[3]])))
        list(import_tables("analognasbench", ImportRequest([needed[4]])))
        yield before


def test_every_registered_table_task_that_was_imported_verifies_and_plays(home):
    imported = [task for task in TABLE_TASKS if task.name.startswith(("TransNAS", "Accel"))]
    assert len(imported) == 15
    for task in imported:
        evaluator = TableEvaluator(task.name)
        list(verify_table(evaluator.table, evaluator.space))
        env = gymnasium.make(f"PyNASCENT/{task.name}-Propose-v0", disable_env_checker=True)
        env.reset(seed=0)
        *_, info = env.step(evaluator.architectures()[7])
        assert (
            str(info["status"]) == "ok"
            and info[evaluator.search_metric] == evaluator.values(evaluator.search_metric)[7]
        )


@pytest.mark.parametrize(("table", "best"), [
    ("TransNASMicro-ClassScene", 54.94), ("TransNASMicro-ClassObject", 45.59),
    ("TransNASMacro-ClassScene", 57.41), ("TransNASMacro-ClassObject", 47.42),
])  # fmt: skip
def test_best_validation_accuracies(home, table, best):
    assert round(100 * TableEvaluator(table).column("validation_accuracy").max(initial=0, where=~np.isnan(
        TableEvaluator(table).column("validation_accuracy"))), 2) == best  # fmt: skip


@pytest.mark.parametrize(("part", "rows"), [("micro", 4096), ("macro", 3256)])
def test_every_score_of_transnas(home, real_data, part, rows):
    with np.load(real_data / f"transnasbench101_{part}.npz", allow_pickle=False) as file:
        arrays = dict(file)
    for task in TASKS:
        evaluator = TableEvaluator(f"TransNAS{part.capitalize()}-{task.label}")
        assert evaluator.table.header.rows == rows == evaluator.space.count()
        space, codes = evaluator.space, arrays["architectures"].astype(int)
        found = codes if part == "micro" else codes - (np.arange(6) < 4)
        texts = [space.to_string(row) for row in found[:50]]
        digits = [
            "".join(map(str, code)).rstrip("0") if part == "macro" else "".join(map(str, code)) for code in codes[:50]
        ]
        assert [
            text.partition("-")[2].replace("41414-", "").replace("-basic", "").replace("_", "") for text in texts
        ] == digits
        place = evaluator.rows(found)
        given = arrays[f"{task.key}__validation_accuracy"].astype(float) / task.divide
        np.testing.assert_array_equal(evaluator.values(task.metric.name)[place], given)


def test_cells_without_a_path_are_those_without_a_score(home):
    """The reading of the codes: operation 0 is none, edges in the order 0-1, 0-2, 1-2, 0-3, 1-3, 2-3."""
    evaluator = TableEvaluator("TransNASMicro-ClassScene")
    path = connected(evaluator.architectures() != 0, 4)
    assert (~path).sum() == 169
    np.testing.assert_array_equal(np.isnan(evaluator.values("zen_score")), ~path)
    assert len(np.unique(evaluator.values("validation_accuracy")[~path])) == 1
    # Cells that are the same network up to the names of nodes 1 and 2, and to dead edges, score much alike.
    scores, forms = evaluator.values("validation_accuracy"), evaluator.space.canonical(evaluator.architectures())
    _, group = np.unique(forms, axis=0, return_inverse=True)
    means = np.bincount(group, scores) / np.bincount(group)
    assert np.abs(scores - means[group]).mean() < 0.25 * scores[path].std()


def test_accel_nasbench(home, real_data):
    with (real_data / "accel_nasbench.csv").open() as file:
        lines = list(csv.DictReader(file))
    evaluator = TableEvaluator("AccelNASBench-ImageNet")
    assert len(lines) == 5138 and evaluator.table.header.rows == 5125 and evaluator.table.header.partial
    space = evaluator.space
    rows = np.array([space.parse(" ".join(f"{c.name}={line[c.name]}" for c in space.choices)) for line in lines])
    seen, seeds = {}, []
    for row in map(bytes, rows.astype(np.uint8)):
        seeds.append(seen.setdefault(row, 0))
        seen[row] += 1
    found = evaluator.evaluate(rows, np.ones(5138, dtype=int), np.array(seeds))
    top1 = np.array([float(line["validation_top1_percent"]) for line in lines])
    assert (round(top1.min(), 1), round(top1.max(), 1)) in ((42.9, 67.1), (42.8, 67.1))
    np.testing.assert_allclose(100 * found["validation_accuracy"], top1, atol=1e-5)
    np.testing.assert_allclose(found.cost_seconds, [float(line["train_seconds"]) for line in lines], rtol=1e-12)
    # The space's count: parameters equal the published; the published MACs count 4 for each normalised value more.
    cost, millions = space.cost(rows), [float(line["mparams"]) for line in lines]
    np.testing.assert_array_equal(cost["trainable_parameters"], np.rint(np.array(millions) * 1e6))
    macs = np.array([float(line["mmacs"]) for line in lines]) * 1e6
    assert (macs > cost["flops"] / 2).all() and rank_correlation(macs, cost["flops"]) > 0.99


@pytest.mark.parametrize("missing", ["failed", "mask"])
def test_accel_nasbench_is_searched(home, missing):
    for name in ("random", "regularized_evolution", "local_search", "grid"):
        agent = make_agent(name)
        env = gymnasium.make_vec(
            f"PyNASCENT/AccelNASBench-ImageNet-{agent.formulation.capitalize()}-v0",
            2,
            observation=agent.observation,
            autoreset_mode=agent.autoreset_mode,
            evaluator={"missing": missing},
        )
        history = agent.search(env, SearchBudget(evaluations=30), 0)
        assert set(history.column("status")) == ({"ok"} if missing == "mask" else {"missing"})


def test_zen_scores(home, real_data):
    with np.load(real_data / "nasbench201_zen.npz", allow_pickle=False) as file:
        arrays = dict(file)
    for label, official in (("CIFAR10", "cifar10"), ("CIFAR100", "cifar100"), ("ImageNet16", "ImageNet16-120")):
        evaluator = TableEvaluator(f"NASBench201-{label}")
        accuracy = evaluator.column("validation_accuracy", 200)
        np.testing.assert_array_equal(accuracy, home[label])  # on every cell what it was before
        zen = evaluator.column("zen_score")
        assert np.isnan(zen).sum() == 341
        given = arrays[f"{official}__zen"].astype(float)
        np.testing.assert_array_equal(np.sort(zen[~np.isnan(zen)]), np.sort(given[given > -1e7]))
        # The file's accuracies are of one training each; the table's are means of up to three.
        from_file = np.empty(15625)
        from_file[np.argsort(zen, kind="stable")] = arrays[f"{official}__validation_accuracy"][np.argsort(
            np.where(given > -1e7, given, np.nan), kind="stable")]  # fmt: skip
        assert rank_correlation(from_file, accuracy) > 0.98
        assert np.median(np.abs(from_file / 100 - accuracy)) < 0.0065


def test_analognasbench(home, real_data):
    evaluator = TableEvaluator("NASBench201-CIFAR10")
    baseline = evaluator.column("analog_baseline_accuracy")
    assert (~np.isnan(baseline)).sum() == 6113  # of 6,115 cells two have drift alone
    assert (~np.isnan(evaluator.column("analog_finetuned_drift_60s_accuracy"))).sum() == 6115
    # Trained on all of CIFAR-10's training images, as the benchmark's test accuracies are.
    known = ~np.isnan(baseline)
    assert np.median(np.abs(baseline - evaluator.column("test_accuracy", 200))[known]) < 0.004


def test_transfer_between_tasks(home):
    """What docs/tables.md shows: how alike two tasks rank the same cells."""
    scenes, objects = TableEvaluator("TransNASMicro-ClassScene"), TableEvaluator("TransNASMicro-ClassObject")
    np.testing.assert_array_equal(scenes.architectures(), objects.architectures())
    alike = rank_correlation(scenes.values(scenes.search_metric), objects.values(objects.search_metric))
    assert 0.7 < alike < 1
