"""Checks that any search environment must pass, ours or a user's.

Example:
    >>> from pynascent.envs.testing import check_search_environment
    >>> check_search_environment("MyLab/MyTask-Build-v0", evaluator={"table": "results.nastable"})  # doctest: +SKIP
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env

from .mdp.observations import lane
from .mdp.search_env import SearchEnv
from .mdp.vector_env import SearchVectorEnv


def check_search_environment(
    id: str, steps: int | None = None, lanes: int = 3, render: bool = True, **arguments: Any
) -> None:
    """Run every check of this module on a registered environment.

    Args:
        id: a registered id whose entry points are `SearchEnv` and `SearchVectorEnv` (or subclasses).
        steps: steps of each rollout; by default 40, or as many as two episodes can have in the space.
        lanes: lanes of the vector environment.
        render: whether to draw, too.
        arguments: further arguments of ``gymnasium.make``.

    Raises:
        AssertionError: a check failed; the message says which, and where.
    """
    make = _maker(id, arguments)
    if steps is None:
        steps = max(40, 2 * make().formulation.horizon)
    check_api(id, render, arguments)
    check_determinism(make, steps)
    check_pickling(make, steps)
    check_masks(make, steps)
    check_metrics(make, steps)
    for mode in ("next_step", "same_step", "disabled"):
        check_vector(id, steps, lanes, mode, arguments)


def _maker(id: str, arguments: Mapping[str, Any]) -> Callable[[], SearchEnv]:
    def make() -> SearchEnv:
        env = gymnasium.make(id, disable_env_checker=True, **arguments).unwrapped
        assert isinstance(env, SearchEnv), f"{id} makes a {type(env).__name__}, not a SearchEnv"
        return env

    return make


def check_api(id: str, render: bool = True, arguments: Mapping[str, Any] | None = None) -> None:
    """Gymnasium's own checker passes without a warning, and ``env.spec`` rebuilds the same environment."""
    env = gymnasium.make(id, **(arguments or {}))
    if not getattr(env.unwrapped, "reward_space", None):  # Gymnasium's checker knows scalar rewards only
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                check_env(env.unwrapped, skip_render_check=not render)
            except AssertionError as error:
                # It takes NaN, a failed evaluation's metric without a worst value, for unequal to itself:
                # `check_determinism` compares every info exactly, NaN included.
                if "info are not equivalent" not in str(error):
                    raise
    assert env.spec is not None, f"{id}: the environment has no spec"
    rebuilt = gymnasium.make(env.spec)
    _same_rollout(env.unwrapped, rebuilt.unwrapped, 10, f"{id}: env.spec rebuilds another environment")


def check_determinism(make: Callable[[], SearchEnv], steps: int = 40) -> None:
    """Two copies with the same seed and actions see exactly the same."""
    _same_rollout(make(), make(), steps, "two rollouts of one seed differ")


def check_pickling(make: Callable[[], SearchEnv], steps: int = 40) -> None:
    """A pickled and unpickled environment goes on exactly as the original does."""
    env = make()
    env.reset(seed=3)
    env.action_space.seed(3)
    _, _, terminated, truncated, _ = env.step(env.action_space.sample())
    if terminated or truncated:
        env.reset()
    copy = pickle.loads(pickle.dumps(env))
    _same_rollout(env, copy, steps, "an unpickled environment goes on differently", seed=None)


