"""Agents that think of one architecture at a time and train each to the largest fidelity."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from .base import AskTellAgent
from .constraints import violations_of
from .pending import Pending


class OneByOneAgent(AskTellAgent):
    """An ask/tell agent written for single architectures; batches and late results are taken care of here.

    A subclass says what to evaluate next and what it learns from one result. Between the two any number of
    other architectures may be asked for and told, in any order: a note carries over what it wants to
    remember of the one.
    """

    def begin(self, space: Any, fidelities: tuple[int, ...], rng: np.random.Generator) -> None:
        """Start a new search."""
        self._space, self._rng = space, rng
        self._fidelity = [len(fidelities) - 1] if fidelities else []
        self._pending: Pending[Any] = Pending()
        self.start()

    def ask(self, count: int) -> np.ndarray:
        """Return the next ``count`` architectures, at the largest fidelity."""
        n = self._space.n
        actions = np.empty((count, n + len(self._fidelity)), dtype=np.int64)
        actions[:, n:] = self._fidelity
        for action in actions:
            action[:n], note = self.propose()
            self._pending.add(note)
        return actions

    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Learn from each row in turn."""
        notes, violations = self._pending.told(infos), violations_of(infos, ok)
        for action, note, reward, violation in zip(actions, notes, rewards, violations.tolist(), strict=True):
            self.learn(action[: self._space.n].copy(), note, reward, violation)

    def draw(self) -> np.ndarray:
        """Return a uniform draw ``(n,)`` from the space."""
        return self._space.sample(self._rng, 1)[0]

    @abstractmethod
    def start(self) -> None:
        """Forget the last search; ``_space`` and ``_rng`` are those of the new one."""

    @abstractmethod
    def propose(self) -> tuple[np.ndarray, Any]:
        """Return the next architecture ``(n,)`` and a note that `learn` is given back with its result."""

    @abstractmethod
    def learn(self, architecture: np.ndarray, note: Any, reward: Any, violation: float) -> None:
        """Learn one result.

        Args:
            architecture: ``(n,)``.
            note: what `propose` said of it.
            reward: a number, or ``(k,)`` for a vector objective; −∞ where the evaluation failed.
            violation: by how much it breaks the objective's constraints: 0 where it is feasible, ∞ where it failed.
        """
