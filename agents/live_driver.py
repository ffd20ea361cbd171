"""Live trials: several candidates in training at any moment, each told when it ends."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NoReturn, Protocol, runtime_checkable

import numpy as np

from ..envs import BudgetExhausted, Evaluation, Status
from ..envs.core.evaluation import AsyncEvaluator, IntArray
from ..envs.core.searchable import SearchableEnv
from ..envs.core.tasks import SearchTask
from .whole_lanes import require_valid

_STATUS_NAMES = {status.value: status.name.lower() for status in Status}


@runtime_checkable
class TrialEnv(SearchableEnv, Protocol):
    """A `SearchableEnv` that says what its rules ask of a trial that is handed in whole."""

    def trial_questions(
        self, seed: int, trials: IntArray, fidelity: IntArray | None = None
    ) -> tuple[IntArray, IntArray]:
        """Return epochs and training seeds ``(t,)`` of trials ``(t,)``."""
        ...


class LiveTrials:
    """The trials of one live search.

    After each result that is told the agent is asked for one more trial. So what it asks for depends on nothing but
    its seed, the order in which trials end, and their number under way: with the recorded order (`SearchTask.search`)
    a resumed search asks for the same.

    Args:
        agent: asks and is told (`pynascent.agents.driver.AskTell`).
        env: the environment, whose task is in a search.
        seed: that of the environment's reset.
        parallel: trials under way at any moment.
    """

    def __init__(self, agent: Any, env: TrialEnv, seed: int, parallel: int) -> None:
        self._agent, self._env, self._seed, self._parallel = agent, env, seed, parallel
        self._task: SearchTask = env.task
        self._running: dict[int, np.ndarray] = {}  # trial → action (1, …)
        self._asked = 0

    def play(self) -> NoReturn:
        """Play until the budget is spent.

        Where anything is raised, by the evaluator or from outside (Ctrl-C), what has ended by then is still recorded,
        and the evaluator is closed, so that nothing is left in training.

        Raises:
            BudgetExhausted: the budget is spent, and no trial is under way.
        """
        try:
            self._fill()
            while self._running:
                for trial, evaluation, rewards, violations in self._task.collect():
                    self._tell(trial, evaluation, rewards, violations)
                    self._fill()
        except BaseException:
            self._give_up()
            raise
        raise BudgetExhausted("the search's budget is spent: the search is over")

    def _fill(self) -> None:
        """Ask for trials until enough are under way, or the budget covers no more."""
        while len(self._running) < self._parallel:
            budget = self._task.budget
            if budget is not None and (budget.exhausted or budget.affordable == 0):
                return
            action = np.asarray(self._agent.ask(1), dtype=np.int64)
            n = self._task.space.n
            fidelities = self._env.formulation.fidelities
            require_valid(action, self._task.space, len(fidelities))
            epochs, seeds = self._env.trial_questions(
                self._seed, np.array([self._asked]), action[:, n] if fidelities else None
            )
            for trial in self._task.submit(np.ascontiguousarray(action[:, :n]), epochs, seeds):
                self._running[trial] = action
            self._asked += 1

    def _tell(self, trial: int, evaluation: Evaluation, rewards: np.ndarray, violations: np.ndarray) -> None:
        action = self._running.pop(trial)
        if evaluation.status[0] == Status.UNPAID:
            return
        ok = evaluation.ok
        infos = {name: evaluation[name] for name in self._task.visible_metrics}
        infos |= {
            "cost_seconds": evaluation.cost_seconds,
            "status": np.array([_STATUS_NAMES[int(evaluation.status[0])]]),
            "epochs": evaluation.epochs,
            "training_seed": evaluation.seed,
            "violation": violations,
            "trial": np.array([trial]),
        }
        if self._task.budget is not None:
            infos |= {name: np.array([value]) for name, value in self._task.budget.info().items()}
        rewards = np.array(rewards, dtype=np.float64)
        rewards[~ok] = -np.inf
        self._agent.tell(action, rewards, ok, infos)

    def _give_up(self) -> None:
        """Record what has ended, and leave nothing in training."""
        for _ in range(len(self._running)):  # each call hands out a trial, or raises what befell one
            with suppress(Exception):
                if not self._task.collect(timeout=0):
                    break
        evaluator = self._task.evaluator
        if isinstance(evaluator, AsyncEvaluator):
            with suppress(Exception):
                evaluator.close()
