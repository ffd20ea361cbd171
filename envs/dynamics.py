"""The decision process itself: N lanes of a formulation over a task, with rewards, budgets and draws.

The scalar environment runs it with one lane, the vector environment with N; neither adds a rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .budget import BudgetExhausted
from .evaluation import Evaluation, FloatArray, IntArray, Status
from .formulations import Formulation, make_formulation
from .formulations.base import Lanes
from .hashing import below, hash_counters
from .tasks import SearchTask

MEAN_SEED = -1
"""Training seed that asks an evaluator for the mean over its trainings."""

# Streams of draws: the same counters in two streams are independent.
_TRAINING, _START = 1, 2

BoolArray = NDArray[np.bool_]


@dataclass
class Outcome:
    """What a step (or a start) of N lanes gave.

    Attributes:
        rewards: ``(N,)`` float64, or ``(N, k)`` for a vector objective.
        terminated: ``(N,)`` bool.
        truncated: ``(N,)`` bool.
        rows: ``(e,)`` lanes whose architecture was evaluated.
        evaluation: their evaluation (e rows), or None where e = 0.
    """

    rewards: FloatArray
    terminated: BoolArray
    truncated: BoolArray
    rows: IntArray
    evaluation: Evaluation | None


class SearchDynamics:
    """N lanes of episodes.

    Args:
        task: what is searched.
        formulation: ``build``, ``edit`` or ``propose``.
        num_lanes: N.
        epochs: fidelity of every evaluation; None for the evaluator's largest, ``"choose"`` (Propose only)
            to make it part of the action.
        training_seed: a fixed training seed, ``"resample"`` to draw one per evaluation, or ``"mean"`` for
            the mean over trainings where the evaluator has several.
        invalid_penalty: subtracted from the reward of a step whose action was masked.
    """

    def __init__(
        self,
        task: SearchTask,
        formulation: str,
        num_lanes: int = 1,
        epochs: int | str | None = None,
        training_seed: int | str = 0,
        invalid_penalty: float = 0.1,
    ) -> None:
        rules = make_formulation(formulation)
        fidelities = task.evaluator.fidelities
        choose = epochs == "choose"
        if choose and rules.name != "propose":
            raise ValueError(f"epochs='choose' needs the propose formulation, not {rules.name}: give one of {fidelities}")
        if not choose and epochs is not None and epochs not in fidelities:
            raise ValueError(f"epochs={epochs!r}: the evaluator's fidelities are {', '.join(map(str, fidelities))}")
        if not (training_seed in ("resample", "mean") or (isinstance(training_seed, int) and training_seed >= 0)):
            raise ValueError(f"training_seed={training_seed!r}: give an integer of at least 0, 'resample' or 'mean'")
        if not (np.isfinite(invalid_penalty) and invalid_penalty >= 0):
            raise ValueError(f"invalid_penalty={invalid_penalty!r}: give a finite number of at least 0")
        self.task, self.num_lanes = task, num_lanes
        self.rules: Formulation = rules(task.space, fidelities if choose else ())
        self.epochs = int(fidelities[-1] if epochs is None or choose else epochs)
        self.training_seed, self.invalid_penalty = training_seed, float(invalid_penalty)
        self.lanes = Lanes.empty(num_lanes, task.space.n)
        self.seeds: IntArray = np.zeros(num_lanes, dtype=np.int64)
        self.episodes: IntArray = np.full(num_lanes, -1, dtype=np.int64)
        size = task.objective.objective.size
        self._reward_shape = (size,) if task.objective.objective.vector else ()
        # Objective of each lane's present architecture, where rewards are gains.
        self.values: FloatArray = np.zeros((num_lanes, *self._reward_shape))
        # Lanes whose start the budget did not cover: their next step truncates.
        self._unpaid: BoolArray = np.zeros(num_lanes, dtype=bool)

    def seed(self, seeds: ArrayLike, rows: IntArray | None = None) -> None:
        """Give lanes new seeds; their next episode is their first."""
        rows = np.arange(self.num_lanes) if rows is None else rows
        self.seeds[rows], self.episodes[rows] = seeds, -1

    def begin(self, rows: IntArray, architectures: ArrayLike | None = None) -> Outcome:
        """Start a new episode in some lanes.

        Args:
            rows: ``(r,)`` lanes.
            architectures: ``(n,)`` or ``(r, n)`` start architectures of Edit; drawn where None.

        Raises:
            BudgetExhausted: the search's budget is spent.
            ValueError: start architectures for a formulation that starts from none, or invalid ones.
        """
        if self.task.budget is not None and self.task.budget.exhausted:
            raise BudgetExhausted(
                f"the search's budget is spent ({self.task.budget.spent_evaluations} evaluations, "
                f"{self.task.budget.clock_seconds:.1f} s on its clock): the search is over"
            )
        if architectures is not None and not self.rules.starts_complete:
            raise ValueError(f"options['architecture']: an episode of {self.rules.name} starts from no architecture")
        self.episodes[rows] += 1
        self._unpaid[rows] = False
        fresh = Lanes.empty(len(rows), self.task.space.n)
        if self.rules.starts_complete:
            if architectures is None:
                fresh.architectures = self._draw_start(rows)
            else:
                given = self.task.space.check(architectures)
                fresh.architectures = np.broadcast_to(given, (len(rows), self.task.space.n)).copy()
            fresh.positions[:] = self.task.space.n
        self.lanes.put(rows, fresh)
        outcome = self._nothing()
        if self.rules.starts_complete and len(rows):
            evaluation, values = self._evaluate(rows, None)
            self.values[rows] = values
            self._unpaid[rows] = evaluation.status == Status.UNPAID
            outcome.rows, outcome.evaluation = rows, evaluation
        return outcome

    def advance(self, actions: ArrayLike, active: BoolArray | None = None) -> Outcome:
        """Take one step in the active lanes (all by default); the others stay as they are, with reward 0.

        Raises:
            ValueError: the actions' shape does not fit.
        """
        actions = np.asarray(actions)
        shape = (self.num_lanes, *(self.rules.action_space.shape or ()))
        if actions.shape != shape or not np.issubdtype(actions.dtype, np.integer):
            raise ValueError(f"actions are integers of shape {shape}, not {actions.dtype} of shape {actions.shape}")
        rows = np.arange(self.num_lanes) if active is None else np.flatnonzero(active)
        outcome = self._nothing()
        if not len(rows):
            return outcome
        lanes = self.lanes if active is None else self.lanes.take(rows)
        transition = self.rules.apply(lanes, actions[rows].astype(np.int64))
        if active is not None:
            self.lanes.put(rows, lanes)
        outcome.rewards[rows[~transition.valid]] -= self.invalid_penalty
        outcome.terminated[rows] = transition.terminated
        outcome.truncated[rows] = (lanes.steps >= self.rules.horizon) & ~transition.terminated
        ask = transition.evaluate & ~self._unpaid[rows]
        if ask.any():
            chosen = None if transition.fidelity is None else transition.fidelity[ask]
            self._reward(rows[ask], chosen, outcome)
        dead = rows[self._unpaid[rows]]
        outcome.rewards[dead], outcome.terminated[dead], outcome.truncated[dead] = 0.0, False, True
        return outcome

    def _reward(self, rows: IntArray, fidelity: IntArray | None, outcome: Outcome) -> None:
        evaluation, values = self._evaluate(rows, fidelity)
        gains = values - self.values[rows] if self.rules.reward_is_gain else values
        unpaid = evaluation.status == Status.UNPAID
        if unpaid.any():
            gains[unpaid] = 0.0
            outcome.terminated[rows[unpaid]], outcome.truncated[rows[unpaid]] = False, True
        self.values[rows[~unpaid]] = values[~unpaid]
        outcome.rewards[rows] = gains
        outcome.rows, outcome.evaluation = rows, evaluation

    def _evaluate(self, rows: IntArray, fidelity: IntArray | None) -> tuple[Evaluation, FloatArray]:
        if fidelity is None:
            epochs = np.full(len(rows), self.epochs, dtype=np.int64)
        else:
            epochs = np.array(self.rules.fidelities, dtype=np.int64)[fidelity]
        return self.task.evaluate(self.lanes.architectures[rows], epochs, self._training_seeds(rows))

    def _training_seeds(self, rows: IntArray) -> IntArray:
        if self.training_seed != "resample":
            seed = MEAN_SEED if self.training_seed == "mean" else self.training_seed
            return np.full(len(rows), seed, dtype=np.int64)
        bits = hash_counters(self.seeds[rows], self.episodes[rows], self.lanes.steps[rows], _TRAINING)
        known = self.task.evaluator.seeds
        if known is None:
            return below(bits, 2**31)
        return np.array(known, dtype=np.int64)[below(bits, len(known))]

    def _draw_start(self, rows: IntArray) -> IntArray:
        space, choices = self.task.space, np.arange(self.task.space.n)
        drawn = np.empty((len(rows), space.n), dtype=np.int64)
        todo, attempt = np.arange(len(rows)), 0
        while todo.size:
            lanes = rows[todo]
            bits = hash_counters(self.seeds[lanes, None], self.episodes[lanes, None], attempt, choices[None], _START)
            drawn[todo] = below(bits, space.cardinalities)
            todo, attempt = todo[~space.valid(drawn[todo])], attempt + 1
        return drawn

    def _nothing(self) -> Outcome:
        shape = (self.num_lanes, *self._reward_shape)
        flags = np.zeros((2, self.num_lanes), dtype=bool)
        return Outcome(np.zeros(shape), flags[0], flags[1], np.empty(0, dtype=np.int64), None)
