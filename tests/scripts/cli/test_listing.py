"""`pynascent envs`: whole ids on any width, own tables, JSON, and brackets that are no markup."""

import json
import os
import pty
import shutil
import subprocess
import sys

import pytest

from pynascent.envs import TASKS
from pynascent.envs.core.tasks import TaskSpec
from pynascent.envs.tables import open_table
from pynascent.scripts.cli.listing import describe_task

from support.command_line import command


@pytest.fixture
def own_table(tmp_path, monkeypatch):
    """A table of the user's own, and one beside the data folder whose name has a blank."""
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path / "data"))
    (tmp_path / "data" / "tables").mkdir(parents=True)
    digits = open_table("digits").path
    shutil.copy(digits, tmp_path / "data" / "tables" / "Mine.nastable")
    shutil.copy(digits, tmp_path / "my table.nastable")
    return tmp_path / "my table.nastable"


def test_piped_it_is_a_line_an_id(own_table, monkeypatch, capfd):
    monkeypatch.setenv("COLUMNS", "80")
    assert command(monkeypatch, "envs") == 0
    lines = capfd.readouterr().out.splitlines()
    ids = [line.split("\t")[0] for line in lines]
    for task in TASKS:
        assert f"PyNASCENT/{task}-Propose-v0" in ids
    assert "PyNASCENT/Table-Build-v0 --table Mine" in ids
    mine = lines[ids.index("PyNASCENT/Table-Build-v0 --table Mine")]
    assert "5,184 architectures" in mine and "1, 3, 9, 27" in mine


def test_json_says_it_all(own_table, monkeypatch, capfd):
    assert command(monkeypatch, "envs", "--json") == 0
    found = json.loads(capfd.readouterr().out)
    tasks = {entry["task"]: entry for entry in found["tasks"]}
    assert tasks["Digits"]["architectures"] == 5184 and tasks["Digits"]["fidelities"] == [1, 3, 9, 27]
    assert "validation_accuracy" in [metric["name"] for metric in tasks["Digits"]["metrics"]]
    assert [entry["task"] for entry in found["tables"]] == ["Table:Mine"]


def test_what_is_listed_can_be_searched_and_so_can_a_path_with_blanks(own_table, monkeypatch, tmp_path, capfd):
    for number, table in enumerate(("Mine", own_table)):
        out = tmp_path / f"run {number}"
        arguments = ("--env", "PyNASCENT/Table-Propose-v0", "--table", table, "--agent", "random")
        assert command(monkeypatch, "search", *arguments, "--evaluations", 3, "--out", out) == 0
        assert command(monkeypatch, "replay", out) == 0


def test_on_a_terminal_of_eighty_columns_no_word_is_broken():
    outer, inner = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    process = subprocess.Popen([sys.executable, "-m", "pynascent", "envs"], stdout=inner, env=environment)
    os.close(inner)
    text = b""
    while True:
        try:
            part = os.read(outer, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        text += part
    assert process.wait() == 0
    lines = text.decode().replace("\r\n", "\n").splitlines()
    for task in ("Digits", "NASBench201-ImageNet16"):
        assert f"PyNASCENT/{task}-Propose-v0" in lines
    assert max(map(len, lines)) <= 80 and any("latency_batch64_ms" in line for line in lines)


def test_brackets_are_shown_as_they_are(monkeypatch, capfd):
    spec = TaskSpec(name="Lacking", description="[b]old", evaluator="support.missing:Evaluator", install="train")
    monkeypatch.setitem(TASKS, "Lacking", spec)
    assert describe_task(spec)["missing"].endswith("pip install 'pynascent[train]'")
    assert command(monkeypatch, "envs") == 0
    text = capfd.readouterr().out
    assert "pip install 'pynascent[train]'" in text and "[b]old" in text
