"""The decision process itself: N lanes of a formulation over a task, with rewards, budgets and draws.

The scalar environment runs it with one lane, the vector environment with N; neither adds a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..core.budget import BudgetExhausted
from ..core.evaluation import MEAN_SEED, FloatArray, IntArray, Status, TabularEvaluator
from ..core.tasks import SearchTask
from ..fast.coded_lanes import CodedLanes
from ..fast.edit_pass import edit_pass
from ..fast.edit_pass import serves as edit_pass_serves
from ..fast.reward_table import Lookup
from .episodes import Episodes
from .formulations import Formulation, make_formulation
from .hashing import UIntArray, below, mix
from .lanes import BoolArray, Lanes

# Streams of draws: the same counters in two streams are independent. Starts are drawn again, in a
# constrained space, from the streams 2, 3, … until one is valid.
_TRAINING, _START, _STREAMS = 1, 2, 2**20
# Largest space whose architecture is drawn as one number: the draw's bias is below size / 2³².
_ONE_DRAW = 2**16

_STATUS_NAMES = np.array([status.name.lower() for status in Status])


class Results:
    """What is known of the lanes that were evaluated in one step.

    Args:
        here: ``(N,)`` bool, the lanes that were evaluated; elsewhere the other arrays mean nothing.
        metrics: ``(N, m + 1)`` float64, the task's visible metrics and ``cost_seconds``; or a function that
            returns them, called when they are first wanted.
        labels: ``status``, ``epochs`` and ``training_seed``: ``(N,)`` arrays, or one value for all lanes.
    """

    def __init__(self, here: BoolArray, metrics: FloatArray | Callable[[], FloatArray], labels: dict[str, Any]) -> None:
        self.here, self.labels, self._metrics = here, labels, metrics

    @property
    def everywhere(self) -> bool:
        """Whether all lanes were looked up in one pass (the metrics are still to be gathered)."""
        return callable(self._metrics)

    @property
    def metrics(self) -> FloatArray:
        """``(N, m + 1)``."""
        if callable(self._metrics):
            self._metrics = self._metrics()
        return self._metrics

    def replace(self, lanes: BoolArray, other: Results) -> Results:
        """Return these results with those of some lanes ``(N,)`` bool taken from ``other``."""
        labels = {name: np.where(lanes, other.labels[name], value) for name, value in self.labels.items()}
        metrics = np.where(lanes[:, None], other.metrics, self.metrics)
        return Results(np.where(lanes, other.here, self.here), metrics, labels)

    def without(self, lanes: BoolArray) -> Results:
        """Return these results with nothing said of some lanes ``(N,)`` bool."""
        return Results(self.here & ~lanes, self._metrics, self.labels)


@dataclass
class Outcome:
    """What a step (or a start) of N lanes gave.

    Attributes:
        rewards: ``(N,)`` float64, or ``(N, k)`` for a vector objective.
        terminated: ``(N,)`` bool.
        truncated: ``(N,)`` bool.
        results: of the lanes that were evaluated, None where none was.
    """

    rewards: FloatArray
    terminated: BoolArray
    truncated: BoolArray
    results: Results | None = None


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
        known = ", ".join(map(str, fidelities))
        if choose and rules.name != "propose":
            raise ValueError(f"epochs='choose' needs the propose formulation, not {rules.name}: give one of {known}")
        if not choose and epochs is not None and epochs not in fidelities:
            raise ValueError(f"epochs={epochs!r}: the evaluator's fidelities are {known}")
        if not (training_seed in ("resample", "mean") or (isinstance(training_seed, int) and training_seed >= 0)):
            raise ValueError(f"training_seed={training_seed!r}: give an integer of at least 0, 'resample' or 'mean'")
        if not (np.isfinite(invalid_penalty) and invalid_penalty >= 0):
            raise ValueError(f"invalid_penalty={invalid_penalty!r}: give a finite number of at least 0")
        self.task, self.num_lanes = task, num_lanes
        self.rules: Formulation = rules(task.space, fidelities if choose else ())
        self.epochs = int(fidelities[-1] if epochs is None or choose else epochs)
        self.training_seed, self.invalid_penalty = training_seed, float(invalid_penalty)
        self.lanes: Lanes = self.rules.lanes(num_lanes)
        self._horizon = self.rules.horizon
        self._seeds: UIntArray = np.zeros(num_lanes, dtype=np.uint64)  # hashed
        self.episodes = Episodes(num_lanes)
        self.metric_names = (*task.visible_metrics, "cost_seconds")
        self._rewards = task.objective.objective.size
        self.single_reward = not task.objective.objective.vector
        self._shape = (num_lanes,) if self.single_reward else (num_lanes, self._rewards)
        self._action_shape = (num_lanes, *(self.rules.action_space.shape or ()))
        # Objective of each lane's present architecture, where rewards are gains.
        self.values: FloatArray = np.zeros((num_lanes, self._rewards))
        # Lanes whose start the budget did not cover: their next step truncates.
        self._unpaid: BoolArray = np.zeros(num_lanes, dtype=bool)
        self._any_unpaid = False
        tabular = isinstance(task.evaluator, TabularEvaluator) and self.lanes.coder is not None
        if training_seed == "resample" and task.evaluator.seeds is None:
            tabular = False  # every draw would be a table of its own
        # Small spaces need one draw for all choices of a start: the code of the architecture.
        small = not task.space.constrained and task.space.size <= _ONE_DRAW and self.lanes.coder is not None
        self._one_draw = task.space.size if small else 0
        self.lookup = Lookup(task, self.lanes.coder) if tabular else None  # type: ignore[arg-type]

        self._passes = edit_pass_serves(self) and self._one_draw > 0

    # -- episodes -------------------------------------------------------------------------------------

    def seed(self, seeds: ArrayLike, rows: IntArray | None = None) -> None:
        """Give lanes new seeds; their next episode is their first."""
        rows = np.arange(self.num_lanes) if rows is None else rows
        self._seeds[rows] = mix(np.uint64(0), seeds)
        self.episodes.put(rows, -1)

    def begin(self, rows: IntArray, architectures: ArrayLike | None = None) -> Outcome:
        """Start a new episode in some lanes.

        Args:
            rows: ``(r,)`` lanes.
            architectures: ``(n,)`` or ``(r, n)`` start architectures of Edit; drawn where None.

        Raises:
            BudgetExhausted: the search's budget is spent.
            ValueError: start architectures for a formulation that starts from none, or invalid ones.
        """
        self._restart(rows, architectures)
        return self._started(rows)

    def _started(self, rows: IntArray) -> Outcome:
        outcome = self._nothing()
        if self.rules.starts_complete:
            asked = np.zeros(self.num_lanes, dtype=bool)
            asked[rows] = True
            self._evaluate_into(outcome, asked, None, rows)
        return outcome

    def _restart(self, rows: IntArray, architectures: ArrayLike | None = None) -> None:
        """Put lanes into the first state of their next episode, not evaluated yet."""
        budget = self.task.budget
        if budget is not None and budget.exhausted:
            raise BudgetExhausted(
                f"the search's budget is spent ({budget.spent_evaluations} evaluations, "
                f"{budget.clock_seconds:.1f} s on its clock): the search is over"
            )
        if architectures is not None and not self.rules.starts_complete:
            raise ValueError(f"options['architecture']: an episode of {self.rules.name} starts from no architecture")
        starts = None
        if architectures is not None:
            starts = np.broadcast_to(self.task.space.check(architectures), (len(rows), self.task.space.n))
        if self._any_unpaid:
            self._unpaid[rows] = False
        self.lanes.clear(rows)
        if self.rules.starts_complete and starts is None and self._one_draw:
            self.lanes.place_codes(rows, self._begin_drawn(rows))
            return
        self.episodes.begin(rows)
        if self.rules.starts_complete:
            if starts is None:
                self._place_start(rows)
            else:
                self.lanes.place(rows, starts)

    def advance(self, actions: ArrayLike, restart: BoolArray | None = None) -> Outcome:
        """Take one step in every lane, or start the next episode in those of ``restart`` ``(N,)`` bool.

        A lane that restarts ignores its action and has reward 0; its start is evaluated together with
        what the other lanes have to evaluate.

        Raises:
            BudgetExhausted: lanes are to be restarted and the search's budget is spent.
            ValueError: the actions' shape or type does not fit.
        """
        actions = self._check_actions(actions)
        if self._passes:
            fused = self._edit_pass(actions, restart)
            if fused is not None:
                return fused
        restarted, active = None, None
        if restart is not None:
            whole = np.count_nonzero(restart) == self.num_lanes
            restarted = self.lanes.everywhere if whole else np.flatnonzero(restart)
            self._restart(restarted)
            if whole:
                return self._started(restarted)
            active = ~restart
        transition = self.rules.apply(self.lanes, actions, active)
        outcome = self._nothing(transition.terminated)
        if transition.invalid is not None and transition.invalid.any():
            penalties = outcome.rewards if self.single_reward else outcome.rewards.T  # broadcast over the terms
            np.multiply(transition.invalid, -self.invalid_penalty, out=penalties)
        if not self.lanes.uniform or self.lanes.step >= self._horizon:
            np.greater_equal(self.lanes.steps, self._horizon, out=outcome.truncated)
            np.greater(outcome.truncated, outcome.terminated, out=outcome.truncated)
        asked = transition.evaluate
        if self._any_unpaid:
            self._truncate(outcome, self._unpaid.copy())
            asked = None if asked is None else asked & ~self._unpaid
        if restarted is not None and self.rules.starts_complete:
            asked = restart if asked is None else asked | restart  # type: ignore[operator]
        if asked is not None and asked.any():
            self._evaluate_into(outcome, asked, transition.fidelity, restarted)
        return outcome

    def _edit_pass(self, actions: IntArray, restart: BoolArray | None) -> Outcome | None:
        """Take the step in one fused pass, or return None where something is out of its way."""
        assert self.lookup is not None and isinstance(self.lanes, CodedLanes)
        seed: Any = MEAN_SEED if self.training_seed == "mean" else self.training_seed
        block = self.lookup.block(self.epochs, seed)
        if (
            self.task.decorated
            or not block.complete
            or np.maximum.reduce(actions.view(np.uint64)) >= self.rules.mask_size
        ):
            return None
        rewards, terminated, truncated, evaluated, now = edit_pass(
            self.lanes,
            actions,
            restart,
            self._begin_drawn,
            block.values[:, 0],
            self.values[:, 0],
            self.invalid_penalty,
        )
        self.values = now[:, None]
        codes = self.lanes.code
        labels = {"status": "ok", "epochs": self.epochs, "training_seed": seed}
        results = Results(evaluated, lambda: block.metrics.take(codes, axis=0), labels)
        return Outcome(rewards, terminated, truncated, results)

    def _evaluate_into(
        self, outcome: Outcome, asked: BoolArray, fidelity: IntArray | None, restarted: IntArray | None
    ) -> None:
        """Evaluate the lanes ``asked`` ``(N,)``, and write rewards and results; restarted lanes have reward 0."""
        values, results = self._evaluate(asked, fidelity)
        outcome.results, here = results, asked
        unpaid = self._unpaid_lanes(results)
        if unpaid is not None:
            here = here & ~unpaid
            started = np.zeros(self.num_lanes, dtype=bool)
            if restarted is not None:
                started[restarted] = unpaid[restarted]
            self._unpaid |= started
            self._any_unpaid = bool(self._unpaid.any())
            self._truncate(outcome, unpaid & ~started)
        rewards = outcome.rewards.reshape(self.num_lanes, self._rewards)
        # A pass over all lanes: those that were not asked have the value that they had, and gain exactly nothing.
        whole = unpaid is None and (results.everywhere or asked.all())
        if whole and self.rules.reward_is_gain:
            gains = values - self.values
            if restarted is not None:
                gains[restarted] = 0.0
            rewards += gains
        elif whole:
            rewards[:] = values
        else:
            new = values - self.values if self.rules.reward_is_gain else values
            np.copyto(rewards, new, where=here[:, None])
            if restarted is not None:
                rewards[restarted] = 0.0
        if self.rules.reward_is_gain:
            self.values = values if whole else np.where(here[:, None], values, self.values)

    @staticmethod
    def _truncate(outcome: Outcome, lanes: BoolArray) -> None:
        """End lanes that the budget does not cover, with reward 0."""
        outcome.rewards[lanes] = 0.0
        outcome.terminated &= ~lanes
        outcome.truncated |= lanes

    def advance_one(self, action: Any) -> tuple[Any, bool, bool, dict[str, Any]]:
        """Take one step of a single lane: (reward, float or ``(k,)``; terminated; truncated; what was measured).

        The same as `advance` with one lane; the conformance tests hold them equal.

        Raises:
            ValueError: the action's shape or type does not fit.
        """
        valid, evaluate, terminated, fidelity = self.rules.apply_one(self.lanes, self._check_action(action))
        truncated = not terminated and bool(self.lanes.steps[0] >= self._horizon)
        if self._any_unpaid and self._unpaid[0]:
            return self._reward_one(0.0), False, True, {}
        if not evaluate:
            return self._reward_one(0.0 if valid else -self.invalid_penalty), terminated, truncated, {}
        values, measured = self._evaluate_one(fidelity)
        if measured["status"] == "unpaid":
            return self._reward_one(0.0), False, True, measured
        if self.rules.reward_is_gain:
            values, self.values[0] = values - self.values[0], values
        return (float(values[0]) if self.single_reward else values), terminated, truncated, measured

    def _reward_one(self, value: float) -> Any:
        return value if self.single_reward else np.full(self._rewards, value)

    def _evaluate_one(self, fidelity: int | None) -> tuple[FloatArray, dict[str, Any]]:
        epochs = self.epochs if fidelity is None else int(self.rules.fidelities[fidelity])
        if self.lookup is not None and not self.task.decorated:
            seed = self._training_seeds(self.lanes.everywhere)
            seed = seed if isinstance(seed, int) else int(seed[0])
            block, code = self.lookup.block(epochs, seed), self.lanes.codes()[0]
            values = block.values[code]
            if block.complete or not np.isnan(values[0]):
                measured = dict(zip(self.metric_names, block.metrics[code].tolist(), strict=True))
                return values, {**measured, "status": "ok", "epochs": epochs, "training_seed": seed}
        chosen = None if fidelity is None else np.array([fidelity])
        batch, results = self._evaluate(np.ones(1, dtype=bool), chosen)
        return batch[0], self.measured_one(results)

    def measured_one(self, results: Results) -> dict[str, Any]:
        """Return the results of a single lane as plain values by name."""
        measured = dict(zip(self.metric_names, results.metrics[0].tolist(), strict=True))
        labels = {name: np.broadcast_to(value, 1)[0].item() for name, value in results.labels.items()}
        return {**measured, **labels}

    def _check_action(self, action: Any) -> Any:
        """Return one lane's action if it is made of integers of the right shape."""
        if type(action) in (int, np.int64) and len(self._action_shape) == 1 and -(2**63) <= action < 2**63:
            return action
        try:
            array = np.asarray(action)
        except ValueError:  # ragged
            array = np.empty(0, dtype=object)
        if array.shape != self._action_shape[1:] or array.dtype.kind not in "iu":
            raise ValueError(
                f"an action is made of integers of shape {self._action_shape[1:]}, "
                f"not {array.dtype} of shape {array.shape}"
            )
        return array

    def _check_actions(self, actions: ArrayLike) -> IntArray:
        actions = np.asarray(actions)
        if actions.shape != self._action_shape or actions.dtype.kind not in "iu":
            raise ValueError(
                f"actions are integers of shape {self._action_shape}, not {actions.dtype} of shape {actions.shape}"
            )
        return actions.astype(np.int64, copy=False)

    # -- rewards --------------------------------------------------------------------------------------

    def _evaluate(self, asked: BoolArray, fidelity: IntArray | None) -> tuple[FloatArray, Results]:
        """Return the objective ``(N, k)`` of the architectures of lanes ``asked`` ``(N,)``, and what was measured.

        Other lanes' rows of the objective mean nothing, unless the results are of ``everywhere``.
        """
        if self.lookup is not None and not self.task.decorated and fidelity is None:
            seed = MEAN_SEED if self.training_seed == "mean" else self.training_seed
            if isinstance(seed, int) and (self.rules.starts_complete or asked.all()):
                known = self.lookup.block(self.epochs, seed)
                if known.complete:
                    # One pass over all lanes; the metrics wait until somebody looks, the codes are not written into.
                    codes = self.lanes.codes()
                    labels = {"status": "ok", "epochs": self.epochs, "training_seed": seed}
                    values = known.values.take(codes, axis=0, mode="clip")
                    return values, Results(asked, lambda: known.metrics.take(codes, axis=0), labels)
        rows = np.flatnonzero(asked)
        epochs: Any = self.epochs
        if fidelity is not None:
            epochs = np.array(self.rules.fidelities, dtype=np.int64)[fidelity[rows]]
        seeds = self._training_seeds(rows)
        if self.lookup is not None and not self.task.decorated:
            found = self._look_up(self.lookup, rows, epochs, seeds)
            if found is not None:
                return found[0], Results(asked, found[1], self._labels(rows, "ok", epochs, seeds))
        epochs = np.broadcast_to(epochs, (len(rows),)).astype(np.int64)
        seeds = np.broadcast_to(seeds, (len(rows),)).astype(np.int64)
        evaluation, rewards = self.task.evaluate(np.ascontiguousarray(self.lanes.architectures[rows]), epochs, seeds)
        values = np.zeros((self.num_lanes, self._rewards))
        values[rows] = rewards.reshape(len(rows), self._rewards)
        metrics = np.zeros((self.num_lanes, len(self.metric_names)))
        columns = [evaluation[name] for name in self.task.visible_metrics]
        metrics[rows] = np.column_stack([*columns, evaluation.cost_seconds])
        return values, Results(asked, metrics, self._labels(rows, _STATUS_NAMES[evaluation.status], epochs, seeds))

    def _look_up(self, lookup: Lookup, rows: IntArray, epochs: Any, seeds: Any) -> tuple[FloatArray, FloatArray] | None:
        """Return the objective ``(N, k)`` and the metrics from the table, or None where it lacks a row."""
        codes = self.lanes.codes(rows)
        values = np.zeros((self.num_lanes, self._rewards))
        metrics = np.zeros((self.num_lanes, len(self.metric_names)))
        each_epochs, each_seeds = np.broadcast_to(epochs, codes.shape), np.broadcast_to(seeds, codes.shape)
        for pair in set(zip(each_epochs.tolist(), each_seeds.tolist(), strict=True)):
            block = lookup.block(*pair)
            same = np.flatnonzero((each_epochs == pair[0]) & (each_seeds == pair[1]))
            values[rows[same]] = block.values[codes[same]]
            metrics[rows[same]] = block.metrics[codes[same]]
        return None if np.isnan(values[rows, 0]).any() else (values, metrics)

    def _labels(self, rows: IntArray, status: Any, epochs: Any, seeds: Any) -> dict[str, Any]:
        labels = {"status": status, "epochs": epochs, "training_seed": seeds}
        for name, value in labels.items():
            if np.ndim(value):
                labels[name] = np.zeros(self.num_lanes, dtype=value.dtype)
                labels[name][rows] = value
        return labels

    def _unpaid_lanes(self, results: Results) -> BoolArray | None:
        """Return which lanes the budget did not cover, ``(N,)`` bool, or None where it covers all."""
        if self.task.budget is None:
            return None
        unpaid = results.here & (results.labels["status"] == _STATUS_NAMES[Status.UNPAID])
        return unpaid if unpaid.any() else None

    # -- draws ----------------------------------------------------------------------------------------

    def _training_seeds(self, rows: IntArray) -> IntArray | int:
        if self.training_seed == "mean":
            return MEAN_SEED
        if self.training_seed != "resample":
            return int(self.training_seed)
        bits = mix(self._draw(rows, _TRAINING), self.lanes.steps[rows])
        known = self.task.evaluator.seeds
        if known is None:
            return below(bits, 2**31)
        return np.array(known, dtype=np.int64)[below(bits, len(known))]

    def _place_start(self, rows: IntArray) -> None:
        """Draw a start architecture for cleared lanes."""
        space = self.task.space
        if space.listed is not None:
            self.lanes.place(rows, space.listed[below(self._draw(rows, _START), len(space.listed))])
            return
        choices = np.arange(space.n)
        drawn = np.empty((len(rows), space.n), dtype=np.int64)
        todo, attempt = np.arange(len(rows)), 0
        while todo.size:
            bits = self._draw(rows[todo], _START + attempt)
            drawn[todo] = below(mix(bits[:, None], choices), space.cardinalities)
            if not space.constrained:
                break
            todo, attempt = todo[~space.valid(drawn[todo])], attempt + 1
        self.lanes.place(rows, drawn)

    def _begin_drawn(self, rows: IntArray) -> IntArray:
        """Begin the next episode of lanes ``(r,)``, at least one; returns their starts as codes ``(r,)``."""

        def draw(episodes: IntArray) -> IntArray:
            return below(mix(self._seeds[:, None], episodes * _STREAMS + _START), self._one_draw)

        return self.episodes.begin_drawn(rows, draw)

    def _draw(self, rows: IntArray, stream: int) -> UIntArray:
        """Return 64 random bits for each lane, of its present episode and a stream."""
        return mix(self._seeds[rows], self.episodes.of(rows) * _STREAMS + stream)

    def _nothing(self, terminated: BoolArray | None = None) -> Outcome:
        if terminated is None:
            terminated = np.zeros(self.num_lanes, dtype=bool)
        return Outcome(np.zeros(self._shape), terminated, np.zeros(self.num_lanes, dtype=bool))
