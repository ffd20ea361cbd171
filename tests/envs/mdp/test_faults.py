"""What clients of the environments rely on: steps out of turn, options, masks, infos, lanes' attributes, videos."""

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

import pynascent.envs  # noqa: F401
from pynascent.envs import Objective, SearchableEnv, SearchableVectorEnv, SearchEnv, SearchTask, SearchVectorEnv
from pynascent.envs.tables import CategoricalSpace

from support.landscape import Landscape, TabularLandscape

FORMULATIONS = ("Build", "Edit", "Propose")


def make(formulation, **more):
    return gymnasium.make(f"PyNASCENT/Digits-{formulation}-v0", **more)


def vector(formulation, lanes=3, **more):
    return gymnasium.make_vec(f"PyNASCENT/Digits-{formulation}-v0", lanes, **more)


@pytest.mark.parametrize("accelerate", (True, False))
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_the_mask_is_never_empty_and_is_what_sample_takes(formulation, accelerate):
    for dtype in ("int8", "bool"):
        for observation in ("flat", "masked"):
            env = make(formulation, mask_dtype=dtype, observation=observation, accelerate=accelerate)
            seen, info = env.reset(seed=0)
            for _ in range(40):
                assert info["action_mask"].any() and info["action_mask"].dtype == np.dtype(dtype)
                if observation == "masked":
                    assert np.array_equal(seen["action_mask"], info["action_mask"]) and env.observation_space.contains(
                        seen
                    )
                action = env.action_space.sample(info["action_mask"])
                assert env.action_space.contains(action)
                before = env.unwrapped.architecture
                seen, _, terminated, truncated, info = env.step(action)
                assert terminated or not np.array_equal(before, env.unwrapped.architecture)  # it was allowed
                if terminated or truncated:
                    assert info["action_mask"].any()
                    seen, info = env.reset()
            envs = vector(formulation, mask_dtype=dtype, observation=observation, accelerate=accelerate)
            _, infos = envs.reset(seed=0)
            for _ in range(20):
                assert infos["action_mask"].any(axis=1).all() and infos["action_mask"].dtype == np.dtype(dtype)
                actions = envs.action_space.sample(infos["action_mask"])
                assert envs.action_space.contains(actions)
                _, rewards, _, _, infos = envs.step(actions)
                assert formulation == "Edit" or not (rewards == -0.1).any()


def test_draws_without_a_mask_are_gymnasiums():
    from pynascent.envs.mdp.action_spaces import LanesOfDiscrete

    for actions in (2, 6, 31):
        ours, theirs = LanesOfDiscrete([actions] * 500), gymnasium.spaces.MultiDiscrete([actions] * 500)
        ours.seed(3), theirs.seed(3)
        for _ in range(20):
            drawn, expected = ours.sample(), theirs.sample()
            assert drawn.dtype == expected.dtype and (drawn == expected).all()


def test_masked_draws_are_uniform_over_what_is_allowed():
    from pynascent.envs.mdp.action_spaces import draw_allowed

    for mask in ([1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 1], [1, 1, 1, 1, 1]):
        masks = np.tile(np.array(mask, dtype=np.int8), (20_000, 1))
        counts = np.bincount(draw_allowed(masks, np.random.default_rng(0)), minlength=5)
        assert (counts[np.array(mask) == 0] == 0).all()
        expected = 20_000 / sum(mask)
        assert (np.abs(counts[np.array(mask) == 1] - expected) < 5 * np.sqrt(expected)).all()
    assert (draw_allowed(np.zeros((3, 4), dtype=np.int8), np.random.default_rng(0)) == 0).all()


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_a_step_out_of_turn_is_an_error_as_gymnasium_has_it(formulation):
    env = make(formulation).unwrapped
    action = env.action_space.sample()
    with pytest.raises(ResetNeeded, match="before the first reset"):
        env.step(action)
    env.reset(seed=0)
    while not any(env.step(env.action_space.sample())[2:4]):
        pass
    with pytest.raises(ResetNeeded, match="after the end of the episode"):
        env.step(action)
    env.reset()
    env.step(action)
    envs = vector(formulation, autoreset_mode="disabled")
    with pytest.raises(ResetNeeded):
        envs.step(envs.action_space.sample())
    envs.reset(seed=0)
    while True:
        _, _, terminated, truncated, _ = envs.step(envs.action_space.sample())
        if (terminated | truncated).any():
            break
    with pytest.raises(ResetNeeded, match="are finished"):
        envs.step(envs.action_space.sample())


