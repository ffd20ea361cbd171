"""Constraints: every agent looks for what keeps them, on NAS-Digits and where only an evaluation decides."""

import gymnasium
import numpy as np
import pytest

import pynascent.envs  # noqa: F401
from pynascent.agents import AGENTS, make_agent
from pynascent.agents.constraints import penalised
from pynascent.agents.model_based.targets import comparable
from pynascent.agents.multi_objective.nondominated import nondominated_fronts
from pynascent.agents.multi_objective.scalarisation import best_first
from pynascent.envs import METRICS, Evaluation, Objective, SearchBudget, SearchEnv, SearchTask
from pynascent.envs.core import feasibility

from support.landscape import Landscape

LIMIT = 3e5
# Random draws: 0.31 of Digits' architectures have more FLOPs. Bounds are generous; the report has the figures.
BOUNDS = {
    "random": 0.45,
    "local_search": 0.25,
    "regularized_evolution": 0.2,
    "genetic": 0.25,
    "nsga2": 0.25,
    "successive_halving": 0.3,
    "hyperband": 0.3,
    "asha": 0.35,
    "bohb": 0.25,
    "tpe": 0.25,
    "dehb": 0.25,
    "bayesian_optimization": 0.0,
    "predictor": 0.0,
    "reinforce": 0.35,
}
SLOW = ("bayesian_optimization", "predictor", "tpe")


def digits(agent, limit=LIMIT):
    terms = {"accuracy": 1, "ln_flops": -0.3}
    objective = {"terms": terms, "constraints": [f"flops<={limit}"], "vector": agent.multi_objective}
    options = {"epochs": "choose"} if agent.multi_fidelity else {}
    name = f"PyNASCENT/Digits-{agent.formulation.capitalize()}-v0"
    return gymnasium.make(name, objective=objective, observation=agent.observation, **options)