def check_masks(make: Callable[[], SearchEnv], steps: int = 40) -> None:
    """A masked action leaves the architecture, costs the penalty and counts; an allowed one is not penalised."""
    env, rng = make(), np.random.default_rng(0)
    env.reset(seed=1)
    penalty = env.dynamics.invalid_penalty
    for _ in range(steps):
        before, count = env.architecture, int(env.dynamics.lanes.steps[0])
        mask = env.action_masks()
        assert mask.shape == (env.formulation.mask_size,), f"the action mask has shape {mask.shape}"
        assert mask.any(), f"the action mask allows nothing in {before}"
        action, allowed = _pick(env, mask, rng)
        _, reward, terminated, truncated, info = env.step(action)
        assert env.dynamics.lanes.steps[0] == count + 1, f"action {action} did not count as a step"
        if allowed is None:  # its components are allowed, whether they go together is the formulation's affair
            allowed = terminated or not np.array_equal(env.architecture, before)
        if not allowed:
            assert np.array_equal(env.architecture, before), f"the masked action {action} changed {before}"
            assert np.allclose(reward, -penalty), f"the masked action {action} was rewarded {reward}"
            assert not terminated, f"the masked action {action} ended the episode"
        elif isinstance(env.action_space, gymnasium.spaces.Discrete) and not terminated:
            assert not np.array_equal(env.architecture, before), f"the allowed action {action} changed nothing"
        if terminated or truncated:
            assert env.action_masks().any(), f"the action mask of the finished {env.architecture} allows nothing"
            _, info = env.reset()
        drawn = env.action_space.sample(info["action_mask"])
        assert env.action_space.contains(drawn), f"action_space.sample(info['action_mask']) gave {drawn}"


def _pick(env: SearchEnv, mask: np.ndarray, rng: np.random.Generator) -> tuple[Any, bool | None]:
    """Draw an action, half of the time a masked one where there is one, and say whether it is allowed.

    Of an action of several components the mask says what each may be: None, unless one of them is masked.
    """
    wanted = bool(rng.random() < 0.5 or mask.all())
    space = env.action_space
    if isinstance(space, gymnasium.spaces.Discrete):
        action = int(rng.choice(np.flatnonzero(mask == wanted)))
        return action, wanted
    action = space.sample()
    ends = np.cumsum(space.nvec)  # type: ignore[attr-defined]
    return action, None if mask[action + np.concatenate([[0], ends[:-1]])].all() else False


def check_metrics(make: Callable[[], SearchEnv], steps: int = 40) -> None:
    """``info`` has one set of keys, of numpy types; metrics are within their ranges; nothing is of the test split.

    Where no evaluation has come about in ``steps`` steps (in a space where few architectures are valid, say), it
    goes on for up to fifty times as many.
    """
    env = make()
    _, info = env.reset(seed=2)
    keys, seen = list(info), 0
    for step in range(50 * steps):
        if seen and step >= steps:
            return
        seen += _check_info(env, info, keys)
        _, _, terminated, truncated, info = env.step(env.action_space.sample(info["action_mask"]))
        if terminated or truncated:
            seen += _check_info(env, info, keys)
            _, info = env.reset()
    assert seen, f"no evaluation in {50 * steps} steps of allowed actions"


def _check_info(env: SearchEnv, info: Mapping[str, Any], keys: list[str]) -> bool:
    assert sorted(info) == sorted(keys), f"the keys of info change: {sorted(set(info) ^ set(keys))}"
    for name, value in info.items():
        assert isinstance(value, (np.ndarray, np.generic)), f"info {name} is a {type(value).__name__}, not of numpy"
    evaluated = bool(info["status"] != "none")
    violation = info["violation"]
    assert violation >= 0 and (evaluated or violation == 0), f"violation is {violation}, status {info['status']}"
    for name, metric in env.task.evaluator.metrics.items():
        if metric.split == "test":
            assert name not in info, f"info shows {name}, which is measured on test data"
        elif name in info and info["status"] == "ok":
            value = info[name]
            # NaN: the evaluator does not know this metric of this architecture (a device that cannot run it).
            assert np.isnan(value) or metric.lower <= value <= metric.upper, (
                f"{name}={value} is outside {metric.lower}..{metric.upper}"
            )
    return evaluated