def test_unknown_reset_options_and_seeds_that_are_none():
    for env, known in ((make("Edit"), "architecture"), (vector("Edit"), "reset_mask, architecture")):
        with pytest.raises(ValueError, match=f"no option 'architectures': it knows {known}"):
            env.reset(options={"architectures": [0] * 6})
        for seed in (1.5, "7", True, -1):
            with pytest.raises((ValueError, gymnasium.error.Error)):
                env.unwrapped.reset(seed=seed)
        for seed in (2**31, 10**10, 2**63, 2**64, 2**100, np.int64(5), np.uint64(2**63)):
            first, again = env.unwrapped.reset(seed=seed)[0], env.unwrapped.reset(seed=seed)[0]
            assert np.array_equal(first, again)


def test_numpy_integers_are_integers():
    env = make("Propose", epochs=np.int64(27), training_seed=np.int32(0))
    env.reset(seed=np.int64(3))
    assert env.step(np.zeros(6, dtype=np.int32))[4]["epochs"] == 27
    SearchVectorEnv(np.int64(2), SearchTask(Landscape(), Objective({"accuracy": 1.0})), "build").reset(seed=0)
    for seed in (2**64, 1.0, True):
        with pytest.raises(ValueError, match="training_seed="):
            make("Propose", training_seed=seed)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_info_has_one_set_of_keys_of_numpy_types(formulation):
    env, envs = make(formulation), vector(formulation)
    _, info = env.reset(seed=0)
    _, infos = envs.reset(seed=0)
    keys, columns, evaluated = set(info), set(infos), 0
    assert {"status", "violation", "epochs", "training_seed", "cost_seconds", "action_mask"} <= keys
    assert columns == keys | {f"_{key}" for key in keys}
    for _ in range(40):
        _, _, terminated, truncated, info = env.step(env.action_space.sample())
        assert set(info) == keys
        assert all(isinstance(value, (np.ndarray, np.generic)) for value in info.values())
        assert info["status"].dtype == np.int8
        if info["status"] == "ok":
            evaluated += 1
            assert info["violation"] == 0 and info["epochs"] == 27 and f"{info['status']}" == "ok"
        else:
            assert info["status"] == "none" and info["status"] != "ok" and info["cost_seconds"] == 0
            assert info["epochs"] == 0 and info["training_seed"] == -2
        infos = envs.step(envs.action_space.sample())[4]
        assert set(infos) == columns
        assert ((infos["status"] == "ok") == (infos["epochs"] > 0)).all()
        assert (infos["status"] == "ok")[0] == (infos["status"][0] == "ok")
        if terminated or truncated:
            env.reset()
    assert evaluated


def test_info_says_by_how_much_the_constraints_are_broken():
    objective = {"terms": {"accuracy": 1.0}, "constraints": ["flops<=3e5"]}
    for accelerate in (True, False):
        env = make("Propose", objective=objective, accelerate=accelerate)
        envs = vector("Propose", objective=objective, accelerate=accelerate)
        env.reset(seed=0), envs.reset(seed=0)
        actions = env.unwrapped.task.space.sample(np.random.default_rng(0), 3)
        infos = envs.step(actions)[4]
        assert np.allclose(infos["violation"], np.maximum(infos["flops"] / 3e5 - 1, 0)) and infos["violation"].any()
        assert env.step(actions[0])[4]["violation"] == infos["violation"][0]


@pytest.mark.parametrize("mode", AutoresetMode)
def test_autoreset_modes_by_enum_and_by_gymnasiums_names(mode):
    for spelling in (mode, mode.value, mode.name.lower()):
        assert vector("Build", autoreset_mode=spelling).metadata["autoreset_mode"] is mode
    task = SearchTask(Landscape(), Objective({"accuracy": 1.0}))
    assert SearchVectorEnv(2, task, "build", vector_kwargs={"autoreset_mode": mode}).autoreset_mode is mode
    sync = vector("Build", vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode})
    assert sync.metadata["autoreset_mode"] is mode


