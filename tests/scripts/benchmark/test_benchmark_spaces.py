"""Every registered agent plays every kind of table unchanged, one of a space of the user's own among them."""

import sys

import gymnasium
import numpy as np
import pytest

from pynascent.agents import AGENTS
from pynascent.envs import TASKS
from pynascent.envs.spaces import space_from_config
from pynascent.scripts.benchmark.run_file import read_run

from support.bench_table import write_table
from support.command_line import command

OWN = """
from pynascent.envs import TaskSpec, register_environments
from pynascent.envs.spaces import Choice, NetworkBuilder, SearchSpace


class Dense(SearchSpace):
    def __init__(self):
        units = (4, 8, 16, 32, 64)
        super().__init__("dense", [Choice("layers", (1, 2)), Choice("first", units), Choice("second", units)])

    def config(self):
        return {}

    def network(self, architecture):
        layers, first, second = self.options(architecture).values()
        builder = NetworkBuilder((8, 8, 1))
        x = builder.global_avg_pool(builder.relu(builder.conv(builder.input, 32, 3)))
        for units in (first, second)[:layers]:
            x = builder.relu(builder.dense(x, units))
        return builder.build(builder.dense(x, 10))


table = {"table": "Own", "space": {"space": "own_space:Dense"}}
register_environments(TaskSpec("Own", "a table of a space of mine", "pynascent.envs.tables:TableEvaluator", table))
"""
SPACES = {
    "Cells": {"space": "nasbench101", "vertices": 5, "max_edges": 6},
    "Macro": {"space": "nasbench_macro"},
    "Own": {"space": "own_space:Dense"},
}
EVALUATIONS = 25


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A benchmark of all agents on the three tables; returns its folder."""
    home = tmp_path_factory.mktemp("home")
    (home / "own_space.py").write_text(OWN)
    (home / "tables").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYNASCENT_DATA", str(home))
        patch.syspath_prepend(str(home))
        for name, config in SPACES.items():
            write_table(home / "tables" / f"{name}.nastable", config)
        options = (
            "--tasks",
            "Table:Cells,Table:Macro,Own",
            "--agents",
            ",".join(AGENTS),
            "--seeds",
            "0",
            "--budget",
            EVALUATIONS,
        )
        more = ("--module", "own_space", "--processes", 1, "--out", home / "bench")
        assert command(patch, "benchmark", *options, *more) == 0
        for spec in [name for name in gymnasium.registry if name.startswith("PyNASCENT/Own-")]:
            gymnasium.registry.pop(spec)
        TASKS.pop("Own")
        sys.modules.pop("own_space")
    return home / "bench"


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("table", SPACES)
def test_every_agent_plays_every_kind_of_table(agent, table, bench, monkeypatch):
    monkeypatch.syspath_prepend(str(bench.parent))
    rows = read_run(bench / "runs" / table / agent / "0.npz").rows
    assert len(rows) == EVALUATIONS
    assert space_from_config(SPACES[table]).valid(rows["architecture"]).all()
    assert not np.isnan(rows["value"]).all()