@pytest.mark.parametrize("name", BOUNDS)
def test_late_queries_keep_the_limit(name):
    """The infeasible reward, −1, is above all feasible ones (−2.2 at best): who reads rewards alone is led astray."""
    seeds, evaluations = (range(2), 50) if name in SLOW else (range(6), 120)
    agent, shares = make_agent(name), []
    for seed in seeds:
        history = agent.search(digits(agent), SearchBudget(evaluations=evaluations), seed)
        shares.append((history.column("flops")[evaluations // 2 :] > LIMIT).mean())
    assert np.mean(shares) <= BOUNDS[name]


@pytest.mark.parametrize("name", ["bayesian_optimization", "predictor"])
def test_what_is_known_beforehand_is_never_asked_for(name):
    agent = make_agent(name)
    history = agent.search(digits(agent), SearchBudget(evaluations=30), 3)
    assert (history.column("flops") <= LIMIT).all()
    nothing = agent.search(digits(agent, 1.0), SearchBudget(evaluations=15), 3)  # a limit that nothing keeps
    assert len(nothing) == 15


def test_the_front_of_nsga2_is_feasible():
    agent = make_agent("nsga2")
    agent.search(digits(agent), SearchBudget(evaluations=120), 0)
    best = [member for member, rank in zip(agent._population, agent._rank, strict=True) if rank == 0]
    assert best and all(violation == 0 for _, _, violation in best)


class Measured(Landscape):
    """A landscape with a latency that no analytic cost tells: the better half of the first choice's options is slow."""

    def __init__(self, seed=0, **options):
        super().__init__(seed, **options)
        self.metrics = {**self.metrics, "latency_ms": METRICS["latency_ms"]}

    def evaluate(self, architectures, epochs, seeds):
        result = super().evaluate(architectures, epochs, seeds)
        slow = self._values[0][architectures[:, 0]] > np.median(self._values[0])
        latency = np.where(slow, 20.0, 1.0) + architectures.sum(axis=1) / 100
        return Evaluation(
            result.status, result.epochs, result.seed, {**result.metrics, "latency_ms": latency}, result.cost_seconds
        )


@pytest.mark.parametrize(
    "name", ["bayesian_optimization", "predictor", "tpe", "bohb", "genetic", "local_search", "dehb"]
)
def test_measured_constraints_are_learnt(name):
    """About half of all draws are too slow, and those are the accurate ones."""
    agent, shares, best = make_agent(name), [], []
    evaluations = 40 if name in SLOW else 150
    for seed in range(3):
        objective = Objective({"accuracy": 1.0}, constraints=("latency_ms<=10",), infeasible_reward=2.0)
        options = {"epochs": "choose"} if agent.multi_fidelity else {}
        env = SearchEnv(SearchTask(Measured(seed), objective), "propose", **options)
        history = agent.search(env, SearchBudget(evaluations=evaluations), seed)
        slow = history.column("latency_ms") > 10
        shares.append(slow[evaluations // 2 :].mean())
        best.append((~slow).any())
    assert all(best)
    assert np.mean(shares) < 0.3


@pytest.mark.parametrize("name", [n for n in AGENTS if n not in ("ppo", "dqn", *SLOW)])
def test_a_metric_that_is_not_a_number_beside_successes_is_survived(name):
    """A successful evaluation may lack a term (∞ violation); no agent is led astray by its infeasible reward."""

    class Lacking(Measured):
        def evaluate(self, architectures, epochs, seeds):
            result = super().evaluate(architectures, epochs, seeds)
            result.metrics["latency_ms"][architectures[:, 1] == 0] = np.nan
            return result

    agent = make_agent(name)
    objective = Objective({"accuracy": 1.0, "latency_ms": -0.001}, vector=agent.multi_objective, infeasible_reward=5.0)
    options = {"epochs": "choose"} if agent.multi_fidelity else {}
    env = SearchEnv(SearchTask(Lacking(), objective), agent.formulation, **options)
    assert len(agent.search(env, SearchBudget(evaluations=60), 0)) == 60


@pytest.mark.parametrize("name", [n for n in AGENTS if n not in ("ppo", "dqn", "nsga2", "bohb")])
def test_without_constraints_violations_change_nothing(name):
    """A constraint that everything keeps gives the history of no constraint."""
    histories = []
    for constraints in ((), ("flops<=1e12",)):
        agent = make_agent(name)
        options = {"epochs": "choose"} if agent.multi_fidelity else {}
        task = SearchTask(Landscape(), Objective({"accuracy": 1.0}, constraints=constraints))
        env = SearchEnv(task, agent.formulation, **options)
        history = agent.search(env, SearchBudget(evaluations=20 if name in SLOW else 80), 4)
        histories.append(history.column("architecture").tolist())
    assert histories[0] == histories[1]


def test_orders_are_debs():
    rewards, violations = np.array([1.0, 5.0, 4.0, 2.0, -np.inf, 3.0]), np.array([0.0, 0.2, 0.1, 0.0, np.inf, 0.1])
    order = feasibility.order(rewards, violations).tolist()
    assert order == [3, 0, 2, 5, 1, 4] == best_first(rewards, violations).tolist()
    merits = penalised(rewards, violations)
    assert merits.tolist() == [1.0, 0.8, 0.9, 2.0, -np.inf, 0.9]
    assert penalised(rewards, np.zeros(6)) is rewards
    assert penalised(np.array([9.0, 8.0]), np.array([0.5, 0.25])).tolist() == [-0.5, -0.25]
    assert comparable(rewards, violations).tolist() == [1.0, -np.inf, -np.inf, 2.0, -np.inf, -np.inf]
    assert comparable(rewards[1:3], violations[1:3]).tolist() == [-0.2, -0.1]


def test_fronts_do_not_mix_what_is_feasible_with_what_is_not():
    rng = np.random.default_rng(0)
    rewards, violations = rng.random((60, 2)), np.maximum(rng.normal(size=60), 0.0).round(1)
    fronts = nondominated_fronts(rewards, violations)
    assert sorted(np.concatenate(fronts).tolist()) == list(range(60))
    levels = [set(violations[front]) for front in fronts]
    assert all(len(level) == 1 for level in levels)
    assert [level.pop() for level in levels] == sorted(violations[front[0]] for front in fronts)
    only = np.flatnonzero(violations == 0)
    assert [only[front].tolist() for front in nondominated_fronts(rewards[only])] == [
        front.tolist() for front in fronts if violations[front[0]] == 0
    ]
