"""Conformance: what every registered agent keeps to."""

import dataclasses
import json

import numpy as np
import pytest

from pynascent.agents import AGENTS, AskTellAgent, make_agent
from pynascent.envs import Objective, SearchBudget, SearchEnv, SearchTask, SearchVectorEnv

from support.landscape import make_env

EVALUATIONS = 30


def plain(history):
    """Rows without wall times."""
    return [{key: value for key, value in row.items() if key != "decision_seconds"} for row in history]


@pytest.fixture(scope="module")
def histories():
    """Two searches of each agent from one seed, and one from another, 4 lanes with some failures."""
    return {
        name: [
            make_agent(name).search(make_env(AGENTS[name], fail=0.2), SearchBudget(evaluations=EVALUATIONS), seed)
            for seed in (7, 7, 8)
        ]
        for name in AGENTS
    }


@pytest.mark.parametrize("name", AGENTS)
def test_same_seed_same_history(name, histories):
    first, second, other = histories[name]
    assert plain(first) == plain(second)
    assert plain(first) != plain(other)


@pytest.mark.parametrize("name", AGENTS)
def test_the_budget_is_spent_exactly(name, histories):
    for history in histories[name]:
        assert len(history) == EVALUATIONS
        assert history.column("index").tolist() == list(range(EVALUATIONS))
        assert 0 < (history.column("status") != "ok").sum() < EVALUATIONS  # it goes on after failures


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_can_search_again_and_leaves_the_environment_free(name, histories):
    agent = make_agent(name)
    env = make_env(agent, fail=0.2)
    agent.search(env, SearchBudget(evaluations=10), 3)
    rows = []
    history = agent.search(env, SearchBudget(evaluations=EVALUATIONS), 7, on_evaluation=rows.append)
    assert plain(history) == plain(histories[name][0])
    assert rows == history.rows


@pytest.mark.parametrize("name", AGENTS)
def test_a_time_budget_is_kept(name):
    agent = make_agent(name)
    budget = SearchBudget(seconds=27 * 9.5)
    history = agent.search(make_env(agent), budget, 0)
    assert len(history) == 9
    assert history.column("cost_seconds").sum() <= 27 * 9.5


@pytest.mark.parametrize("name", AGENTS)
def test_a_scalar_environment_does(name):
    agent = make_agent(name)
    task = SearchTask(make_env(agent).task.evaluator, make_env(agent).task.objective.objective)
    env = SearchEnv(task, agent.formulation, observation=agent.observation)
    assert len(agent.search(env, SearchBudget(evaluations=7), 0)) == 7


@pytest.mark.parametrize("name", AGENTS)
def test_another_formulation_is_one_line(name):
    agent = make_agent(name)
    wrong = next(f for f in ("edit", "propose") if f not in agent.formulations)
    with pytest.raises(ValueError, match=f"the agent '{name}' plays .*{agent.formulation}.*, not {wrong}") as error:
        agent.search(make_env(agent, formulation=wrong), SearchBudget(evaluations=1), 0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", AGENTS)
def test_settings_are_documented_frozen_json(name):
    settings = AGENTS[name].Settings()
    as_json = json.loads(json.dumps(dataclasses.asdict(settings)))
    assert AGENTS[name].Settings(**as_json) == settings
    for field in dataclasses.fields(settings):
        assert f"\n        {field.name}: " in type(settings).__doc__
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.anything = 1


def test_unknown_names_list_the_known_ones():
    with pytest.raises(
        ValueError, match=r"agent 'bohp' is unknown \(did you mean 'bohb'\?\): known are asha, .*random"
    ):
        make_agent("bohp")
    with pytest.raises(ValueError, match=r"no setting 'repeat' \(did you mean 'repeats'\?\): allowed are repeats"):
        make_agent("random", repeat=True)
    with pytest.raises(ValueError, match=r"random_fraction=1.5: give a number of at least 0, at most 1"):
        make_agent("bohb", random_fraction=1.5)


@pytest.mark.parametrize("mode", ["next_step", "same_step"])
@pytest.mark.parametrize("name", ["random", "bohb"])
def test_ask_tell_agents_do_the_same_in_every_autoreset_mode(name, mode):
    agent, budget = make_agent(name), dict(evaluations=EVALUATIONS)
    histories = [
        agent.search(make_env(agent, autoreset_mode=m, fail=0.2), SearchBudget(**budget), 7) for m in (mode, "disabled")
    ]
    assert plain(histories[0]) == plain(histories[1])


@pytest.mark.parametrize("name", [name for name, agent in AGENTS.items() if issubclass(agent, AskTellAgent)])
def test_ask_tell_agents_play_vector_rewards_or_refuse_them(name):
    agent = make_agent(name)
    evaluator = make_env(agent, fail=0.2).task.evaluator
    task = SearchTask(evaluator, Objective({"accuracy": 1.0, "flops": -1e-3}, vector=True))
    env = SearchVectorEnv(2, task, "propose", autoreset_mode="disabled", observation=agent.observation)
    if agent.vector_reward:
        history = agent.search(env, SearchBudget(evaluations=40), 0)
        assert history.column("reward").shape == (40, 2)
    else:
        with pytest.raises(ValueError, match="needs one reward"):
            agent.search(env, SearchBudget(evaluations=4), 0)


def mean_regret(name, seeds, budget, lanes=4, **options):
    """Mean over seeds (a landscape each) of the share of architectures better than the best one found."""
    regrets, settings = [], options.pop("settings", {})
    for seed in seeds:
        agent = make_agent(name, **settings)
        env = make_env(agent, lanes, seed=seed, **options)
        best = agent.search(env, SearchBudget(**budget), seed).best()
        space = env.task.space
        rows = np.concatenate(list(space.enumerate()))
        full = env.task.evaluator.accuracy(rows, np.full(len(rows), 27))
        regrets.append((full > best["reward"] + 1e-12).mean())
    return float(np.mean(regrets))


def test_multi_fidelity_beats_random_search_in_equal_time():
    budget = {"seconds": 27 * 40.0}
    random = mean_regret("random", range(20), budget)
    assert random > 0.01  # 40 draws: about one in 41
    assert mean_regret("hyperband", range(20), budget, epochs="choose") < 0.6 * random
    assert mean_regret("bohb", range(20), budget, epochs="choose") < 0.6 * random


def test_the_repaired_kernel_learns_from_one_fidelity():
    budget = {"evaluations": 200}
    random = mean_regret("random", range(12), budget, lanes=1)
    repaired = mean_regret("bohb", range(12), budget, lanes=1, settings={"bandwidth": "categorical"})
    assert repaired < 0.4 * random


def test_ppo_learns():
    budget = {"evaluations": 64}
    assert mean_regret("ppo", range(6), budget) < 0.6 * mean_regret("random", range(20), budget)
