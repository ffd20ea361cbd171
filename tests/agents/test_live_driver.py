"""Live play: W trials in training at any moment, told as they end, in an order that can be gone through again."""

import threading
import time

import numpy as np
import pytest

from pynascent.agents import AGENTS, AskTellAgent, make_agent
from pynascent.envs import BudgetExhausted, Objective, SearchBudget, SearchEnv, SearchTask, SearchVectorEnv

from support.landscape import Landscape
from support.live_landscape import LiveLandscape

ASK_TELL = [name for name, agent in AGENTS.items() if issubclass(agent, AskTellAgent)]
QUICK = [name for name in ASK_TELL if name not in ("bayesian_optimization", "predictor", "tpe", "nsga2")]
QUESTION = ("trial", "architecture", "epochs", "seed", "reward")
pytestmark = pytest.mark.timeout(120)


def live_env(evaluator, formulation="propose", lanes=None, objective=None, **options):
    task = SearchTask(evaluator, objective or Objective({"accuracy": 1.0}))
    if lanes is None:
        return SearchEnv(task, formulation, **options)
    return SearchVectorEnv(lanes, task, formulation, autoreset_mode="disabled", **options)


def questions(history):
    return [[row[name] for name in QUESTION] for row in history]


def options_of(name):
    return {"epochs": "choose"} if AGENTS[name].multi_fidelity else {}


