"""`pynascent search` and `explain` with real training: determinism, resuming a killed driver, the saved network."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from support.histories import history_rows, without_times

pytest.importorskip("ray")
pytest.importorskip("tensorflow")

ENV = "PyNASCENT/LiveDigits-Build-v0"


def arguments(out: Path, store: Path, evaluations: int, *more: str) -> list[str]:
    command = [sys.executable, "-m", "pynascent.scripts.cli.app", "search", "--env", ENV, "--agent", "random"]
    options = {"--evaluations": evaluations, "--epochs": 3, "--workers": 2, "--out": out, "--store": store}
    return [*command, *(str(part) for pair in options.items() for part in pair), *more]


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr


def rows(out: Path) -> list[dict]:
    return history_rows(out) if (out / "history.jsonl").exists() else []


def trials(out: Path) -> list[dict]:
    """Return the rows by trial, without what depends on the order in which they finished."""
    found = map(without_times, sorted(rows(out), key=lambda row: row["trial"]))
    return [{key: value for key, value in row.items() if key not in ("index", "running")} for row in found]


def stored(store: Path) -> dict:
    """Return everything that the store holds of its evaluations, by key."""
    with sqlite3.connect(store) as connection:
        connection.row_factory = sqlite3.Row
        found = {}
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in connection.execute(f"select * from {table}"):
                found[table, row["key"]] = tuple(row)
        return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("live")
    run(*arguments(folder / "first", folder / "first.sqlite", 4))
    return folder / "first"


def test_same_seed_same_history_from_another_store(finished):
    again = finished.parent / "again"
    run(*arguments(again, finished.parent / "again.sqlite", 4))
    # Two workers finish in either order, and the history keeps it: the trials are the same.
    assert trials(again) == trials(finished)
    seconds = [{row["trial"]: row["training_seconds"] for row in rows(out)} for out in (again, finished)]
    assert seconds[0] != seconds[1]  # they were trained again


def test_the_saved_network_scores_what_the_summary_says(finished):
    import keras

    from pynascent.trainers.data.datasets import load_dataset

    summary = json.loads((finished / "summary.json").read_text())
    test = load_dataset("digits").test
    logits = np.asarray(keras.models.load_model(finished / "best.keras", compile=False)(test.images, training=False))
    accuracy = (logits.argmax(axis=1) == test.labels).mean()
    assert abs(accuracy - summary["test_accuracy"]) < 1e-6
    assert summary["test_accuracy"] > 0.3  # chance is 0.1


@pytest.mark.parametrize("method", ["gradient_x_input", "integrated_gradients", "shap", "lime"])
def test_explain_draws_a_picture(method, finished):
    from matplotlib.image import imread

    from pynascent.scripts.search.explain import explain_search

    path = explain_search(finished, method, images=2)
    picture = imread(path)
    assert path.name == f"explain-{method}.png" and picture.shape[0] > 200 and picture.std() > 0.05


def test_a_killed_driver_resumes_without_training_anything_twice(tmp_path):
    out, store = tmp_path / "run", tmp_path / "store.sqlite"
    driver = subprocess.Popen(arguments(out, store, 8), stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 200
    while len(rows(out)) < 2:
        assert driver.poll() is None and time.monotonic() < deadline, "the search never got to its second row"
        time.sleep(0.1)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    before, kept = rows(out), stored(store)
    assert 2 <= len(before) < 8 and not (out / "summary.json").exists()
    run(*arguments(out, store, 8, "--resume"))
    after, grown = rows(out), stored(store)
    assert len(after) == 8 and after[: len(before)] == before
    # Nothing that was finished was trained again: its rows are untouched, times of training included.
    assert {key: grown[key] for key in kept} == kept
    assert json.loads((out / "summary.json").read_text())["evaluations"] == 8
