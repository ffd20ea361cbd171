"""The live evaluator's contract and its refusals; what needs no worker, needs none here either."""

import copy
import pickle

import numpy as np
import pytest

from pynascent.envs.core.evaluation import AsyncEvaluator, Evaluator
from pynascent.envs.spaces import ChainSpace, space_to_config
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.live import LiveEvaluator
from pynascent.trainers.store.evaluation_store import Record
from pynascent.trainers.workers.ray_runtime import cores

METRICS = (
    "validation_accuracy",
    "test_accuracy",
    "training_loss",
    "isi",
    "flops",
    "elementwise_flops",
    "parameters",
    "training_seconds",
    "explanation_seconds",
)


def put(live, row, epochs, seed, records):
    """Store the stages' records of a candidate: name → record."""
    (candidate,) = live._check(np.atleast_2d(row), np.array([epochs]), np.array([seed]))
    questions = live._pipeline.questions(candidate)
    for stage, record in records.items():
        live.store.put(stage, questions[stage], record)


def evaluator(tmp_path, **arguments):
    return LiveEvaluator(**{"space": ChainSpace(), "store": tmp_path / "s.sqlite", **arguments})


def asked(rows, epochs=1, seed=0):
    rows = np.atleast_2d(rows)
    return rows, np.full(len(rows), epochs), np.full(len(rows), seed)


def test_it_is_an_evaluator(tmp_path):
    live = evaluator(tmp_path)
    assert isinstance(live, Evaluator) and isinstance(live, AsyncEvaluator)
    assert live.fidelities == (1, 3, 9, 27) and live.seeds is None
    assert tuple(live.metrics) == METRICS


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_it_copies_by_configuration(tmp_path, copied):
    live = evaluator(tmp_path, training={"learning_rate": 0.5}, isi={"probes": 8}, workers=1, explainers=2)
    again = copied(live)
    assert again.config() == live.config()
    row = np.zeros(6, dtype=int)
    assert again.keys(row, 1, 0) == live.keys(row, 1, 0)
    assert LiveEvaluator(**live.config()).config() == live.config()  # plain JSON is enough


def test_a_stored_answer_needs_no_worker(tmp_path):
    live = evaluator(tmp_path)
    row = live.space.canonical([0, 4, 5, 0, 1, 1])[0]
    trained = {"validation_accuracy": 0.5, "test_accuracy": 0.4, "training_loss": 1.5, "training_seconds": 5.0}
    explained = {"isi": 0.3, "explanation_seconds": 2.5}
    put(live, row, 3, 5, {"train": Record(0, trained, 5.0), "explain": Record(0, explained, 2.5)})
    counted = {name: live.space.cost(row)[name][0] for name in ("flops", "elementwise_flops", "parameters")}
    result = live.evaluate(*asked([[0, 4, 5, 0, 1, 1], [4, 0, 5, 0, 1, 1]], 3, 5))  # isomorphic: one answer
    assert result.ok.all() and result.cost_seconds.tolist() == [7.5, 7.5]
    assert {name: result[name][1] for name in METRICS} == {**trained, **explained, **counted}
    (ticket,) = live.submit(*asked([4, 0, 5, 0, 1, 1], 3, 5))
    ((finished, one),) = live.collect()
    assert finished == ticket and one.row(0) == result.row(0)
    assert live.collect() == []
    assert live._pool is None


def test_a_stored_divergence_counts_as_the_worst(tmp_path):
    live = evaluator(tmp_path)
    row = np.array([2, 2, 2, 2, 0, 0])
    put(live, row, 1, 0, {"train": Record(1, {"training_seconds": 2.0}, 2.0)})
    result = live.evaluate(*asked(row))
    assert result.row(0)["status"] == "diverged" and result.row(0)["reason"] == "train: diverged"
    assert result["validation_accuracy"][0] == result["isi"][0] == 0
    assert result["flops"][0] == live.space.largest_flops
    assert result.cost_seconds[0] == 2.0
    with pytest.raises(ValueError, match="left no network: it is diverged"):
        live.best_model(row, 1, 0, tmp_path / "best.keras")
    with pytest.raises(ValueError, match="must end in \\.keras"):
        live.best_model(row, 1, 0, tmp_path / "best.h5")


def both(live, row=(4, 4, 4, 4, 1, 0), epochs=1, seed=0):
    keys = live.keys(np.array(row), epochs, seed)
    return keys["train"], keys["explain"]


