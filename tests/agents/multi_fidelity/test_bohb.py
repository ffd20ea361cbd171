"""BOHB under resource limits and with vectors of rewards."""

import dataclasses

import numpy as np
import pytest

from pynascent.agents import make_agent
from pynascent.agents.multi_objective.scalarisation import best_first, parego
from pynascent.envs import Objective, SearchBudget, SearchTask, SearchVectorEnv
from pynascent.envs.spaces import ChainSpace

from support.landscape import Landscape


def environment(agent, objective, **options):
    options = {"observation": agent.observation, "autoreset_mode": agent.autoreset_mode, **options}
    return SearchVectorEnv(1, SearchTask(Analytic(2), objective), "propose", **options)


class Analytic(Landscape):
    """A landscape whose FLOPs are the space's own."""

    def evaluate(self, architectures, epochs, seeds):
        result = super().evaluate(architectures, epochs, seeds)
        flops = self.space.cost(architectures)["flops"]
        return dataclasses.replace(result, metrics={**result.metrics, "flops": flops})


LIMIT = float(np.quantile(ChainSpace().cost(ChainSpace().sample(np.random.default_rng(0), 2000))["flops"], 0.3))
LIMITED = Objective({"accuracy": 1.0}, constraints=(f"flops<={LIMIT}",), infeasible_reward=5.0)  # above any other


def share_within(history, start=0):
    return float((history.column("flops")[start:] <= LIMIT).mean())


def test_what_breaks_a_constraint_counts_as_the_worst_whatever_its_reward():
    """The infeasible reward is the largest here, and yet the model moves away from what gets it."""
    agent = make_agent("bohb", bandwidth="categorical")
    history = agent.search(environment(agent, LIMITED), SearchBudget(evaluations=150), 0)
    assert share_within(history, 100) > 0.5 > 0.4 > share_within(history) - share_within(history, 50) * 1.2
    assert history.column("reward").max() == 5.0


def test_infeasible_configurations_are_not_promoted():
    agent = make_agent("bohb")
    history = agent.search(environment(agent, LIMITED, epochs="choose"), SearchBudget(evaluations=40), 0)
    epochs, flops = history.column("epochs"), history.column("flops")
    assert (flops[epochs == 1] > LIMIT).sum() > 9
    first = {tuple(row["architecture"]) for row in history.rows[:27]}
    promoted = [row for row in history.rows[27:] if tuple(row["architecture"]) in first]
    assert promoted and all(row["flops"] <= LIMIT for row in promoted)


def test_analytic_constraints_save_the_training():
    agent = make_agent("bohb", analytic_constraints=True)
    history = agent.search(environment(agent, LIMITED), SearchBudget(evaluations=60), 0)
    assert share_within(history) == 1.0


def test_analytic_constraints_that_nothing_keeps_do_not_hang():
    agent = make_agent("bohb", analytic_constraints=True)
    objective = Objective({"accuracy": 1.0}, constraints=("flops<=1",))
    assert len(agent.search(environment(agent, objective), SearchBudget(evaluations=30), 0)) == 30


def drawn_of(history):
    """Return the canonical forms of a single-fidelity history, in order."""
    forms = ChainSpace().canonical(np.array([row["architecture"] for row in history.rows]))
    return [form.tobytes() for form in forms]


def test_without_repeats_nothing_isomorphic_is_drawn_twice_and_with_them_much_is():
    objective = Objective({"accuracy": 1.0})
    distinct = []
    for repeats in (False, True):
        agent = make_agent("bohb", bandwidth="categorical", repeats=repeats)
        drawn = drawn_of(agent.search(environment(agent, objective), SearchBudget(evaluations=200), 0))
        distinct.append(len(set(drawn)))
    assert distinct[0] == 200 and distinct[1] < 160


def test_without_repeats_configurations_are_still_promoted():
    agent = make_agent("bohb", repeats=False)
    env = environment(agent, Objective({"accuracy": 1.0}), epochs="choose")
    history = agent.search(env, SearchBudget(evaluations=120), 0)
    seen = [(tuple(row["architecture"]), row["epochs"]) for row in history.rows]
    assert len(set(seen)) == 120  # none twice at the same fidelity
    assert len({architecture for architecture, _ in seen}) < 100  # and yet many at several


