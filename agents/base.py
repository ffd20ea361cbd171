"""What a search agent is: it plays a Gymnasium environment until the search's budget is spent."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from ..envs import BudgetExhausted, SearchBudget, SearchHistory
from ..envs.core.objective import BoundObjective
from ..envs.core.searchable import as_searchable
from .driver import drive
from .environments import AnyEnv
from .settings import Settings, check_settings

__all__ = ["Agent", "AnyEnv", "AskTellAgent", "OnEvaluation", "Settings", "check_fit"]

OnEvaluation = Callable[[dict[str, Any]], None]
LARGEST_SEED = 2**63 - 1


class Agent(ABC):
    """A search agent. It knows Gymnasium; how a candidate is judged is the environment's affair.

    An agent holds nothing but its settings and, afterwards, what its last search has learnt: the same
    agent, environment, budget and seed give the same history again.

    Attributes:
        name: its name on the command line; that of the class where none is given.
        formulations: the formulations that it can play (``"build"``, ``"edit"``, ``"propose"``), the
            preferred one first.
        observation: the ``observation=`` that it asks of the environment.
        autoreset_mode: the ``autoreset_mode=`` that it asks of a vector environment.
        multi_fidelity: whether it chooses each evaluation's fidelity (``epochs="choose"``).
        with_one_fidelity: what such an agent amounts to where there is one fidelity to choose, for a warning.
        vector_reward: whether it plays environments whose objective is a vector of rewards.
        multi_objective: whether such environments are what it is made for, so that a benchmark chooses them for it.
        Settings: the dataclass of its settings.
        budget: of the search under way; an agent may pace itself by it.
        objective: of the search under way: its terms and constraints.
        parallelism: live trials that the search under way was told to keep in training, None for as many as the
            evaluator has room for.

    Args:
        settings: an instance of ``Settings``; None takes the defaults.

    Raises:
        TypeError: the settings are another agent's.
        ValueError: a setting is out of range.
    """

    name: ClassVar[str]
    formulations: ClassVar[tuple[str, ...]]
    observation: ClassVar[str] = "flat"
    autoreset_mode: ClassVar[str] = "disabled"
    multi_fidelity: ClassVar[bool] = False
    with_one_fidelity: ClassVar[str] = "random search"
    vector_reward: ClassVar[bool] = False
    multi_objective: ClassVar[bool] = False
    Settings: ClassVar[type[Settings]] = Settings

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Name a class without a name after itself."""
        super().__init_subclass__(**kwargs)
        given = getattr(cls, "name", None)
        if given is None or ("name" not in vars(cls) and given in {base.__name__ for base in cls.__mro__[1:]}):
            cls.name = cls.__name__

    def __init__(self, settings: Settings | None = None) -> None:
        if settings is not None and not isinstance(settings, self.Settings):
            raise TypeError(
                f"settings of the agent {self.name!r} are a {self.Settings.__name__}, not a {type(settings).__name__}"
            )
        self.settings: Any = self.Settings() if settings is None else settings
        check_settings(self.settings)  # a Settings class of one's own may have skipped it
        self.budget: SearchBudget | None = None
        self.objective: BoundObjective | None = None
        self.parallelism: int | None = None

    @property
    def formulation(self) -> str:
        """The formulation that it plays where there is a choice."""
        return self.formulations[0]

    def search(
        self,
        env: AnyEnv,
        budget: SearchBudget,
        seed: int,
        on_evaluation: OnEvaluation | None = None,
        order: Iterable[int] = (),
        parallelism: int | None = None,
    ) -> SearchHistory:
        """Spend a budget in an environment.

        Args:
            env: one of the suite's environments, scalar or vector, not in another search. It is reset with
                the seed and stays open afterwards.
            budget: what may be spent. It is spent in full, unless the evaluator fails.
            seed: determines everything random: the agent's draws and the environment's; 0 to 2⁶³ − 1.
            on_evaluation: called with each new row of the history.
            order: for a live search that is resumed or replayed, the column ``trial`` of the rows that there are:
                results are told in this order first (a trial whose turn it is is waited for), then as they come.
                With the same seed, ``parallelism`` and evaluator the search then goes as it went.
            parallelism: trials that a live search keeps in training; None for what the evaluator has room for
                (its ``parallelism``), at least one for each lane. Simulated workers are the budget's.

        Returns:
            Every paid evaluation, in order; in a live search, in the order in which trials ended.

        Raises:
            ValueError: the environment is not one that the agent plays (`check_fit`), the seed is out of range, or
                the order is that of another search.
        """
        check_fit(self, env)
        seed, self.parallelism = _checked_seed(seed), _checked_parallelism(parallelism)
        inner = as_searchable(env)
        self.budget, self.objective = budget, inner.task.objective
        self._warn_of_one_fidelity(env)
        with inner.task.search(budget, on_evaluation, order) as history, suppress(BudgetExhausted):
            self.play(env, seed)
        return history

    @abstractmethod
    def play(self, env: AnyEnv, seed: int) -> None:
        """Play episodes without end: the environment raises `BudgetExhausted` when the budget is spent."""

    def check(self, env: AnyEnv) -> None:
        """Refuse an environment that the agent cannot search; the same as `check_fit`, which is what counts."""
        check_fit(self, env)

    def check_environment(self, env: AnyEnv) -> None:  # noqa: B027 (most agents have nothing to add)
        """Check what depends on the environment: a subclass whose settings do not fit every space says so here.

        Raises:
            ValueError: a setting does not fit the environment's space or fidelities.
        """

    def _warn_of_one_fidelity(self, env: AnyEnv) -> None:
        inner = as_searchable(env)
        if self.multi_fidelity and len(inner.formulation.fidelities) < 2:
            several = len(inner.task.evaluator.fidelities) > 1
            warnings.warn(
                f"the agent {self.name!r} chooses how long to train, and this environment has one fidelity: here it is "
                f"{self.with_one_fidelity}{'; make the environment with epochs=' + repr('choose') if several else ''}",
                stacklevel=3,
            )

    def __repr__(self) -> str:
        """Show the class and its settings."""
        return f"{type(self).__name__}({self.settings!r})"