def check_vector(
    id: str,
    steps: int = 40,
    lanes: int = 3,
    autoreset_mode: str = "next_step",
    arguments: Mapping[str, Any] | None = None,
) -> None:
    """Lane i of a vector environment seeded s goes through what a scalar environment seeded s + i does."""
    arguments = arguments or {}
    vector = gymnasium.make_vec(
        id, lanes, vectorization_mode="vector_entry_point", autoreset_mode=autoreset_mode, **arguments
    )
    assert isinstance(vector, SearchVectorEnv), f"{id} makes a {type(vector).__name__}, not a SearchVectorEnv"
    scalars = [_maker(id, arguments)() for _ in range(lanes)]
    vector.action_space.seed(5)
    observations, infos = vector.reset(seed=7)
    for i, scalar in enumerate(scalars):
        _compare(f"{id} lane {i} reset", lane(observations, i), infos, i, *scalar.reset(seed=7 + i))
    done = np.zeros(lanes, dtype=bool)
    for step in range(steps):
        if autoreset_mode == "disabled" and done.any():
            observations, infos = vector.reset(options={"reset_mask": done})
            for i in np.flatnonzero(done):
                _compare(f"{id} lane {i} masked reset", lane(observations, i), infos, i, *scalars[i].reset())
            done[:] = False
        actions = vector.action_space.sample()
        observations, rewards, terminated, truncated, infos = vector.step(actions)
        for i, scalar in enumerate(scalars):
            where = f"{id} lane {i} of {lanes}, step {step}, autoreset {autoreset_mode}"
            if autoreset_mode == "next_step" and done[i]:
                observation, info = scalar.reset()
                reward, ends = 0.0, (False, False)
            else:
                observation, reward, *ends, info = scalar.step(actions[i])
            assert np.array_equal(rewards[i], np.broadcast_to(reward, np.shape(rewards[i]))), (
                f"{where}: reward {rewards[i]}, scalar {reward}"
            )
            assert (terminated[i], truncated[i]) == tuple(ends), f"{where}: the episode ends differently"
            if autoreset_mode == "same_step" and any(ends):
                assert infos["_final_obs"][i] and infos["_final_info"][i], f"{where}: no final observation"
                _compare(f"{where} (final)", lane(infos["final_obs"], i), infos["final_info"], i, observation, info)
                observation, info = scalar.reset()
            _compare(where, lane(observations, i), infos, i, observation, info)
        done = terminated | truncated


def _compare(
    where: str, observed: Any, infos: Mapping[str, Any], i: int, expected: Any, info: Mapping[str, Any]
) -> None:
    assert _equal(observed, expected), f"{where}: observation {observed}, scalar {expected}"
    for name, value in info.items():
        assert name in infos and infos[f"_{name}"][i], f"{where}: info has no {name}"
        assert _same(infos[name][i], value), f"{where}: info {name} {infos[name][i]}, scalar {value}"
    for name, mask in infos.items():
        plain = name[1:]
        if name.startswith("_") and not plain.startswith("final") and mask[i]:
            assert plain in info, f"{where}: the vector's info has {plain}, the scalar's has not"


def _same_rollout(first: Any, second: Any, steps: int, message: str, seed: int | None = 11) -> None:
    """Take the same actions in both and compare everything exactly."""
    if seed is not None:
        first.action_space.seed(seed)
        start, again = first.reset(seed=seed), second.reset(seed=seed)
        assert _equal(start[0], again[0]) and _equal(start[1], again[1]), f"{message} (at reset)"
    for step in range(steps):
        action = first.action_space.sample()
        one, other = first.step(action), second.step(action)
        assert all(_equal(a, b) for a, b in zip(one, other, strict=True)), f"{message} (at step {step}): {one} {other}"
        if one[2] or one[3]:
            start, again = first.reset(), second.reset()
            assert _equal(start[0], again[0]) and _equal(start[1], again[1]), f"{message} (at a later reset)"


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(_equal(first[key], second[key]) for key in first)
    return type(first) is type(second) and _same(first, second)


def _same(first: Any, second: Any) -> bool:
    """Compare exactly; NaN equals NaN."""
    first, second = np.asarray(first), np.asarray(second)
    return np.array_equal(first, second, equal_nan=first.dtype.kind == second.dtype.kind == "f")
