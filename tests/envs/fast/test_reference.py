"""Every accelerator does what the reference does, lane by lane, bit for bit; and none of them is needed."""

import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import pynascent.envs
from pynascent.envs import Objective, SearchBudget, SearchEnv, SearchTask, SearchVectorEnv
from pynascent.envs.fast import ACCELERATORS
from pynascent.envs.fast.coded import CodedDynamics
from pynascent.envs.fast.one_lane import OneLane
from pynascent.envs.mdp.dynamics import SearchDynamics
from pynascent.envs.mdp.formulations import Build
from pynascent.envs.mdp.single_lane import SingleLane
from pynascent.envs.spaces import ChainSpace, NASBench101Space

from support.landscape import Landscape, TabularLandscape

SPACE = ChainSpace(stages=1, blocks=3, residual="per_block")
FORMULATIONS = ("build", "edit", "propose")


def task(evaluator=TabularLandscape, space=SPACE, constraints=(), **more):
    objective = Objective({"accuracy": 1.0, "ln_flops": -0.05}, constraints=constraints)
    return SearchTask(evaluator(seed=2, space=space, **more), objective)


def same(one, other, where):
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            same(one[key], other[key], f"{where} {key}")
        return
    assert type(one) is type(other), (where, type(one), type(other))
    one, other = np.asarray(one), np.asarray(other)
    assert one.dtype == other.dtype and one.shape == other.shape, (where, one.dtype, other.dtype)
    assert one.tobytes() == other.tobytes() or np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), where


def drive(envs, rng, rounds, wild):
    """Step environments with the same actions, and compare all that they give."""
    first, second = envs
    seen = [env.reset(seed=4) for env in envs]
    done = np.zeros(first.num_envs, dtype=bool)
    for step in range(rounds):
        for a, b, name in zip(*seen, range(9), strict=False):
            same(dict(a) if isinstance(a, dict) else a, dict(b) if isinstance(b, dict) else b, f"{step} {name}")
        assert np.array_equal(first.action_masks(), second.action_masks())
        assert np.array_equal(first.architectures, second.architectures)
        if first.metadata["autoreset_mode"].name == "DISABLED" and done.any():
            for env in envs:
                env.reset(options={"reset_mask": done})
        uniform = first.single_action_space
        masks = first.action_masks()
        if isinstance(uniform, gymnasium.spaces.Discrete):
            actions = (rng.random(masks.shape) * masks).argmax(axis=1)
            some = rng.random(first.num_envs) < wild
            actions[some] = rng.integers(0, masks.shape[1], int(some.sum()))
            if rng.random() < 0.1:
                actions[0] = rng.choice([-1, masks.shape[1], 2**40])  # the reference takes over, and gives back
        else:
            actions = rng.integers(0, uniform.nvec, (first.num_envs, len(uniform.nvec)))
        seen = [env.step(actions) for env in envs]
        done = seen[0][2] | seen[0][3]


@pytest.mark.parametrize("mode", ("next_step", "same_step", "disabled"))
@pytest.mark.parametrize("wild", (0.0, 0.5))
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_vector_accelerators_equal_the_reference(formulation, wild, mode):
    for options in ({}, {"training_seed": "mean"}, {"observation": "structured"}, {"observation": "masked"}):
        made = task(constraints=("flops<=5e3",))
        fast, slow = (
            SearchVectorEnv(13, made, formulation, autoreset_mode=mode, accelerate=on, **options)
            for on in (True, False)
        )
        assert isinstance(fast.dynamics, CodedDynamics) == (formulation != "propose")
        assert type(slow.dynamics) is SearchDynamics
        drive((fast, slow), np.random.default_rng(1), 90, wild)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_a_search_in_the_midst_of_episodes_changes_nothing(formulation):
    """Recording makes the reference take over; afterwards the accelerator goes on from where it left."""
    fast, slow = (SearchVectorEnv(6, task(), formulation, accelerate=on) for on in (True, False))
    for env in (fast, slow):
        env.reset(seed=1)
    for part in range(4):
        histories = []
        plan = [fast.action_space.sample() for _ in range(15)]
        results = []
        for env in (fast, slow):
            steps = []
            if part % 2:
                with env.search(SearchBudget(evaluations=10_000)) as history:
                    steps = [env.step(a)[:4] for a in plan]
                histories.append([row["architecture"] for row in history])
            else:
                steps = [env.step(a)[:4] for a in plan]
            results.append(steps)
        for one, other in zip(*results, strict=True):
            for a, b in zip(one, other, strict=True):
                same(a, b, f"part {part}")
        assert not histories or histories[0] == histories[1]