def check_fit(agent: Agent, env: AnyEnv) -> None:
    """Refuse an environment that an agent cannot search, before anything is spent or written.

    `Agent.search` calls this function and no method ``check``, so that an agent with a method of that name cannot
    switch it off.

    Raises:
        ValueError: the agent's settings are out of range or do not fit the environment, the formulation is not one
            that it plays, or the objective is a vector of rewards and it needs one.
    """
    check_settings(agent.settings)
    formulation = getattr(getattr(env.unwrapped, "formulation", None), "name", None)
    if formulation not in agent.formulations:
        raise ValueError(
            f"the agent {agent.name!r} plays {' or '.join(agent.formulations)}, not "
            f"{formulation or 'an environment without a formulation'}: use a "
            f"PyNASCENT/<Task>-{agent.formulation.capitalize()}-v0 environment"
        )
    if as_searchable(env).task.objective.objective.vector and not agent.vector_reward:
        raise ValueError("the objective is a vector of rewards, and this agent needs one reward: weight its terms")
    agent.check_environment(env)


def _checked_seed(seed: Any) -> int:
    number = int(seed) if isinstance(seed, Integral) and not isinstance(seed, bool) else -1
    if not 0 <= number <= LARGEST_SEED:
        raise ValueError(f"seed={seed!r}: give an integer from 0 to 2**63 - 1")
    return number


def _checked_parallelism(parallelism: Any) -> int | None:
    if parallelism is None:
        return None
    number = int(parallelism) if isinstance(parallelism, Integral) and not isinstance(parallelism, bool) else 0
    if number < 1:
        raise ValueError(f"parallelism={parallelism!r}: give an integer of at least 1, or None")
    return number


class AskTellAgent(Agent):
    """An agent that proposes whole architectures and is told how good they are.

    A subclass implements `begin`, `ask` and `tell` in numpy; the driver (`pynascent.agents.driver`) plays them through
    Propose, one architecture per lane and step, or (where the subclass names it) through Build, choice by choice. An
    action is an architecture ``(n,)`` or, where the environment lets the agent choose the fidelity
    (``epochs="choose"``), ``(n + 1,)`` with an index into the fidelities last.

    With one lane and several simulated workers (``SearchBudget(workers=W)``) the play is asynchronous: each
    worker that becomes free is given one action, and a result is told when the clock has reached its end.
    Up to W actions are then under way, and they are told one by one in the order of their ends, not of their
    asking. Live training is asynchronous too: as many trials are under way as the evaluator has room for, and each is
    told when it has ended. With more lanes all results of a batch are told together, and the next batch waits for
    the longest.
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
        """Return ``count`` valid actions, ``(count, n)`` or ``(count, n + 1)`` int64.

        They are trials: the first action of a search is number 0, and so on in the order of asking.
        """

    @abstractmethod
    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Learn how good some of the actions under way are.

        Args:
            actions: ``(k, …)``, k ≥ 1 that were asked for and not told yet: the paid rows of the last batch in
                its order, or (asynchronous play) one that has ended, which others asked for earlier may not have.
                What the budget does not cover is never told.
            rewards: ``(k,)`` float64, or ``(k, m)`` of a vector objective (`vector_reward`), to be maximised whatever
                the directions of its metrics; −∞ where the evaluation failed, which is the worst.
            ok: ``(k,)`` bool, False where the evaluation failed.
            infos: what the environment's ``info`` says of them, name → ``(k,)``: ``trial``, their numbers, by which
                two trials of one architecture are told apart; ``violation``, by how much each breaks the objective's
                constraints (0: feasible, ∞: failed), which goes before the reward in every comparison
                (`pynascent.envs.core.feasibility`); the metrics (not those of the test split), ``epochs``,
                ``cost_seconds``, ….
        """

    def play(self, env: AnyEnv, seed: int) -> None:
        """Ask, evaluate, tell, without end."""
        drive(self, env, seed)
