"""The distinct architectures of a space: one of each isomorphism class."""

from __future__ import annotations

from collections.abc import Iterator

from .base import IntArray, SearchSpace


def canonical_forms(space: SearchSpace) -> Iterator[IntArray]:
    """Yield every architecture that is its own canonical form, in index order, in arrays ``(b, n)``."""
    for block in space.enumerate():
        yield block[(space.canonical(block) == block).all(axis=1)]
