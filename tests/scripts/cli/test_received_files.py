"""Files from a stranger import nothing: every place in a search's record that could name a module, and what may."""

import json
import sys
from pathlib import Path

import pytest

import support.cost_task  # noqa: F401  (registers PyNASCENT/Cost-…)
from support.command_line import command

TRAP = """
from pathlib import Path
Path(__file__).with_name("imported").touch()
from pynascent.agents import AGENTS
from pynascent.envs import TaskSpec, register_environments
from pynascent.envs.spaces import ChainSpace
class Space(ChainSpace):
    pass
class Agent(AGENTS["random"]):
    name = "trap"
register_environments(
    TaskSpec(name="Trap", description="", evaluator="support.cost_evaluator:CostEvaluator", lam=0.02)
)
"""


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A module beside the record that leaves a mark when it is imported, as a stranger would send one."""
    import gymnasium

    from pynascent.envs import TASKS

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr("pynascent.scripts.search.run.plot_search", lambda *arguments: None)
    (tmp_path / "trap_module.py").write_text(TRAP)
    yield tmp_path / "imported"
    sys.modules.pop("trap_module", None)
    TASKS.pop("Trap", None)
    for name in [name for name in gymnasium.registry if "/Trap-" in name]:
        del gymnasium.registry[name]


def searched(monkeypatch, folder, *more, env="PyNASCENT/Digits-Propose-v0", agent="random"):
    arguments = ("--env", env, "--agent", agent, "--evaluations", 3, "--out", folder)
    assert command(monkeypatch, "search", *arguments, *more) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"evaluator": {"space": {"space": "trap_module:Space"}}},
        {"evaluator": {"space": [["space", "trap_module:Space"]]}},  # dict() of a list of pairs is a mapping, too
        {"evaluator": [["space", {"space": "trap_module:Space"}]]},
        {"evaluator": {"space": {"space": "./trap_module.py:Space"}}},
        {"evaluator": {"space": {"space": "trap_module:Space.Inner"}}},
        {"evaluator": {"space": {"space": "chain", "stages": ["trap_module:Space"]}}},
        {"evaluator": {"dataset": "trap_module:Space"}},
        {"evaluator": {"space": {"component": "trap_module:Space", "settings": {}}}},
        {"evaluator": {"trap_module:Space": 1}},
        {"evaluator": {"space": {"space": "pynascent.evaluation.optional:import_module", "name": "trap_module"}}},
        {"evaluator": {"space": {"space": "pynascent.envs.core.imports:import_outside", "name": "trap_module"}}},
        {"objective": {"terms": {"trap_module:Space": 1.0}}},
        {"env": "trap_module:PyNASCENT/Trap-Propose-v0"},
        {"env": "PyNASCENT/Trap-Propose-v0", "modules": ["trap_module"]},
        {"env": "PyNASCENT/LiveDigits-Propose-v0", "evaluator": {"dataset": "trap_module:Space"}},
        {"env": "PyNASCENT/LiveDigits-Propose-v0", "evaluator": {"space": {"space": "trap_module:Space"}}},
        {"agent": "trap_module:Agent"},
    ],
)
@pytest.mark.parametrize("what", ("replay", "explain"))
def test_a_record_imports_nothing(change, what, trap, monkeypatch, capfd):
    searched(monkeypatch, "run", "--record-actions")
    if "agent" in change and what == "explain":
        pytest.skip("explain makes no agent")
    folder = Path("run")
    configuration = json.loads((folder / "search.json").read_text()) | change
    (folder / "search.json").write_text(json.dumps(configuration))
    summary = json.loads((folder / "summary.json").read_text()) | {"configuration": configuration}
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "best.keras").touch()
    capfd.readouterr()
    more = ("--method", "gradient_x_input") if what == "explain" else ()
    assert command(monkeypatch, what, folder, *more) == 2
    error = capfd.readouterr().err.strip()
    assert error.startswith("pynascent: error: ") and "\n" not in error, error
    assert not trap.exists() and "trap_module" not in sys.modules


@pytest.mark.parametrize("permission", ("--module", "--allow-import"))
@pytest.mark.parametrize("name", ("trap_module", "trap_module.py"))
def test_a_module_that_the_user_names_is_imported(permission, name, trap, monkeypatch, capfd):
    record = ("--space", "trap_module.py:Space")
    searched(monkeypatch, "run", *record, "--record-actions", agent="trap_module.py:Agent")
    configuration = json.loads(Path("run/search.json").read_text())
    assert configuration["agent"] == "trap_module:Agent"  # no place on this machine
    assert configuration["evaluator"]["space"] == {"space": "trap_module:Space"}
    sys.modules.pop("trap_module")
    trap.unlink()
    assert command(monkeypatch, "replay", "run") == 2
    assert "add --allow-import trap_module" in capfd.readouterr().err and not trap.exists()
    assert command(monkeypatch, "replay", "run", permission, "other_module") == 2
    assert not trap.exists()
    assert command(monkeypatch, "replay", "run", permission, name) == 0
    assert trap.exists()
    assert "all 3 evaluations reproduce, all " in capfd.readouterr().out


def test_an_environment_says_which_module_it_was_searched_with(trap, monkeypatch, capfd):
    searched(monkeypatch, "run", "--module", "trap_module.py", env="PyNASCENT/Trap-Propose-v0")
    import gymnasium

    del gymnasium.registry["PyNASCENT/Trap-Propose-v0"]
    capfd.readouterr()
    assert command(monkeypatch, "replay", "run") == 2
    assert "begun with --module trap_module, add that" in capfd.readouterr().err
