"""The vector environment: N lanes of one search task in one process, stepped by the same rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from ..core.budget import BudgetExhausted, SearchBudget, budget_from_config
from ..core.evaluation import Evaluator, IntArray
from ..core.history import SearchHistory
from ..core.objective import Objective
from ..core.tasks import SearchTask, make_task
from ..rendering.drawing import Canvas, render_ansi
from .acceleration import Accelerate, accelerated_lanes
from .action_spaces import masked_lanes, masked_space
from .dynamics import SearchDynamics
from .formulations import Formulation
from .infos import StatusArray
from .lane_access import LaneAccess
from .lanes import BoolArray
from .observations import Observer
from .outcome import Measured, Outcome
from .search_env import reward_space
from .settings import checked_count, checked_options, checked_seed, lane_seeds
from .trials import trial_questions

_MODES = {
    "next_step": AutoresetMode.NEXT_STEP,
    "same_step": AutoresetMode.SAME_STEP,
    "disabled": AutoresetMode.DISABLED,
}
# Gymnasium's own names, ``"NextStep"`` and so on, too.
_SPELLINGS = {**_MODES, **{mode.value: mode for mode in AutoresetMode}}


class SearchVectorEnv(LaneAccess, VectorEnv):
    """N episodes of `SearchEnv` side by side.

    Lane i, seeded s + i, goes through exactly what a scalar environment of that seed does. All
    architectures that are finished in one step go to the evaluator together, so that live trainings run
    in parallel; a budget is shared by all lanes.

    Args:
        num_envs: N.
        autoreset_mode: ``next_step`` (a finished lane's next step resets it), ``same_step`` (it is reset at
            once; its last observation and info are in ``infos["final_obs"]`` and ``infos["final_info"]``) or
            ``disabled`` (``reset(options={"reset_mask": (N,) bool})`` resets it); Gymnasium's enum and its
            strings (``"NextStep"``, …) mean the same.
        task: see `SearchEnv`, as are all other arguments.
        formulation: see `SearchEnv`.
        observation: see `SearchEnv`.
        epochs: see `SearchEnv`.
        lam: see `SearchEnv`.
        mu: see `SearchEnv`.
        objective: see `SearchEnv`.
        evaluator: see `SearchEnv`.
        table: see `SearchEnv`.
        training_seed: see `SearchEnv`.
        budget: see `SearchEnv`.
        invalid_penalty: see `SearchEnv`.
        render_mode: see `SearchEnv`; `render` gives one drawing per lane, all of one size.
        mask_dtype: see `SearchEnv`.
        observation_keys: see `SearchEnv`.
        accelerate: see `SearchEnv`.
        vector_kwargs: ``{"autoreset_mode": …}``, for callers that hand it on as Gymnasium's vectorisers take it.

    Raises:
        BudgetExhausted: by ``reset``, and by the ``step`` that would have to reset a lane, when the search's
            budget is spent. In ``same_step`` mode it is the step after, so that no result is lost.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}

    def __init__(
        self,
        num_envs: int,
        task: str | SearchTask,
        formulation: Any,
        autoreset_mode: str | AutoresetMode = "next_step",
        observation: str = "flat",
        epochs: int | str | None = None,
        lam: float | None = None,
        mu: float | None = None,
        objective: Objective | Mapping[str, Any] | None = None,
        evaluator: Evaluator | Mapping[str, Any] | None = None,
        table: str | None = None,
        training_seed: int | str = 0,
        budget: SearchBudget | Mapping[str, Any] | None = None,
        invalid_penalty: float = 0.1,
        render_mode: str | None = None,
        mask_dtype: str = "int8",
        observation_keys: Sequence[str] = ("observation", "action_mask"),
        accelerate: Accelerate = True,
        vector_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        num_envs = checked_count("num_envs", num_envs)
        if vector_kwargs is not None:
            if set(vector_kwargs) - {"autoreset_mode"}:
                raise ValueError(f"vector_kwargs={dict(vector_kwargs)!r}: the one entry is 'autoreset_mode'")
            autoreset_mode = vector_kwargs.get("autoreset_mode", autoreset_mode)
        mode = autoreset_mode if isinstance(autoreset_mode, AutoresetMode) else _SPELLINGS.get(autoreset_mode)
        if mode is None:
            raise ValueError(f"autoreset_mode={autoreset_mode!r}: choose one of {', '.join(_MODES)}")
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode={render_mode!r}: choose ansi or rgb_array")
        self.num_envs, self.autoreset_mode, self.render_mode = num_envs, mode, render_mode
        self.metadata = {**type(self).metadata, "autoreset_mode": mode}  # type: ignore[misc]
        self.task = task if isinstance(task, SearchTask) else make_task(task, evaluator, objective, lam, mu, table)
        own_budget = budget_from_config(budget)
        if own_budget is not None:
            self.task.attach(own_budget)
        reference = SearchDynamics(self.task, formulation, num_envs, epochs, training_seed, invalid_penalty)
        self.dynamics = accelerated_lanes(reference, accelerate)
        self._observer = Observer(observation, self.formulation, mask_dtype, observation_keys)
        self.single_action_space = masked_space(self.formulation.action_space)
        self.single_observation_space = self._observer.space
        self.action_space = masked_lanes(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._canvas: Any = None
        if self.task.objective.objective.vector:
            self.reward_space = batch_space(reward_space(self.task), num_envs)
        self._done: BoolArray = np.ones(num_envs, dtype=bool)
        self._everywhere: BoolArray = np.ones(num_envs, dtype=bool)
        self._seeded = False

    @property
    def formulation(self) -> Formulation:
        """The rules."""
        return self.dynamics.rules

    @property
    def chosen_fidelities(self) -> tuple[int, ...]:
        """The fidelities that an action chooses from (``epochs="choose"``), () where they are fixed."""
        return tuple(self.formulation.fidelities)

    def trial_questions(
        self, seed: int, trials: IntArray, fidelity: IntArray | None = None
    ) -> tuple[IntArray, IntArray]:
        """Return epochs and training seeds ``(t,)`` of trials ``(t,)`` that are handed in whole (`SearchTask.submit`).

        Trial i is asked about as episode i of a lane that was reset with ``seed`` (`pynascent.envs.mdp.trials`).
        """
        return trial_questions(self.dynamics, int(lane_seeds(seed, 1)[0]), trials, fidelity)

    @property
    def architectures(self) -> IntArray:
        """The lanes' present architectures ``(N, n)``, −1 where undecided."""
        return self.dynamics.lanes.architectures.copy()

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start episodes in all lanes, or in those of ``options["reset_mask"]``.

        Args:
            seed: an integer s seeds lane i with s + i; a list seeds lane by lane, None leaving one as it is.
            options: ``reset_mask``, ``(N,)`` bool; ``architecture``, ``(n,)`` or one row per reset lane, the
                start of Edit.

        Raises:
            BudgetExhausted: the search's budget is spent.
            ValueError: a mask or seed list of the wrong shape, or no lane chosen.
        """
        options = checked_options(options, ("reset_mask", "architecture"))
        mask = np.asarray(options.get("reset_mask", np.ones(self.num_envs, dtype=bool)))
        if mask.shape != (self.num_envs,) or mask.dtype != bool or not mask.any():
            raise ValueError(
                f"options['reset_mask'] is a bool array of shape ({self.num_envs},) with at least one True, "
                f"not {mask.dtype} of shape {mask.shape}"
            )
        self._seed(seed)
        outcome = self.dynamics.begin(np.flatnonzero(mask), options.get("architecture"))
        self._done[mask] = False
        return self._observe(outcome)

    def _seed(self, seed: int | list[int | None] | None) -> None:
        if isinstance(seed, (list, tuple, np.ndarray)):
            if len(seed) != self.num_envs:
                raise ValueError(f"{len(seed)} seeds for {self.num_envs} lanes: give one for each (None to keep)")
            given = [i for i, s in enumerate(seed) if s is not None]
            self.dynamics.seed(
                [int(lane_seeds(checked_seed(seed[i]), 1)[0]) for i in given], np.array(given, dtype=np.int64)
            )  # type: ignore[arg-type]
        elif seed is not None:
            seed = checked_seed(seed)
            super().reset(seed=seed)
            self.dynamics.seed(lane_seeds(seed, self.num_envs))
        elif not self._seeded:
            self.dynamics.seed(lane_seeds(int(self.np_random_seed), self.num_envs))  # type: ignore[arg-type]
        self._seeded = True

    def step(self, actions: ArrayLike) -> tuple[Any, Any, BoolArray, BoolArray, dict[str, Any]]:
        """Take one action in every lane.

        Raises:
            BudgetExhausted: a lane has to be reset and the search's budget is spent.
            gymnasium.error.ResetNeeded: before the first reset, or (mode ``disabled``) with a finished lane not reset.
        """
        if not self._seeded:
            raise ResetNeeded("step before reset: call reset first")
        if not np.count_nonzero(self._done):  # quicker than any()
            outcome = self.dynamics.advance(actions)
        elif self.autoreset_mode == AutoresetMode.DISABLED:
            lanes = np.flatnonzero(self._done).tolist()
            raise ResetNeeded(f"lanes {lanes[:8]} are finished: reset them with options={{'reset_mask': ...}}")
        else:
            # Next-step mode, or same-step mode after the budget ended.
            outcome = self.dynamics.advance(actions, self._done)
        self._done = outcome.terminated | outcome.truncated
        observation, infos = self._observe(outcome)
        if self.autoreset_mode == AutoresetMode.SAME_STEP and np.count_nonzero(self._done):
            observation, infos = self._restart(outcome, observation, infos)
        rewards = outcome.rewards.astype(np.float32) if self.task.objective.objective.vector else outcome.rewards
        return observation, rewards, outcome.terminated, outcome.truncated, infos

    def _restart(self, outcome: Outcome, observation: Any, infos: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Reset the finished lanes at once; what they ended with goes into ``final_obs`` and ``final_info``."""
        done = self._done
        final = {"final_obs": observation, "_final_obs": done, "final_info": infos, "_final_info": done}
        try:
            started = self.dynamics.begin(np.flatnonzero(done)).measured
        except BudgetExhausted:
            return observation, {**infos, **final}  # the next step raises it
        self._done = np.zeros(self.num_envs, dtype=bool)
        outcome.measured = self.dynamics.blanks.merged(outcome.measured, started, done)
        return self._observe(outcome, final)

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions are allowed now, ``(N, mask size)``."""
        return self.dynamics.action_mask().astype(bool)

    def search(
        self,
        budget: SearchBudget | None = None,
        on_evaluation: Callable[[dict[str, Any]], None] | None = None,
    ) -> AbstractContextManager[SearchHistory]:
        """Record a search, within a budget, for the length of a ``with`` block (see `SearchTask.search`)."""
        return self.task.search(budget, on_evaluation)

    def render(self) -> tuple[Any, ...] | None:
        """Draw every lane's present architecture (see `SearchEnv.render`)."""
        if self.render_mode is None:
            return None
        if self.render_mode == "ansi":
            return tuple(render_ansi(self.task.space, row) for row in self.architectures)
        if self._canvas is None:
            self._canvas = Canvas(self.task.space)
        return tuple(self._canvas.draw(row) for row in self.architectures)

    def close_extras(self, **kwargs: Any) -> None:
        """Release the evaluator's workers and files, where it has any."""
        if hasattr(self, "task"):  # Gymnasium closes what is thrown away, be its constructor finished or not
            getattr(self.task.evaluator, "close", lambda: None)()

    def _observe(self, outcome: Outcome, more: Mapping[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        measured = outcome.measured
        spent = None if self.task.budget is None else self.task.budget.info()  # now, since it goes on being spent
        infos = self.dynamics.infos(self._observer.mask, lambda: self._infos(measured, spent, more))
        return self._observer.observe(self.dynamics), infos

    def _infos(
        self,
        measured: Measured | None,
        spent: Mapping[str, float] | None,
        more: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """Return the columns over all lanes, each with Gymnasium's mask of the lanes that it speaks of: all."""
        infos: dict[str, Any] = dict(self.dynamics.blanks.filled(measured, self.num_envs))
        infos["status"] = infos["status"].view(StatusArray)
        for name, value in (spent or {}).items():
            infos[name] = np.full(self.num_envs, value)
        infos.update({f"_{name}": self._everywhere for name in ("action_mask", *infos)})
        if more is not None:
            infos.update(more)
        return infos
