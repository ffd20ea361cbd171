"""What a search agent is: it plays a Gymnasium environment until the search's budget is spent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import gymnasium
import numpy as np

from ..envs import BudgetExhausted, SearchBudget, SearchHistory

if TYPE_CHECKING:
    from .whole_lanes import WholeLanes

AnyEnv = gymnasium.Env | gymnasium.vector.VectorEnv
OnEvaluation = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Settings:
    """An agent's settings: a frozen dataclass of plain JSON values, each documented in its subclass."""


class Agent(ABC):
    """A search agent. It knows Gymnasium; how a candidate is judged is the environment's affair.

    An agent holds nothing but its settings and, afterwards, what its last search has learnt: the same
    agent, environment, budget and seed give the same history again.

    Attributes:
        name: its name on the command line.
        formulations: the formulations that it can play (``"build"``, ``"edit"``, ``"propose"``), the
            preferred one first.
        observation: the ``observation=`` that it asks of the environment.
        autoreset_mode: the ``autoreset_mode=`` that it asks of a vector environment.
        multi_fidelity: whether it chooses each evaluation's fidelity (``epochs="choose"``).
        vector_reward: whether it plays environments whose objective is a vector of rewards.
        multi_objective: whether such environments are what it is made for, so that a benchmark chooses them for it.
        Settings: the dataclass of its settings.

    Args:
        settings: an instance of ``Settings``; None takes the defaults.
    """

    name: ClassVar[str]
    formulations: ClassVar[tuple[str, ...]]
    observation: ClassVar[str] = "flat"
    autoreset_mode: ClassVar[str] = "disabled"
    multi_fidelity: ClassVar[bool] = False
    vector_reward: ClassVar[bool] = False
    multi_objective: ClassVar[bool] = False
    Settings: ClassVar[type[Settings]] = Settings

    def __init__(self, settings: Settings | None = None) -> None:
        if settings is not None and not isinstance(settings, self.Settings):
            raise TypeError(
                f"settings of the agent {self.name!r} are a {self.Settings.__name__}, not a {type(settings).__name__}"
            )
        self.settings: Any = self.Settings() if settings is None else settings
        self.budget: SearchBudget | None = None  # of the search under way; an agent may pace itself by it

    @property
    def formulation(self) -> str:
        """The formulation that it plays where there is a choice."""
        return self.formulations[0]

    def search(
        self, env: AnyEnv, budget: SearchBudget, seed: int, on_evaluation: OnEvaluation | None = None
    ) -> SearchHistory:
        """Spend a budget in an environment.

        Args:
            env: one of the suite's environments, scalar or vector, not in another search. It is reset with
                the seed and stays open afterwards.
            budget: what may be spent. It is spent in full, unless the evaluator fails.
            seed: determines everything random: the agent's draws and the environment's.
            on_evaluation: called with each new row of the history.

        Returns:
            Every paid evaluation, in order.

        Raises:
            ValueError: the environment is not one that the agent plays, see `check`.
        """
        self.check(env)
        unwrapped: Any = env.unwrapped
        self.budget = budget
        with unwrapped.search(budget, on_evaluation=on_evaluation) as history, suppress(BudgetExhausted):
            self.play(env, seed)
        return history

    @abstractmethod
    def play(self, env: AnyEnv, seed: int) -> None:
        """Play episodes without end: the environment raises `BudgetExhausted` when the budget is spent."""

    def check(self, env: AnyEnv) -> None:
        """Refuse an environment that the agent cannot search, before anything is spent or written.

        Raises:
            ValueError: the formulation is not one that the agent plays, or the objective is a vector of rewards and
                the agent needs one.
        """
        formulation = getattr(getattr(env.unwrapped, "formulation", None), "name", None)
        if formulation not in self.formulations:
            raise ValueError(
                f"the agent {self.name!r} plays {' or '.join(self.formulations)}, not "
                f"{formulation or 'an environment without a formulation'}: use a "
                f"PyNASCENT/<Task>-{self.formulation.capitalize()}-v0 environment"
            )
        unwrapped: Any = env.unwrapped
        if unwrapped.task.objective.objective.vector and not self.vector_reward:
            raise ValueError("the objective is a vector of rewards, and this agent needs one reward: weight its terms")

    def __repr__(self) -> str:
        """Show the class and its settings."""
        return f"{type(self).__name__}({self.settings!r})"


