import multiprocessing
import os
import pickle
import sqlite3
import stat
import threading

import numpy as np
import pytest

from pynascent.trainers.store.evaluation_store import EvaluationStore, Record, data_folder, question_key

RECORD = Record(0, {"validation_accuracy": 0.1 + 0.2, "isi": 0.5}, 1.25)


def question(number=0):
    return {"architecture": [1, 2, number], "seed": 3, "recipe": {"rate": 0.01}}


def test_what_goes_in_comes_out_exactly(tmp_path):
    store = EvaluationStore(tmp_path / "deep" / "store.sqlite")
    weights = [np.arange(6, dtype=np.float32).reshape(2, 3) / 7, np.zeros((0,), dtype=np.float32)]
    store.put(question(), RECORD, weights)
    key = question_key(question())
    assert store.get([key, "missing"]) == {key: RECORD}
    for got, put in zip(store.weights(key), weights, strict=True):
        assert got.dtype == put.dtype and (got == put).all() and got.shape == put.shape
    assert store.weights("missing") is None
    assert len(store) == 1


def test_the_key_ignores_order_and_sees_every_value():
    a = {"x": 1, "y": {"p": 2.0, "q": [3]}}
    assert question_key(a) == question_key({"y": {"q": [3], "p": 2.0}, "x": 1})
    others = [{**a, "x": 2}, {**a, "y": {"p": 2.5, "q": [3]}}, {**a, "y": {"p": 2.0, "q": [3, 4]}}, {**a, "z": None}]
    assert len({question_key(q) for q in [a, *others]}) == 5
    with pytest.raises(ValueError):
        question_key({"x": float("nan")})


def test_the_first_answer_stays(tmp_path):
    store = EvaluationStore(tmp_path / "s.sqlite")
    store.put(question(), RECORD, [np.ones(1, np.float32)])
    store.put(question(), Record(0, {"isi": 0.9}, 9.0), [np.zeros(1, np.float32)])
    key = question_key(question())
    assert store.get([key])[key] == RECORD and store.weights(key)[0] == 1


def _put_and_die(path):
    store = EvaluationStore(path)
    store.put(question(1), RECORD)
    os.kill(os.getpid(), 9)


def _put_many(path, first):
    store = EvaluationStore(path)
    for number in range(first, first + 100):
        store.put(question(number), RECORD, [np.full(10, number, np.float32)])


def test_a_put_outlives_a_killed_process(tmp_path):
    path = tmp_path / "s.sqlite"
    process = multiprocessing.get_context("fork").Process(target=_put_and_die, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -9
    assert question_key(question(1)) in EvaluationStore(path).get([question_key(question(1))])


def test_two_processes_and_two_threads_write_at_once(tmp_path):
    path = tmp_path / "s.sqlite"
    store = EvaluationStore(path)
    store.put(question(10**6), RECORD)  # open before the fork: a child must not use the parent's connection
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_put_many, args=(path, first)) for first in (0, 50)]
    workers += [
        threading.Thread(target=_put_many, args=(path, 100)),
        threading.Thread(target=_put_many, args=(path, 150)),
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [w.exitcode for w in workers[:2]] == [0, 0]
    assert len(store) == 251
    keys = [question_key(question(number)) for number in range(250)]
    assert len(store.get(keys * 3)) == 250
    assert all((store.weights(key)[0] == number).all() for number, key in enumerate(keys))


def test_it_pickles_as_its_path_and_reopens(tmp_path):
    store = EvaluationStore(tmp_path / "s.sqlite")
    store.put(question(), RECORD)
    copy = pickle.loads(pickle.dumps(store))
    assert len(copy) == 1
    copy.close()
    assert len(copy) == 1


def test_a_file_that_is_no_store_is_named(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look like a file of some kind " * 20)
    with pytest.raises(ValueError, match=r"notes.txt cannot be used .*choose another file with store="):
        EvaluationStore(path).check_writable()
    assert path.read_text().startswith("not a database")


def test_a_store_of_a_later_version_is_left_alone(tmp_path):
    path = tmp_path / "s.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(ValueError, match="its schema is 99, this version reads 1"):
        EvaluationStore(path).check_writable()


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="PYNASCENT_DATA"):
        EvaluationStore(tmp_path / "file" / "s.sqlite").check_writable()
    path = tmp_path / "s.sqlite"
    EvaluationStore(path).close()
    if os.getuid() != 0:  # root writes everywhere
        tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
        with pytest.raises(ValueError, match="cannot be used"):
            EvaluationStore(path).check_writable()
        tmp_path.chmod(stat.S_IRWXU)


def test_the_variable_moves_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    assert EvaluationStore().path == tmp_path / "evaluations.sqlite"
    monkeypatch.delenv("PYNASCENT_DATA")
    assert data_folder().name == "pynascent"
