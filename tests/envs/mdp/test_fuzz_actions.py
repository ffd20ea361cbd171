"""100,000 random actions per formulation, allowed, masked, negative, huge; and things that are no actions."""

import numpy as np
import pytest

from pynascent.envs import Objective, SearchEnv, SearchTask, SearchVectorEnv
from pynascent.envs.core.evaluation import TabularEvaluator
from pynascent.envs.spaces import ChainSpace, NASBench101Space

from support.landscape import Landscape, TabularLandscape

PENALTY = 0.25
LANES = 40
# What is played: rounds × lanes actions in each of the three autoreset modes and four kinds of environment.
ROUNDS = 210
EXTREMES = np.array([-1, -2, -(2**31), -(2**63), 2**31, 2**32, 2**62, 2**63 - 1], dtype=np.int64)
DTYPES = (np.int64, np.int64, np.int32, np.int16, np.int8, np.uint8, np.uint16, np.uint32, np.uint64)

FREE = ChainSpace(stages=1, blocks=3, residual="per_block")
CONSTRAINED = NASBench101Space(vertices=5, max_edges=6, channels=9, stacks=1, cells=1, input_shape=(8, 8, 1))


KINDS = {
    "coded": (Landscape, FREE),
    "coded table": (TabularLandscape, FREE),
    "reference": (TabularLandscape, FREE),
    "constrained": (Landscape, CONSTRAINED),
}
FORMULATIONS = ("build", "edit", "propose")
MODES = ("next_step", "same_step", "disabled")


def make_task(kind):
    evaluator, space = KINDS[kind]
    made = evaluator(seed=1, fail=0.0 if evaluator is TabularLandscape else 0.1, space=space)
    assert isinstance(made, TabularEvaluator) == (evaluator is TabularLandscape)
    return SearchTask(made, Objective({"accuracy": 1.0, "ln_flops": -0.05}))


class Oracle:
    """The rules once more, in plain Python over one lane, slow and obvious."""

    def __init__(self, space, formulation):
        self.space, self.formulation = space, formulation
        self.cardinalities = space.cardinalities.tolist()
        self.edits = [(c, o) for c, k in enumerate(self.cardinalities) for o in range(k)]
        self.horizon = 2 * space.n

    def after(self, architecture, action):
        """Return (architecture after the action, terminated), or None where the action is masked."""
        row, space = list(architecture), self.space
        if self.formulation == "propose":
            action = [int(a) for a in action]
            if any(not 0 <= a < k for a, k in zip(action, self.cardinalities, strict=True)):
                return None
            return (action, True) if space.valid(np.array([action]))[0] else None
        action = int(action)
        if self.formulation == "build":
            position = row.index(-1)
            if not 0 <= action < self.cardinalities[position]:
                return None
            if space.constrained and not space.option_mask(np.array([row]), np.array([position]))[0, action]:
                return None
            row[position] = action
            return row, position == space.n - 1
        if action == len(self.edits):
            return row, True
        if not 0 <= action < len(self.edits):
            return None
        choice, option = self.edits[action]
        if row[choice] == option:
            return None
        row[choice] = option
        return (row, False) if space.valid(np.array([row]))[0] else None

    def flat(self, architectures, steps):
        """Return the flat observations of ``(N, n)`` architectures after ``(N,)`` steps."""
        choices, options = np.array(self.edits).T
        ones = architectures[:, choices] == options
        decided = (architectures >= 0).mean(axis=1)
        return np.column_stack([ones, decided, np.asarray(steps) / self.horizon]).astype(np.float32)

    def mask(self, architecture):
        """Return the action mask by trying every action."""
        if self.formulation == "propose":
            return [1] * sum(self.cardinalities)
        count = max(self.cardinalities) if self.formulation == "build" else len(self.edits) + 1
        if self.formulation == "build" and -1 not in architecture:
            return [1] + [0] * (count - 1)  # one is allowed where an episode ends, too
        return [int(self.after(architecture, action) is not None) for action in range(count)]


