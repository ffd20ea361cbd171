"""An environment, scalar or vector, as a function from a batch of whole architectures to their results."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from ..envs import Status
from .base import AnyEnv


class WholeLanes:
    """The lanes of a Propose environment, where a step is an episode, or of Build, choice by choice.

    Args:
        env: a scalar environment (one lane), or a vector environment in any autoreset mode.
    """

    def __init__(self, env: AnyEnv) -> None:
        self.env: Any = env
        self.vector = isinstance(env, gymnasium.vector.VectorEnv)
        self.count: int = self.env.num_envs if self.vector else 1
        mode = env.metadata.get("autoreset_mode") if self.vector else AutoresetMode.DISABLED
        self._mode = mode
        # Build takes an architecture one choice at a time, all lanes in step.
        self._choices = self.env.unwrapped.formulation.name == "build"
        self._done = np.zeros(self.count, dtype=bool)
        self._last: np.ndarray | None = None

    def reset(self, seed: int | None = None) -> None:
        """Start new episodes: all of them with a seed, else those that have ended.

        Raises:
            BudgetExhausted: the search is over.
        """
        if seed is not None:
            self.env.reset(seed=seed)
        elif not self.vector:
            self.env.reset()
        elif self._mode is AutoresetMode.DISABLED:
            self.env.reset(options={"reset_mask": self._done})
        elif self._mode is AutoresetMode.NEXT_STEP:
            self.env.step(self._last)  # the step after an episode's end resets and ignores its action

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Evaluate ``(count, …)`` actions, architectures with their fidelity where that is chosen.

        Returns:
            ``(count,)`` bool, which rows were paid, and of those k rows the rewards ``(k,)``, or ``(k, m)`` of
            a vector objective (−∞ where failed), whether they succeeded, and the columns of ``info``.

        Raises:
            RuntimeError: an action was masked, so that its lane was not evaluated.
        """
        whole = actions
        if self._choices:
            for choice in range(actions.shape[1] - 1):
                self.env.step(actions[:, choice] if self.vector else actions[0, choice])
            actions = actions[:, -1]
        self._last = actions
        if self.vector:
            _, rewards, terminated, truncated, infos = self.env.step(actions)
            if self._mode is AutoresetMode.SAME_STEP:
                infos = infos["final_info"]
        else:
            _, reward, end, cut, info = self.env.step(actions[0])
            rewards, terminated, truncated = np.array([reward]), np.array([end]), np.array([cut])
            infos = {key: np.array([value]) for key, value in info.items() if np.ndim(value) == 0}
        self._done = np.asarray(terminated | truncated)
        if not self._done.all():
            row = whole[np.argmin(self._done)].tolist()
            raise RuntimeError(f"the action {row} is not valid in the space, so the environment did not evaluate it")
        paid = np.asarray(terminated)
        columns = {
            key: np.asarray(value)[paid]
            for key, value in infos.items()
            if not key.startswith("_") and isinstance(value, np.ndarray) and len(value) == self.count
        }
        ok = columns["status"] == Status.OK
        rewards = np.array(rewards, dtype=np.float64)[paid]
        rewards[~ok] = -np.inf
        return paid, rewards, ok, columns
