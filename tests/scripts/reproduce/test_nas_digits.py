"""NAS-Digits: its rows, that they survive a kill, and that the table in the package is what a live training gives."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from pynascent.envs.tables import TableError, TableEvaluator, open_table
from pynascent.scripts.reproduce.nas_digits.row_store import RowStore, pending
from pynascent.scripts.reproduce.nas_digits.rows import Row
from pynascent.scripts.reproduce.nas_digits.settings import (
    SEEDS,
    TRAINING,
    canonical_architectures,
    digits_space,
    settings_key,
    work_order,
)
from pynascent.scripts.reproduce.nas_digits.table import covered_space, finished_in_store, finished_in_table, table_data


def invented_row(rng: np.random.Generator, finite: bool = True) -> Row:
    """A row of the right shapes, to test what is done with rows."""
    epochs, fidelities = TRAINING.fidelities[-1], len(TRAINING.fidelities)
    return Row(
        losses=rng.uniform(0, 2, epochs),
        validation_accuracy=rng.integers(0, 501, epochs) / 500,
        test_accuracy=rng.integers(0, 634, epochs) / 633,
        cpu_seconds=np.cumsum(rng.uniform(0.01, 0.02, epochs)),
        isi=rng.uniform(0, 1, fidelities),
        isi_spearman=rng.uniform(0, 1, fidelities),
        isi_error=rng.uniform(0, 0.1, fidelities),
        maps=rng.uniform(0, 1, (64, 8, 8)).astype(np.float16),
        finite=np.array(finite),
    )


def test_the_space_has_3826_canonical_forms_half_of_them_of_each_width():
    space = digits_space()
    order = work_order(space)
    assert len(order) == len(np.unique(order, axis=0)) == len(canonical_architectures(space)) == 3826
    assert (np.diff(order[:, -1]) >= 0).all() and order[:, -1].sum() == 1913
    assert not np.array_equal(order[:1913], canonical_architectures(space)[canonical_architectures(space)[:, -1] == 0])


def test_a_row_comes_back_as_it_was(tmp_path):
    row = invented_row(np.random.default_rng(0))
    store = RowStore(tmp_path / "rows.sqlite", "key")
    store.put((1, 2, 3, 4, 0, 1), 2, row.pack())
    store.close()
    again = RowStore(tmp_path / "rows.sqlite", "key")
    [(architecture, seed, found)] = again.rows()
    assert (architecture, seed) == ((1, 2, 3, 4, 0, 1), 2)
    for name, value in row.__dict__.items():
        assert np.array_equal(value, getattr(found, name))
    assert again.done() == {(architecture, seed)}
    other = RowStore(tmp_path / "rows.sqlite", "other settings")
    assert not other.done()
    again.close()
    other.close()


def test_who_reads_does_not_stop_who_writes(tmp_path):
    content = invented_row(np.random.default_rng(0)).pack()
    writer, reader = (RowStore(tmp_path / "rows.sqlite", "key") for _ in range(2))
    for seed in range(3):
        writer.put((0, 0), seed, content)
    rows = reader.rows()
    next(rows)  # in the middle of reading
    started = time.monotonic()
    writer.put((1, 1), 0, content)
    assert time.monotonic() - started < 30  # not what the writer waits for a lock
    assert len(list(rows)) == 2  # as it was when the reading began
    assert ((1, 1), 0) in reader.done()
    reader.close()
    writer.close()


def test_what_is_done_is_not_pending():
    order = np.array([[0, 0], [1, 1]])
    assert pending(order, (0, 1), {((0, 0), 1)}) == [((0, 0), 0), ((1, 1), 0), ((1, 1), 1)]


@pytest.fixture(scope="module")
def width_8(tmp_path_factory):
    """A store with an invented row for every architecture of width 8 and seed, but one row missing."""
    store = RowStore(tmp_path_factory.mktemp("rows") / "rows.sqlite", "key")
    rng = np.random.default_rng(1)
    jobs = pending(work_order(digits_space())[:1913], SEEDS, set())
    with store._db:
        store._db.executemany(
            "INSERT INTO rows VALUES ('key', ?, ?, ?)",
            [(",".join(map(str, row)), seed, invented_row(rng).pack()) for row, seed in jobs[:-1]],
        )
    return store, jobs[-1]


def test_a_table_is_a_whole_space_or_nothing(width_8, tmp_path):
    store, (last, seed) = width_8
    rows = finished_in_store(store)
    assert len(rows) == 1912 and covered_space(rows) is None

    store.put(last, seed, invented_row(np.random.default_rng(2)).pack())
    rows = finished_in_store(store)
    space = covered_space(rows)
    assert space is not None and space.widths == (8,)
    latencies = {key: [0.1 + 0.001 * i, 0.5] for i, key in enumerate(rows)}
    table = table_data(space, rows, latencies, "command").write(tmp_path / "digits.nastable")
    evaluator = TableEvaluator(table)
    assert evaluator.fidelities == (1, 3, 9, 27) and evaluator.seeds == (0, 1, 2)
    for key in list(rows)[::400]:
        architecture = np.array([[*key[:-1], 0]])
        for s in SEEDS:
            found = evaluator.evaluate(architecture, np.array([9]), np.array([s]))
            row = rows[key].rows[s]
            assert found["validation_accuracy"][0] == row.validation_accuracy[8]
            assert found["test_accuracy"][0] == row.test_accuracy[8]
            assert found["isi"][0] == pytest.approx(row.isi[2], abs=5e-5)
            assert found["training_loss"][0] == pytest.approx(row.losses[8], abs=5e-5)
            assert found.cost_seconds[0] == pytest.approx(row.cpu_seconds[8], abs=5e-4)
            assert found["flops"][0] == space.cost(architecture)["flops"][0]
            assert found["latency_ms"][0] == pytest.approx(latencies[key][0], abs=1e-4)


def test_rows_of_an_earlier_table_are_taken_over(tmp_path):
    rng = np.random.default_rng(3)
    store = RowStore(tmp_path / "rows.sqlite", "key")
    chosen = [tuple(row) for row in work_order(digits_space())[[0, 1, 2, 2000]].tolist()]
    for architecture in chosen:
        for seed in SEEDS:
            store.put(architecture, seed, invented_row(rng).pack())
    rows = finished_in_store(store)
    latencies = {key: [0.1, 0.5] for key in rows}
    first = table_data(digits_space(), rows, latencies, "command", partial=True).write(tmp_path / "part.nastable")
    assert first.header.rows == 4 and first.header.partial
    again = finished_in_table(first)
    assert set(again) == set(chosen)
    second = table_data(digits_space(), again, latencies, "command", partial=True).write(tmp_path / "again.nastable")
    assert second.header.sha256 == first.header.sha256


def test_a_diverged_training_is_named(tmp_path):
    store = RowStore(tmp_path / "rows.sqlite", "key")
    store.put((4, 4, 4, 4, 0, 0), 1, invented_row(np.random.default_rng(0), finite=False).pack())
    with pytest.raises(ValueError, match=r"conv_3x3.* with seed 1 diverged"):
        finished_in_store(store)


def _count(path: Path) -> int:
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM rows").fetchone()[0]
    except sqlite3.OperationalError:  # not there yet, or without its table
        return 0


def test_a_killed_build_goes_on_and_leaves_no_process(tmp_path):
    work, out = tmp_path / "rows.sqlite", tmp_path / "digits.nastable"
    command = [sys.executable, "-m", "pynascent.scripts.cli.app", "tables", "build", "digits"]
    command += ["--work", str(work), "--out", str(out), "--processes", "1"]
    build = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while _count(work) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
        assert build.poll() is None
    children = Path(f"/proc/{build.pid}/task/{build.pid}/children").read_text().split()
    build.send_signal(signal.SIGKILL)
    build.wait()
    before = RowStore(work, settings_key()).done()
    assert len(before) >= 2 and len(children) >= 1
    deadline = time.monotonic() + 60
    while any(_runs(int(child)) for child in children) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(_runs(int(child)) for child in children)

    after = subprocess.run([*command, "--rows", "1"], capture_output=True, text=True)
    assert after.returncode == 2 and "which is no whole space yet" in after.stderr
    assert "1 trainings done" in after.stdout
    done = RowStore(work, settings_key()).done()
    assert before < done and len(done) == len(before) + 1 and not out.exists()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cifar"], "table 'cifar' is unknown: digits is the one"),
        (["digits", "--widths", "12"], "widths=12: allowed are 8, 16"),
        (["digits", "--processes", "0"], "processes=0: give at least 1"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message, tmp_path):
    environment = {**os.environ, "PYNASCENT_DATA": str(tmp_path)}
    command = [sys.executable, "-m", "pynascent.scripts.cli.app", "tables", "build", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2 and done.stderr.startswith("pynascent: error:") and message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_live_training_agrees_with_the_table_in_the_package():
    from pynascent.scripts.reproduce.nas_digits.verify import verify_sample

    lines = list(verify_sample(open_table("digits"), 1, seed=1, workers=1))
    assert len(lines) == 1 and "mean of the table's seeds" in lines[0]


def test_a_table_that_is_wrong_is_found_out(width_8, tmp_path):
    from pynascent.scripts.reproduce.nas_digits.verify import verify_sample

    store, (last, seed) = width_8
    store.put(last, seed, invented_row(np.random.default_rng(2)).pack())
    rows = finished_in_store(store)
    table = table_data(digits_space((8,)), rows, {key: [0.1, 0.5] for key in rows}, "command")
    with pytest.raises(TableError, match=r"training_loss after 1 epochs is .* the table has"):
        list(verify_sample(table.write(tmp_path / "digits.nastable"), 1, workers=1))
    with pytest.raises(ValueError, match="sample=100000: the table has 5739 trainings"):
        list(verify_sample(open_table(tmp_path / "digits.nastable"), 100000))
