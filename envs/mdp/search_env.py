"""The scalar Gymnasium environment of a search task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ..core.budget import SearchBudget, budget_from_config
from ..core.evaluation import Evaluator, IntArray
from ..core.history import SearchHistory
from ..core.objective import Objective
from ..core.tasks import SearchTask, make_task
from ..rendering.drawing import Canvas, render_ansi
from .acceleration import Accelerate, accelerated_lane
from .action_spaces import masked_space
from .dynamics import SearchDynamics
from .formulations import Formulation
from .infos import as_info
from .observations import Observer, lane
from .settings import checked_options, checked_seed, lane_seeds
from .trials import trial_questions


class SearchEnv(gymnasium.Env):
    """Neural architecture search as a Markov decision process.

    The state is an architecture: one option for each of the search space's n choices. Three formulations
    say how actions change it, ``PyNASCENT/<Task>-{Build,Edit,Propose}-v0``.

    ## Action space

    ===========  ==============================  ==========================================================
    Build        ``Discrete(largest number of    option of the next choice
                 options)``
    Edit         ``Discrete(number of all        one new option of one choice (a place in the flat one-hot
                 options + 1)``                  vector), or the last index to stop
    Propose      ``MultiDiscrete(options of      a whole architecture; with ``epochs="choose"`` an index
                 each choice)``                  into the fidelities is appended
    ===========  ==============================  ==========================================================

    A masked action (an option that the choice does not have, one that leads to no valid architecture, an
    edit that changes nothing) leaves the state, costs ``invalid_penalty`` and counts towards the horizon.
    ``info["action_mask"]`` (int8; for ``MultiDiscrete`` the components' masks one after the other) and
    `action_masks` say which are allowed; ``action_space.sample(info["action_mask"])`` draws an allowed one. In a
    state that ends an episode, whose mask means nothing, one action at least is allowed, too.

    ## Observation space

    See `pynascent.envs.mdp.observations.Observer`: flat one-hot (default), structured, or masked.

    ## Rewards

    The objective of the evaluated architecture, by default R = validation accuracy − λ ln FLOPs − μ (1 − ISI):
    at the end of Build and Propose, 0 before; in Edit every change gives the gain in R over the architecture
    before it, and stopping gives 0. A failed training counts as accuracy 0, ISI 0 and the space's largest FLOPs.

    ## Starting state

    Nothing decided (Build, Propose), or an architecture drawn from the seed (Edit), whose evaluation at
    ``reset`` is charged; ``reset(options={"architecture": (n,)})`` starts from a given one.

    ## Episode end

    Termination: the architecture is complete (Build), proposed (Propose), or the agent stops (Edit).
    Truncation: after 2n steps, or when the search's budget does not cover an evaluation. A step after the end
    raises Gymnasium's ``ResetNeeded``.

    ## Information

    One set of keys from the first reset on, of numpy types: ``action_mask``; every metric that is not measured
    on test data, ``cost_seconds`` and ``violation`` (by how much the objective's constraints are broken, 0 where
    they hold, infinite for a failed evaluation), NaN in steps that evaluate nothing; ``status`` (int8 that equals
    its name, ``info["status"] == "ok"``; ``"none"`` in such steps), ``epochs`` (then 0) and ``training_seed``
    (then −2); with a budget ``budget_evaluations`` and ``budget_seconds``.

    ## Arguments

    Args:
        task: name of a registered task (`pynascent.envs.core.tasks.TASKS`), or a `SearchTask`.
        formulation: ``build``, ``edit``, ``propose``, or ``"module:Class"``, a `Formulation` of your own.
        observation: ``flat``, ``structured`` or ``masked``.
        epochs: training epochs of every evaluation, one of the evaluator's fidelities (default: the
            largest), or ``"choose"`` (Propose).
        lam: λ of the default objective; the default is the task's.
        mu: μ of the default objective; the default is the task's.
        objective: another objective: an `Objective` or its plain JSON form.
        evaluator: arguments for the task's evaluator, or an evaluator to use instead.
        table: name or path of the table that is looked up (the task ``Table`` needs one).
        training_seed: fixed seed of every training, ``"resample"`` or ``"mean"``.
        budget: ``{"evaluations": N}`` and/or ``{"seconds": S, "workers": W}``.
        invalid_penalty: price of a masked action, in units of reward.
        render_mode: ``ansi`` or ``rgb_array``: the network as text or as a picture.
        mask_dtype: ``int8``, as Gymnasium samples with, or ``bool``.
        observation_keys: names of the masked observation's entries, ``["observation", "action_mask"]``.
        accelerate: False steps by the reference alone, which is slower and the same; a list of names chooses
            among the accelerators.

    ## Version history

    - v0: first version.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}

    def __init__(
        self,
        task: str | SearchTask,
        formulation: Any,
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
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode={render_mode!r}: choose ansi or rgb_array")
        self.task = task if isinstance(task, SearchTask) else make_task(task, evaluator, objective, lam, mu, table)
        own_budget = budget_from_config(budget)
        if own_budget is not None:
            self.task.attach(own_budget)
        reference = SearchDynamics(self.task, formulation, 1, epochs, training_seed, invalid_penalty)
        self._lane = accelerated_lane(reference, accelerate)
        self._observer = Observer(observation, self.formulation, mask_dtype, observation_keys)
        self.action_space = masked_space(self.formulation.action_space)
        self.observation_space = self._observer.space
        self._blank = self.dynamics.blanks.one
        self._int8_masks = self._observer.mask_dtype is np.int8
        self._over: str | None = "before the first reset"  # why no step may be taken
        self._canvas: Any = None
        self._vector_reward = self.task.objective.objective.vector
        if self._vector_reward:
            self.reward_space = reward_space(self.task)
        self.render_mode = render_mode

    @property
    def dynamics(self) -> SearchDynamics:
        """The decision process."""
        return self._lane.dynamics

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
    def architecture(self) -> IntArray:
        """The present architecture ``(n,)``, −1 where undecided."""
        return self.dynamics.lanes.architectures[0].copy()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: new seed; without one the episodes go on from the last.
            options: ``{"architecture": (n,)}``, the start of Edit.

        Raises:
            BudgetExhausted: the search's budget is spent.
            ValueError: a seed or an option does not fit.
        """
        chosen = checked_options(options, ("architecture",))
        seed = None if seed is None else checked_seed(seed)
        first = self._np_random is None
        super().reset(seed=seed)
        if seed is not None or first:
            self.dynamics.seed(lane_seeds(self.np_random_seed, 1))
        measured = self._lane.begin(chosen.get("architecture"))
        self._over = None
        return self._observe(measured)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take one action; returns observation, reward, terminated, truncated, info.

        Raises:
            gymnasium.error.ResetNeeded: the episode is over, or none was begun.
            ValueError: the action's shape or type does not fit.
        """
        if self._over is not None:
            raise gymnasium.error.ResetNeeded(f"step {self._over}: call reset first")
        reward, terminated, truncated, measured = self._lane.advance(action)
        if terminated or truncated:
            self._over = "after the end of the episode"
        observation, info = self._observe(measured)
        if self._vector_reward:
            reward = reward.astype(np.float32)
        return observation, reward, terminated, truncated, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions are allowed now, as sb3-contrib's MaskablePPO asks for it."""
        return self._lane.action_mask().astype(bool)

    def search(
        self,
        budget: SearchBudget | None = None,
        on_evaluation: Callable[[dict[str, Any]], None] | None = None,
    ) -> AbstractContextManager[SearchHistory]:
        """Record a search, within a budget, for the length of a ``with`` block (see `SearchTask.search`)."""
        return self.task.search(budget, on_evaluation)

    def render(self) -> Any:
        """Draw the present architecture: text for ``ansi``, an ``(h, w, 3)`` uint8 picture for ``rgb_array``."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() without a render_mode: make the environment with render_mode='ansi'")
            return None
        if self.render_mode == "ansi":
            return render_ansi(self.task.space, self.architecture)
        if self._canvas is None:
            self._canvas = Canvas(self.task.space)
        return self._canvas.draw(self.architecture)

    def close(self) -> None:
        """Release the evaluator's workers and files, where it has any."""
        getattr(self.task.evaluator, "close", lambda: None)()

    def _observe(self, measured: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        mask = self._lane.action_mask()
        if not self._int8_masks:
            mask = self._observer.mask(mask)
        info = as_info(measured) if measured else self._blank.copy()
        info["action_mask"] = mask
        if self.task.budget is not None:
            info |= {name: np.float64(value) for name, value in self.task.budget.info().items()}
        if self._observer.kind == "flat":
            return self._lane.observation(), info
        return lane(self._observer.observe(self.dynamics), 0), info


def reward_space(task: SearchTask) -> gymnasium.spaces.Box:
    """Return the space of a vector objective's rewards, as MO-Gymnasium expects it."""
    return gymnasium.spaces.Box(-np.inf, np.inf, (task.objective.objective.size,), np.float32)
