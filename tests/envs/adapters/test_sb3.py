"""The Stable-Baselines3 adapter shows what SB3's own ``DummyVecEnv`` over scalar environments shows."""

import importlib.util
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from pynascent.envs import BudgetExhausted, SearchBudget
from pynascent.envs.adapters.sb3 import make_sb3

from support.cost_evaluator import CostEvaluator

# torch stays out of the project's dependencies: these run where a user has Stable-Baselines3.
needs_sb3 = pytest.mark.skipif(
    importlib.util.find_spec("stable_baselines3") is None,
    reason="Stable-Baselines3 is not installed: pip install stable-baselines3 sb3-contrib",
)


@pytest.fixture(autouse=True)
def one_thread():
    """Keep torch from taking every core for networks this small."""
    if importlib.util.find_spec("torch") is not None:
        importlib.import_module("torch").set_num_threads(1)


FORMULATIONS = ("Build", "Edit", "Propose")
OBSERVATIONS = ("flat", "structured", "masked")


def environment(formulation: str) -> str:
    return f"PyNASCENT/LiveDigits-{formulation}-v0"


def arguments(**options):
    """Judge by analytic cost: what is checked is the adapter."""
    return {"evaluator": CostEvaluator(), "mu": 0.0, **options}


def make(formulation: str, lanes: int, **options):
    return make_sb3(environment(formulation), lanes, **arguments(**options))


def test_without_sb3_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    monkeypatch.delitem(sys.modules, "pynascent.envs.adapters.sb3_vec_env", raising=False)
    with pytest.raises(ModuleNotFoundError, match="pip install stable-baselines3") as caught:
        make("Build", 2)
    assert "\n" not in str(caught.value) and "'stable_baselines3" in str(caught.value)


def test_importing_the_factory_does_not_import_sb3():
    code = "import pynascent.envs.adapters.sb3, sys; assert not {'stable_baselines3', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def same(first, second) -> bool:
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    first, second = np.asarray(first), np.asarray(second)
    return first.dtype == second.dtype and np.array_equal(first, second)


@needs_sb3
@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_equals_sb3s_own_lanes_of_scalar_environments(formulation, observation):
    from stable_baselines3.common.vec_env import DummyVecEnv

    ours = make(formulation, 5, observation=observation)
    scalar = arguments(observation=observation)
    theirs = DummyVecEnv([lambda: gymnasium.make(environment(formulation), **scalar)] * 5)
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    assert ours.seed(3) == theirs.seed(3) == [3, 4, 5, 6, 7]
    assert same(ours.reset(), theirs.reset())
    assert all(map(same, ours.reset_infos, theirs.reset_infos))
    ours.action_space.seed(1)
    ends = cut_off = 0
    for step in range(150):
        actions = np.array([ours.action_space.sample() for _ in range(5)])
        observations, rewards, done, infos = ours.step(actions)
        expected = theirs.step(actions)
        assert same(observations, expected[0]) and same(rewards, expected[1]) and same(done, expected[2]), step
        for info, other in zip(infos, expected[3], strict=True):
            assert type(info) is dict and same(info, other), f"step {step}: {info}, scalar {other}"
        assert all(map(same, ours.reset_infos, theirs.reset_infos))
        assert same(np.stack(ours.env_method("action_masks")), np.stack(theirs.env_method("action_masks")))
        ends += done.sum()
        cut_off += sum(info["TimeLimit.truncated"] for info in infos)
    assert ends > 5 and (cut_off or formulation != "Edit")
    assert same(ours.reset(), theirs.reset())  # without a seed the episodes go on


@needs_sb3
@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_scalar_environments_pass_sb3s_checker(formulation, observation):
    from stable_baselines3.common.env_checker import check_env

    check_env(gymnasium.make(environment(formulation), **arguments(observation=observation)).unwrapped)


@needs_sb3
def test_what_a_step_returned_stays_as_it_is():
    env = make("Edit", 3)
    env.seed(0)
    kept = [env.reset(), *env.step(np.zeros(3, dtype=np.int64))[:2]]
    before = [array.copy() for array in kept]
    for action in range(5):
        _, rewards, _, infos = env.step(np.full(3, action))
        infos[0]["action_mask"][:] = 0
        rewards += 1.0  # as SB3 does where an episode is cut off
    assert all(map(np.array_equal, kept, before))
    assert env.action_masks()[0].any()


