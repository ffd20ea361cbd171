"""Asynchronous play: simulated workers that never wait, and results that are told when they have ended."""

import dataclasses
import heapq

import numpy as np
import pytest

from pynascent.agents import AGENTS, AskTellAgent, make_agent
from pynascent.envs import Objective, SearchBudget, SearchEnv, SearchTask

from support.landscape import Landscape, make_env

ASK_TELL = [name for name, agent in AGENTS.items() if issubclass(agent, AskTellAgent)]
MODELS = {"bayesian_optimization", "predictor", "tpe", "dehb"}  # slower to decide: fewer evaluations


def evaluations(name):
    return 24 if name in MODELS else 160


class Costs(Landscape):
    """A landscape whose evaluations cost what a list says, one after the other."""

    def __init__(self, costs):
        super().__init__()
        self._costs = iter(costs)

    def evaluate(self, architectures, epochs, seeds):
        result = super().evaluate(architectures, epochs, seeds)
        cost = np.array([next(self._costs) for _ in epochs], dtype=float)
        return dataclasses.replace(result, cost_seconds=cost)


class Diary(AskTellAgent):
    """Draws at random, and writes down when it asks and what it has been told by then."""

    name = "diary"

    def begin(self, space, fidelities, rng):
        self.space, self.rng, self.asked, self.told, self.log = space, rng, 0, [], []

    def ask(self, count):
        rows = self.space.from_index(np.arange(self.asked, self.asked + count))  # number i is architecture i
        self.asked += count
        self.log.append((self.budget.next_free_seconds, sorted(self.told)))
        return rows

    def tell(self, actions, rewards, ok, infos):
        self.told.extend(self.space.index(actions).tolist())


def scalar_env(evaluator, **options):
    return SearchEnv(SearchTask(evaluator, Objective({"accuracy": 1.0})), "propose", **options)


def test_a_schedule_by_hand():
    # Two workers:  A: 0 (0-5), 3 (5-6), 4 (6-10)   B: 1 (0-2), 2 (2-6), 5 (6-7), 6 (7-10), 7 (10-11)
    agent, budget = Diary(), SearchBudget(evaluations=8, workers=2)
    history = agent.search(scalar_env(Costs([5, 2, 4, 1, 4, 1, 3, 1])), budget, 0)
    assert history.column("clock_seconds").tolist() == [5, 2, 6, 6, 10, 7, 10, 11]
    assert agent.log == [
        (0, []),
        (0, []),
        (2, [1]),
        (5, [0, 1]),
        (6, [0, 1, 2, 3]),  # both end at once, and both are known
        (6, [0, 1, 2, 3]),
        (7, [0, 1, 2, 3, 5]),
        (10, [0, 1, 2, 3, 4, 5, 6]),
    ]
    assert agent.told == [1, 0, 2, 3, 5, 4, 6, 7]  # in the order of the ends, then of the asking
    assert budget.clock_seconds == 11 and budget.spent_evaluations == 8


def test_the_first_that_does_not_fit_ends_the_search_and_the_others_come_to_their_end():
    agent, budget = Diary(), SearchBudget(seconds=8, workers=2)
    history = agent.search(scalar_env(Costs([5, 2, 6, 4, 1, 1])), budget, 0)
    assert history.column("clock_seconds").tolist() == [5, 2, 8]  # the fourth would end at 9
    assert agent.told == [1, 0, 2] and budget.clock_seconds == 8


def test_one_lane_of_a_vector_is_as_good_as_a_scalar_environment():
    histories = []
    for env in (scalar_env(Landscape(), epochs="choose"), make_env(AGENTS["asha"], 1, epochs="choose")):
        history = make_agent("asha").search(env, SearchBudget(evaluations=50, workers=4), 1)
        histories.append([(row["architecture"], row["clock_seconds"]) for row in history])
    assert histories[0] == histories[1]


def list_schedule(costs, workers):
    """Ends of jobs that start in order, each on the worker that is free first."""
    free, ends = [0.0] * workers, []
    for cost in costs:
        ends.append(heapq.heappop(free) + cost)
        heapq.heappush(free, ends[-1])
    return ends


