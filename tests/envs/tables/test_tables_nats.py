"""NATS-Bench files of a few architectures, written with the ``nats_bench`` package's own classes."""

import os
import pickle
import random

import numpy as np
import pytest

from pynascent.envs.spaces import NASBench201Space
from pynascent.envs.tables import CategoricalSpace, TableError, TableEvaluator, verify_table
from pynascent.envs.tables.importers import ImportRequest, import_tables

nats_bench = pytest.importorskip("nats_bench", reason="needs nats_bench: pip install 'pynascent[import]'")

SPACE = NASBench201Space()
NUMBERS = [0, 3, 7, 100, 15624]
TOPOLOGY = {n: SPACE.to_string(SPACE.from_index(n)[0]) for n in NUMBERS}
SIZES = {0: "8:8:8:8:8", 1: "64:64:64:64:64", 2: "8:16:24:32:40"}
DATASETS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}
IMAGES = {("cifar10-valid", "x-valid"): 25000, ("cifar10-valid", "ori-test"): 10000, ("cifar10", "ori-test"): 10000,
          ("cifar100", "x-valid"): 5000, ("cifar100", "x-test"): 5000, ("cifar100", "ori-test"): 10000,
          ("ImageNet16-120", "x-valid"): 3000, ("ImageNet16-120", "x-test"): 3000,
          ("ImageNet16-120", "ori-test"): 6000}  # fmt: skip


def trial(rng, dataset, seed, epochs, text):
    """Return one training in the package's own class, every epoch of it filled in."""
    result = nats_bench.ResultsCount(
        dataset, None, {e: float(rng.uniform(10, 100)) for e in range(epochs)}, {e: 1.0 for e in range(epochs)},
        round(float(rng.uniform(0.1, 1.5)), 6), round(float(rng.uniform(8, 220)), 5),
        {"channel": 16, "num_cells": 5, "arch_str": text, "class_num": 10}, seed, epochs,
        [float(rng.uniform(0.005, 0.05))],
    )  # fmt: skip
    result.update_train_info(
        result.train_acc1es, None, result.train_losses, {e: float(rng.uniform(1, 9)) for e in range(epochs)}
    )
    accuracies, losses, times = {}, {}, {}
    for split in DATASETS[dataset]:
        for e in range(epochs):
            images = IMAGES[dataset, split]
            accuracies[f"{split}@{e}"] = 100 * int(rng.integers(images)) / images
            losses[f"{split}@{e}"], times[f"{split}@{e}"] = 1.0, float(rng.uniform(0.1, 0.9))
    result.update_eval(accuracies, losses, times)
    return result


def contents(texts, fidelities, seeds):
    """Return (the dictionary of an official file, the ArchResults by number and fidelity)."""
    rng = np.random.default_rng(0)
    infos, objects = {}, {}
    for number, text in texts.items():
        infos[number] = {}
        for fidelity in fidelities:
            results = nats_bench.ArchResults(number, text)
            # FLOPs and parameters belong to the architecture.
            cost = trial(np.random.default_rng([1, number]), "cifar10", 0, 1, text)
            for dataset in DATASETS:
                for seed in seeds(number, fidelity):
                    one = trial(rng, dataset, seed, int(fidelity), text)
                    one.flop, one.params = cost.flop, cost.params
                    results.update(dataset, seed, one)
            infos[number][fidelity], objects[number, fidelity] = results.state_dict(), results
    return infos, objects


def seeds_of(number, fidelity):
    if fidelity == "12":
        return [777]
    return [777, 888, 999] if number % 2 else [777, 888]


@pytest.fixture(scope="module")
def topology():
    return contents(TOPOLOGY, ("12", "200"), seeds_of)


@pytest.fixture(scope="module")
def topology_file(topology, tmp_path_factory, official_texts):
    """One file of the official form; strings of architectures without results are in it too."""
    path = tmp_path_factory.mktemp("nats") / "NATS-tss-v1_0-3ffb9.pickle.pbz2"
    nats_bench.pickle_save(
        {"meta_archs": list(official_texts), "arch2infos": topology[0], "evaluated_indexes": set(NUMBERS)}, path, ext=""
    )
    return path