@needs_sb3
def test_lanes_attributes_and_methods():
    env = make("Edit", 3, render_mode="rgb_array")
    start = [1] * env.vector.task.space.n
    env.set_options({"architecture": start})
    env.reset()
    assert np.array_equal(env.get_attr("architecture"), [start] * 3)
    assert env.get_attr("action_space", 0) == [env.action_space] and env.has_attr("action_masks")
    assert not env.has_attr("no_such_attribute")
    assert len(env.env_method("action_masks", indices=[0, 2])) == 2
    env.set_attr("note", "ours")
    assert env.get_attr("note", [1]) == ["ours"]
    with pytest.raises(ValueError, match="share their attributes"):
        env.set_attr("note", "ours", indices=0)
    with pytest.raises(AttributeError, match=r"call others on \.vector"):
        env.env_method("search")
    assert len(env.get_images()) == 3 and env.render().ndim == 3
    assert env.env_is_wrapped(gymnasium.Wrapper) == [False] * 3
    for options in ({"reset_mask": [True] * 3}, [{"architecture": start}, {}, {}]):
        env.set_options(options)
        with pytest.raises(ValueError, match="for all lanes or for none"):
            env.reset()


@needs_sb3
def test_what_does_not_fit_is_refused():
    from pynascent.envs.adapters.sb3_vec_env import SB3VecEnv

    vector = gymnasium.make_vec(environment("Build"), 2, **arguments())
    with pytest.raises(ValueError, match="'same_step', make the vector so"):
        SB3VecEnv(vector)
    objective = {"terms": {"accuracy": 1.0, "ln_flops": -1.0}, "vector": True}
    with pytest.raises(ValueError, match="learns from one reward"):
        make_sb3(environment("Build"), 2, evaluator=CostEvaluator(), objective=objective)


@needs_sb3
@pytest.mark.parametrize("formulation", ("Build", "Edit"))
def test_a_spent_budget_ends_learn(formulation):
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecMonitor

    env = VecMonitor(make(formulation, 4))
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=16, n_epochs=1, seed=0, device="cpu")
    with env.search(SearchBudget(evaluations=50)) as history, pytest.raises(BudgetExhausted):
        model.learn(10_000)
    assert len(history) == 50


@needs_sb3
def test_the_step_that_the_budget_cuts_off_is_told():
    env = make("Propose", 4)
    env.seed(0)
    env.reset()
    actions = np.zeros((4, env.vector.task.space.n), dtype=np.int64)
    with env.search(SearchBudget(evaluations=3)):
        env.reset()
        _, rewards, done, infos = env.step(actions)
        assert done.all() and [info["status"] for info in infos] == ["ok"] * 3 + ["unpaid"]
        assert [info["TimeLimit.truncated"] for info in infos] == [False, False, False, True]
        assert rewards[3] == 0 and all("terminal_observation" in info for info in infos)
        with pytest.raises(BudgetExhausted):
            env.step(actions)
    env.reset()  # the budget was the search's


@needs_sb3
@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_ppo_learns_from_every_observation(formulation, observation):
    from stable_baselines3 import PPO

    policy = "MlpPolicy" if observation == "flat" else "MultiInputPolicy"
    weights = []
    for _ in range(2):
        env = make(formulation, 4, observation=observation)
        model = PPO(policy, env, n_steps=16, batch_size=32, n_epochs=2, seed=0, device="cpu")
        model.learn(256)
        weights.append(model.policy.state_dict())
    assert all(bool((weights[0][name] == weights[1][name]).all()) for name in weights[0]), "same seed, other weights"


@needs_sb3
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_maskable_ppo_takes_no_masked_action(formulation):
    contrib = pytest.importorskip("sb3_contrib")
    env = make(formulation, 4)
    taken = []
    step = env.vector.step

    def watched(actions):
        masks = env.action_masks()
        if formulation == "Propose":
            offsets = np.cumsum([0, *env.action_space.nvec[:-1]])
            taken.extend(np.take_along_axis(masks, actions + offsets, axis=1).flatten())
        else:
            taken.extend(masks[np.arange(4), actions])
        return step(actions)

    env.vector.step = watched
    contrib.MaskablePPO("MlpPolicy", env, n_steps=16, batch_size=32, n_epochs=1, seed=0, device="cpu").learn(256)
    assert len(taken) >= 256 and all(taken)
