"""``pynascent store``."""

import numpy as np
import pytest

from pynascent.trainers.store.evaluation_store import EvaluationStore, Record

from support.command_line import command


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    store = EvaluationStore()
    question = {"architecture": [1, 2], "epochs": 3, "seed": 4}
    store.put("train", question, Record(0, {"validation_accuracy": 0.5}, 1.5), {"weights": {"a": np.ones(1000)}})
    store.put("explain", {"inputs": {"weights": "ab" * 32}}, Record(0, {"isi": 0.25}, 0.5))
    return store


def test_what_is_there_is_listed(store, monkeypatch, capsys):
    assert command(monkeypatch, "store", "ls") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "explain" in lines[0] and "isi=0.25" in lines[0] and "of abababab" in lines[0]
    assert "train" in lines[1] and "1,2 epochs=3 seed=4" in lines[1] and "validation_accuracy=0.5" in lines[1]
    assert command(monkeypatch, "store", "ls", "--stage", "train") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert command(monkeypatch, "store", "info") == 0
    out = capsys.readouterr().out
    assert str(store.path) in out and "weights" in out and "explain" in out


def test_artifacts_are_pruned_and_results_stay(store, monkeypatch, capsys):
    assert command(monkeypatch, "store", "prune", "1MB") == 0
    assert "removed 0" in capsys.readouterr().out
    assert command(monkeypatch, "store", "prune", "0") == 0
    assert "removed 1" in capsys.readouterr().out
    assert len(store) == 2 and store.artifact_counts() == {}


@pytest.mark.parametrize("amount", ["much", "-3MB", "nan"])
def test_an_amount_that_is_none_is_one_line(store, monkeypatch, capsys, amount):
    assert command(monkeypatch, "store", "prune", "--", amount) == 2
    assert "give 0, 500MB or 2GB" in capsys.readouterr().err


def test_damage_is_exit_status_1(store, monkeypatch, capsys):
    assert command(monkeypatch, "store", "verify") == 0
    (file,) = store.artifacts.folder.rglob("*.npz")
    file.write_bytes(b"x")
    assert command(monkeypatch, "store", "verify") == 1
    assert "missing or damaged" in capsys.readouterr().out


def test_no_store_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    assert command(monkeypatch, "store", "ls") == 2
    assert "there is no store at" in capsys.readouterr().err
    assert command(monkeypatch, "store", "ls", "--store", tmp_path / "other.sqlite") == 2
    assert "other.sqlite" in capsys.readouterr().err
