"""An environment, scalar or vector, as a function from a batch of whole architectures to their results."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from ..envs.core.evaluation import Evaluation, Status
from ..envs.core.searchable import as_searchable
from ..envs.spaces import SearchSpace
from .environments import AnyEnv


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
        self._inner = as_searchable(env)
        # Build takes an architecture one choice at a time, all lanes in step.
        self._choices = self._inner.formulation.name == "build"
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
            a vector objective (−∞ where failed), whether they succeeded, and the columns of ``info``, ``violation``
            among them.

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
            raise RuntimeError(_invalid(whole[np.argmin(self._done)]))
        paid = np.asarray(terminated)
        columns = {
            key: np.asarray(value)[paid]
            for key, value in infos.items()
            if not key.startswith("_") and isinstance(value, np.ndarray) and len(value) == self.count
        }
        columns["status"] = _names(columns["status"])
        # An incomplete row was trained; it counts where the reward needs nothing of what is missing.
        ok = np.isin(columns["status"], ("ok", "incomplete"))
        rewards = np.array(rewards, dtype=np.float64)[paid]
        rewards[~ok] = -np.inf
        if "violation" not in columns:  # an environment of one's own, which says nothing of it
            columns["violation"] = self._violations(columns, ok)
        return paid, rewards, ok, columns

    def _violations(self, columns: dict[str, np.ndarray], ok: np.ndarray) -> np.ndarray:
        """Return by how much results ``(k,)`` break the objective's constraints, worked out from their metrics."""
        objective = self._inner.task.objective
        if not objective.objective.constraints or not all(name in columns for name in objective.metrics):
            return np.where(ok, 0.0, np.inf)
        status = np.where(ok, Status.OK, Status.CRASHED).astype(np.int8)
        metrics = {name: columns[name] for name in objective.metrics}
        zeros = np.zeros(len(ok), dtype=np.int64)
        return objective.judge(Evaluation(status, zeros, zeros, metrics, np.zeros(len(ok))))[1]


def require_valid(actions: np.ndarray, space: SearchSpace, fidelities: int) -> None:
    """Refuse actions ``(b, n)`` or, with so many fidelities to choose from, ``(b, n + 1)`` that are no candidates.

    Raises:
        RuntimeError: an action is not valid; the message shows it.
    """
    n = space.n
    for action in actions:
        fits = action.shape == (n + bool(fidelities),) and bool((action >= 0).all())
        fits = fits and bool((action[:n] < space.cardinalities).all()) and bool(space.valid(action[None, :n])[0])
        if not fits or (fidelities and action[n] >= fidelities):
            raise RuntimeError(_invalid(action))


def _names(status: np.ndarray) -> np.ndarray:
    """Return statuses ``(k,)`` by name; an environment gives numbers of `Status`, one of your own may give names."""
    if status.dtype.kind not in "iu":
        return status
    return np.array([Status(int(code)).name.lower() for code in status])


def _invalid(action: np.ndarray) -> str:
    return f"the action {action.tolist()} is not valid in the space, so the environment did not evaluate it"