def test_without_repeats_actions_under_way_are_drawn_once():
    agent = make_agent("bohb", repeats=False, random_fraction=0.0)
    space = ChainSpace(stages=1, blocks=1)
    agent.begin(space, (), np.random.default_rng(0))
    asked = agent.ask(20)  # none of them is told yet
    assert len(np.unique(space.canonical(asked), axis=0)) == 20


def test_without_repeats_an_exhausted_space_is_drawn_again_within_its_constraints():
    """36 architectures, fewer up to isomorphism: a search of 60 goes on, and breaks no known constraint."""
    space = ChainSpace(stages=1, blocks=2, operations=("skip", "conv_1x1", "conv_3x3"))
    everything = np.concatenate(list(space.enumerate()))
    limit = float(np.median(space.cost(everything)["flops"]))
    objective = Objective({"accuracy": 1.0}, constraints=(f"flops<={limit}",))
    agent = make_agent("bohb", repeats=False, analytic_constraints=True)
    options = {"observation": agent.observation, "autoreset_mode": agent.autoreset_mode}
    env = SearchVectorEnv(1, SearchTask(Analytic(2, space=space), objective), "propose", **options)
    history = agent.search(env, SearchBudget(evaluations=60), 0)
    feasible = everything[space.cost(everything)["flops"] <= limit]
    forms = {form.tobytes() for form in space.canonical(np.array([row["architecture"] for row in history.rows]))}
    assert len(history) == 60 and (history.column("flops") <= limit).all()
    assert forms == {form.tobytes() for form in space.canonical(feasible)}


@pytest.mark.parametrize("epochs", [27, "choose"])
def test_vector_rewards_are_searched_and_repeat(epochs):
    objective = Objective({"accuracy": 1.0, "ln_flops": -0.1}, vector=True)
    agent = make_agent("bohb", bandwidth="categorical")
    histories = [
        agent.search(environment(agent, objective, epochs=epochs), SearchBudget(evaluations=120), 1).column("reward")
        for _ in range(2)
    ]
    assert histories[0].shape == (120, 2)
    assert (histories[0] == histories[1]).all()


def test_vector_search_finds_a_better_front_than_random_draws():
    """Hypervolume over (0, −2), the area of a staircase; random search draws as many distinct architectures."""
    objective = Objective({"accuracy": 1.0, "ln_flops": -0.1}, vector=True)
    landscape, space = Analytic(2), ChainSpace()
    rows = np.concatenate(list(space.enumerate()))
    accuracy = landscape.accuracy(rows, np.full(len(rows), 27))
    everything = np.stack([accuracy, -0.1 * np.log(space.cost(rows)["flops"])], axis=1)

    def hypervolume(points):
        area = height = 0.0
        for x, y in points[np.argsort(-points[:, 0])] - np.array([0.0, -2.0]):
            if y > height:
                area += x * (y - height)
                height = y
        return area

    agent, rng = make_agent("bohb", bandwidth="categorical"), np.random.default_rng(0)
    env = environment(agent, objective)
    found = [hypervolume(agent.search(env, SearchBudget(evaluations=150), s).column("reward")) for s in range(6)]
    random = [hypervolume(everything[rng.choice(len(rows), 150, replace=False)]) for _ in range(200)]
    best = hypervolume(everything)
    assert best - np.mean(found) < 0.8 * (best - np.mean(random))


def test_parego_scales_and_keeps_failures_last():
    losses = np.array([[0.0, 10.0], [1.0, 0.0], [2.0, 20.0], [np.inf, np.inf]])
    rng = np.random.default_rng(0)
    scores = np.array([parego(losses, rng) for _ in range(200)])
    assert np.isinf(scores[:, 3]).all() and np.isfinite(scores[:, :3]).all()
    assert (scores[:, 2] > scores[:, :2].max(axis=1) - 1e-12).all()  # dominated by both
    assert {0, 1} == set(scores.argmin(axis=1))  # each of the others is some draw's best
    weights = np.random.default_rng(3).dirichlet(np.ones(2))
    shares = weights * np.array([0.5, 0.0])
    assert parego(losses, np.random.default_rng(3))[1] == pytest.approx(shares.max() + 0.05 * shares.sum())


def test_best_first_goes_front_by_front():
    assert best_first(np.array([1.0, 3.0, 3.0, 2.0])).tolist() == [1, 2, 3, 0]
    order = best_first(np.array([[0.0, 0.0], [2.0, 1.0], [1.0, 2.0], [1.0, 1.0]])).tolist()
    assert set(order[:2]) == {1, 2} and order[2:] == [3, 0]