def draw_actions(env, masks, rng):
    """Draw ``(N,)`` or ``(N, n)`` actions of some integer type: allowed ones, any in range, and wild ones."""
    lanes, space = env.num_envs, env.task.space
    kind = rng.random(lanes)
    near = rng.integers(-3, masks.shape[1] + 4, lanes)
    if env.formulation.name == "propose":
        actions = space.sample(rng, lanes)
        changed = rng.integers(space.n, size=lanes)
        some = np.flatnonzero(kind < 0.4)
        actions[some, changed[some]] = rng.integers(-2, space.cardinalities.max() + 3, some.size)
        wild = np.flatnonzero(kind < 0.1)
        actions[wild, changed[wild]] = rng.choice(EXTREMES, wild.size)
    else:
        scores = rng.random(masks.shape) * masks
        actions = np.where(kind < 0.6, scores.argmax(axis=1), near)
        actions = np.where(kind > 0.92, rng.choice(EXTREMES, lanes), actions)
        # Stopping and finishing would leave few long episodes: spare some lanes the stop.
        if env.formulation.name == "edit":
            stop = (actions == masks.shape[1] - 1) & (rng.random(lanes) < 0.8)
            actions[stop] = rng.integers(0, masks.shape[1] - 1, int(stop.sum()))
    return actions.astype(DTYPES[rng.integers(len(DTYPES))])  # wraps around where it does not fit


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_100_000_actions_leave_every_lane_in_a_state_of_the_rules(formulation):
    played = seen_masked = seen_horizon = 0
    for kind in KINDS:
        for mode in MODES:
            env = SearchVectorEnv(
                LANES,
                make_task(kind),
                formulation,
                autoreset_mode=mode,
                training_seed=0,
                invalid_penalty=PENALTY,
                accelerate=kind != "reference",
            )
            actions, masked, horizon = _play(env, mode, np.random.default_rng([FORMULATIONS.index(formulation), 7]))
            played, seen_masked, seen_horizon = played + actions, seen_masked + masked, seen_horizon + horizon
    assert played >= 100_000
    assert seen_masked > 10_000, "too few masked actions for a test"
    assert seen_horizon > 100 or formulation == "propose", "too few episodes reached their horizon for a test"


def _play(env, mode, rng):
    """Play in lockstep with the oracle; returns the numbers of actions, masked actions, and truncations."""
    space, oracle = env.task.space, Oracle(env.task.space, env.formulation.name)
    observations, infos = env.reset(seed=11)
    steps, done = np.zeros(LANES, dtype=int), np.zeros(LANES, dtype=bool)
    masked = truncations = 0
    for number in range(ROUNDS):
        if mode == "disabled" and done.any():
            observations, infos = env.reset(options={"reset_mask": done})
            steps[done], done = 0, np.zeros(LANES, dtype=bool)
        before, masks = env.architectures, infos["action_mask"]
        assert ((masks == 0) | (masks == 1)).all()
        actions = draw_actions(env, masks, rng)
        observations, rewards, terminated, truncated, infos = env.step(actions)
        after = env.architectures
        assert np.isfinite(rewards).all() and not (terminated & truncated).any()
        ended = terminated | truncated
        final = infos["final_obs"] if mode == "same_step" and ended.any() else observations
        restarted = done & (mode == "next_step")
        steps = np.where(restarted, 0, steps + 1)
        rows = after.copy()  # what each lane's architecture is expected to be, before a reset in the same step
        ends = np.zeros(LANES, dtype=bool)
        for i in np.flatnonzero(~restarted):
            expected = oracle.after(before[i].tolist(), actions[i])
            if expected is None:
                masked += 1
                expected = before[i], False
                assert rewards[i] == -PENALTY, (mode, number, i, actions[i], before[i])
            elif env.formulation.name == "build" and not expected[1]:
                assert rewards[i] == 0.0, (mode, number, i, actions[i], before[i])
            rows[i], ends[i] = expected
        assert np.array_equal(terminated, ends)
        assert np.array_equal(truncated, (steps == oracle.horizon) & ~ends & ~restarted)
        truncations += int(truncated.sum())
        assert (rewards[restarted] == 0.0).all()
        assert ((after[restarted] >= 0) == env.formulation.starts_complete).all()
        assert np.allclose(final, oracle.flat(rows, steps), atol=1e-6)
        if mode == "same_step":
            assert np.array_equal(after[~ended], rows[~ended])
            assert ((after[ended] >= 0) == env.formulation.starts_complete).all()
            steps[ended] = 0
            assert np.allclose(observations, oracle.flat(after, steps), atol=1e-6)
        else:
            assert np.array_equal(after, rows)
        assert (steps <= oracle.horizon).all()
        complete = (after >= 0).all(axis=1)
        assert space.check(after[complete]).shape[1] == space.n  # raises on an invalid one
        decided = after >= 0
        assert (decided[:, 1:] <= decided[:, :-1]).all()  # decided choices come first
        lane = number % LANES  # the mask is what trying says, in one lane of each round
        assert infos["action_mask"][lane].tolist() == oracle.mask(after[lane]), (mode, number, lane)
        assert np.array_equal(env.action_masks()[lane], infos["action_mask"][lane])
        assert env.observation_space.contains(observations)
        done = ended & (mode != "same_step")
    return ROUNDS * LANES, masked, truncations


