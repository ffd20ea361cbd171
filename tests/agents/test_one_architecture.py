"""A space of one architecture is searched by every agent."""

import numpy as np
import pytest

from pynascent.agents import AGENTS, make_agent
from pynascent.envs import SearchBudget
from pynascent.envs.spaces import ChainSpace

from support.landscape import make_env

ONE = ChainSpace(stages=1, blocks=1, operations=("conv_3x3",), widths=(8,), residual="none")


@pytest.mark.filterwarnings("ignore:(grid|random) search:UserWarning", "ignore:the agent:UserWarning")
@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_searches_it(name, lanes):
    assert ONE.size == 1
    agent = make_agent(name)
    if agent.formulation == "edit":
        pytest.skip("there is nothing to edit")
    options = {"epochs": "choose"} if agent.multi_fidelity else {}
    evaluations = 60 if name not in ("tpe", "bayesian_optimization", "predictor", "ppo", "dqn") else 25
    history = agent.search(make_env(agent, lanes, space=ONE, **options), SearchBudget(evaluations=evaluations), 0)
    assert np.array_equal(history.column("architecture"), np.zeros((evaluations, ONE.n)))


@pytest.mark.filterwarnings("ignore:random search:UserWarning")
def test_settings_that_vary_do_too():
    for name, settings in (
        ("random", {"repeats": False}),
        ("local_search", {"improvement": "best"}),
        ("local_search", {"repeats": True}),
        ("bohb", {"repeats": False, "bandwidth": "categorical"}),
        ("reinforce", {"controller": "lstm"}),
        ("bayesian_optimization", {"forest": 0.0}),
    ):
        agent = make_agent(name, **settings)
        assert len(agent.search(make_env(agent, 1, space=ONE), SearchBudget(evaluations=20), 0)) == 20