def read(path, **arguments):
    return {t.header.name: t for t in import_tables("nats-bench", ImportRequest([path], partial=True, **arguments))}


def test_topology_file(topology, topology_file, data_home):
    state = random.getstate()
    tables = read(topology_file)
    assert random.getstate() == state
    assert list(tables) == ["NASBench201-CIFAR10", "NASBench201-CIFAR100", "NASBench201-ImageNet16"]
    for name, (trained, tested, split) in {
        "CIFAR10": ("cifar10-valid", "cifar10", "ori-test"),
        "CIFAR100": ("cifar100", "cifar100", "x-test"),
        "ImageNet16": ("ImageNet16-120", "ImageNet16-120", "x-test"),
    }.items():
        table = tables[f"NASBench201-{name}"]
        evaluator = TableEvaluator(table)
        assert evaluator.fidelities == (12, 200)
        assert evaluator.seeds == (0, 1, 2)
        architectures = SPACE.from_index(NUMBERS)
        np.testing.assert_array_equal(evaluator.architectures(), architectures)
        for epochs in (12, 200):
            for seed in range(3):
                b = len(NUMBERS)
                result = evaluator.evaluate(architectures, np.full(b, epochs), np.full(b, seed))
                for i, number in enumerate(NUMBERS):
                    own = topology[1][number, str(epochs)]
                    seeds = own.get_dataset_seeds(trained)
                    one = own.query(trained, seeds[seed % len(seeds)])
                    other = own.query(tested, seeds[seed % len(seeds)])
                    last = epochs - 1
                    assert result["validation_accuracy"][i] == pytest.approx(
                        one.eval_acc1es[f"x-valid@{last}"] / 100, abs=1e-15
                    )
                    assert result["test_accuracy"][i] == pytest.approx(
                        other.eval_acc1es[f"{split}@{last}"] / 100, abs=1e-15
                    )
                    passes = [one.eval_times[f"x-valid@{e}"] for e in range(epochs)]
                    seconds = sum(one.train_times.values()) + sum(passes) / epochs
                    assert result.cost_seconds[i] == pytest.approx(seconds, rel=1e-12)
                    assert result["flops"][i] == pytest.approx(2e6 * one.flop, abs=1e-6)
                    assert result["trainable_parameters"][i] == pytest.approx(1e6 * one.params, abs=1e-6)
        assert evaluator.metrics["latency_ms"].unit == "ms"
        assert evaluator.values("latency_ms").min() > 5 and evaluator.values("latency_ms").max() < 50
        assert len(list(verify_table(table, evaluator.space))) > 5


def test_our_costs_are_the_packages_own(topology_file, data_home):
    """`simulate_train_eval` charges the mean over trainings where a fidelity has one: compare there."""
    api = nats_bench.create(str(topology_file), "topology", fast_mode=False, verbose=False)
    evaluator = TableEvaluator(read(topology_file)["NASBench201-CIFAR100"])
    for number in NUMBERS:
        accuracy, _, seconds, _ = api.simulate_train_eval(number, "cifar100", hp="12")
        found = evaluator.evaluate(SPACE.from_index(number), np.array([12]), np.array([0]))
        assert found["validation_accuracy"][0] == pytest.approx(accuracy / 100, abs=1e-15)
        assert found.cost_seconds[0] == pytest.approx(seconds, rel=1e-12)


def test_simple_folder_gives_the_same_tables(topology, topology_file, data_home, tmp_path, official_texts):
    folder = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    folder.mkdir()
    nats_bench.pickle_save({"meta_archs": list(official_texts)}, folder / "meta", ext=".pickle.pbz2")
    for number, info in topology[0].items():
        nats_bench.pickle_save(info, folder / f"{number:06d}", ext=".pickle.pbz2")
    of_file, of_folder = read(topology_file), read(folder, name="Folder")
    for (_, one), (_, other) in zip(of_file.items(), of_folder.items(), strict=True):
        assert one.header.sha256 == other.header.sha256


