"""Bayesian optimisation, the predictor, TPE and DEHB as searchers: no repeats, late results, failures, small spaces."""

import numpy as np
import pytest

from pynascent.agents import AGENTS, make_agent
from pynascent.agents.model_based.candidates import Candidates
from pynascent.agents.model_based.targets import standardised
from pynascent.envs import SearchBudget
from pynascent.envs.spaces import ChainSpace, NASBench101Space, VisionTransformerSpace

from support.by_hand import numbered
from support.landscape import Landscape, make_env

MODELS = ["bayesian_optimization", "predictor"]
ALL = [*MODELS, "tpe", "dehb"]
SMALL = ChainSpace(stages=1, blocks=2, operations=("skip", "conv_1x1", "conv_3x3"), widths=(8, 16), residual="none")


def forms(space, actions):
    return {form.tobytes() for form in space.canonical(np.array(actions))}


def additive(space, seed=0):
    """An accuracy that is a sum over choices."""
    rng = np.random.default_rng(seed)
    values = [rng.standard_normal(k) for k in space.cardinalities]
    return lambda rows, _: sum(value[rows[:, j]] for j, value in enumerate(values))


def play(agent, space, evaluations, seed=0, batch=1):
    """Ask and tell, and return the actions."""
    accuracy = additive(space)
    numbered(agent)
    agent.begin(space, (), np.random.default_rng(seed))
    actions = []
    for _ in range(0, evaluations, batch):
        asked = agent.ask(batch)
        agent.tell(asked, accuracy(asked, np.full(batch, 27)), np.ones(batch, dtype=bool), {})
        actions.extend(asked)
    return actions


@pytest.mark.parametrize("name", MODELS)
def test_isomorphic_repeats_are_not_asked_for(name):
    space = ChainSpace()
    actions = play(make_agent(name), space, 40)
    assert len(forms(space, actions)) == 40


@pytest.mark.parametrize("name", MODELS)
def test_batches_hold_no_repeats_either(name):
    space = ChainSpace()
    assert len(forms(space, play(make_agent(name), space, 40, batch=8))) == 40


@pytest.mark.parametrize("name", MODELS)
def test_a_tiny_space_is_seen_whole_and_then_again(name):
    rows = np.concatenate(list(SMALL.enumerate()))
    distinct = len(forms(SMALL, rows))
    assert distinct < len(rows)
    actions = play(make_agent(name), SMALL, distinct + 5)
    assert forms(SMALL, actions[:distinct]) == forms(SMALL, rows)
    assert SMALL.valid(np.array(actions)).all()


@pytest.mark.parametrize("name", ALL)
def test_one_architecture_is_a_space_too(name):
    space = ChainSpace(stages=1, blocks=1, operations=("conv_3x3",), widths=(8,), residual="none")
    assert np.array(play(make_agent(name), space, 8)).tolist() == [[0, 0]] * 8


@pytest.mark.parametrize("name", ALL)
def test_results_may_come_late_and_in_any_order(name):
    """Six are under way at a time; the newest is told first and the oldest last."""
    space, landscape = ChainSpace(), Landscape(3)
    histories = []
    for _ in range(2):
        agent, running, order = numbered(make_agent(name)), [], []
        agent.begin(space, (), np.random.default_rng(5))
        for _ in range(30):
            while len(running) < 6:
                running.append(agent.ask(1))
            action = running.pop() if len(order) % 2 else running.pop(0)
            reward = landscape.accuracy(action, np.full(1, 27))
            agent.tell(action, reward, np.ones(1, dtype=bool), {})
            order.append(action[0].tolist())
        if name in MODELS:
            assert len(forms(space, np.concatenate([np.array(order), *running]))) == 30 + len(running)
        histories.append(order)
    assert histories[0] == histories[1]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("failing", ["all", "some"])
def test_failures_are_survived(name, failing):
    space, landscape = ChainSpace(), Landscape(0)
    agent = numbered(make_agent(name))
    agent.begin(space, (), np.random.default_rng(0))
    failed = 0
    for _ in range(30):
        action = agent.ask(1)
        ok = failing == "some" and bool(action[0, 0] > 1)  # the first block's first two options fail
        failed += not ok
        reward = landscape.accuracy(action, np.full(1, 27)) if ok else np.array([-np.inf])
        agent.tell(action, reward, np.array([ok]), {})
    if failing == "some" and name in MODELS:
        assert failed < 10  # a third of uniform draws


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("space", [NASBench101Space(), VisionTransformerSpace()], ids=["nasbench101", "vit"])
def test_constrained_spaces_get_valid_architectures(name, space):
    actions = play(make_agent(name), space, 25)
    assert space.valid(np.array(actions)).all()
    if name in MODELS:
        assert len(forms(space, actions)) == 25