def spy(agent, budget):
    """Check at every ask that what was told has ended, and that what has ended was told."""
    told, ends = [], []
    ask, tell = agent.ask, agent.tell

    def checked_ask(count):
        now = budget.next_free_seconds
        assert count == 1
        assert len(told) == sum(end <= now for end in ends)
        action = ask(count)
        ends.append(np.inf)
        return action

    def checked_tell(actions, rewards, ok, infos):
        assert len(actions) == 1
        told.append(actions[0])
        return tell(actions, rewards, ok, infos)

    agent.ask, agent.tell = checked_ask, checked_tell
    return told, ends


@pytest.mark.parametrize("workers", [2, 8, 64])
@pytest.mark.parametrize("name", ASK_TELL)
def test_no_agent_learns_early_and_no_worker_waits(name, workers):
    agent, budget = make_agent(name), SearchBudget(evaluations=evaluations(name), workers=workers)
    told, ends = spy(agent, budget)
    options = {"epochs": "choose"} if agent.multi_fidelity else {}
    env = scalar_env(Landscape(fail=0.1), **options)
    history = agent.search(env, budget, 3, on_evaluation=lambda row: ends.__setitem__(-1, row["clock_seconds"]))
    assert len(told) == len(history) == evaluations(name)
    assert history.column("clock_seconds").tolist() == list_schedule(history.column("cost_seconds"), workers)
    assert budget.clock_seconds == history.column("clock_seconds").max()
    assert budget.clock_seconds >= history.column("cost_seconds").sum() / workers


@pytest.mark.parametrize("name", ["asha", "hyperband", "successive_halving"])
def test_workers_share_one_simulated_budget(name):
    histories = {}
    for workers in (1, 8, 64):
        budget = SearchBudget(evaluations=200, workers=workers)
        histories[workers] = make_agent(name).search(scalar_env(Landscape(), epochs="choose"), budget, 0)
    spent = {workers: history.column("cost_seconds").sum() for workers, history in histories.items()}
    span = {workers: history.column("clock_seconds").max() for workers, history in histories.items()}
    assert span[1] == spent[1]
    for workers in (8, 64):
        assert len(histories[workers]) == 200
        # No worker waits: the last job begins before the mean end, and takes 27 at the most (Graham, 1969).
        assert spent[workers] / workers <= span[workers] <= spent[workers] / workers + 27
        assert spent[workers] <= 1.5 * spent[1]
    assert span[64] < span[8] < span[1]


@pytest.mark.parametrize("name", ASK_TELL)
def test_asynchronous_searches_repeat_exactly(name):
    options = {"epochs": "choose"} if AGENTS[name].multi_fidelity else {}
    rows = []
    for _ in range(2):
        env = scalar_env(Landscape(fail=0.2), **options)
        history = make_agent(name).search(env, SearchBudget(evaluations=evaluations(name), workers=7), 5)
        rows.append([{k: v for k, v in row.items() if k != "decision_seconds"} for row in history])
    assert rows[0] == rows[1]


@pytest.mark.parametrize("name", ASK_TELL)
def test_one_worker_is_the_plain_play(name):
    agent, options = make_agent(name), {"epochs": "choose"} if AGENTS[name].multi_fidelity else {}
    plain = agent.search(scalar_env(Landscape(), **options), SearchBudget(evaluations=evaluations(name)), 2)
    lanes = agent.search(make_env(agent, 1, **options), SearchBudget(evaluations=evaluations(name), workers=1), 2)
    assert np.array_equal(plain.column("architecture"), lanes.column("architecture"))
    assert np.array_equal(plain.column("clock_seconds"), lanes.column("clock_seconds"))


def test_build_is_played_asynchronously_too():
    env = SearchEnv(SearchTask(Costs([3, 1, 1, 2]), Objective({"accuracy": 1.0})), "build")
    history = make_agent("random").search(env, SearchBudget(evaluations=4, workers=2), 0)
    assert history.column("clock_seconds").tolist() == [3, 1, 2, 4]