@pytest.mark.parametrize("name", ASK_TELL)
def test_every_agent_searches_live_and_again_in_the_recorded_order(name):
    """The second search is answered at once, in whatever order: only the recorded one makes it the same."""
    evaluations = 16 if name in ("bayesian_optimization", "predictor", "tpe") else 40
    objective = Objective({"accuracy": 1.0, "flops": -1e-3}, vector=True) if name == "nsga2" else None
    evaluator = LiveLandscape(3, delay=0.01, fail=0.1)
    env = live_env(evaluator, objective=objective, **options_of(name))
    first = make_agent(name).search(env, SearchBudget(evaluations=evaluations), 5)
    order = first.column("trial").tolist()
    assert sorted(order) == list(range(evaluations)) == first.column("index").tolist()
    again = LiveLandscape(3, fail=0.1, answered=True)
    env = live_env(again, objective=objective, **options_of(name))
    second = make_agent(name).search(env, SearchBudget(evaluations=evaluations), 5, order=order)
    assert questions(first) == questions(second)
    assert evaluator.submitted == again.submitted
    third = make_agent(
        name
    ).search(  # a search that was killed half-way goes on from there
        live_env(LiveLandscape(3, fail=0.1, delay=0.005), objective=objective, **options_of(name)),
        SearchBudget(evaluations=evaluations),
        5,
        order=order[: evaluations // 2],
    )
    assert questions(third)[: evaluations // 2] == questions(first)[: evaluations // 2]
    assert len(third) == evaluations


def test_results_come_in_the_order_of_their_ends():
    history = make_agent("random").search(live_env(LiveLandscape(4, delay=0.05)), SearchBudget(evaluations=40), 1)
    assert history.column("trial").tolist() != sorted(history.column("trial").tolist())
    assert (np.diff(history.column("ended_seconds")) >= 0).all()
    assert (history.column("ended_seconds") >= history.column("started_seconds")).all()
    assert history.column("running").tolist() == [4] * 37 + [3, 2, 1]


@pytest.mark.parametrize("name", ["asha", "regularized_evolution"])
def test_all_workers_are_busy(name):
    evaluator = LiveLandscape(4, delay=0.8)  # far more than a busy machine takes to decide
    agent = make_agent(name)
    history = agent.search(live_env(evaluator, **options_of(name)), SearchBudget(evaluations=32), 0)
    assert set(history.column("running")[:-3]) == {4}
    assert evaluator.busy() >= 0.95 * 4


def test_one_worker_is_one_trial_at_a_time():
    evaluator = LiveLandscape(1, delay=0.002)
    history = make_agent("asha").search(live_env(evaluator, epochs="choose"), SearchBudget(evaluations=40), 0)
    plain = make_agent("asha").search(live_env(Landscape(), epochs="choose"), SearchBudget(evaluations=40), 0)
    assert questions(history) == questions(plain)
    assert history.column("clock_seconds").tolist() == plain.column("clock_seconds").tolist()


@pytest.mark.parametrize(("lanes", "parallelism", "expected"), [(3, None, 3), (1, 2, 2), (3, 2, 2), (None, 5, 5)])
def test_how_many_run_at_once_can_be_said(lanes, parallelism, expected):
    env = live_env(LiveLandscape(1, delay=0.001), lanes=lanes)
    history = make_agent("random").search(env, SearchBudget(evaluations=12), 0, parallelism=parallelism)
    assert history.column("running").max() == history.column("running")[0] == expected


@pytest.mark.parametrize("seeds", ["resample", 7])
@pytest.mark.parametrize("formulation", ["propose", "build"])
@pytest.mark.parametrize("known", [None, (3, 4, 5)])
def test_training_seeds_are_those_of_the_environments_rules(seeds, formulation, known):
    """Trial i has the seed of episode i in the lane with the search's seed, whatever is under way beside it."""
    plain, live = Landscape(), LiveLandscape(3, delay=0.001)
    plain.seeds = live.seeds = known
    histories = [
        make_agent("random").search(
            live_env(evaluator, formulation, training_seed=seeds), SearchBudget(evaluations=20), 11
        )
        for evaluator in (plain, live)
    ]
    by_trial = sorted(histories[1].rows, key=lambda row: row["trial"])
    assert [row["seed"] for row in by_trial] == histories[0].column("seed").tolist()
    assert [row["architecture"] for row in by_trial] == histories[0].column("architecture").tolist()
    if seeds == "resample":
        assert len(set(histories[0].column("seed"))) > (2 if known else 15)


class Watcher(AskTellAgent):
    """Asks for the same architecture all the time, and writes down what it is told."""

    name = "watcher"

    def begin(self, space, fidelities, rng):
        self.n, self.told, self.rewards = space.n, [], []

    def ask(self, count):
        return np.zeros((count, self.n), dtype=np.int64)

    def tell(self, actions, rewards, ok, infos):
        assert all(len(column) == len(actions) for column in infos.values())
        assert {"trial", "violation", "status", "cost_seconds", "epochs", "validation_accuracy"} <= set(infos)
        assert "test_accuracy" not in infos
        self.told += infos["trial"].tolist()


@pytest.mark.parametrize("play", ["live", "batched", "simulated"])
def test_repeats_have_identities(play):
    agent = Watcher()
    env = live_env(
        LiveLandscape(3, delay=0.001) if play == "live" else Landscape(), lanes=3 if play == "batched" else None
    )
    agent.search(env, SearchBudget(evaluations=10, workers=2 if play == "simulated" else 1), 0)
    assert sorted(agent.told) == list(range(10))


def test_a_budget_of_seconds_is_never_overspent():
    evaluator = LiveLandscape(3, delay=0.002)
    budget = SearchBudget(seconds=27 * 9.5)
    history = make_agent("random").search(live_env(evaluator), budget, 0)
    assert len(history) == 9 and budget.clock_seconds == 27 * 9
    parallel = SearchBudget(seconds=27 * 9.5, workers=3)
    history = make_agent("random").search(live_env(LiveLandscape(3, delay=0.002)), parallel, 0)
    assert len(history) == 27  # three workers, nine each
    assert sorted(set(history.column("clock_seconds"))) == [27.0 * i for i in range(1, 10)]


def test_evaluations_are_reserved_when_they_are_submitted():
    evaluator = LiveLandscape(8, delay=0.002)
    budget = SearchBudget(evaluations=5)
    history = make_agent("random").search(live_env(evaluator), budget, 0)
    assert len(history) == len(evaluator.submitted) == budget.spent_evaluations == 5
    assert budget.exhausted and budget.reserved_evaluations == 0


@pytest.mark.parametrize("crash", [(0,), (7,), (19,), (3, 4, 5)])
def test_an_evaluator_that_raises_ends_the_search_and_loses_nothing_that_has_ended(crash):
    evaluator, rows = LiveLandscape(3, delay=0.01, crash=crash), []
    env = live_env(evaluator)
    with pytest.raises(RuntimeError, match=f"training {crash[0]} is gone"):
        make_agent("random").search(env, SearchBudget(evaluations=20), 0, rows.append)
    assert evaluator.closed == 1
    assert set(range(crash[0])) - {row["trial"] for row in rows} <= set(range(crash[0] - 2, crash[0]))
    assert not {row["trial"] for row in rows} & set(crash)
    assert not env.task.decorated  # and the environment is free


def test_results_that_have_ended_beside_the_one_that_raises_are_recorded():
    evaluator, rows = LiveLandscape(3, delay=0.01, crash=(0,), answered=True), []
    original = evaluator.collect

    def late(timeout=None):
        time.sleep(0.05)  # all three have ended by now
        return original(timeout)

    evaluator.collect = late
    with pytest.raises(RuntimeError, match="training 0 is gone"):
        make_agent("random").search(live_env(evaluator), SearchBudget(evaluations=3), 0, rows.append)
    assert sorted(row["trial"] for row in rows) == [1, 2]


def test_submitting_may_raise_too():
    evaluator = LiveLandscape(2, delay=0.001)
    submit = evaluator.submit

    def failing(architectures, epochs, seeds):
        if len(evaluator.submitted) == 6:
            raise OSError("no worker could be started")
        return submit(architectures, epochs, seeds)

    evaluator.submit, budget, rows = failing, SearchBudget(evaluations=20), []
    with pytest.raises(OSError, match="no worker could be started"):
        make_agent("random").search(live_env(evaluator), budget, 0, rows.append)
    assert evaluator.closed == 1 and 4 <= len(rows) <= 6


def test_ctrl_c_closes_what_is_in_training():
    evaluator, rows = LiveLandscape(2, delay=0.005), []

    def interrupt(row):
        rows.append(row)
        if len(rows) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_agent("random").search(live_env(evaluator), SearchBudget(evaluations=50), 0, interrupt)
    assert evaluator.closed == 1 and len(rows) <= 7
    assert len(evaluator.submitted) <= 7


def test_an_evaluator_that_loses_a_trial_is_no_endless_wait():
    evaluator = LiveLandscape(2, delay=0.001)
    evaluator.collect = lambda timeout=None: []
    with pytest.raises(RuntimeError, match="2 trials that were submitted have not come back"):
        make_agent("random").search(live_env(evaluator), SearchBudget(evaluations=5), 0)


def test_another_searches_order_is_one_clear_line():
    with pytest.raises(ValueError, match="the recorded order names trial 9 next, but under way are 0, 1") as error:
        make_agent("random").search(
            live_env(LiveLandscape(2, delay=0.001)), SearchBudget(evaluations=20), 0, order=[9, 0]
        )
    assert "\n" not in str(error.value)


def test_an_invalid_action_is_named():
    agent = Watcher()
    agent.ask = lambda count: np.full((count, agent.n), 99)
    with pytest.raises(RuntimeError, match=r"the action \[99.* is not valid in the space"):
        agent.search(live_env(LiveLandscape(2)), SearchBudget(evaluations=5), 0)


def test_wrappers_that_watch_are_played_step_by_step():
    """A record of actions needs steps: such an environment is played in batches, of as many lanes as it has."""
    from pynascent.envs.adapters.action_record import record_actions

    env = record_actions(live_env(LiveLandscape(2, delay=0.001), lanes=2))
    history = make_agent("random").search(env, SearchBudget(evaluations=6), 0)
    assert len([call for call in env.record if call["call"] == "step"]) == 3
    assert history.column("trial").tolist() == list(range(6)) and "running" not in history.rows[0]


def test_stepped_agents_are_as_they_were():
    agent = make_agent("reinforce")
    history = agent.search(live_env(LiveLandscape(2, delay=0.001), "build"), SearchBudget(evaluations=10), 0)
    assert history.column("running").max() == 2
    assert threading.active_count() < 50


def test_a_budget_of_the_environment_numbers_trials_too():
    env = live_env(LiveLandscape(3, delay=0.001), budget={"evaluations": 12}, epochs="choose")
    agent, told = make_agent("asha"), []
    tell = agent.tell
    agent.tell = lambda *result: (told.extend(result[3]["trial"].tolist()), tell(*result))
    with pytest.raises(BudgetExhausted):
        agent.play(env, 0)
    assert sorted(told) == list(range(12))
