"""Random search, with and without repeats."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import AskTellAgent
from .settings import Settings


@dataclass(frozen=True)
class RandomSearchSettings(Settings):
    """Settings of random search.

    Attributes:
        repeats: whether an architecture, or one isomorphic to it, may be drawn again. With repeats every
            draw is uniform over the space (the form with a closed expectation, Li and Talwalkar, 2019,
            UAI). Without, draws are uniform over the architectures whose canonical form has not been
            drawn yet; when there are none left a warning says so and all may be drawn again.
    """

    repeats: bool = True


class RandomSearch(AskTellAgent):
    """Uniform draws from the space, each trained to the largest fidelity.

    The baseline that every published agent is compared with, and that many do not beat (Li and Talwalkar,
    2019, "Random search and reproducibility for neural architecture search", UAI).
    """

    name = "random"
    formulations = ("propose", "build")
    Settings = RandomSearchSettings

    def begin(self, space: Any, fidelities: tuple[int, ...], rng: np.random.Generator) -> None:
        """Start a new search."""
        self._space, self._rng = space, rng
        self._fidelity = [len(fidelities) - 1] if fidelities else []
        self._seen: set[bytes] = set()

    def ask(self, count: int) -> np.ndarray:
        """Draw ``count`` architectures at the largest fidelity."""
        if self.settings.repeats:
            drawn = self._space.sample(self._rng, count)
        else:
            drawn = np.concatenate([self._unseen() for _ in range(count)])
        return np.concatenate([drawn, np.tile(np.array([self._fidelity], dtype=np.int64), (count, 1))], axis=1)

    def tell(self, actions: np.ndarray, rewards: np.ndarray, ok: np.ndarray, infos: dict[str, np.ndarray]) -> None:
        """Learn nothing."""

    def _unseen(self, tries: int = 20, batch: int = 64) -> np.ndarray:
        """Draw one architecture ``(1, n)`` whose canonical form is new, and remember it."""
        row = self._space.sample(self._rng, 1)
        if not self._new(row)[0]:
            for _ in range(tries):
                rows = self._space.sample(self._rng, batch)
                new = np.flatnonzero(self._new(rows))
                if new.size:
                    row = rows[new[:1]]
                    break
            else:
                row = self._from_the_rest()
        self._seen.add(self._space.canonical(row)[0].tobytes())
        return row

    def _new(self, rows: np.ndarray) -> np.ndarray:
        return np.array([form.tobytes() not in self._seen for form in self._space.canonical(rows)])

    def _from_the_rest(self) -> np.ndarray:
        """Draw from what is left of a nearly exhausted space, by enumeration."""
        rest = [block[self._new(block)] for block in self._space.enumerate()]
        left = np.concatenate(rest)
        if len(left):
            return left[self._rng.integers(len(left))][None]
        warnings.warn(
            f"random search without repeats has drawn all {len(self._seen)} distinct architectures of the space "
            f"{self._space.name!r}: it starts over",
            stacklevel=2,
        )
        self._seen.clear()
        return self._space.sample(self._rng, 1)
