"""The Stable-Baselines3 ``VecEnv`` over `SearchVectorEnv`. Importing this imports Stable-Baselines3 and torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from ..core.budget import SearchBudget
from ..core.evaluation import IntArray
from ..core.history import SearchHistory
from ..mdp.observations import lane
from ..mdp.vector_env import SearchVectorEnv

Indices = None | int | Iterable[int]


class SB3VecEnv(VecEnv):
    """A `SearchVectorEnv` as Stable-Baselines3's ``VecEnv``.

    Lane i, seeded s + i by `seed`, shows what SB3's own ``DummyVecEnv`` over scalar environments shows: a
    finished lane is reset at once; ``infos[i]`` is then that of its last step, with the last observation as
    ``terminal_observation`` and ``TimeLimit.truncated`` for how it ended; what its reset said is in
    ``reset_infos[i]``. MaskablePPO finds ``action_masks``. An episode that the budget cuts off counts as
    truncated; the step after it raises `BudgetExhausted`, which ends ``learn``.

    Args:
        vector: the environment, with ``autoreset_mode="same_step"`` (`make_sb3` makes it so).

    Raises:
        ValueError: another autoreset mode, or a vector objective.
    """

    def __init__(self, vector: SearchVectorEnv) -> None:
        mode = vector.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise ValueError(f"autoreset_mode={mode}: Stable-Baselines3's is 'same_step', make the vector so")
        if hasattr(vector, "reward_space"):
            raise ValueError("a vector objective: Stable-Baselines3 learns from one reward, so weigh the terms instead")
        self.vector = vector
        self.spec = vector.spec
        self._actions: IntArray = np.empty(0, dtype=np.int64)  # (N,) or (N, n)
        super().__init__(vector.num_envs, vector.single_observation_space, vector.single_action_space)

    def reset(self) -> Any:
        """Start an episode in every lane; returns the observations ``(N, …)``, or a dict of them.

        Raises:
            BudgetExhausted: the search's budget is spent.
            ValueError: a reset option other than ``architecture``, or one that only some lanes have.
        """
        seeds = None if all(seed is None for seed in self._seeds) else self._seeds
        observations, infos = self.vector.reset(seed=seeds, options=self._start_options())
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = _by_lane(infos, np.arange(self.num_envs))
        return observations

    def _start_options(self) -> dict[str, Any] | None:
        """Return the lanes' own reset options as the vector's."""
        given = [options for options in self._options if options]
        if not given:
            return None
        if len(given) < self.num_envs or any(set(options) != {"architecture"} for options in given):
            raise ValueError(f"reset options {given[0]}…: the one option is 'architecture', for all lanes or for none")
        return {"architecture": np.array([options["architecture"] for options in given])}

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions, ``(N,)`` or ``(N, n)`` integers, for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Take one action in every lane; returns observations, rewards ``(N,)``, ends ``(N,)``, and N infos.

        Raises:
            BudgetExhausted: a lane has to be reset and the search's budget is spent.
        """
        observations, rewards, terminated, truncated, seen = self.vector.step(self._actions)
        done = terminated | truncated
        infos = _by_lane(seen.get("final_info", seen), np.arange(self.num_envs))
        for info, cut_off in zip(infos, (truncated & ~terminated).tolist(), strict=True):
            info["TimeLimit.truncated"] = cut_off
        ended = np.flatnonzero(done)
        if ended.size:
            for i, start in zip(ended.tolist(), _by_lane(seen, ended), strict=True):
                infos[i]["terminal_observation"] = lane(seen["final_obs"], i)
                self.reset_infos[i] = start
        return observations, rewards.astype(np.float32), done, infos

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions are allowed now, ``(N, mask size)``."""
        return self.vector.action_masks()

    def search(
        self,
        budget: SearchBudget | None = None,
        on_evaluation: Callable[[dict[str, Any]], None] | None = None,
    ) -> AbstractContextManager[SearchHistory]:
        """Record a search, within a budget, for the length of a ``with`` block (see `SearchTask.search`)."""
        return self.vector.search(budget, on_evaluation)

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """Return an attribute for each lane: its own ``architecture`` or spaces, else the vector's."""
        values = self.vector.get_attr(attr_name)
        return [values[lane] for lane in self._lanes(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Set an attribute of the vector environment, which all lanes share.

        Raises:
            ValueError: for some of the lanes only.
        """
        lanes = self._lanes(indices)
        if len(set(lanes)) < self.num_envs:
            raise ValueError(f"{attr_name} of lanes {lanes[:8]}: the lanes share their attributes, set it for all")
        setattr(self.vector, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Indices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call ``action_masks`` or ``render``, and return what it gives for each lane.

        Raises:
            AttributeError: another method; those of the whole search are called on `vector`.
        """
        if method_name not in ("action_masks", "render"):
            raise AttributeError(
                f"env_method({method_name!r}): a lane has action_masks and render; call others on .vector"
            )
        answers = getattr(self.vector, method_name)(*method_args, **method_kwargs)
        return [None if answers is None else answers[i] for i in self._lanes(indices)]

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: Indices = None) -> list[bool]:
        """Return False for each lane: there is no environment that could be wrapped."""
        return [False] * len(self._lanes(indices))

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return a picture ``(h, w, 3)`` of each lane's architecture (``render_mode="rgb_array"``)."""
        return self.env_method("render") if self.render_mode == "rgb_array" else [None] * self.num_envs

    def close(self) -> None:
        """Close the vector environment."""
        self.vector.close()

    def _lanes(self, indices: Indices) -> list[int]:
        return list(self._get_indices(indices))


def _by_lane(infos: Mapping[str, Any], rows: IntArray) -> list[dict[str, Any]]:
    """Return the infos of some lanes ``(r,)`` as the scalar environments give them.

    Args:
        infos: columns over all lanes; those with ``_`` before their name say of which lanes: of all.
        rows: the lanes.
    """
    lanes: list[dict[str, Any]] = [{} for _ in rows]
    for name, column in infos.items():
        if name.startswith(("_", "final_")):
            continue
        for info, value in zip(lanes, column[rows], strict=True):
            info[name] = value
    return lanes