CONSTRAINED = NASBench101Space(vertices=4, max_edges=4, channels=8, stacks=2, cells=1)


@pytest.mark.parametrize("kind", ("table", "asked", "constrained", "resample", "vector reward"))
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_one_lane_equals_the_reference(formulation, kind):
    options, made = {}, task(TabularLandscape if kind != "asked" else Landscape)
    if kind == "constrained":
        made = task(Landscape, CONSTRAINED)
    if kind == "resample":
        options["training_seed"] = "resample"
    if kind == "vector reward":
        objective = Objective({"accuracy": 1.0, "ln_flops": -1.0}, vector=True)
        made = SearchTask(TabularLandscape(seed=2, space=SPACE), objective)
    fast, slow = (SearchEnv(made, formulation, accelerate=on, **options) for on in (True, False))
    assert type(fast._lane) is OneLane and type(slow._lane) is SingleLane
    fast.action_space.seed(0)
    seen = [env.reset(seed=3) for env in (fast, slow)]
    for step in range(400):
        for a, b, name in zip(*seen, range(9), strict=False):
            same(a, b, f"{step} {name}")
        assert np.array_equal(fast.architecture, slow.architecture)
        if step and (seen[0][2] or seen[0][3]):
            seen = [env.reset() for env in (fast, slow)]
            for a, b, name in zip(*seen, range(9), strict=False):
                same(a, b, f"{step} reset {name}")
        action = fast.action_space.sample(seen[0][-1]["action_mask"] if step % 2 else None)
        seen = [env.step(action) for env in (fast, slow)]


@pytest.mark.parametrize("name", ACCELERATORS)
def test_each_accelerator_can_be_switched_off(name):
    others = [other for other in ACCELERATORS if other != name]
    env = gymnasium.make_vec("PyNASCENT/Digits-Build-v0", 4, accelerate=others)
    assert (type(env.unwrapped.dynamics) is SearchDynamics) == (name == "build_pass")
    with pytest.raises(ValueError, match="some of one_lane"):
        gymnasium.make("PyNASCENT/Digits-Build-v0", accelerate=["warp"])


PLAY = """
import sys, hashlib
blocked = set(sys.argv[1:])
class Block:
    def find_spec(self, name, path=None, target=None):
        if name in blocked:
            raise ModuleNotFoundError(name)
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in blocked else find(name, *rest)
sys.meta_path.insert(0, Block())
import gymnasium, numpy as np, pynascent.envs
digest = hashlib.sha256()
for formulation in ("Build", "Edit", "Propose"):
    env = gymnasium.make_vec(f"PyNASCENT/Digits-{formulation}-v0", 5)
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(60):
        for part in env.step(env.action_space.sample())[:4]:
            digest.update(np.ascontiguousarray(part).tobytes())
    one = gymnasium.make(f"PyNASCENT/Digits-{formulation}-v0")
    one.reset(seed=0)
    digest.update(np.ascontiguousarray(one.step(one.action_space.sample() * 0)[0]).tobytes())
assert not blocked & set(sys.modules)
print(digest.hexdigest())
"""


