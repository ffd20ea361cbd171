"""The driver under ask/tell agents: who asks when, and when what is told.

Candidates are trials, numbered from 0 in the order in which they are asked for. There are three ways to play them:

- batched: a lane for each, all results of a batch told together, the next batch waiting for the longest;
- simulated: one lane and several simulated workers, each result told when the clock has reached its end;
- live: where the evaluator trains for real and works while the caller goes on, as many trials under way as it has
  room for, each told when it ends (`pynascent.agents.live_driver`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any, NoReturn, Protocol

import numpy as np

from ..envs import BudgetExhausted, SearchBudget
from ..envs.core.searchable import as_searchable
from .environments import AnyEnv, wrapped
from .live_driver import LiveTrials, TrialEnv
from .whole_lanes import WholeLanes


class AskTell(Protocol):
    """What is driven; see `pynascent.agents.AskTellAgent`."""

    parallelism: int | None

    def begin(self, space: Any, fidelities: tuple[int, ...], rng: np.random.Generator) -> None:
        """Start a new search."""
        ...

    def ask(self, count: int) -> np.ndarray:
        """Return ``count`` actions."""
        ...

    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Learn how good some of the actions under way are."""
        ...


def drive(agent: AskTell, env: AnyEnv, seed: int) -> NoReturn:
    """Begin a search, and ask and tell until the budget is spent.

    Raises:
        BudgetExhausted: it is.
        RuntimeError: the agent asked for an architecture that is not valid in the space.
    """
    inner = as_searchable(env)
    agent.begin(inner.task.space, tuple(inner.formulation.fidelities), np.random.default_rng(seed))
    if inner.task.live and isinstance(inner, TrialEnv) and inner.task.decorated and not wrapped(env):
        lanes = getattr(inner, "num_envs", 1)
        parallel = agent.parallelism or max(lanes, getattr(inner.task.evaluator, "parallelism", 1))
        LiveTrials(agent, inner, seed, parallel).play()
    lanes = WholeLanes(env)
    lanes.reset(seed)
    budget = inner.task.budget
    if budget is not None and budget.workers > 1 and lanes.count == 1:
        _play_simulated(agent, lanes, budget)
    _play_batched(agent, lanes)


def _play_batched(agent: AskTell, lanes: WholeLanes) -> NoReturn:
    """Give every lane an action, and tell all results together."""
    for batch in count():
        actions = agent.ask(lanes.count)
        paid, rewards, ok, infos = lanes.evaluate(actions)
        if paid.any():
            infos["trial"] = batch * lanes.count + np.flatnonzero(paid)
            agent.tell(actions[paid], rewards, ok, infos)
        lanes.reset()
    raise AssertionError("unreachable: the reset of a spent search raises")


def _play_simulated(agent: AskTell, lanes: WholeLanes, budget: SearchBudget) -> NoReturn:
    """Keep W simulated workers busy, and tell each result when the clock has reached its end."""
    budget.asynchronous = True
    running: list[tuple[float, int, Callable[[], None]]] = []  # heap of (end, trial, telling it)
    try:
        for trial in count():
            while running and running[0][0] <= budget.next_free_seconds:
                heappop(running)[2]()
            action = agent.ask(1)
            paid, rewards, ok, infos = lanes.evaluate(action)
            if paid[0]:
                infos["trial"] = np.array([trial])
                heappush(running, (budget.last_end_seconds, trial, partial(agent.tell, action, rewards, ok, infos)))
            lanes.reset()
    except BudgetExhausted:
        while running:  # what is still running comes to its end
            heappop(running)[2]()
        raise
    raise AssertionError("unreachable: the reset of a spent search raises")
