"""The architectures among which a model-based agent chooses: each isomorphism class once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

ENUMERATED = 2**17  # largest space whose canonical forms are looked for: a second or two
FORMS = 20_000  # most forms that are kept with all their distances: 500 observations take 120 MB then


class Candidates:
    """Unseen canonical forms of a space: all of them where there are few, draws and mutants otherwise.

    Args:
        space: the space.
        rng: randomness of draws and mutations.
        keeps: says which architectures ``(b, n)`` keep the constraints that are known before training, ``(b,)``; the
            others are no candidates. None: all are. Where none keeps them, all are as well.
        forms: most forms to keep as a whole, `FORMS`.
    """

    def __init__(
        self,
        space: Any,
        rng: np.random.Generator,
        keeps: Callable[[IntArray], NDArray[np.bool_]] | None = None,
        forms: int = FORMS,
    ) -> None:
        self._space, self._rng, self._keeps = space, rng, keeps
        self.all = _all_forms(space, forms)  # (m, n), or None where there are too many
        self._place = {} if self.all is None else {form.tobytes(): i for i, form in enumerate(self.all)}
        self.unseen = np.ones(0 if self.all is None else len(self.all), dtype=bool)  # (m,), of all
        self._seen: set[bytes] = set()
        if keeps is not None and self.all is not None:
            allowed = keeps(self.all)
            if allowed.any():
                self.unseen &= allowed
            else:
                self._keeps = None

    def see(self, architecture: IntArray) -> None:
        """Note that an architecture ``(n,)``, or one isomorphic to it, is evaluated."""
        key = self._space.canonical(architecture[None])[0].tobytes()
        self._seen.add(key)
        if key in self._place:
            self.unseen[self._place[key]] = False

    def is_new(self, forms: IntArray) -> NDArray[np.bool_]:
        """Say which canonical forms ``(b, n)`` are candidates that were not seen, ``(b,)``."""
        new = np.array([form.tobytes() not in self._seen for form in forms], dtype=bool)
        if self._keeps is not None and new.any():
            new[new] = self._keeps(forms[new])
        return new

    def draw(self, tries: int = 20, batch: int = 64) -> IntArray:
        """Return an unseen form ``(n,)`` at random, or any architecture that keeps the constraints where none is found.

        Uniform over the forms where they are known, else as `SearchSpace.sample` draws.
        """
        if self.all is not None and self.unseen.any():
            return self.all[self._rng.choice(np.flatnonzero(self.unseen))]
        for _ in range(tries if self.all is None else 0):
            forms = self._space.canonical(self._space.sample(self._rng, batch))
            new = np.flatnonzero(self.is_new(forms))
            if new.size:
                return forms[new[0]]
        if self._keeps is not None:
            forms = self._space.canonical(self._space.sample(self._rng, batch)) if self.all is None else self.all
            kept = np.flatnonzero(self._keeps(forms))
            if kept.size:
                return forms[self._rng.choice(kept)]
        return self._space.sample(self._rng, 1)[0]

    def beside(self, architecture: IntArray) -> IntArray:
        """Return the distinct unseen forms ``(k, n)`` one choice away from an architecture ``(n,)``."""
        forms = np.unique(self._space.canonical(self._space.neighbours(architecture)), axis=0)
        return forms[self.is_new(forms)]

    def around(self, best: IntArray, draws: int, mutants: int) -> IntArray:
        """Return distinct unseen forms ``(≤ draws + mutants, n)``: uniform draws, and mutants of good ones.

        Mutants change 1, 2 or 3 choices (fewer where there are not as many).

        Args:
            best: ``(p, n)`` good architectures.
            draws: number of draws.
            mutants: number of mutants.
        """
        free = int((self._space.cardinalities > 1).sum())
        rows = [self._space.sample(self._rng, draws)]
        for changes in range(1, min(free, 3) + 1):
            parents = best[self._rng.integers(len(best), size=mutants // min(free, 3))]
            try:
                rows.append(self._space.mutate(parents, self._rng, changes))
            except ValueError:  # a parent without such a valid mutant
                continue
        forms = np.unique(self._space.canonical(np.concatenate(rows)), axis=0)
        return forms[self.is_new(forms)]


@lru_cache(maxsize=4)  # a benchmark searches the same spaces over and over
def _all_forms(space: Any, limit: int) -> IntArray | None:
    """Return every canonical form ``(m, n)``, or None where there are too many.

    They are in the order in which the first member of each class is enumerated: seeded draws depend on it.
    """
    if space.size > ENUMERATED:
        return None
    found: dict[bytes, IntArray] = {}
    for block in space.enumerate():
        for form in space.canonical(block):
            found.setdefault(form.tobytes(), form)
        if len(found) > limit:
            return None
    forms = np.array(list(found.values()))
    forms.setflags(write=False)
    return forms