@pytest.mark.parametrize("name", [*MODELS, "tpe"])
def test_they_find_better_ones_than_random_search(name):
    def regret(agent, seed):
        env = make_env(agent, 1, seed=seed)
        best = agent.search(env, SearchBudget(evaluations=40), seed).best()["reward"]
        rows = np.concatenate(list(env.task.space.enumerate()))
        return (env.task.evaluator.accuracy(rows, np.full(len(rows), 27)) > best + 1e-12).mean()

    found = np.mean([regret(make_agent(name), seed) for seed in range(3)])
    assert found < 0.5 * np.mean([regret(make_agent("random"), seed) for seed in range(20)])


def test_dehb_uses_the_fidelities():
    agent = make_agent("dehb")
    history = agent.search(make_env(agent, 1, epochs="choose"), SearchBudget(evaluations=60), 0)
    epochs = history.column("epochs").tolist()
    assert epochs[:40] == [1] * 27 + [3] * 9 + [9] * 3 + [27]  # the first bracket is Hyperband's
    assert epochs[40:60] == [3] * 9 + [9] * 3 + [27] + [9] * 6 + [27]  # and so are the next two
    first = {tuple(row["architecture"]): row["reward"] for row in history.rows[:27]}
    threes = [tuple(row["architecture"]) for row in history.rows[27:36]]
    assert all(row in first for row in threes)  # promoted, not drawn
    assert max(first.values()) == max(first[row] for row in threes)


def test_targets_spread_the_best_and_compress_the_worst():
    rewards = np.array([0.1, 0.5, 0.85, 0.88, 0.9, 0.91, -np.inf])
    targets = standardised(rewards, 0.3)
    assert targets.mean() == pytest.approx(0) and targets.std() == pytest.approx(1)
    assert targets[-1] == targets[0] == targets.min()
    assert (np.diff(targets[:-1]) > 0).all()
    stretched = np.diff(targets[:-1]) / np.diff(rewards[:-1])  # per unit of accuracy
    assert (np.diff(stretched) > 0).all()
    assert (standardised(np.array([0.5, 0.5]), 0.3) == 0).all()
    assert (standardised(np.full(3, -np.inf), 0.3) == 0).all()
    plain = standardised(rewards[:-1], None)
    assert plain == pytest.approx((rewards[:-1] - rewards[:-1].mean()) / rewards[:-1].std())


@pytest.mark.parametrize("name", ALL)
def test_settings_out_of_range_are_one_line(name):
    field = {"dehb": "population", "tpe": "candidates"}.get(name, "members")
    with pytest.raises(ValueError, match=f"{field}=0: give a.* of at least") as error:
        make_agent(name, **{field: 0})
    assert "\n" not in str(error.value)
    assert name in AGENTS


def test_every_second_query_is_beside_the_best_once_there_are_results():
    agent = make_agent("bayesian_optimization", local=2, local_after=10)
    history = agent.search(make_env(agent, lanes=1), SearchBudget(evaluations=30), seed=0)
    rows, rewards = history.column("architecture"), history.column("reward")
    space = ChainSpace()
    beside = []
    for number in range(10, 30):
        best = rows[:number][rewards[:number].argmax()]
        near = space.canonical(space.neighbours(best))
        beside.append((near == space.canonical(rows[number][None])).all(axis=1).any())
    assert all(beside[1::2])  # the queries with odd numbers; the best has more neighbours than are asked for
    plain = make_agent("bayesian_optimization", local=0)
    assert plain.search(make_env(plain, lanes=1), SearchBudget(evaluations=30), seed=0).column("reward").tolist() != (
        rewards.tolist()
    )


def test_neighbours_are_forms_that_were_not_seen():
    space = ChainSpace(stages=1, blocks=1, operations=("skip", "conv_1x1"), widths=(4, 8))
    candidates = Candidates(space, np.random.default_rng(0))
    assert candidates.all is not None
    for form in candidates.all:
        assert len(candidates.beside(form)) > 0
        for near in candidates.beside(form):
            assert (space.canonical(space.neighbours(form)) == near).all(axis=1).any()
    for form in candidates.all:
        candidates.see(form)
    assert all(len(candidates.beside(form)) == 0 for form in candidates.all)
