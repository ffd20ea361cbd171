"""What a search agent may ask of an environment: the task behind it and how its actions are taken."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import gymnasium

from .budget import SearchBudget
from .evaluation import IntArray
from .history import SearchHistory
from .tasks import SearchTask


class FormulationRules(Protocol):
    """How actions become architectures, as far as an agent needs to know.

    Attributes:
        name: ``build``, ``edit``, ``propose``, or the name of a formulation of your own.
        fidelities: the fidelities that an action chooses from (``epochs="choose"``), () where they are fixed.
        starts_complete: whether an episode starts from an architecture, whose evaluation is charged.
        reward_is_gain: whether the reward is the change of the objective rather than its value.
    """

    name: str
    fidelities: tuple[int, ...]
    starts_complete: bool
    reward_is_gain: bool

    @property
    def action_space(self) -> gymnasium.Space:
        """The action space of one lane."""
        ...

    @property
    def mask_size(self) -> int:
        """Length of one lane's action mask."""
        ...

    @property
    def horizon(self) -> int:
        """Steps after which an episode is truncated."""
        ...


@runtime_checkable
class SearchableEnv(Protocol):
    """A Gymnasium environment that a search agent can play: `SearchEnv`, `SearchVectorEnv`, or one like them.

    Everything else that an agent uses is Gymnasium's: ``reset``, ``step``, the spaces, ``metadata``.
    """

    @property
    def task(self) -> SearchTask:
        """What is searched: space, evaluator and objective; ``task.budget`` is that of the search under way."""
        ...

    @property
    def formulation(self) -> FormulationRules:
        """The rules."""
        ...

    @property
    def chosen_fidelities(self) -> tuple[int, ...]:
        """The fidelities that an action chooses from, ascending; () where the environment has fixed them."""
        ...

    def search(
        self,
        budget: SearchBudget | None = None,
        on_evaluation: Callable[[dict[str, Any]], None] | None = None,
    ) -> AbstractContextManager[SearchHistory]:
        """Record a search, within a budget, for the length of a ``with`` block."""
        ...

    def action_masks(self) -> Any:
        """Return which actions are allowed now: ``(mask size,)`` bool, or ``(N, mask size)`` of N lanes."""
        ...


@runtime_checkable
class SearchableVectorEnv(SearchableEnv, Protocol):
    """A `SearchableEnv` of several lanes (a Gymnasium ``VectorEnv``)."""

    num_envs: int

    @property
    def architectures(self) -> IntArray:
        """The lanes' present architectures ``(N, n)``, −1 where undecided."""
        ...


def as_searchable(env: Any) -> SearchableEnv:
    """Return the environment under any wrappers, as a `SearchableEnv`.

    Raises:
        ValueError: it is none; the message says what it lacks.
    """
    inner = getattr(env, "unwrapped", env)
    lacking = [name for name in ("task", "formulation", "search", "action_masks") if not hasattr(inner, name)]
    if lacking:
        raise ValueError(
            f"{type(inner).__name__} cannot be searched, since it has no {', '.join(lacking)}: "
            "make an environment with gymnasium.make('PyNASCENT/<Task>-<Formulation>-v0')"
        )
    return inner
