"""PPO: its learner, its files, and its place beside Keras 3 in one process."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pynascent.agents import PPO, PPOSettings, make_agent
from pynascent.envs import SearchBudget

from support.landscape import make_env
from support.masks import watch_masks

TESTS = Path(__file__).parents[2]


def rows(history):
    return [(row["architecture"], row["reward"]) for row in history]


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    agent, path = make_agent("ppo"), tmp_path_factory.mktemp("policy") / "policy.npz"
    history = agent.search(make_env(agent, 8), SearchBudget(evaluations=400), 0)
    agent.save_policy(path)
    return history, path


def test_rewards_rise(learned):
    reward = learned[0].column("reward")
    assert reward[-100:].mean() > reward[:100].mean() + 0.15


def test_a_saved_policy_is_as_good_from_the_start(learned):
    history, path = learned
    agent = make_agent("ppo", policy=str(path))
    again = agent.search(make_env(agent, 8), SearchBudget(evaluations=40), 1)
    assert again.column("reward").mean() > history.column("reward")[:100].mean() + 0.15


def test_training_outside_a_search_counts_its_steps_and_gives_the_policy_to_searches(tmp_path):
    agent, env = make_agent("ppo", episodes_per_update=8), make_env(PPO, 8)
    n = env.task.space.n
    assert agent.train(env, 30 * 8 * n, 2) == 30 * 8 * n  # whole episodes of all lanes; resets are no steps
    agent.save_policy(tmp_path / "policy.npz")
    assert env.task.evaluator.calls == 30
    trained = make_agent("ppo", policy=str(tmp_path / "policy.npz"))
    scratch = [a.search(make_env(a, 8), SearchBudget(evaluations=24), 1) for a in (trained, make_agent("ppo"))]
    assert scratch[0].column("reward").mean() > scratch[1].column("reward").mean() + 0.15


def test_the_same_seed_gives_the_same_weights_bit_for_bit(tmp_path):
    weights = []
    for run in range(3):
        agent = make_agent("ppo", episodes_per_update=4)
        agent.search(make_env(agent), SearchBudget(evaluations=20), 5)
        agent.save_policy(tmp_path / f"{run}.npz")
        with np.load(tmp_path / f"{run}.npz") as stored:
            weights.append([stored[name] for name in sorted(stored.files)])
    for other in weights[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(weights[0], other, strict=True))


def test_policies_that_do_not_fit_are_refused(learned, tmp_path):
    wrong = tmp_path / "wrong.npz"
    wrong.write_text("no policy")
    env = make_env(PPO)
    with pytest.raises(ValueError, match=r"wrong.npz is not a policy"):
        make_agent("ppo", policy=str(wrong)).search(env, SearchBudget(evaluations=4), 0)
    with pytest.raises(ValueError, match="these settings need"):
        make_agent("ppo", policy=str(learned[1]), hidden=(32,)).search(env, SearchBudget(evaluations=4), 0)
    with pytest.raises(FileNotFoundError):
        make_agent("ppo", policy=str(tmp_path / "none.npz")).search(env, SearchBudget(evaluations=4), 0)
    with pytest.raises(RuntimeError, match="search first"):
        make_agent("ppo").save_policy(tmp_path / "x.npz")


@pytest.mark.parametrize("options", [{"observation": "flat"}, {"formulation": "edit"}], ids=["flat", "edit"])
def test_other_observations_and_formulations(options):
    agent = make_agent("ppo", episodes_per_update=2)
    histories = [agent.search(make_env(agent, 3, **options), SearchBudget(evaluations=24), 0) for _ in range(2)]
    assert len(histories[0]) == 24
    assert rows(histories[0]) == rows(histories[1])


def test_masked_actions_are_never_taken():
    agent = make_agent("ppo", episodes_per_update=2)
    env = make_env(agent, 4)
    allowed = watch_masks(env)
    agent.search(env, SearchBudget(evaluations=16), 0)
    assert len(allowed) > 20 and all(allowed)


def test_an_update_climbs_the_clipped_objective():
    from pynascent.agents.rl.ppo_learner import PPOLearner
    from pynascent.agents.rl.tf_environment import GymnasiumEnvironment

    env = GymnasiumEnvironment(make_env(PPO, 16), seed=0)
    learner = PPOLearner(env.observation_spec(), env.action_spec(), PPOSettings(entropy=0.0), np.random.default_rng(0))
    time_step = env.reset()
    _, logits, values = learner.act(time_step)
    logits = logits.astype(np.float64)
    # Action 2 was good and the others were not; the states' values were 3.
    data = {
        "step_type": time_step.step_type,
        "observation": time_step.observation,
        "action": np.arange(16) % 6,
        "logits": logits.astype(np.float32),
        "value": values,
        "advantage": np.where(np.arange(16) % 6 == 2, 1.0, -1.0).astype(np.float32),
        "return": np.full(16, 3.0, dtype=np.float32),
    }
    for _ in range(3):
        learner.update(data)
    _, after, new_values = learner.act(time_step)
    chance = np.exp(after[0] - after[0].max())
    chance /= chance.sum()
    before = np.exp(logits[0] - logits[0].max())
    before /= before.sum()
    assert chance[2] > before[2] and (np.delete(chance, 2) < np.delete(before, 2)).all()
    assert np.abs(new_values - 3).mean() < 0.7 * np.abs(values - 3).mean()


def test_orthogonal_kernels():
    from pynascent.agents.rl.ppo_learner import orthogonal

    kernel = orthogonal((7, 4), 2.0, np.random.default_rng(0))
    assert kernel.T @ kernel == pytest.approx(4.0 * np.eye(4), abs=1e-5)
    assert orthogonal((4, 7), 1.0, np.random.default_rng(0)).shape == (4, 7)


def test_settings_out_of_range():
    for setting in ({"clip": 0.0}, {"gae_lambda": 1.5}, {"minibatch": 0}, {"hidden": ()}, {"entropy": -1.0}):
        with pytest.raises(ValueError, match=next(iter(setting))):
            PPOSettings(**setting)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("ppo", "tf_agents", "ppo"),
        ("dqn", "tf_agents", "ppo"),
        ("dqn", "tf_keras", "ppo"),
        ("tpe", "optuna", "benchmark"),
    ],
)
def test_a_missing_extra_is_one_line_that_names_who_needs_it(monkeypatch, name, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ModuleNotFoundError,
        match=rf"^the agent '{name}' needs the package '{package}': pip install 'pynascent\[{extra}\]'$",
    ):
        make_agent(name)
    assert "TF_USE_LEGACY_KERAS" not in os.environ


def test_the_adapter_alone_speaks_for_itself(monkeypatch):
    from pynascent.agents.rl.tensorflow_setup import tensorflow_for_agents

    monkeypatch.setitem(sys.modules, "tf_agents", None)
    with pytest.raises(ModuleNotFoundError, match=r"^TF-Agents' environment adapter needs the package 'tf_agents'"):
        tensorflow_for_agents()


def run(code):
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300)


def test_it_lives_beside_keras_3_whichever_comes_first():
    fit = "model = keras.Sequential([keras.layers.Dense(3)]); model.compile('adam', 'mse'); "
    fit += "model.fit(np.ones((2, 2)), np.ones((2, 3)), verbose=0)\n"
    done = run(
        "import os, keras, numpy as np\n"
        f"{fit}"
        "from support.landscape import make_env\n"
        "from pynascent.agents import make_agent\n"
        "from pynascent.envs import SearchBudget\n"
        "agent = make_agent('ppo', episodes_per_update=4)\n"
        "history = agent.search(make_env(agent), SearchBudget(evaluations=12), 0)\n"
        "assert len(history) == 12 and keras.__version__.startswith('3.')\n"
        "assert 'TF_USE_LEGACY_KERAS' not in os.environ\n"
        f"{fit}"
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_tf_keras_bound_to_keras_3_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow.keras", importlib.import_module("keras"))
    with pytest.raises(RuntimeError, match=r"^TensorFlow's tf.keras is Keras 3 in this process already.*imported$"):
        make_agent("ppo")


def test_importing_the_agents_imports_no_tensorflow():
    done = run(
        "import sys, pynascent.agents; print(sorted({'tensorflow', 'tf_agents', 'ray', 'keras'} & set(sys.modules)))"
    )
    assert done.stdout.strip() == "[]", done.stderr
