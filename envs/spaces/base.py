"""The search space protocol: named categorical choices, architectures as integer vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..network.cost import Cost, network_cost
from ..network.graph import Network
from .shadowing import NoShadowing

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """One named categorical decision, with its options in index order."""

    name: str
    options: tuple[str | int | float | bool, ...]

    def __len__(self) -> int:
        """Return the number of options."""
        return len(self.options)


ENUMERABLE = 2**20
"""Combinations that the default `SearchSpace.option_mask` of a constrained space enumerates at most."""

REJECTIONS = 100_000
"""Invalid draws in a row after which `SearchSpace.sample` gives up."""

ATTEMPTS = 1000
"""Draws that `SearchSpace.mutate` makes for one row before it says that there is no valid one."""


class SearchSpace(NoShadowing, ABC):
    """A set of architectures, each an integer vector with one option index per choice.

    Everything is batched: methods take ``(b, n)`` integer arrays and return arrays with the same leading
    dimension. A subclass says which choices there are (``choices``), what network an architecture stands
    for (`network`), and its constructor arguments (`config`); the rest has defaults that hold for every
    space whose choices combine freely. A space whose choices do not (NAS-Bench-101, say) overrides `valid`,
    and `option_mask` too if it is large; a space with isomorphic architectures overrides `canonical`.

    Args:
        name: short name of the space, the key under which it is registered.
        choices: the decisions, in the order in which the Build formulation takes them.
    """

    distinct: int | None = None  # isomorphism classes, for a space too large to list them that knows their number
    listed: IntArray | None = None  # (rows, n) all architectures, of a space that is a list: random draws may miss them
    invalid_reason: str = "its options do not go together"  # of a row that `valid` refuses, for messages

    canonical_keeps_cost: bool = True
    """Whether an architecture and its canonical form always cost the same (dead parts may be counted)."""

    def __init__(self, name: str, choices: Sequence[Choice]) -> None:
        if not choices:
            raise ValueError(f"the space {name!r} has no choices: give at least one Choice")
        for choice in choices:
            if len(choice) < 1 or len(set(choice.options)) != len(choice):
                raise ValueError(
                    f"choice {choice.name!r} of the space {name!r} has the options {choice.options}: "
                    "give at least one, none of them twice"
                )
        names = [choice.name for choice in choices]
        if len(set(names)) != len(names):
            raise ValueError(f"the space {name!r} has two choices of one name in {names}: rename one")
        self.name = name
        self.choices: tuple[Choice, ...] = tuple(choices)
        self.cardinalities: IntArray = np.array([len(c) for c in choices], dtype=np.int64)  # (n,)
        # Position of each choice's first option in a flat one-hot vector; the last entry is its length.
        self.offsets: IntArray = np.concatenate([[0], np.cumsum(self.cardinalities)])  # (n + 1,)
        self._largest_flops: float | None = None

    # -- what a subclass says -------------------------------------------------------------------------

    @abstractmethod
    def network(self, architecture: ArrayLike) -> Network:
        """Return the layer graph that one architecture ``(n,)`` stands for."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain JSON values, so that the space can be rebuilt."""

    # -- size and order -------------------------------------------------------------------------------

    @property
    def n(self) -> int:
        """Number of choices."""
        return len(self.choices)

    @property
    def size(self) -> int:
        """Number of option combinations, valid or not, as an exact Python integer."""
        return prod(len(choice) for choice in self.choices)

    def index(self, architectures: ArrayLike) -> IntArray:
        """Return each architecture's place ``(b,)`` in enumeration order (the last choice varies fastest).

        Raises:
            OverflowError: the space has more than 2⁶³ − 1 combinations, so its order has no int64 index.
        """
        architectures = np.asarray(architectures, dtype=np.int64)
        return architectures @ self._strides

    def from_index(self, indices: ArrayLike) -> IntArray:
        """Return the architectures ``(b, n)`` at these places in enumeration order."""
        indices = np.atleast_1d(np.asarray(indices, dtype=np.int64))
        if indices.size and (indices.min() < 0 or indices.max() >= self.size):
            bad = indices[(indices < 0) | (indices >= self.size)][0]
            raise IndexError(f"architecture index {bad} is outside 0..{self.size - 1} of the space {self.name!r}")
        return indices[:, None] // self._strides % self.cardinalities

    def enumerate(self, chunk: int = 65536) -> Iterator[IntArray]:
        """Yield every valid architecture in index order, in arrays of at most ``(chunk, n)``."""
        for start in range(0, self.size, chunk):
            block = self.from_index(np.arange(start, min(start + chunk, self.size)))
            block = block[self.valid(block)]
            if len(block):
                yield block

    def count(self) -> int:
        """Return the exact number of valid architectures.

        `size` where combinations are free; otherwise the default enumerates, which takes time in a large
        space, and spaces that know better override it.
        """
        return sum(len(block) for block in self.enumerate()) if self.constrained else self.size

    @cached_property
    def _strides(self) -> IntArray:
        if self.size > np.iinfo(np.int64).max:
            raise OverflowError(
                f"the space {self.name!r} has {self.size:.3e} combinations, more than an int64 index can name: "
                "sample it instead of enumerating it"
            )
        strides = np.ones(self.n, dtype=np.int64)
        strides[:-1] = np.cumprod(self.cardinalities[:0:-1])[::-1]
        return strides

    # -- validity -------------------------------------------------------------------------------------

    def valid(self, architectures: ArrayLike) -> BoolArray:
        """Say which rows ``(b, n)`` with option indices in range stand for a network: ``(b,)`` bool."""
        return np.ones(len(np.atleast_2d(np.asarray(architectures))), dtype=bool)

    @property
    def constrained(self) -> bool:
        """Whether some combinations are not valid (then masks depend on earlier choices)."""
        return type(self).valid is not SearchSpace.valid

    def option_mask(self, architectures: ArrayLike, positions: ArrayLike) -> BoolArray:
        """Say which options of choice ``positions`` ``(b,)`` can still lead to a valid architecture.

        The default enumerates a constrained space once, so it is exact for any `valid`; a space of more
        than `ENUMERABLE` combinations overrides it.

        Args:
            architectures: ``(b, n)``, the choices before ``positions`` decided, the rest −1.
            positions: ``(b,)`` index of the choice to be decided.

        Returns:
            ``(b, k)`` bool, k the largest cardinality; options beyond a choice's own cardinality are False.
        """
        positions = np.asarray(positions, dtype=np.int64)
        mask = self._options_in_range(positions)
        if self.constrained:
            rows = np.atleast_2d(np.asarray(architectures, dtype=np.int64))
            for position in np.unique(positions):
                asked = np.flatnonzero(positions == position)
                table = self._valid_prefixes[position]  # (prefixes of the choices before, options)
                prefixes = rows[asked, :position] @ self._strides[:position] // self._strides[position - 1]
                mask[asked, : table.shape[1]] = table[prefixes]
        return mask

    def _options_in_range(self, positions: IntArray) -> BoolArray:
        """Say which options each choice has at all, ``(b, k)``."""
        return np.arange(self.cardinalities.max()) < self.cardinalities[positions][:, None]

    @cached_property
    def _valid_prefixes(self) -> list[BoolArray]:
        """Which options of each choice, after which options of the choices before, begin a valid row."""
        if self.size > ENUMERABLE:
            raise NotImplementedError(
                f"the space {self.name!r} is constrained and has {self.size:.3e} combinations, too many to "
                f"enumerate (at most {ENUMERABLE}): {type(self).__name__} must define option_mask"
            )
        rows = SearchSpace.from_index(self, np.arange(self.size))
        begins = self.valid(rows)
        tables = []
        for cardinality in self.cardinalities[::-1]:
            begins = begins.reshape(-1, cardinality)
            tables.append(begins)
            begins = begins.any(axis=1)
        return tables[::-1]

    def check(self, architectures: ArrayLike) -> IntArray:
        """Return ``(b, n)`` int64 if every row is a valid architecture.

        Raises:
            ValueError: wrong shape, an option out of range, or an invalid combination, naming the first.
        """
        given = np.asarray(architectures)
        array = np.atleast_2d(given)
        if array.ndim != 2 or array.shape[1] != self.n or not np.issubdtype(array.dtype, np.integer):
            raise ValueError(
                f"architectures of the space {self.name!r} are integer arrays of shape (b, {self.n}), "
                f"not {given.dtype} of shape {given.shape}"
            )
        array = array.astype(np.int64)
        wrong = (array < 0) | (array >= self.cardinalities)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            choice = self.choices[column]
            raise ValueError(
                f"architecture {row} has option {array[row, column]} for {choice.name!r} of the space "
                f"{self.name!r}: allowed are 0..{len(choice) - 1} ({', '.join(map(str, choice.options))})"
            )
        invalid = ~self.valid(array)
        if invalid.any():
            row = int(np.argmax(invalid))
            raise ValueError(
                f"architecture {row}, {array[row].tolist()}, is not valid in the space {self.name!r}: "
                f"{self.invalid_reason}"
            )
        return array

    # -- moving about ---------------------------------------------------------------------------------

    def sample(self, rng: np.random.Generator, size: int = 1) -> IntArray:
        """Draw ``(size, n)`` valid architectures uniformly (by rejection where combinations are invalid).

        Raises:
            ValueError: `REJECTIONS` draws in a row were invalid.
        """
        drawn = rng.integers(0, self.cardinalities, size=(size, self.n), dtype=np.int64)
        invalid = np.flatnonzero(~self.valid(drawn)) if self.constrained else np.empty(0, dtype=np.int64)
        for _ in range(REJECTIONS):
            if not invalid.size:
                break
            drawn[invalid] = rng.integers(0, self.cardinalities, size=(invalid.size, self.n), dtype=np.int64)
            invalid = invalid[~self.valid(drawn[invalid])]
        if invalid.size:
            raise ValueError(
                f"no valid architecture of the space {self.name!r} in {REJECTIONS} draws: "
                f"{type(self).__name__} must define a sample of its own, or a less strict valid"
            )
        return drawn

    def neighbours(self, architecture: ArrayLike) -> IntArray:
        """Return the valid architectures ``(k, n)`` that differ from ``(n,)`` in exactly one choice."""
        origin = self.check(architecture)[0]
        rows = np.repeat(origin[None], int((self.cardinalities - 1).sum()), axis=0)
        row = 0
        for position, cardinality in enumerate(self.cardinalities):
            for option in range(cardinality):
                if option != origin[position]:
                    rows[row, position] = option
                    row += 1
        return rows[self.valid(rows)]

    def mutate(self, architectures: ArrayLike, rng: np.random.Generator, changes: int = 1) -> IntArray:
        """Return valid copies ``(b, n)`` with ``changes`` distinct choices of each row set to another option.

        Raises:
            ValueError: more changes asked for than there are choices with two or more options, or a row has
                no valid copy with so many changes (none came up in `ATTEMPTS` draws).
        """
        parents = self.check(architectures)
        free = np.flatnonzero(self.cardinalities > 1)
        if not 1 <= changes <= free.size:
            raise ValueError(f"changes={changes}: the space {self.name!r} can change 1..{free.size} choices")
        children = parents.copy()
        todo = np.arange(len(parents))
        for _ in range(ATTEMPTS):
            if not todo.size:
                break
            order = rng.random((todo.size, free.size)).argpartition(changes - 1, axis=1)[:, :changes]
            positions = free[order]  # (todo, changes), distinct in each row
            old = np.take_along_axis(parents[todo], positions, axis=1)
            shift = rng.integers(1, self.cardinalities[positions])
            child = parents[todo]
            np.put_along_axis(child, positions, (old + shift) % self.cardinalities[positions], axis=1)
            children[todo] = child
            todo = todo[~self.valid(child)]
        if todo.size:
            raise ValueError(
                f"architecture {parents[todo[0]].tolist()} of the space {self.name!r}: no valid copy with "
                f"changes={changes} in {ATTEMPTS} draws; ask for another number of changes"
            )
        return children

    def crossover(self, first: ArrayLike, second: ArrayLike, rng: np.random.Generator) -> IntArray:
        """Return ``(b, n)`` children that take each choice from either parent with probability ½.

        A child whose choices do not go together is drawn again, and is its first parent after 100 draws.
        """
        first, second = self.check(first), self.check(second)
        children = np.where(rng.random(first.shape) < 0.5, first, second)
        if self.constrained:
            for _ in range(100):
                invalid = np.flatnonzero(~self.valid(children))
                if not invalid.size:
                    break
                take = rng.random((invalid.size, self.n)) < 0.5
                children[invalid] = np.where(take, first[invalid], second[invalid])
            else:
                invalid = ~self.valid(children)
                children[invalid] = first[invalid]
        return children

    def canonical(self, architectures: ArrayLike) -> IntArray:
        """Return one representative ``(b, n)`` of each row's isomorphism class.

        Equal rows compute the same functions, and have the same cost unless ``canonical_keeps_cost`` is
        False. Canonical forms deduplicate proposals; they never redirect a look-up, since trainings of
        isomorphic architectures have scores of their own. The default knows no isomorphisms.
        """
        return self.check(architectures)

    # -- what a model sees ----------------------------------------------------------------------------

    def features(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Describe each row in numbers, for the surrogate models of search agents.

        Nothing here comes from training. Isomorphic rows have equal features. The default knows the choices
        alone: their one-hot code and, where several choices offer the same options, how many of them took
        each (operation counts). A space that knows what its choices build adds blocks of its own.

        Returns:
            Named blocks of columns, each ``(b, k)`` float64. Distances are taken within a block, so a block
            holds columns of one kind.
        """
        rows = self.canonical(architectures)
        blocks = {"choices": self._one_hot(rows)}
        kinds: dict[tuple[Any, ...], list[int]] = {}
        for position, choice in enumerate(self.choices):
            kinds.setdefault(choice.options, []).append(position)
        shared = [(options, positions) for options, positions in kinds.items() if len(positions) > 1]
        if shared:
            blocks["counts"] = np.concatenate(
                [option_counts(rows[:, positions], len(options)) for options, positions in shared], axis=1
            )
        return blocks

    def _one_hot(self, rows: IntArray) -> FloatArray:
        """Return the one-hot code ``(b, Σ cardinalities)`` of rows ``(b, n)``."""
        code = np.zeros((len(rows), int(self.offsets[-1])))
        code[np.arange(len(rows))[:, None], rows + self.offsets[:-1]] = 1.0
        return code

    # -- readable forms -------------------------------------------------------------------------------

    def to_string(self, architecture: ArrayLike) -> str:
        """Return the architecture ``(n,)`` as readable text that `parse` takes back."""
        row = self.check(architecture)[0]
        return " ".join(f"{c.name}={c.options[i]}" for c, i in zip(self.choices, row, strict=True))

    def parse(self, text: str) -> IntArray:
        """Return the architecture ``(n,)`` that a text of `to_string` names.

        Raises:
            ValueError: the text is no architecture of this space; the message says where it fails.
        """
        found = {name: option for name, _, option in (part.partition("=") for part in text.split())}
        names = [choice.name for choice in self.choices]
        if sorted(found) != sorted(names) or len(found) != len(text.split()):
            raise ValueError(f"{text!r} does not name each of {names} once, as name=option with blanks between")
        row = []
        for choice in self.choices:
            options = [str(option) for option in choice.options]
            if found[choice.name] not in options:
                raise ValueError(f"{choice.name}={found[choice.name]} in {text!r}: allowed are {', '.join(options)}")
            row.append(options.index(found[choice.name]))
        return self.check(np.array(row))[0]

    def options(self, architecture: ArrayLike) -> dict[str, Any]:
        """Return the chosen option of each choice by name."""
        row = self.check(architecture)[0]
        return {c.name: c.options[i] for c, i in zip(self.choices, row, strict=True)}

    def from_options(self, options: Mapping[str, Any]) -> IntArray:
        """Return the architecture ``(n,)`` with these options by name: what `options` or a ConfigSpace gives.

        Raises:
            ValueError: a choice is missing, unknown or has no such option, or the options do not go together.
        """
        names = [choice.name for choice in self.choices]
        wrong = sorted(set(names) ^ set(options))
        if wrong:
            problem = "is missing" if wrong[0] in names else "is unknown"
            raise ValueError(f"choice {wrong[0]!r} of the space {self.name!r} {problem}: its choices are {names}")
        row = []
        for choice in self.choices:
            if options[choice.name] not in choice.options:
                allowed = ", ".join(map(str, choice.options))
                raise ValueError(f"{choice.name}={options[choice.name]!r}: allowed are {allowed}")
            row.append(choice.options.index(options[choice.name]))
        return self.check(np.array(row))[0]

    # -- cost -----------------------------------------------------------------------------------------

    def cost(self, architectures: ArrayLike) -> dict[str, FloatArray]:
        """Count parameters, ``flops`` and ``elementwise_flops`` of each row, as float64 columns ``(b,)``."""
        costs = [network_cost(self.network(row)) for row in self.check(architectures)]
        return {name: np.array([getattr(c, name) for c in costs], dtype=np.float64) for name in Cost.COLUMNS}

    @property
    def largest_flops(self) -> float:
        """FLOPs of the costliest architecture: what a failed evaluation counts as."""
        if self._largest_flops is None:
            self._largest_flops = float(self.cost(self.largest())["flops"][0])
        return self._largest_flops

    def largest(self) -> IntArray:
        """Return a costliest valid architecture ``(n,)``.

        The default climbs from a valid start by the best single change until none helps, which is exact
        wherever each option's cost does not depend on the other choices' order; other spaces override it.
        """
        current = self.sample(np.random.default_rng(0), 1)[0]
        best = self.cost(current)["flops"][0]
        while True:
            around = self.neighbours(current)
            flops = self.cost(around)["flops"]
            if not len(around) or flops.max() <= best:
                return current
            current, best = around[flops.argmax()], flops.max()

    # -- export and identity --------------------------------------------------------------------------

    def forbidden(self) -> list[dict[str, Any]]:
        """Return partial assignments (choice → option) that no valid architecture contains.

        They become forbidden clauses of `to_configspace`. A space says in its documentation when they do
        not express all of `valid`.
        """
        return []

    def to_configspace(self, seed: int | None = None) -> Any:
        """Return a ``ConfigSpace.ConfigurationSpace`` with one categorical hyperparameter per choice.

        Combinations that `forbidden` lists are forbidden clauses. ``from_options(dict(configuration))``
        turns a sample back into an architecture.

        Raises:
            ModuleNotFoundError: ConfigSpace is missing; the message names the extra that has it.
        """
        try:
            from ConfigSpace import (
                CategoricalHyperparameter,
                ConfigurationSpace,
                ForbiddenAndConjunction,
                ForbiddenEqualsClause,
            )
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("to_configspace needs ConfigSpace: pip install 'pynascent[spaces]'") from error
        exported = ConfigurationSpace(name=self.name, seed=seed)
        # ConfigSpace checks its default configuration against the clauses, so it must be a valid one.
        row = self.sample(np.random.default_rng(0))[0] if self.constrained else np.zeros(self.n, dtype=np.int64)
        defaults = [c.options[i] for c, i in zip(self.choices, row, strict=True)]
        exported.add(
            [
                CategoricalHyperparameter(c.name, list(c.options), default_value=default)
                for c, default in zip(self.choices, defaults, strict=True)
            ]
        )
        for together in self.forbidden():
            clauses = [ForbiddenEqualsClause(exported[name], option) for name, option in together.items()]
            exported.add(clauses[0] if len(clauses) == 1 else ForbiddenAndConjunction(*clauses))
        return exported

    def __eq__(self, other: object) -> bool:
        """Spaces are equal when they are of one class with equal arguments."""
        return type(self) is type(other) and self.config() == other.config()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        """Hash by what equality compares."""
        return hash((type(self).__name__, repr(sorted(self.config().items()))))

    def __repr__(self) -> str:
        """Show the class and its arguments."""
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.config().items())
        return f"{type(self).__name__}({arguments})"


def option_counts(rows: IntArray, options: int) -> FloatArray:
    """Count how often each option occurs in each row: ``(b, p)`` option indices → ``(b, options)``."""
    return (rows[:, :, None] == np.arange(options)).sum(axis=1).astype(np.float64)