def test_the_keys_see_everything_that_determines_a_result(tmp_path):
    base = evaluator(tmp_path)
    variants = [
        both(base),
        both(base, epochs=3),
        both(base, seed=1),
        both(base, row=(4, 4, 4, 3, 1, 0)),
        both(evaluator(tmp_path, training={"learning_rate": 0.02})),
        both(evaluator(tmp_path, training={"batch_size": 60})),
        both(evaluator(tmp_path, training={"label_smoothing": 0.1})),
        both(evaluator(tmp_path, training={"loss": "binary_cross_entropy"})),
        both(evaluator(tmp_path, space=ChainSpace(widths=(8, 32)))),
        both(evaluator(tmp_path, gpus_per_rank=1)),
        both(evaluator(tmp_path, dataset="digits-300", training={"batch_size": 25})),
    ]
    if cores() > 1:
        variants.append(both(evaluator(tmp_path, ranks_per_candidate=2)))
    for stage in (0, 1):
        assert len({keys[stage] for keys in variants}) == len(variants)
    for same in (
        {"workers": 1},
        {"explainers": 3},
        {"training": {"fidelities": [1, 2]}},
        {"training": {"learning_rate": 0.01, "loss": None}},  # a default, said aloud
        {"isi": {"explainer": "gradient_x_input", "cycles": 9}},
        {"space": space_to_config(base.space)},
        {"space": "chain"},
    ):
        assert both(evaluator(tmp_path, **same)) == variants[0]


def test_another_explanation_is_another_key_of_the_same_training(tmp_path):
    variants = [
        both(evaluator(tmp_path, isi=isi))
        for isi in (
            None,
            {"probes": 32},
            {"similarity": "spearman"},
            {"explainer": "integrated_gradients"},
            {"explainer": "integrated_gradients", "settings": {"steps": 8}},
        )
    ]
    assert len({train for train, _ in variants}) == 1
    assert len({explain for _, explain in variants}) == len(variants)


def test_the_data_set_s_values_are_in_the_key(tmp_path):
    from dataclasses import replace

    digits = load_dataset("digits")
    changed = replace(digits, train=digits.validation)
    assert both(evaluator(tmp_path, dataset=changed)) != both(evaluator(tmp_path, dataset=digits))
    assert both(evaluator(tmp_path, dataset=digits)) == both(evaluator(tmp_path))