def test_lanes_answer_as_gymnasiums_own_lanes_do():
    ours, theirs = vector("Edit"), vector("Edit", vectorization_mode="sync")
    ours.reset(seed=0), theirs.reset(seed=0)
    assert np.array_equal(ours.get_attr("architecture"), theirs.get_attr("architecture"))
    assert np.array_equal(ours.call("action_masks"), theirs.call("action_masks"))
    assert ours.get_attr("action_space") == theirs.get_attr("action_space")
    ours.set_attr("note", ["a", "a", "a"])
    assert ours.get_attr("note") == ("a",) * 3
    for values in (["a", "b", "c"], ["a"]):
        with pytest.raises(ValueError, match="note"):
            ours.set_attr("note", values)
    with pytest.raises(AttributeError):
        ours.get_attr("nothing_of_that_name")


def test_the_masked_observation_can_name_its_keys():
    for env in (make, vector):
        made = env("Build", observation="masked", observation_keys=["observations", "action_mask"])
        assert set(made.reset(seed=0)[0]) == {"observations", "action_mask"}
    for keys in ("ab", ["a"], ["a", "a"], [1, 2]):
        with pytest.raises(ValueError, match="observation_keys"):
            make("Build", observation="masked", observation_keys=keys)


def test_they_are_searchable():
    assert isinstance(make("Build").unwrapped, SearchableEnv)
    assert isinstance(vector("Build").unwrapped, SearchableVectorEnv)
    assert make("Propose", epochs="choose").unwrapped.chosen_fidelities[-1] == 27


# -- pictures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_all_frames_have_one_size(formulation):
    env = make(formulation, render_mode="rgb_array")
    shapes, pictures = set(), set()
    for seed in range(3):
        env.reset(seed=seed)
        done = False
        while not done:
            frame = env.render()
            shapes.add((frame.shape, frame.dtype))
            pictures.add(frame.tobytes())
            done = any(env.step(env.action_space.sample())[2:4])
        shapes.add((env.render().shape, env.render().dtype))
        pictures.add(env.render().tobytes())
    assert len(shapes) == 1 and len(pictures) > 2
    (shape, dtype) = next(iter(shapes))
    assert dtype == np.uint8 and shape[0] % 16 == shape[1] % 16 == 0
    envs = vector(formulation, render_mode="rgb_array")
    envs.reset(seed=0)
    assert {frame.shape for frame in envs.render()} == {shape}


def test_gymnasiums_wrappers_take_the_frames(tmp_path):
    seen = gymnasium.wrappers.AddRenderObservation(make("Build", render_mode="rgb_array"), render_only=True)
    observation, _ = seen.reset(seed=0)
    assert seen.observation_space.contains(observation)
    assert seen.observation_space.contains(seen.step(0)[0])
    pytest.importorskip("moviepy")
    env = gymnasium.wrappers.RecordVideo(make("Build", render_mode="rgb_array"), str(tmp_path / "one"))
    env.reset(seed=0)
    for _ in range(6):
        env.step(0)
    env.close()
    assert list((tmp_path / "one").glob("*.mp4"))


def test_a_space_without_networks_is_drawn():
    space = CategoricalSpace({"a": ("x", "y"), "b": (1, 2, 3)}, largest_flops=1.0)
    for mode in ("ansi", "rgb_array"):
        env = SearchEnv(SearchTask(_Named(space), Objective({"accuracy": 1.0})), "build", render_mode=mode)
        env.reset(seed=0)
        frames = [env.render()]
        for action in (1, 2):
            env.step(action)
            frames.append(env.render())
        assert len({str(np.asarray(frame).shape) for frame in frames}) == 1
        if mode == "ansi":
            assert "b = 3" in frames[-1]


class _Named(TabularLandscape):
    def __init__(self, space):
        super().__init__(space=space)