def test_everything_works_without_the_accelerators_files():
    folder = "pynascent.envs.fast"
    answers = set()
    for missing in ([], [folder], *([f"{folder}.{name}"] for name in ACCELERATORS)):
        done = subprocess.run([sys.executable, "-c", PLAY, *missing], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        answers.add(done.stdout)
    assert len(answers) == 1


def test_mdp_imports_nothing_from_fast():
    for path in (Path(pynascent.envs.__file__).parent / "mdp").rglob("*.py"):
        assert "..fast" not in path.read_text(encoding="utf-8"), path.name


def test_the_reference_is_short(capsys):
    """State, formulations, step and episode logic, draws and hashing."""
    folder = Path(pynascent.envs.__file__).parent / "mdp"
    parts = ["hashing.py", "lanes.py", "outcome.py", "dynamics.py"]
    parts += [f"formulations/{name}.py" for name in ("base", "build", "edit", "propose")]
    count = sum(len((folder / part).read_text(encoding="utf-8").splitlines()) for part in parts)
    with capsys.disabled():
        print(f"\nthe reference engine has {count} lines")
    assert count < 600


# -- fast paths only for what they were made for --------------------------------------------------------------------


class Halved(TabularLandscape):
    """Its answers are not those of the columns that it inherits."""

    def evaluate(self, architectures, epochs, seeds):
        result = super().evaluate(architectures, epochs, seeds)
        result.metrics["validation_accuracy"] = result.metrics["validation_accuracy"] / 2
        return result

    def column(self, metric, epochs, seed):
        rows = self.space.from_index(np.arange(self.space.size))
        result = Landscape.evaluate(self, rows, np.full(len(rows), epochs), np.full(len(rows), seed))
        return result.cost_seconds if metric == "cost_seconds" else result[metric]


@pytest.mark.parametrize("lanes", (1, 4))
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_an_evaluator_whose_answers_are_not_its_columns_is_asked(formulation, lanes):
    env = SearchVectorEnv(lanes, task(Halved), formulation)
    scalar = SearchEnv(task(Halved), formulation)
    plain = SearchEnv(task(Halved), formulation, accelerate=False)
    for one in (env, scalar, plain):
        one.reset(seed=0)
    for _ in range(8):
        action = scalar.formulation.action_space.sample() * 0
        rewards = env.step(np.stack([action] * lanes))[1]
        result = scalar.step(action), plain.step(action)
        assert rewards[0] == result[0][1] == result[1][1]
        if result[0][2]:
            break


def test_a_subclass_of_a_table_that_overrides_evaluate_is_asked(tmp_path):
    from pynascent.envs.tables import TableEvaluator

    class Halved(TableEvaluator):
        def evaluate(self, architectures, epochs, seeds):
            result = super().evaluate(architectures, epochs, seeds)
            columns = {name: result.metrics[name] for name in result.metrics}
            columns["validation_accuracy"] = columns["validation_accuracy"] / 2
            return type(result)(result.status, result.epochs, result.seed, columns, result.cost_seconds)

    rewards = {}
    for kind in (TableEvaluator, Halved):
        for lanes in (1, 3):
            made = SearchTask(kind("digits"), Objective({"accuracy": 1.0}))
            env = SearchVectorEnv(lanes, made, "propose")
            env.reset(seed=0)
            rewards[kind, lanes] = env.step(np.zeros((lanes, 6), dtype=np.int64))[1][0]
        scalar = SearchEnv(SearchTask(kind("digits"), Objective({"accuracy": 1.0})), "build")
        scalar.reset(seed=0)
        rewards[kind, 0] = [scalar.step(0)[1] for _ in range(6)][-1]
    for lanes in (0, 1, 3):
        assert rewards[Halved, lanes] == rewards[TableEvaluator, lanes] / 2


class Backwards(Build):
    """A formulation of one's own that derives from the suite's: the accelerators of Build are not for it."""

    name = "backwards"

    def transition(self, lanes, actions):
        return super().transition(lanes, self.mask_size - 1 - actions)

    def action_mask(self, lanes):
        return np.ascontiguousarray(super().action_mask(lanes)[:, ::-1])


def test_a_formulation_of_ones_own_is_stepped_by_its_own_rules():
    env, build = SearchEnv(task(), Backwards), SearchEnv(task(), "build")
    vector = SearchVectorEnv(3, task(), Backwards)
    assert type(env._lane) is SingleLane and type(vector.dynamics) is SearchDynamics
    env.reset(seed=0), build.reset(seed=0), vector.reset(seed=0)
    width = env.formulation.mask_size
    for _ in range(SPACE.n):
        assert env.step(width - 1)[1] == build.step(0)[1]
        vector.step(np.full(3, width - 1))
        assert np.array_equal(env.architecture, build.architecture)
        assert np.array_equal(vector.architectures[0], build.architecture)