def test_size_file(data_home, tmp_path):
    infos, objects = contents(SIZES, ("01", "12", "90"), lambda number, fidelity: [777])
    path = tmp_path / "NATS-sss-v1_0-50262.pickle.pbz2"
    nats_bench.pickle_save(
        {"meta_archs": list(SIZES.values()), "arch2infos": infos, "evaluated_indexes": {0, 1, 2}}, path, ext=""
    )
    tables = read(path)
    assert list(tables) == ["NATSBenchSize-CIFAR10", "NATSBenchSize-CIFAR100", "NATSBenchSize-ImageNet16"]
    evaluator = TableEvaluator(tables["NATSBenchSize-ImageNet16"])
    assert isinstance(evaluator.space, CategoricalSpace)
    assert evaluator.space.size == 32768
    assert evaluator.fidelities == (1, 12, 90)
    assert evaluator.space.largest_flops == evaluator.values("flops").max()
    architecture = evaluator.space.parse("channels1=8 channels2=16 channels3=24 channels4=32 channels5=40")
    found = evaluator.evaluate(architecture[None], np.array([90]), np.array([0]))
    one = objects[2, "90"].query("ImageNet16-120", 777)
    assert found["validation_accuracy"][0] == pytest.approx(one.eval_acc1es["x-valid@89"] / 100, abs=1e-15)


def test_rows_that_are_missing_are_an_error_unless_declared(topology_file, data_home):
    with pytest.raises(TableError, match="15620 of 15625 architectures are missing, the first is "):
        list(import_tables("nats-bench", ImportRequest([topology_file])))


class Bomb:
    def __reduce__(self):
        return os.system, ("touch EXECUTED",)


def test_a_pickle_that_asks_for_code_is_not_run(data_home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "NATS-tss.pickle.pbz2"
    nats_bench.pickle_save({"meta_archs": ["x"], "arch2infos": {0: Bomb()}}, path, ext="")
    with pytest.raises(TableError, match=r"asks for posix\.system.*import it with --trust-pickle"):
        read(path)
    assert not (tmp_path / "EXECUTED").exists()
    with pytest.raises(TableError):  # trusted: it runs, and still is no benchmark
        read(path, trust_pickle=True)
    assert (tmp_path / "EXECUTED").exists()


@pytest.mark.parametrize(("change", "message"), [
    (lambda c: c.pop("arch2infos"), "has no 'arch2infos'"),
    (lambda c: c.update(meta_archs=[]), "no list of architecture strings"),
    (lambda c: c["meta_archs"].__setitem__(3, "|nor_conv_9x9~0|"), "architecture 3, .*nor_conv_9x9"),
    (lambda c: c["arch2infos"].__setitem__(99999, {}), "architecture number 99999"),
    (lambda c: c["arch2infos"][3].pop("200"), "results of architecture 3.* are incomplete"),
    (lambda c: c["arch2infos"][3].__setitem__("12", 5), "nats_bench cannot read architecture 3"),
    (lambda c: c["arch2infos"][3]["200"]["all_results"]["cifar100", 888].update(eval_acc1es={}),
     "on cifar100 are incomplete"),
])  # fmt: skip
def test_damaged_files(topology, data_home, tmp_path, change, message, official_texts):
    damaged = pickle.loads(pickle.dumps({"meta_archs": list(official_texts), "arch2infos": topology[0]}))
    change(damaged)
    path = tmp_path / "NATS-tss.pickle.pbz2"
    nats_bench.pickle_save(damaged, path, ext="")
    with pytest.raises(TableError, match=message):
        read(path)
    assert not data_home.exists()


def test_files_of_another_kind(data_home, tmp_path):
    path = tmp_path / "x.pickle.pbz2"
    path.write_bytes(b"not bz2")
    with pytest.raises(TableError, match="is no NATS-Bench pickle, or is damaged"):
        read(path)
    with pytest.raises(TableError, match="there is no file"):
        read(tmp_path / "none")
    with pytest.raises(TableError, match=r"has no meta\.pickle\.pbz2"):
        read(tmp_path)
