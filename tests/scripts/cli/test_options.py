"""Options are the same in all commands, name what there is, and say what was meant."""

import os
import subprocess
import sys

import pytest

from pynascent.agents import AGENTS
from pynascent.evaluation.explainers import EXPLAINERS

import support.cost_task  # noqa: F401  (registers PyNASCENT/Cost-…)
from support.command_line import command


def help_of(monkeypatch, capfd, *names: str) -> str:
    monkeypatch.setenv("COLUMNS", "100")
    assert command(monkeypatch, *names, "--help") == 0
    return capfd.readouterr().out


def test_help_names_every_component(monkeypatch, capfd):
    text = help_of(monkeypatch, capfd, "search")
    for name in (*AGENTS, "module:Class", "--objective", "--table", "--space", "--dataset", "--stages", "--evaluator"):
        assert name in text
    text = help_of(monkeypatch, capfd, "explain")
    for name in (*EXPLAINERS, "module:Class", "--classes"):
        assert name in text


@pytest.mark.parametrize("name", ("search", "explain", "replay", "envs"))
def test_every_command_takes_modules(name, monkeypatch, capfd):
    text = help_of(monkeypatch, capfd, name)
    assert "--module" in text
    assert ("--allow-import" in text) == (name in ("explain", "replay"))  # those that read what others wrote


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("serch",), "search"),
        (("search", "--agnet", "random"), "--agent"),
        (("replay", "x", "--modul", "y"), "--module"),
    ],
)
def test_commands_and_options_that_were_mistyped(arguments, expected, monkeypatch, capfd):
    assert command(monkeypatch, *arguments) == 2
    assert expected in capfd.readouterr().err


SEARCH = ("search", "--evaluations", 3, "--agent", "random", "--env", "PyNASCENT/Cost-Propose-v0")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--agent", "rndom"), "did you mean 'random'"),
        (("--agent", "json:JSONDecoder"), "is no subclass of pynascent.agents"),
        (("--agent", "no_such_module:Agent"), "cannot import no_such_module"),
        (("--agent", "no_such_file.py:Agent"), "no_such_file.py does not exist"),
        (("--module", "no_such_file.py"), "no_such_file.py does not exist"),
        (("--env", "PyNASCENT/Csot-Propose-v0"), "did you mean 'Cost'"),
        (("--env", "digit"), "did you mean 'Digits'"),
        (("--setting", "repaets=1"), "did you mean 'repeats'"),
        (("--setting", "repeats=1", "--settings", "repeats=2"), "'repeats' is set twice"),
        (("--seed", 2**63), "give an integer from 0 to 9223372036854775807"),
        (("--seed", 2**64), "give an integer from 0 to 9223372036854775807"),
        (("--seed", 10**30), "give an integer from 0 to 9223372036854775807"),
        (("--objective", "accuracy"), "expected JSON"),
        (("--objective", "[1]"), "expected an object"),
        (("--objective", '{"terms": {"acuracy": 1}}'), "acuracy"),
        (("--objective", '{"accuracy": 1}', "--lam", 0.1), "either objective or lam"),
        (("--evaluator", '{"table": "a"}', "--table", "b"), "give it once"),
        (("--stages", '["train"]'), "--stages is for live training"),
        (("--dataset", "mine.npz"), "--dataset is for live training"),
        (("--space", "{"), "expected JSON"),
        (("--space", '{"width": 3}'), '"space"'),
    ],
)
def test_what_was_mistyped_is_one_line(arguments, expected, monkeypatch, tmp_path, capfd):
    assert command(monkeypatch, *SEARCH, "--out", tmp_path / "run", *arguments) == 2
    error = capfd.readouterr().err.strip()
    assert error.startswith("pynascent: error: ") and expected in error and "\n" not in error, error
    assert not (tmp_path / "run").exists()


def test_seeds_of_ten_digits(monkeypatch, tmp_path):
    for seed in (1234567890, 2**63 - 1):
        out = tmp_path / str(seed)
        assert command(monkeypatch, *SEARCH, "--out", out, "--seed", seed) == 0
        assert command(monkeypatch, "replay", out) == 0


@pytest.mark.parametrize("encoding", ("ascii", "latin-1", "cp1252", "utf-8"))
def test_a_terminal_of_any_encoding(encoding, tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "COLUMNS": "80"}
    run = {"capture_output": True, "env": environment, "cwd": tmp_path, "timeout": 120}
    code = (
        "from pynascent.scripts.cli.terminal import print_in_any_encoding; print_in_any_encoding();"
        "print('λ × − é 漢 \\udcff'); import sys; print('μ', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], **run)
    assert done.returncode == 0, done.stderr
    if encoding == "ascii":
        assert done.stdout == b"lambda x - \\xe9 \\u6f22 \xff\n" and done.stderr == b"mu\n"
    elif encoding == "utf-8":
        assert done.stdout == "λ × − é 漢 ".encode() + b"\xff\n"
    for command_line in (("search", "--help"), ("tables", "--help"), ("envs",), ("replay", "naïve λ")):
        done = subprocess.run([sys.executable, "-m", "pynascent", *command_line], **run)
        assert b"Traceback" not in done.stderr and b"Error" not in done.stderr, done.stderr
        assert done.returncode == (2 if command_line[0] == "replay" else 0)
