"""`pynascent search` with metrics and TensorBoard logs, as a process of its own that is scraped while it runs."""

import json
import re
import socket
import subprocess
import sys

import pytest

from support.command_line import command
from support.processes import wait_until
from support.scraping import samples

pytest.importorskip("ray")
pytest.importorskip("tensorflow")
pytest.importorskip("prometheus_client")

SEARCH = ("search", "--env", "PyNASCENT/LiveDigits-Propose-v0", "--agent", "random", "--epochs", "1", "--workers", "1")


def test_a_search_is_watched_and_resumed_without_a_port(tmp_path):
    out, store = tmp_path / "out", tmp_path / "store.sqlite"
    line = [sys.executable, "-m", "pynascent", *SEARCH, "--evaluations", "15", "--out", str(out), "--store", str(store)]
    with subprocess.Popen(
        [*line, "--metrics-port", "0", "--tensorboard"], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = ""
        while "metrics at" not in said:
            said = process.stderr.readline()
            assert said, "it ended before it served"
        url = re.findall(r"http://127\.0\.0\.1:\d+/metrics", said)[0]
        wait_until(lambda: samples(url)["pynascent_candidates_finished_total",] > 0)
        assert samples(url)["pynascent_groups", "worker group"] == 1
        process.terminate()
        process.communicate(timeout=60)
    before = {path.name for path in (out / "tensorboard").iterdir()}
    assert before
    begun = json.loads((out / "search.json").read_text())
    assert "watch" not in begun["evaluator"]
    again = [*line, "--resume", "--tensorboard"]
    again[again.index("15")] = "16"
    done = subprocess.run(again, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert "metrics at" not in done.stderr
    after = {path.name for path in (out / "tensorboard").iterdir()}
    assert before < after and not any(name.startswith(".") for name in after)
    recorded = json.loads((out / "search.json").read_text())
    assert recorded["evaluator"] == begun["evaluator"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--metrics-port", "70000"), "70000 is not in the range"),
        (("--metrics-port", "0", "--evaluator", '{"watch": {"prometheus": 0}}'), "--metrics-port is given, too"),
        (("--evaluator", '{"watch": {"port": 1}}'), "one of them or both"),
        (("--evaluator", '{"watch": 9400}'), "one of them or both"),
    ],
)
def test_wrong_options_are_one_line_and_write_nothing(more, said, tmp_path, monkeypatch, capfd):
    assert command(monkeypatch, *SEARCH, "--evaluations", 2, "--out", tmp_path / "out", *more) == 2
    assert said in " ".join(capfd.readouterr().err.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_a_taken_port_is_one_line_and_writes_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path / "data"))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        arguments = ("--evaluations", 2, "--out", tmp_path / "out", "--metrics-port", port, "--tensorboard")
        assert command(monkeypatch, *SEARCH, *arguments) == 2
    error = capfd.readouterr().err
    assert f"prometheus={port}: this port of 127.0.0.1 is taken" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_search_that_looks_up_has_nothing_to_watch(tmp_path, monkeypatch, capfd):
    import support.cost_task  # noqa: F401  (registers PyNASCENT/Cost-…)

    arguments = ("search", "--env", "PyNASCENT/Cost-Propose-v0", "--agent", "random", "--evaluations", 2)
    for more in (("--metrics-port", 0), ("--tensorboard",)):
        assert command(monkeypatch, *arguments, "--out", tmp_path / "out", *more) == 2
        assert f"{more[0]} is for live training" in capfd.readouterr().err