class AskTellAgent(Agent):
    """An agent that proposes whole architectures in batches and is told how good they are.

    A subclass implements `begin`, `ask` and `tell` in numpy; this class plays them through Propose, one
    architecture per lane and step, or (where the subclass names it) through Build, choice by choice. An
    action is an architecture ``(n,)`` or, where the environment lets the agent choose the fidelity
    (``epochs="choose"``), ``(n + 1,)`` with an index into the fidelities last.

    With one lane and several simulated workers (``SearchBudget(workers=W)``) the play is asynchronous: each
    worker that becomes free is given one action, and a result is told when the clock has reached its end.
    Up to W actions are then under way, and they are told one by one in the order of their ends, not of their
    asking. With more lanes all results of a batch are told together, and the next batch waits for the longest.
    """

    formulations = ("propose",)

    @abstractmethod
    def begin(self, space: Any, fidelities: tuple[int, ...], rng: np.random.Generator) -> None:
        """Forget everything and start a new search.

        Args:
            space: the `SearchSpace`.
            fidelities: epochs that an action may choose from, ascending; empty where the environment has
                fixed them, and an action is an architecture alone.
            rng: all the agent's randomness.
        """

    @abstractmethod
    def ask(self, count: int) -> np.ndarray:
        """Return ``count`` valid actions, ``(count, n)`` or ``(count, n + 1)`` int64."""

    @abstractmethod
    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Learn how good some of the actions under way are.

        Args:
            actions: ``(k, …)``, k ≥ 1 that were asked for and not told yet: the paid rows of the last batch in
                its order, or (asynchronous play) one that has ended, which others asked for earlier may not have.
                What the budget does not cover is never told.
            rewards: ``(k,)`` float64, or ``(k, m)`` of a vector objective (`vector_reward`); −∞ where the
                evaluation failed, which is the worst.
            ok: ``(k,)`` bool, False where the evaluation failed.
            infos: what the environment's ``info`` says of them, name → ``(k,)``: the metrics (not those of
                the test split), ``epochs``, ``cost_seconds``, ….
        """

    def play(self, env: AnyEnv, seed: int) -> None:
        """Ask, evaluate, tell, without end."""
        from .whole_lanes import WholeLanes

        lanes = WholeLanes(env)
        unwrapped: Any = env.unwrapped
        self.begin(unwrapped.task.space, tuple(unwrapped.formulation.fidelities), np.random.default_rng(seed))
        lanes.reset(seed)
        budget = unwrapped.task.budget
        if budget is not None and budget.workers > 1 and lanes.count == 1:
            self._play_asynchronously(lanes, budget)
        while True:
            actions = self.ask(lanes.count)
            paid, rewards, ok, infos = lanes.evaluate(actions)
            if paid.any():
                self.tell(actions[paid], rewards, ok, infos)
            lanes.reset()

    def _play_asynchronously(self, lanes: WholeLanes, budget: SearchBudget) -> NoReturn:
        """Keep W simulated workers busy, and tell each result when the clock has reached its end."""
        budget.asynchronous = True
        running: list[tuple[float, int, Callable[[], None]]] = []  # heap of (end, order of asking, telling it)
        try:
            for order in count():
                while running and running[0][0] <= budget.next_free_seconds:
                    heappop(running)[2]()
                action = self.ask(1)
                paid, *result = lanes.evaluate(action)
                if paid[0]:
                    heappush(running, (budget.last_end_seconds, order, partial(self.tell, action, *result)))
                lanes.reset()
        except BudgetExhausted:
            while running:  # what is still running comes to its end
                heappop(running)[2]()
            raise
        raise AssertionError("unreachable: the reset of a spent search raises")
