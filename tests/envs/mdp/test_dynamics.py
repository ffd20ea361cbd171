"""The same actions give the same episodes, whichever way the rules are computed."""

import copy
import pickle

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from pynascent.envs import Objective, SearchEnv, SearchTask, SearchVectorEnv
from pynascent.envs.mdp.dynamics import MEAN_SEED
from pynascent.envs.spaces import ChainSpace, NASBench101Space
from pynascent.envs.tables import CategoricalSpace

from support.landscape import Landscape, TabularLandscape

SPACE = ChainSpace(stages=1, blocks=3, residual="per_block")
FORMULATIONS = ("build", "edit", "propose")
MODES = ("next_step", "same_step", "disabled")


def make_env(formulation, mode="next_step", evaluator=Landscape, lanes=12, space=SPACE, **options):
    objective = Objective(options.pop("terms", {"accuracy": 1.0, "ln_flops": -0.05}), vector=options.pop("many", False))
    fail = options.pop("fail", 0.0)  # a table has no failures
    task = SearchTask(evaluator(seed=2, fail=fail, space=space), objective)
    return SearchVectorEnv(lanes, task, formulation, autoreset_mode=mode, **options)


def plain(value):
    """Return what an environment gave as plain values, so that it can be compared."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    value = np.asarray(value)
    return (value + 0.0 if value.dtype.kind == "f" else value).tolist()  # −0 is 0


def named(result):
    """Return the tuple that a reset or a step gave as plain values by place, the last one as ``infos``."""
    return plain({**dict(enumerate(result[:-1])), "infos": dict(result[-1])})


def episodes(env, rounds=120, lockstep=False, seed=5):
    """Play the same actions in any environment of one formulation; returns everything it gave."""
    rng, seen = np.random.default_rng(seed), []
    seen.append(named(env.reset(seed=3)))
    done = np.zeros(env.num_envs, dtype=bool)
    for _ in range(rounds):
        if env.metadata["autoreset_mode"].name == "DISABLED" and done.any():
            seen.append(named(env.reset(options={"reset_mask": done})))
        actions = env.task.space.sample(rng, env.num_envs)
        if env.formulation.name != "propose":
            masks = env.action_masks()
            actions = (rng.random(masks.shape) * masks).argmax(axis=1)
            wild = rng.random(env.num_envs) < 0.15
            actions[wild] = rng.integers(-1, masks.shape[1] + 1, int(wild.sum()))
            if lockstep:  # what every choice has, so that no lane falls behind
                actions = rng.integers(0, env.task.space.cardinalities.min(), env.num_envs)
        elif env.formulation.fidelities:
            actions = np.column_stack([actions, rng.integers(len(env.formulation.fidelities), size=env.num_envs)])
        result = env.step(actions)
        done = result[2] | result[3]
        seen.append(named(result) | {"architectures": env.architectures.tolist()})
    return seen


def strip(seen):
    """Make what does not count equal: values of info in lanes of which it does not speak."""
    for part in seen:
        for level in (part["infos"], part["infos"].get("final_info", {})):
            for name, speaks in [(key[1:], value) for key, value in level.items() if key.startswith("_")]:
                if isinstance(level.get(name), list):
                    level[name] = [v if here else None for v, here in zip(level[name], speaks, strict=True)]
    return seen


def assert_same(first, second, message):
    first, second = strip(first), strip(second)
    assert len(first) == len(second)
    for step, (one, other) in enumerate(zip(first, second, strict=True)):
        assert repr(one) == repr(other), f"{message}, entry {step}"  # repr: NaN equals NaN


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_a_table_is_looked_up_as_its_evaluator_answers(formulation, mode):
    for options in ({}, {"training_seed": "mean"}, {"many": True}, {"epochs": 3}):
        table, asked = (make_env(formulation, mode, kind, **options) for kind in (TabularLandscape, Landscape))
        assert_same(episodes(table), episodes(asked), str(options))
        if formulation != "propose" and "many" not in options:
            assert table.task.evaluator.calls < asked.task.evaluator.calls  # looked up, but for actions out of range


def test_a_table_is_looked_up_at_chosen_fidelities():
    table, asked = (make_env("propose", "disabled", kind, epochs="choose") for kind in (TabularLandscape, Landscape))
    seen = episodes(table)
    assert_same(seen, episodes(asked), "epochs='choose'")
    epochs = {e for part in seen for e in part["infos"]["epochs"] if e}
    assert epochs == {1, 3, 9, 27}


def test_rows_that_a_table_lacks_are_asked_for():
    class Holes(TabularLandscape):
        def column(self, metric, epochs, seed):
            values = super().column(metric, epochs, seed)
            values[::7] = np.nan
            return values

    for formulation in FORMULATIONS:
        table, asked = (make_env(formulation, "next_step", kind) for kind in (Holes, Landscape))
        assert_same(episodes(table), episodes(asked), formulation)
        assert table.task.evaluator.calls > 10


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_a_record_changes_nothing_that_an_agent_sees(formulation):
    env, recorded = (make_env(formulation, "same_step", TabularLandscape) for _ in range(2))
    with recorded.search() as history:
        seen = episodes(recorded)
    assert_same(seen, episodes(env), formulation)
    assert len(history) > 50


@pytest.mark.parametrize("space", (SPACE, NASBench101Space(vertices=4, max_edges=4, channels=8, stacks=2, cells=1)))
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_the_number_of_lanes_changes_no_lane(formulation, space):
    """Lane i of 12 is lane i of 3: lockstep, and how rows are batched, is of no account."""
    many = make_env(formulation, "next_step", lanes=12, space=space)
    few = make_env(formulation, "next_step", lanes=3, space=space)
    rng = np.random.default_rng(0)
    many.reset(seed=9), few.reset(seed=9)
    for _ in range(80):
        actions = space.sample(rng, 12)
        if formulation != "propose":
            actions = rng.integers(0, many.single_action_space.n, 12)
        one, other = many.step(actions), few.step(actions[:3])
        for a, b in zip(one[:4], other[:4], strict=True):
            assert np.array_equal(a[:3], b)
        assert np.array_equal(many.architectures[:3], few.architectures)
        assert np.array_equal(one[4]["action_mask"][:3], other[4]["action_mask"])


@pytest.mark.parametrize("fast", (False, True))
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_copies_and_pickles_go_on_alike_and_apart(formulation, fast):
    env = make_env(formulation, evaluator=TabularLandscape, accelerate=fast)
    episodes(env, 20)
    twins = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    rng = np.random.default_rng(1)
    for _ in range(30):
        actions = SPACE.sample(rng, 12)
        if formulation != "propose":
            actions = rng.integers(0, env.single_action_space.n, 12)
        expected = env.step(actions)
        for twin in twins:
            for one, other in zip(twin.step(actions)[:4], expected[:4], strict=True):
                assert np.array_equal(one, other)
            assert np.array_equal(twin.architectures, env.architectures)
    before = env.architectures
    twins[0].reset(seed=77)
    assert np.array_equal(env.architectures, before)


@pytest.mark.parametrize("fast", (False, True))
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_what_a_step_gave_does_not_change_afterwards(formulation, fast):
    """Observations and infos that an agent keeps stay as they were, although memory is used again."""
    env = make_env(formulation, "same_step", TabularLandscape, accelerate=fast)
    kept, copies = [], []
    env.reset(seed=0)
    rng = np.random.default_rng(4)
    for _ in range(40):
        actions = SPACE.sample(rng, 12)
        if formulation != "propose":
            actions = rng.integers(0, env.single_action_space.n, 12)
        result = env.step(actions)
        kept.append(result)
        copies.append(repr(plain(dict(enumerate(result[:4])))))
    late = [repr(plain(dict(enumerate(result[:4])))) for result in kept]
    assert late == copies
    # An info that is looked at late says what it would have said at once.
    again = make_env(formulation, "same_step", TabularLandscape, accelerate=fast)
    again.reset(seed=0)
    rng = np.random.default_rng(4)
    for result in kept:
        actions = SPACE.sample(rng, 12)
        if formulation != "propose":
            actions = rng.integers(0, env.single_action_space.n, 12)
        now = again.step(actions)[4]
        assert repr(plain(now)) == repr(plain(result[4]))


def test_training_seeds():
    fixed = make_env("propose", training_seed=5)
    fixed.reset(seed=0)
    assert (fixed.step(fixed.action_space.sample())[4]["training_seed"] == 5).all()
    mean = make_env("propose", training_seed="mean")
    mean.reset(seed=0)
    assert (mean.step(mean.action_space.sample())[4]["training_seed"] == MEAN_SEED).all()
    drawn = make_env("propose", "disabled", lanes=500, training_seed="resample")
    seeds = []
    for _ in range(2):
        drawn.reset(seed=0)
        seeds.append(drawn.step(drawn.action_space.sample())[4]["training_seed"])
    assert (seeds[0] == seeds[1]).all() and len(set(seeds[0].tolist())) == 500
    drawn.reset()  # the next episode of the same lanes
    later = drawn.step(drawn.action_space.sample())[4]["training_seed"]
    assert not set(later.tolist()) & set(seeds[0].tolist())

    class Three(Landscape):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.seeds = (0, 4, 9)

    few = make_env("propose", lanes=600, evaluator=Three, training_seed="resample")
    few.reset(seed=0)
    counts = np.unique(few.step(few.action_space.sample())[4]["training_seed"], return_counts=True)
    assert counts[0].tolist() == [0, 4, 9] and counts[1].min() > 140


def test_starts_of_edit_are_uniform_and_given_ones_are_taken():
    env = make_env("edit", lanes=6000)
    env.reset(seed=0)
    for choice, cardinality in enumerate(SPACE.cardinalities):
        counts = np.bincount(env.architectures[:, choice], minlength=cardinality)
        expected = 6000 / cardinality
        chi2 = ((counts - expected) ** 2 / expected).sum()
        assert chi2 < cardinality - 1 + 6 * np.sqrt(2 * cardinality), (choice, counts)
    given = SPACE.sample(np.random.default_rng(0), 1)[0]
    env.reset(options={"architecture": given})
    assert (env.architectures == given).all()
    with pytest.raises(ValueError, match="allowed are"):
        env.reset(options={"architecture": given * 0 + 99})
    for formulation in ("build", "propose"):
        with pytest.raises(ValueError, match="starts from no architecture"):
            make_env(formulation).reset(options={"architecture": given})


def test_starts_in_a_constrained_space_are_valid():
    space = NASBench101Space(vertices=5, max_edges=6, channels=9, stacks=1, cells=1, input_shape=(8, 8, 1))
    env = make_env("edit", lanes=500, space=space)
    env.reset(seed=0)
    assert space.valid(env.architectures).all() and len(np.unique(env.architectures, axis=0)) > 250


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formulation": "guess"}, "build, edit, propose"),
        ({"epochs": 4}, "1, 3, 9, 27"),
        ({"epochs": "choose", "formulation": "build"}, "propose"),
        ({"training_seed": -1}, "training_seed=-1"),
        ({"training_seed": "lucky"}, "resample"),
        ({"invalid_penalty": -1.0}, "invalid_penalty"),
        ({"invalid_penalty": float("nan")}, "invalid_penalty"),
        ({"lanes": 0}, "num_envs=0"),
        ({"mode": "sometimes"}, "next_step, same_step, disabled"),
        ({"observation": "loud"}, "flat, structured, masked"),
        ({"render_mode": "human"}, "ansi"),
    ],
)
def test_arguments_that_do_not_fit_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make_env(**{"formulation": "propose", **options})


def test_steps_out_of_turn_are_refused():
    env = make_env("propose", "disabled")
    with pytest.raises(ResetNeeded, match="reset first"):
        env.step(env.action_space.sample())
    env.reset(seed=0)
    env.step(env.action_space.sample())
    with pytest.raises(ResetNeeded, match="are finished"):
        env.step(env.action_space.sample())


def test_edit_starts_in_a_small_space_whose_observations_are_too_many_to_tabulate():
    space = CategoricalSpace({"a": tuple(range(600)), "b": tuple(range(60))}, largest_flops=1e9)
    env = SearchEnv(SearchTask(Landscape(space=space), Objective({"accuracy": 1.0})), "edit")
    env.reset(seed=0)
    assert env.architecture.min() >= 0 and space.valid(env.architecture[None]).all()