# -- one lane -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ("coded", "constrained"))
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_a_scalar_environment_keeps_the_rules_too(formulation, kind):
    env = SearchEnv(make_task(kind), formulation, invalid_penalty=PENALTY)
    oracle, rng = Oracle(env.task.space, formulation), np.random.default_rng(5)
    _, info = env.reset(seed=0)
    steps = masked = 0
    for _ in range(4000):
        before = env.architecture
        if formulation == "propose":
            action = env.task.space.sample(rng, 1)[0]
            if rng.random() < 0.4:
                action[rng.integers(len(action))] = rng.choice(EXTREMES) if rng.random() < 0.3 else rng.integers(-2, 9)
        elif rng.random() < 0.5:
            action = rng.choice(np.flatnonzero(info["action_mask"]))
        else:
            action = rng.choice(EXTREMES) if rng.random() < 0.3 else rng.integers(-2, len(info["action_mask"]) + 2)
        expected = oracle.after(before, action)
        observation, reward, terminated, truncated, info = env.step(action)
        steps += 1
        if expected is None:
            masked += 1
            assert reward == -PENALTY
            expected = before, False
        assert np.isfinite(reward) and np.array_equal(env.architecture, expected[0])
        assert terminated == expected[1] and truncated == (steps == oracle.horizon and not terminated)
        assert np.allclose(observation, oracle.flat(np.array([expected[0]]), [steps])[0], atol=1e-6)
        assert info["action_mask"].tolist() == oracle.mask(expected[0])
        if terminated or truncated:
            _, info = env.reset()
            steps = 0
    assert masked > 300


# -- no actions at all --------------------------------------------------------------------------------------------

NO_ACTIONS = {
    "float": lambda a: a.astype(float),
    "half": lambda a: a.astype(float) + 0.5,
    "nan": lambda a: a * np.nan,
    "complex": lambda a: a.astype(complex),
    "bool": lambda a: a.astype(bool),
    "text": lambda a: a.astype(str),
    "object": lambda a: a.astype(object),
    "huge integer": lambda a: np.full(a.shape, 2**70, dtype=object),
    "time": lambda a: a.astype("timedelta64[s]"),
    "none": lambda a: None,
    "word": lambda a: "north",
    "mapping": lambda a: {"action": a},
    "empty": lambda a: np.zeros(0, dtype=np.int64),
    "one more axis": lambda a: a[..., None],
    "axis in front": lambda a: a[None],
    "twice as long": lambda a: np.concatenate([np.atleast_1d(a)] * 2),
    "one too few": lambda a: np.atleast_1d(a)[:-1],
}


@pytest.mark.parametrize("wrong", NO_ACTIONS)
@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize("lanes", (None, 1, 3))
def test_what_is_no_action_gets_one_clear_error_and_changes_nothing(lanes, formulation, wrong):
    if lanes is None:
        env = SearchEnv(make_task("coded"), formulation)
    else:
        env = SearchVectorEnv(lanes, make_task("coded"), formulation)
    env.action_space.seed(0)
    env.reset(seed=0)
    state = env.dynamics.lanes
    before = state.architectures.copy(), state.steps.copy(), state.positions.copy(), state.observation().copy()
    action = NO_ACTIONS[wrong](np.asarray(env.action_space.sample()))
    with pytest.raises(ValueError, match=r"action.*integer") as error:
        env.step(action)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300
    state = env.dynamics.lanes
    after = state.architectures, state.steps, state.positions, state.observation()
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    env.step(env.action_space.sample())  # and the episode goes on


def test_lists_and_python_integers_are_actions():
    for formulation in FORMULATIONS:
        one, two = (SearchVectorEnv(2, make_task("coded"), formulation) for _ in range(2))
        one.reset(seed=0), two.reset(seed=0)
        one.action_space.seed(1)
        actions = one.action_space.sample()
        assert np.array_equal(one.step(actions)[1], two.step(actions.tolist())[1])
        assert np.array_equal(one.architectures, two.architectures)
        scalar = SearchEnv(make_task("coded"), formulation)
        scalar.reset(seed=0)
        scalar.step(actions[0].tolist())
        assert np.array_equal(scalar.architecture, one.architectures[0])
