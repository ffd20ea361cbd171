"""REINFORCE: exact gradients of its controllers, and that it learns."""

import numpy as np
import pytest

from pynascent.agents import AGENTS, make_agent
from pynascent.agents.rl.controllers import IndependentController, LSTMController
from pynascent.agents.rl.reinforce import MovingAverage
from pynascent.envs import SearchBudget
from pynascent.envs.spaces import ChainSpace, NASBench101Space

from support.landscape import make_env

SPACES = {"free": ChainSpace(), "constrained": NASBench101Space(vertices=4, max_edges=4)}
CONTROLLERS = {
    "independent": IndependentController,
    "lstm": lambda space, rng: LSTMController(space, rng, hidden=4, layers=2),
}


@pytest.fixture(params=[(space, kind) for space in SPACES for kind in CONTROLLERS], ids="-".join)
def controller(request):
    space, kind = request.param
    rng = np.random.default_rng(0)
    controller = CONTROLLERS[kind](SPACES[space], rng)
    for parameter in controller.parameters:
        parameter += 0.3 * rng.standard_normal(parameter.shape)
    return controller


def test_gradients_are_those_of_finite_differences(controller):
    rng = np.random.default_rng(1)
    rows, weights = controller.sample(5, rng), rng.standard_normal(5)

    def objective():
        chances, entropies = controller.log_probability(rows)
        return (weights * chances + 0.3 * entropies).mean()

    gradients = controller.gradients(rows, weights, 0.3)
    assert max(np.abs(gradient).max() for gradient in gradients) > 0.01
    for parameter, gradient in zip(controller.parameters, gradients, strict=True):
        for _ in range(30):
            place = tuple(rng.integers(parameter.shape))
            kept = parameter[place]
            parameter[place] = kept + 1e-5
            above = objective()
            parameter[place] = kept - 1e-5
            slope = (above - objective()) / 2e-5
            parameter[place] = kept
            assert gradient[place] == pytest.approx(slope, abs=1e-8)


def test_draws_are_valid_and_follow_the_probabilities(controller):
    rows = controller.sample(20_000, np.random.default_rng(2))
    space = controller.space
    assert space.valid(rows).all()
    everything = np.concatenate(list(space.enumerate()))
    chances = np.exp(controller.log_probability(everything)[0])
    assert chances.sum() == pytest.approx(1.0)
    common = chances.argsort()[-20:]
    shares = (rows[:, None] == everything[common]).all(axis=2).mean(axis=0)
    assert np.abs(shares - chances[common]).max() < 5 * np.sqrt(chances.max() / len(rows))


@pytest.mark.parametrize("settings", [{}, {"controller": "lstm"}, {"batch": 4, "entropy": 0.001}], ids=str)
def test_it_learns(settings):
    agent = make_agent("reinforce", **settings)
    history = agent.search(make_env(agent, 1, fail=0.1), SearchBudget(evaluations=300), 0)
    reward = history.column("reward")
    assert reward[-60:].mean() > reward[:60].mean() + 0.15


def test_the_same_seed_gives_the_same_history_and_build_the_same_as_propose():
    histories = [
        make_agent("reinforce", controller="lstm").search(
            make_env(AGENTS["reinforce"], 3, formulation=formulation), SearchBudget(evaluations=40), 5
        )
        for formulation in ("propose", "propose", "build")
    ]
    rows = [[(row["architecture"], row["reward"]) for row in history] for history in histories]
    assert rows[0] == rows[1] == rows[2]


def test_the_average_has_no_bias_towards_zero():
    average = MovingAverage(0.9)
    average.add(5.0)
    assert average.value == pytest.approx(5.0)
    average.add(7.0)
    assert average.value == pytest.approx((0.9 * 0.1 * 5.0 + 0.1 * 7.0) / 0.19)


def test_settings_out_of_range():
    for setting in ({"controller": "gru"}, {"learning_rate": 0.0}, {"momentum": 1.0}, {"entropy": -1.0}, {"batch": 0}):
        with pytest.raises(ValueError, match=next(iter(setting))):
            make_agent("reinforce", **setting)
