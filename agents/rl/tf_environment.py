"""TF-Agents environments over Gymnasium's, scalar and vector. Importing this imports TF-Agents."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from .tensorflow_setup import tensorflow_for_agents

tensorflow_for_agents()

from tf_agents.environments import py_environment  # noqa: E402
from tf_agents.specs import array_spec  # noqa: E402
from tf_agents.trajectories import time_step as ts  # noqa: E402


def spec_from_space(space: gymnasium.Space, name: str) -> Any:
    """Return the `ArraySpec` (or dict or tuple of them) of a Gymnasium space, of the space's own dtype.

    Raises:
        ValueError: the space is of a kind that has no array spec.
    """
    if isinstance(space, spaces.Discrete):
        return array_spec.BoundedArraySpec((), space.dtype, space.start, space.start + space.n - 1, name)
    if isinstance(space, spaces.MultiDiscrete):
        last = space.start + space.nvec - 1
        lowest = space.start.min() if (space.start == space.start.flat[0]).all() else space.start
        highest = last.max() if (last == last.flat[0]).all() else last
        return array_spec.BoundedArraySpec(space.shape, space.dtype, lowest, highest, name)
    if isinstance(space, spaces.MultiBinary):
        return array_spec.BoundedArraySpec(space.shape, space.dtype, 0, 1, name)
    if isinstance(space, spaces.Box):
        return array_spec.BoundedArraySpec(space.shape, space.dtype, space.low, space.high, name)
    if isinstance(space, spaces.Dict):
        return {key: spec_from_space(part, f"{name}/{key}") for key, part in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(spec_from_space(part, f"{name}/{i}") for i, part in enumerate(space.spaces))
    raise ValueError(
        f"the space {space} has no array spec: TF-Agents takes Discrete, MultiDiscrete, MultiBinary, Box, and Dict "
        "and Tuple of these"
    )


class GymnasiumEnvironment(py_environment.PyEnvironment):
    """A TF-Agents environment over a Gymnasium environment.

    Over a vector environment it is batched, one entry per lane. TF-Agents resets a lane in the step after
    its last one and ignores that step's action, which is next-step autoreset; over a scalar environment
    this class does it. The discount is 0 where an episode terminates and 1 elsewhere: a truncated episode
    ends with step type LAST and discount 1, so that its last state keeps a value. Rewards are float32.
    Exceptions of the environment, `BudgetExhausted` among them, pass through.

    Args:
        env: a scalar environment, or a vector environment with ``autoreset_mode="next_step"``.
        seed: seeds the first `reset`; later resets go on from there.

    Raises:
        ValueError: the vector environment resets in another mode, or a space has no array spec.
    """

    def __init__(self, env: gymnasium.Env | gymnasium.vector.VectorEnv, seed: int | None = None) -> None:
        super().__init__(handle_auto_reset=False)
        self._env: Any = env
        self._vector = isinstance(env, gymnasium.vector.VectorEnv)
        if self._vector:
            mode = env.metadata.get("autoreset_mode")
            if mode not in (AutoresetMode.NEXT_STEP, "next_step", AutoresetMode.NEXT_STEP.value):
                raise ValueError(f"autoreset_mode={mode}: TF-Agents' own reset is 'next_step', make the vector so")
        observation_space = self._env.single_observation_space if self._vector else env.observation_space
        action_space = self._env.single_action_space if self._vector else env.action_space
        self._observation_spec = spec_from_space(observation_space, "observation")
        self._action_spec = spec_from_space(action_space, "action")
        self._seed: int | None = seed
        self._done = np.zeros(self.batch_size or 1, dtype=bool)
        self._info: dict[str, Any] = {}

    @property
    def gymnasium(self) -> Any:
        """The Gymnasium environment."""
        return self._env

    @property
    def batched(self) -> bool:
        """Whether arrays have a leading axis of lanes."""
        return self._vector

    @property
    def batch_size(self) -> int | None:
        """Number of lanes, None over a scalar environment."""
        return self._env.num_envs if self._vector else None

    def observation_spec(self) -> Any:
        """Spec of one lane's observation."""
        return self._observation_spec

    def action_spec(self) -> Any:
        """Spec of one lane's action."""
        return self._action_spec

    def get_info(self) -> dict[str, Any]:
        """Return Gymnasium's ``info`` of the last step or reset."""
        return self._info

    def seed(self, seed: int) -> None:
        """Seed the next `reset`."""
        self._seed = seed

    def close(self) -> None:
        """Close the Gymnasium environment."""
        self._env.close()

    def _reset(self) -> ts.TimeStep:
        observation, self._info = self._env.reset(seed=self._seed)
        self._seed = None
        self._done[:] = False
        return ts.restart(_fit(observation, self._observation_spec), batch_size=self.batch_size)

    def _step(self, action: Any) -> ts.TimeStep:
        if self._vector:
            return self._step_lanes(np.asarray(action))
        if self._done[0]:
            return self._reset()
        array = np.asarray(action)
        observation, reward, terminated, truncated, self._info = self._env.step(
            array.item() if not array.ndim else array
        )
        self._done[0] = terminated or truncated
        return ts.TimeStep(
            np.asarray(ts.StepType.LAST if self._done[0] else ts.StepType.MID, dtype=np.int32),
            np.asarray(reward, dtype=np.float32),
            np.asarray(0.0 if terminated else 1.0, dtype=np.float32),
            _fit(observation, self._observation_spec),
        )

    def _step_lanes(self, actions: np.ndarray) -> ts.TimeStep:
        observations, rewards, terminated, truncated, self._info = self._env.step(actions)
        started, self._done = self._done, np.asarray(terminated | truncated)
        kinds = np.where(self._done, ts.StepType.LAST, ts.StepType.MID)
        return ts.TimeStep(
            np.where(started, ts.StepType.FIRST, kinds).astype(np.int32),
            np.where(started, 0.0, rewards).astype(np.float32),
            np.where(terminated, 0.0, 1.0).astype(np.float32),
            _fit(observations, self._observation_spec),
        )


def _fit(observation: Any, spec: Any) -> Any:
    """Return an observation with the spec's structure and dtypes; copied, since environments reuse buffers."""
    if isinstance(spec, dict):
        return {key: _fit(observation[key], part) for key, part in spec.items()}
    if isinstance(spec, tuple):
        return tuple(_fit(part, part_spec) for part, part_spec in zip(observation, spec, strict=True))
    return np.array(observation, dtype=spec.dtype)
