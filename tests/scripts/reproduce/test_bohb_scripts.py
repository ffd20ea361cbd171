"""The scripts that compare BOHB: how a run is judged, and a comparison on NAS-Digits from end to end."""

import json
import re
import sys

import numpy as np
import pytest

from pynascent.scripts.reproduce.bohb import against_hpbandster as against
from pynascent.scripts.reproduce.bohb import fidelities


def test_a_run_is_judged_by_the_best_seen_and_ties_are_averaged():
    accuracy, test = np.array([0.5, 0.7, 0.7, 0.9]), np.array([0.1, 0.2, 0.4, 0.9])
    run = against.judge(3, [0, 1, 2, 1, 1], accuracy, test, thinking=0.05)
    assert run["value"] == 0.7 and run["report"] == pytest.approx(0.3)  # the third tie is no other architecture
    assert (run["queries"], run["unique"], run["decision_ms"]) == (5, 0.6, pytest.approx(10.0))


def test_bandwidths_are_described_before_they_are_clipped():
    kernels = np.array([[0.0, 0.9], [1.0, 0.8], [1.3, 0.2]])
    described = against.describe(kernels, np.array([5, 2]))
    assert described["always_resampled"] == pytest.approx(2 / 6)
    assert described["inverted"] == pytest.approx(4 / 6)  # above 0.8 of five options, above 0.5 of two
    assert described["bandwidth"][1] == pytest.approx(0.85)


def test_seeds_are_added_to_those_that_are_there(tmp_path):
    out, played = str(tmp_path / "runs.json"), []

    def play(seed):
        played.append(seed)
        return {"seed": seed}

    against.add_seeds(out, "a", "0:3", play)
    against.add_seeds(out, "b", "0:1", play)
    against.add_seeds(out, "a", "1:5", play)
    assert played == [0, 1, 2, 0, 3, 4]
    with open(out) as file:
        groups = json.load(file)
    assert [run["seed"] for run in groups["a"]] == [0, 1, 2, 3, 4] and len(groups["b"]) == 1


def test_fidelities_are_compared_at_equal_times(tmp_path, monkeypatch, capsys):
    for package in ("matplotlib", "moocore", "scipy"):
        pytest.importorskip(package)
    from pynascent.scripts.benchmark.run_file import read_run

    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["bohb_fidelities.py", str(out), "--seeds", "0:3", "--trainings", "8,12"])
    fidelities.main()
    printed = capsys.readouterr().out
    full = fidelities.full_training_seconds("Digits")
    values = fidelities.read(out, "Digits", full * np.array([8, 12]))
    assert all(runs.shape == (3, 2) for runs in values.values())
    for seed in range(3):  # worked out another way, run by run
        rows = read_run(out / f"runs/Digits/hyperband/{seed}.npz").rows
        counts = (rows["epochs"] == 27) & (rows["clock_seconds"] <= 12 * full)
        assert values["hyperband"][seed, 1] == rows["reward"][counts].max()
    mean = re.search(r"\| random \| \S+ ± \S+ \| (\S+) ±", printed)
    assert mean and float(mean[1]) == pytest.approx(np.mean(values["random"][:, 1]), abs=1e-4)
    assert len(re.findall(r"− (?:random|hyperband) \|", printed)) == 8
