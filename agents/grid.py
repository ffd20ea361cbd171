"""Grid search: the space's architectures one after the other."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import gcd

import numpy as np

from ..envs.core.searchable import as_searchable
from .base import AnyEnv
from .one_by_one import OneByOneAgent
from .settings import Settings, setting

_BLOCK = 256  # indices looked at together where some of them are not valid


@dataclass(frozen=True)
class GridSettings(Settings):
    """Settings of grid search.

    Attributes:
        start: index of the first architecture; None draws it from the seed, so that seeds differ.
        stride: step from one index to the next, modulo the size of the space; it shares no divisor with the
            size (the next larger number that does not is taken), so that every architecture comes once. 1 is
            the plain grid, whose last choices vary fastest. 0 stands for the golden section of the size,
            which spreads any number of evaluations evenly over the order (Weyl's sequence; Knuth, The Art
            of Computer Programming 3, section 6.4).
    """

    start: int | None = setting(None, least=0)
    stride: int = setting(1, least=0)


class Grid(OneByOneAgent):
    """Enumeration in a fixed order, each architecture trained to the largest fidelity.

    The baseline that Bergstra and Bengio (2012, "Random search for hyper-parameter optimization", JMLR 13)
    measure random search against: a budget far smaller than the space sees only a corner of it. It learns
    nothing, and the order of a cyclic walk through the indices (`SearchSpace.from_index`) is all there is to
    choose. Indices of invalid architectures are passed over. When all have been evaluated a warning says so,
    and the walk goes on from where it began.
    """

    name = "grid"
    formulations = ("propose", "build")
    Settings = GridSettings

    def check_environment(self, env: AnyEnv) -> None:
        """Refuse a start beyond the space."""
        space, start = as_searchable(env).task.space, self.settings.start
        size = space.size if space.listed is None else len(space.listed)
        if start is not None and start >= size:
            raise ValueError(f"start={start}: the space {space.name!r} has the indices 0..{size - 1}")

    def start(self) -> None:
        """Choose where the walk begins, and its step."""
        size = self._size = len(self._listed) if self._listed is not None else self._space.size
        s = self.settings
        drawn = sum(int(v) * w for v, w in zip(self.draw(), self._weights(), strict=True)) % size
        self._index = drawn if s.start is None else s.start
        # 610 / 987 are Fibonacci numbers: the golden section in integers, whatever the size.
        stride = max(s.stride or size * 610 // 987, 1)
        while gcd(stride, size) != 1:
            stride += 1
        self._stride, self._seen, self._found = stride, 0, 0
        self._block: list[np.ndarray] = []

    @property
    def _listed(self) -> np.ndarray | None:
        """The architectures of a space that is a list of them: its indices are places in the list."""
        return self._space.listed

    def propose(self) -> tuple[np.ndarray, None]:
        """Return the next architecture of the walk."""
        while not self._block:
            if self._seen >= self._size:
                warnings.warn(
                    f"grid search has evaluated all {self._found} architectures of the space {self._space.name!r}: "
                    "it starts over",
                    stacklevel=2,
                )
                self._seen, self._found = 0, 0
            count = min(_BLOCK, self._size - self._seen)
            indices = [(self._index + i * self._stride) % self._size for i in range(count)]
            self._index = (self._index + count * self._stride) % self._size
            self._seen += count
            rows = self._rows(indices)
            self._block = list(rows[self._space.valid(rows)][::-1])
            self._found += len(self._block)
        return self._block.pop(), None

    def learn(self, architecture: np.ndarray, note: None, reward: float, violation: float) -> None:
        """Learn nothing."""

    def _rows(self, indices: list[int]) -> np.ndarray:
        """Return the architectures ``(b, n)`` at these indices; a space may have more than int64 can name."""
        if self._listed is not None:
            return self._listed[indices]
        if self._space.size <= np.iinfo(np.int64).max:
            return self._space.from_index(np.array(indices, dtype=np.int64))
        cardinalities = [int(k) for k in self._space.cardinalities]
        return np.array(
            [[i // w % k for w, k in zip(self._weights(), cardinalities, strict=True)] for i in indices], dtype=np.int64
        )

    def _weights(self) -> list[int]:
        """Return each choice's weight in an index, the last choice's being 1, as Python integers."""
        weights = [1]
        for k in self._space.cardinalities[:0:-1]:
            weights.append(weights[-1] * int(k))
        return weights[::-1]
