"""The documentation's examples run."""

import re
import sys
import types
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def examples(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_an_own_task_as_the_docs_write_it():
    code = next(code for code in examples(DOCS / "environments.md") if "SmallIsBeautiful" in code)
    module = types.ModuleType("documented_task")
    sys.modules[module.__name__] = module
    try:
        exec(compile(code, "docs/environments.md", "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]


def test_an_own_agent_as_the_docs_write_it():
    import gymnasium

    from pynascent.envs import SearchBudget

    from support.cost_evaluator import CostEvaluator

    scope: dict = {}
    code = next(code for code in examples(DOCS / "agents.md") if "class OneStep" in code)
    exec(compile(code, "docs/agents.md", "exec"), scope)
    env = gymnasium.make_vec(
        "PyNASCENT/LiveDigits-Propose-v0", num_envs=2, autoreset_mode="disabled", evaluator=CostEvaluator(), mu=0.0
    )
    history = scope["OneStep"]().search(env, SearchBudget(evaluations=60), seed=0)
    rewards = history.column("reward")
    assert len(history) == 60 and rewards.max() > rewards[:2].max()


def test_several_rewards_and_simulated_workers_as_the_docs_write_them(real_tables, capsys):
    nsga2, workers = (
        next(code for code in examples(DOCS / "agents.md") if word in code) for word in ('"nsga2"', "workers=workers")
    )
    scope: dict = {}
    exec(compile(nsga2, "docs/agents.md", "exec"), scope)
    assert scope["rewards"].shape == (200, 2) and 3 < len(scope["front"]) < 100
    capsys.readouterr()
    exec(compile(workers, "docs/agents.md", "exec"), {})
    hours = [float(line.split()[2]) for line in capsys.readouterr().out.splitlines()]
    assert len(hours) == 3 and hours[0] > 5 * hours[1] > 10 * hours[2]


def test_the_expectation_of_random_search_as_the_docs_write_it():
    code = next(code for code in examples(DOCS / "benchmark.md") if "expected_after_draws" in code)
    exec(compile(code, "docs/benchmark.md", "exec"), {})


def test_bandwidths_are_what_the_docs_say(capsys):
    code = next(code for code in examples(DOCS / "bohb.md") if "normal_reference" in code)
    exec(compile(code, "docs/bohb.md", "exec"), {})
    stated = re.findall(r"^print.*# (\[.*\])$", code, flags=re.MULTILINE)
    assert len(stated) == 3 and capsys.readouterr().out.splitlines() == stated


def test_the_outside_agent_of_the_docs_runs_in_the_benchmark(tmp_path, monkeypatch):
    import pytest

    from pynascent.scripts.benchmark.run_file import read_run
    from pynascent.scripts.cli.app import main

    from support.bench_table import write_table

    for package in ("matplotlib", "moocore", "scipy"):
        pytest.importorskip(package)
    code = next(code for code in examples(DOCS / "benchmark.md") if "class Climber" in code)
    assert len(code.rstrip().splitlines()) <= 36  # thirty lines and what lies between them
    (tmp_path / "climber.py").write_text(code, encoding="utf-8")
    (tmp_path / "tables").mkdir()
    write_table(tmp_path / "tables" / "Made.nastable")
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    monkeypatch.setattr("sys.path", [*sys.path])
    options = ["--tasks", "Table:Made", "--agents", "random", "--agent", f"{tmp_path / 'climber.py'}:Climber"]
    options += ["--seeds", "0:2", "--budget", "60", "--processes", "1", "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["pynascent", "benchmark", *options])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    best = {a: read_run(tmp_path / f"out/runs/Made/{a}/0.npz").rows["value"].max() for a in ("climber", "random")}
    assert best["climber"] > best["random"]


def test_constraints_and_settings_of_ones_own_as_the_docs_write_them(capsys):
    for word, printed in (("flops<=3e5", ""), ("class Cautious(", "patience=0: give an integer of at least 1")):
        code = next(code for code in examples(DOCS / "agents.md") if word in code)
        module = types.ModuleType("documented_agents")
        sys.modules[module.__name__] = module
        try:
            exec(compile(code, "docs/agents.md", "exec"), module.__dict__)
        finally:
            del sys.modules[module.__name__]
        assert capsys.readouterr().out.strip() == printed


def test_a_live_search_and_the_same_again_as_the_docs_write_them(warm, tmp_path, monkeypatch):
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    code = next(code for code in examples(DOCS / "agents.md") if "parallelism=2" in code)
    scope: dict = {}
    exec(compile(code, "docs/agents.md", "exec"), scope)
    assert len(scope["again"]) == 6


def test_the_training_configuration_as_the_docs_write_it(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    (code,) = examples(DOCS / "training.md")
    exec(compile(code, "docs/training.md", "exec"), {})
    assert capsys.readouterr().out.startswith("[0.01 ")


def test_the_docs_list_every_training_field_with_its_default():
    from dataclasses import fields

    from pynascent.trainers.training.configuration import TrainingConfiguration

    table = (DOCS / "training.md").read_text(encoding="utf-8").partition("## Fields")[2].partition("##")[0]
    listed = {
        name
        for line in table.splitlines()
        for name in re.findall(r"`(\w+)`", line.split("|")[1:2][0] if "|" in line else "")
    }
    assert listed == {field.name for field in fields(TrainingConfiguration)}


def test_a_watched_evaluator_as_the_docs_write_it(warm, tmp_path, monkeypatch):
    from pynascent.trainers.watching.prometheus import METRICS

    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (code,) = examples(DOCS / "watching.md")
    scope: dict = {}
    exec(compile(code, "docs/watching.md", "exec"), scope)
    assert (
        "pynascent_candidates_running" in scope["text"]
        and len(list((tmp_path / "runs/live/tensorboard").iterdir())) == 1
    )
    table = re.findall(
        r"^\| `(pynascent_\w+)(?:\{([\w,]+)\})?` \| (\w+)", (DOCS / "watching.md").read_text(), re.MULTILINE
    )
    assert {name: (kind, tuple(labels.split(",") if labels else ())) for name, labels, kind in table} == {
        name: (kind, labels) for name, (kind, labels, _) in METRICS.items()
    }
