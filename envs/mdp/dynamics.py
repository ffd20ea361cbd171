"""The decision process: N lanes of a formulation over a task, with rewards, budgets and draws.

This is the reference, in plain numpy; what is in `pynascent.envs.fast` does the same sooner, and is held to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.budget import BudgetExhausted
from ..core.evaluation import MEAN_SEED, FloatArray, IntArray, Status
from ..core.tasks import SearchTask
from ..spaces import SearchSpace
from .formulations import Formulation, make_formulation
from .hashing import UIntArray, below, mix
from .infos import Blanks
from .lanes import BoolArray, Lanes
from .outcome import Measured, Outcome
from .settings import checked_actions, checked_epochs, checked_penalty, checked_training_seed

# Streams of draws: the same counters in two streams are independent. Starts are drawn again, in a
# constrained space, from the streams 2, 3, … until one is valid.
_TRAINING, _START, STREAMS = 1, 2, 2**20
# Largest space whose architecture is drawn as one number (the bias is below size / 2³²), and the most bytes of
# its observations. What a seed means depends on both: they stay as they are.
_ONE_DRAW, _ONE_DRAW_BYTES = 2**16, 2**26


class SearchDynamics:
    """N lanes of episodes.

    Args:
        task: what is searched.
        formulation: a registered name, ``"module:Class"``, or a class.
        num_lanes: N.
        epochs: see `SearchEnv`.
        training_seed: see `SearchEnv`.
        invalid_penalty: see `SearchEnv`.

    Attributes:
        values: ``(N, k)`` objective of each lane's present architecture, where rewards are gains.
    """

    def __init__(
        self,
        task: SearchTask,
        formulation: Any,
        num_lanes: int = 1,
        epochs: int | str | None = None,
        training_seed: int | str = 0,
        invalid_penalty: float = 0.1,
    ) -> None:
        rules, fidelities = make_formulation(formulation), tuple(map(int, task.evaluator.fidelities))
        chosen = checked_epochs(epochs, fidelities, rules)
        self.arguments = (task, formulation, num_lanes, epochs, training_seed, invalid_penalty)
        self.task, self.num_lanes = task, num_lanes
        self.training_seed, self.invalid_penalty = (
            checked_training_seed(training_seed),
            checked_penalty(invalid_penalty),
        )
        self.rules: Formulation = rules(task.space, fidelities if chosen is None else ())
        self.epochs = fidelities[-1] if chosen is None else chosen
        self.lanes = Lanes(task.space, num_lanes, self.rules.horizon)
        self.blanks = Blanks(task)
        self.single_reward = not task.objective.objective.vector
        self.rewards_size = task.objective.objective.size  # k
        self.values: FloatArray = np.zeros((num_lanes, self.rewards_size))
        self.seeds: UIntArray = np.zeros(num_lanes, dtype=np.uint64)  # (N,), hashed
        self.episodes: IntArray = np.full(num_lanes, -1, dtype=np.int64)  # (N,), −1 before the first
        self._unpaid: BoolArray = np.zeros(num_lanes, dtype=bool)  # the budget did not cover the start: truncate next
        self.action_shape = (num_lanes, *(self.rules.action_space.shape or ()))
        space = task.space
        bytes_shown = space.size * (int(space.offsets[-1]) + 2) * 4
        self.one_draw = not space.constrained and space.size <= _ONE_DRAW and bytes_shown <= _ONE_DRAW_BYTES

    # -- episodes -------------------------------------------------------------------------------------

    def seed(self, seeds: ArrayLike, rows: IntArray | None = None) -> None:
        """Give lanes ``(r,)`` new int64 seeds ``(r,)``; their next episode is their first."""
        rows = np.arange(self.num_lanes) if rows is None else rows
        self.seeds[rows] = mix(np.uint64(0), seeds)
        self.episodes[rows] = -1

    def begin(self, rows: IntArray, architectures: ArrayLike | None = None) -> Outcome:
        """Start an episode in lanes ``(r,)``, from ``(n,)`` or ``(r, n)`` architectures (Edit) or from drawn ones.

        Raises:
            BudgetExhausted: the search's budget is spent.
            ValueError: start architectures for a formulation that starts from none, or invalid ones.
        """
        restarted = np.zeros(self.num_lanes, dtype=bool)
        restarted[rows] = True
        starts = None
        if architectures is not None:
            if not self.rules.starts_complete:
                raise ValueError(f"options['architecture']: a {self.rules.name} episode starts from no architecture")
            starts = np.broadcast_to(self.task.space.check(architectures), (len(rows), self.task.space.n))
        self._restart(rows, starts)
        outcome = self._nothing()
        if self.rules.starts_complete:
            self._evaluate(outcome, restarted, restarted)
        return outcome

    def _restart(self, rows: IntArray, starts: IntArray | None = None) -> None:
        """Put lanes into the first state of their next episode, not evaluated yet."""
        self.check_budget()
        self.episodes[rows] += 1
        self._unpaid[rows] = False
        if self.rules.starts_complete:
            self.lanes.restart(rows, self.drawn_starts(rows) if starts is None else starts)
        else:
            self.lanes.restart(rows)

    def check_budget(self) -> None:
        """Raise `BudgetExhausted` when the budget is spent: no episode may start."""
        budget = self.task.budget
        if budget is not None and budget.exhausted:
            raise BudgetExhausted(
                f"the search's budget is spent ({budget.spent_evaluations} evaluations, "
                f"{budget.clock_seconds:.1f} s on its clock): the search is over"
            )

    def advance(self, actions: ArrayLike, restart: BoolArray | None = None) -> Outcome:
        """Take one step in every lane, or start the next episode in those of ``restart`` ``(N,)`` bool.

        A lane that restarts ignores its action and has reward 0; all that is to be evaluated is so at once.

        Raises:
            BudgetExhausted: lanes are to be restarted and the search's budget is spent.
            ValueError: the actions' shape or type does not fit.
        """
        actions = checked_actions(actions, self.action_shape)
        restarted = np.zeros(self.num_lanes, dtype=bool) if restart is None else restart
        if restarted.any():
            self._restart(np.flatnonzero(restarted))
        acting = ~restarted
        move = self.rules.transition(self.lanes, actions)
        self.lanes.architectures = np.where(acting[:, None], move.architectures, self.lanes.architectures)
        self.lanes.steps = self.lanes.steps + acting
        outcome = self._nothing()
        outcome.rewards[acting & move.invalid] = -self.invalid_penalty
        outcome.terminated = acting & move.terminated
        outcome.truncated = (self.lanes.steps >= self.lanes.horizon) & ~outcome.terminated
        self._truncate(outcome, acting & self._unpaid)
        asked = acting & move.evaluate & ~self._unpaid
        if self.rules.starts_complete:
            asked = asked | restarted
        self._evaluate(outcome, asked, restarted, move.fidelity)
        return outcome

    def _evaluate(
        self, outcome: Outcome, asked: BoolArray, restarted: BoolArray, fidelity: IntArray | None = None
    ) -> None:
        """Evaluate the lanes ``asked`` ``(N,)``, and write rewards and measurements; starts are not rewarded."""
        rows = np.flatnonzero(asked)
        if not rows.size:
            return
        epochs = np.full(len(rows), self.epochs, dtype=np.int64)
        if fidelity is not None:
            epochs = np.array(self.rules.fidelities, dtype=np.int64)[fidelity[rows]]
        seeds = self.training_seeds(rows)
        evaluation, rewards, violations = self.task.judge(self.lanes.architectures[rows], epochs, seeds)
        columns = self.blanks.columns(self.num_lanes)
        for name in self.task.visible_metrics:
            columns[name][rows] = evaluation[name]
        columns["cost_seconds"][rows], columns["violation"][rows] = evaluation.cost_seconds, violations
        columns["status"][rows], columns["epochs"][rows] = evaluation.status, epochs
        columns["training_seed"][rows] = seeds
        outcome.measured = Measured(asked, columns)
        paid = evaluation.status != Status.UNPAID
        unpaid = np.zeros(self.num_lanes, dtype=bool)
        unpaid[rows[~paid]] = True
        self._unpaid |= unpaid & restarted
        self._truncate(outcome, unpaid & ~restarted)
        rows, values = rows[paid], rewards.reshape(len(paid), self.rewards_size)[paid]
        gains = values - self.values[rows] if self.rules.reward_is_gain else values
        gains = np.where(restarted[rows, None], 0.0, gains)
        outcome.rewards[rows] = gains[:, 0] if self.single_reward else gains
        if self.rules.reward_is_gain:
            self.values = self.values.copy()
            self.values[rows] = values

    @staticmethod
    def _truncate(outcome: Outcome, lanes: BoolArray) -> None:
        """End lanes that the budget does not cover, with reward 0."""
        outcome.rewards[lanes] = 0.0
        outcome.terminated = outcome.terminated & ~lanes
        outcome.truncated = outcome.truncated | lanes

    def _nothing(self) -> Outcome:
        shape = (self.num_lanes,) if self.single_reward else (self.num_lanes, self.rewards_size)
        return Outcome(np.zeros(shape), np.zeros(self.num_lanes, dtype=bool), np.zeros(self.num_lanes, dtype=bool))

    # -- what is seen ---------------------------------------------------------------------------------

    def observation(self) -> NDArray[np.float32]:
        """Return the flat observation ``(N, d + 2)``, an array that nobody else holds."""
        return self.lanes.observation()

    def action_mask(self) -> NDArray[np.int8]:
        """Return ``(N, mask size)``, 1 where an action is allowed."""
        return self.rules.action_mask(self.lanes)

    def infos(self, show: Callable[[NDArray[np.int8]], NDArray], fill: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the present action masks as they are to be shown, and what ``fill`` returns."""
        return {"action_mask": show(self.action_mask()), **fill()}

    def training_seeds(self, rows: IntArray) -> IntArray:
        """Return the training seeds ``(r,)`` of evaluations now."""
        if self.training_seed != "resample":
            return np.full(len(rows), MEAN_SEED if self.training_seed == "mean" else self.training_seed, np.int64)
        bits = mix(self._draw(rows, _TRAINING), self.lanes.steps[rows])
        known = self.task.evaluator.seeds
        return below(bits, 2**31) if known is None else np.array(known, dtype=np.int64)[below(bits, len(known))]

    def drawn_starts(self, rows: IntArray) -> IntArray:
        """Draw a start architecture for each of the lanes ``(r,)``, ``(r, n)``."""
        space = self.task.space
        if space.listed is not None:
            return space.listed[below(self._draw(rows, _START), len(space.listed))]
        if self.one_draw:  # in the choices' own order, whatever a space numbers by
            return SearchSpace.from_index(space, self.start_codes(self.seeds[rows], self.episodes[rows]))
        drawn = np.empty((len(rows), space.n), dtype=np.int64)
        todo, attempt = np.arange(len(rows)), 0
        while todo.size:
            bits = self._draw(rows[todo], _START + attempt)
            drawn[todo] = below(mix(bits[:, None], np.arange(space.n)), space.cardinalities)
            if not space.constrained:
                break
            todo, attempt = todo[~space.valid(drawn[todo])], attempt + 1
        return drawn

    def start_codes(self, seeds: UIntArray, episodes: IntArray) -> IntArray:
        """Draw starts as places in the space's order, for hashed seeds and episodes (`one_draw`)."""
        return below(mix(seeds, episodes * STREAMS + _START), self.task.space.size)

    def _draw(self, rows: IntArray, stream: int) -> UIntArray:
        """Return 64 random bits for each lane, of its present episode and a stream."""
        return mix(self.seeds[rows], self.episodes[rows] * STREAMS + stream)
