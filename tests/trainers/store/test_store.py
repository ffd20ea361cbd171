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


def weights_of(*arrays):
    return {"weights": {f"{i:04d}": np.asarray(a, dtype=np.float32) for i, a in enumerate(arrays)}}


def question(number=0):
    return {"architecture": [1, 2, number], "seed": 3, "recipe": {"rate": 0.01}}


def test_what_goes_in_comes_out_exactly(tmp_path):
    store = EvaluationStore(tmp_path / "deep" / "store.sqlite")
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3) / 7, "b": np.zeros((0,), dtype=np.float64)}
    store.put("train", question(), RECORD, {"weights": arrays})
    key = question_key(question())
    assert store.get([key, "missing"]) == {key: RECORD}
    found = store.artifact(key, "weights")
    assert list(found) == ["a", "b"]
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and np.array_equal(found[name], array)
    assert store.artifact("missing", "weights") is None and store.artifact(key, "predictions") is None
    assert len(store) == 1 and store.counts() == {"train": 1}


def test_equal_artifacts_are_one_file(tmp_path):
    store = EvaluationStore(tmp_path / "s.sqlite")
    for number in range(3):
        store.put("train", question(number), RECORD, weights_of([1, 2, 3]))
    assert store.artifact_counts()["weights"][0] == 3
    assert len(list((tmp_path / "s.artifacts").rglob("*.npz"))) == 1


def test_the_least_recently_used_artifacts_go_first_and_metrics_stay(tmp_path):
    store = EvaluationStore(tmp_path / "s.sqlite", limit_bytes=12_000)
    for number in range(2):
        store.put("train", question(number), RECORD, weights_of(np.full(1000, number)))
    keys = [question_key(question(number)) for number in range(3)]
    assert store.artifact(keys[0], "weights") is not None  # used last
    store.put("train", question(2), RECORD, weights_of(np.full(1000, 2)))
    assert [store.artifact(key, "weights") is not None for key in keys] == [True, False, True]
    assert len(store.get(keys)) == 3
    store.put("train", question(1), RECORD, weights_of(np.full(1000, 1)))  # made again
    assert store.artifact(keys[1], "weights") is not None
    removed, freed = store.prune(0)
    assert removed == 2 and freed > 8000 and store.artifact_counts() == {}
    assert not list((tmp_path / "s.artifacts").rglob("*.npz"))


def test_damage_is_found_and_forgotten(tmp_path):
    store = EvaluationStore(tmp_path / "s.sqlite")
    for number in range(2):
        store.put("train", question(number), RECORD, weights_of([number]))
    assert store.verify() == []
    damaged, missing = sorted((tmp_path / "s.artifacts").rglob("*.npz"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    missing.unlink()
    store._open().execute('UPDATE results SET metrics = \'{"isi": "high"}\' WHERE key = ?', [question_key(question(0))])
    store._open().commit()
    found = store.verify()
    assert len(found) == 3
    assert sum("missing or damaged" in line for line in found) == 2
    assert sum("no finite numbers" in line for line in found) == 1
    assert store.artifact_counts() == {}


def test_the_latest_results_are_listed(tmp_path):
    store = EvaluationStore(tmp_path / "s.sqlite")
    store.put("train", question(0), RECORD)
    store.put("explain", question(1), RECORD)
    assert [row["stage"] for row in store.rows()] == ["explain", "train"]
    (row,) = store.rows("train")
    assert row["question"] == question(0) and row["metrics"] == RECORD.metrics


def test_the_key_ignores_order_and_sees_every_value():
    a = {"x": 1, "y": {"p": 2.0, "q": [3]}}
    assert question_key(a) == question_key({"y": {"q": [3], "p": 2.0}, "x": 1})
    others = [{**a, "x": 2}, {**a, "y": {"p": 2.5, "q": [3]}}, {**a, "y": {"p": 2.0, "q": [3, 4]}}, {**a, "z": None}]
    assert len({question_key(q) for q in [a, *others]}) == 5
    with pytest.raises(ValueError):
        question_key({"x": float("nan")})


def test_the_first_answer_stays(tmp_path):
    store = EvaluationStore(tmp_path / "s.sqlite")
    store.put("train", question(), RECORD, weights_of([1]))
    store.put("train", question(), Record(0, {"isi": 0.9}, 9.0), weights_of([0]))
    key = question_key(question())
    assert store.get([key])[key] == RECORD and store.artifact(key, "weights")["0000"] == 1


def _put_and_die(path):
    store = EvaluationStore(path)
    store.put("train", question(1), RECORD)
    os.kill(os.getpid(), 9)


def _put_many(path, first):
    store = EvaluationStore(path)
    for number in range(first, first + 100):
        store.put("train", question(number), RECORD, weights_of(np.full(10, number)))


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
    store.put("train", question(10**6), RECORD)  # open before the fork: a child must not use the parent's connection
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
    assert all((store.artifact(key, "weights")["0000"] == number).all() for number, key in enumerate(keys))


def test_it_pickles_as_its_path_and_reopens(tmp_path):
    store = EvaluationStore(tmp_path / "s.sqlite")
    store.put("train", question(), RECORD)
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


def test_a_store_of_the_first_version_is_refused_in_one_line(tmp_path):
    path = tmp_path / "evaluations.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE evaluations (key TEXT)")
        connection.execute("PRAGMA user_version=1")
    with pytest.raises(ValueError, match=r"evaluations.sqlite cannot be used .its schema is 1, .* choose another file"):
        EvaluationStore(path).check_writable()


def test_a_store_of_a_later_version_is_left_alone(tmp_path):
    path = tmp_path / "s.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(ValueError, match="its schema is 99, this version reads 2"):
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
    assert EvaluationStore().path == tmp_path / "stages.sqlite"
    monkeypatch.delenv("PYNASCENT_DATA")
    assert data_folder().name == "pynascent"