def test_a_ticket_that_fails_takes_no_finished_one_with_it(tmp_path):
    from concurrent.futures import Future

    from pynascent.trainers.workers.pool import PoolError

    live = evaluator(tmp_path)
    for row in ([4, 4, 4, 4, 1, 0], [2, 2, 2, 2, 0, 0]):
        put(live, row, 1, 0, {"train": Record(1, {}, 1.0)})
    tickets = live.submit(*asked([[4, 4, 4, 4, 1, 0], [2, 2, 2, 2, 0, 0]]))
    broken: Future = Future()
    broken.set_exception(PoolError("no worker could be started"))
    live._tickets[99] = (live._tickets[tickets[0]][0], broken)
    assert [ticket for ticket, _ in live.collect()] == tickets
    with pytest.raises(PoolError):
        live.collect()
    assert live.collect() == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"dataset": "imagenet"}, "'imagenet' is unknown.*known are .*digits"),
        ({"training": {"rate": 1}}, "'rate' is unknown"),
        ({"isi": {"cycles": 1}}, "cycles=1: give an integer of at least 2"),
        ({"isi": {"probes": 65}}, "probes=65: the data set 'digits' has 64"),
        ({"isi": {"explainer": "tea_leaves"}}, "'tea_leaves' is unknown.*known are"),
        ({"isi": {"explainer": "gradient_x_input", "settings": {"sugar": 1}}}, "no setting 'sugar'"),
        ({"isi": {"cups": 1}}, "no setting 'cups'"),
        ({"stages": ["explain"]}, "reads 'checkpoints', which no stage writes"),
        ({"stages": ["train", "train"]}, "two stages are called 'train'"),
        ({"stages": "train"}, "give a list"),
        ({"stages": ["trian"]}, "did you mean 'train'"),
        ({"stages": ["train"], "isi": {"probes": 3}}, "isi=… is for the stage 'explain'"),
        ({"stages": ["train", "measure"]}, "give a list of calibration_error"),
        ({"training": {}, "recipe": {}}, "former name"),
        ({"training": {"loss": "hinge"}}, "loss 'hinge' is unknown"),
        ({"training": {"optimizer": "lion"}}, "optimizer 'lion' is unknown"),
        ({"training": {"score": 3}}, "score=3: give a name"),
        ({"isi": {"cycles": 20}}, "1 epochs of 12 steps cannot hold 20 checkpoints"),
        ({"training": {"batch_size": 601}}, "batch_size=601: the data set 'digits' has 600"),
        ({"workers": 0}, "workers=0: give an integer of at least 1"),
        ({"workers": True}, "workers=True"),
        ({"explainers": -1}, "explainers=-1"),
        ({"ranks_per_candidate": 1.5}, "ranks_per_candidate=1.5"),
        ({"ranks_per_candidate": 10_000}, "ranks_per_candidate=10000: this machine has"),
        ({"workers": 10_000}, "10000 workers of 1 ranks need 10000 cores, this machine has .* at most workers="),
        ({"gpus_per_rank": -1}, "gpus_per_rank=-1: give 0 or more"),
        ({"space": ChainSpace(classes=7)}, "needs .* to \\(10,\\): set the space's input_shape and classes"),
        ({"space": ChainSpace(input_shape=(16, 16, 1))}, "needs \\(8, 8, 1\\)"),
        ({"space": {"space": "torus"}}, "'torus' is unknown"),
    ],
)
def test_bad_arguments_are_named(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluator(tmp_path, **arguments)
    assert not (tmp_path / "s.sqlite").exists()


@pytest.mark.skipif(cores() < 3, reason="needs three cores to ask for three ranks")
def test_ranks_that_do_not_divide_the_batch(tmp_path):
    with pytest.raises(ValueError, match="ranks_per_candidate=3 does not divide batch_size=50"):
        evaluator(tmp_path, ranks_per_candidate=3)


def test_an_unusable_store_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="PYNASCENT_DATA"):
        evaluator(tmp_path, store=tmp_path / "file" / "s.sqlite")


@pytest.mark.parametrize(
    "question, message",
    [
        (([[0, 0, 0, 0, 0, 9]], [1], [0]), "option 9 for 'width'"),
        (([[0, 0, 0, 0, 0, 0]], [2], [0]), "epochs=2: allowed are 1, 3, 9, 27"),
        (([[0, 0, 0, 0, 0, 0]], [1], [-4]), "seed=-4: give non-negative"),
        (([[0, 0, 0, 0, 0, 0]], [1, 1], [0]), "epochs are int64 of shape \\(2,\\)"),
        (([[0, 0, 0, 0, 0, 0]], [1.5], [0]), "epochs=1.5: the evaluator's fidelities are 1, 3"),
    ],
)
def test_bad_questions_are_named(tmp_path, question, message):
    live = evaluator(tmp_path)
    with pytest.raises(ValueError, match=message):
        live.evaluate(*(np.array(part) for part in question))
    with pytest.raises(ValueError, match=message):
        live.submit(*(np.array(part) for part in question))


@pytest.mark.parametrize("package, extra", [("ray", "train"), ("tensorflow", "train"), ("sklearn", "train")])
def test_a_missing_package_is_named(tmp_path, monkeypatch, package, extra):
    from pynascent.evaluation import optional
    from pynascent.trainers.data import datasets

    found = optional.find_spec
    monkeypatch.setattr(optional, "find_spec", lambda name: None if name == package else found(name))
    monkeypatch.setattr(datasets, "_loaded", {})
    with pytest.raises(ModuleNotFoundError, match=rf"{package}: pip install 'pynascent\[{extra}\]'"):
        evaluator(tmp_path)


@pytest.mark.skipif(cores() < 2, reason="needs two cores to ask for two ranks")
def test_missing_horovod_is_named(tmp_path, monkeypatch):
    from pynascent.evaluation import optional

    found = optional.find_spec
    monkeypatch.setattr(optional, "find_spec", lambda name: None if name == "horovod" else found(name))
    with pytest.raises(ModuleNotFoundError, match=r"pynascent\[horovod\]"):
        evaluator(tmp_path, ranks_per_candidate=2)
    evaluator(tmp_path, ranks_per_candidate=1)  # goes without
