"""A whole step of Build over a table, fused: next state, what was masked, reward and ends in a few gathers.

Lanes need not be in step with each other. Where all are, and none has taken a masked action, arithmetic replaces
the gathers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.evaluation import FloatArray, IntArray
from ..mdp.acceleration import MANY_LANES
from ..mdp.dynamics import SearchDynamics
from ..mdp.formulations import Build
from ..mdp.lanes import BoolArray
from ..mdp.outcome import Measured, Outcome
from .coded import CodedDynamics
from .codes import Prefixes, fits, prefixes
from .reward_table import Block


class BuildPass(CodedDynamics):
    """N lanes of Build, each a state of `Prefixes` and how many masked actions its episode has had.

    Args:
        arguments: those of `SearchDynamics`.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._table: Prefixes = prefixes(self.task.space)
        self._actions = self._table.width
        self._options = [*self._table.cardinalities, 1]  # allowed in each level
        self._finished = self._table.first[-2]  # the first finished state
        # Masked actions of each lane's episode, (N,), None where no lane has had any; with them the steps of each
        # episode, (N,); and the level of all lanes, where they have one and none has had any.
        self._masked: NDArray[Any] | None = None
        self._taken: NDArray[Any] | None = None
        self._small = np.uint8 if self.rules.horizon < 256 else np.int64
        self._level: int | None = None
        self._rewards: tuple[Block, FloatArray] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the tables out: they are the space's."""
        return {**self.__dict__, "_table": None, "_rewards": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, with the space's tables."""
        self.__dict__.update(state)
        self._table = prefixes(self.task.space)

    def _decoded(self) -> tuple[IntArray, IntArray]:
        assert self._codes is not None
        return self._table.architectures.take(self._codes, axis=0).astype(np.int64), self._steps().astype(np.int64)

    def _steps(self) -> NDArray[Any]:
        assert self._codes is not None
        levels = self._table.level.take(self._codes, mode="clip")
        return levels if self._masked is None else levels + self._masked

    def _encode(self) -> bool:
        lanes = self._lanes
        self._codes, self._level = self._table.encode(lanes.architectures), None
        masked = lanes.steps - lanes.positions
        self._masked = masked.astype(self._small) if masked.any() else None
        self._taken = self._steps()
        return True

    def _begin_codes(self, rows: IntArray, block: Block) -> Outcome:
        if len(rows) == self.num_lanes:
            self.episodes += 1
        else:
            self.episodes[rows] += 1
        self._unpaid[rows] = False
        self._start(rows)
        return self._nothing()

    def _start(self, rows: IntArray) -> None:
        """Put lanes into the first state."""
        if len(rows) == self.num_lanes:
            self._codes, self._masked, self._level = np.zeros(self.num_lanes, dtype=np.int64), None, 0
            return
        assert self._codes is not None
        self._codes = self._codes.copy()
        self._codes[rows] = 0
        self._level = None
        if self._masked is not None:
            self._masked = self._masked.copy()
            self._masked[rows] = 0
            self._taken = self._steps()

    def _advance_codes(self, actions: IntArray, largest: int, restart: BoolArray | None, block: Block) -> Outcome:
        restarted = None
        if restart is not None:
            restarted = restart.nonzero()[0]
            if len(restarted) == self.num_lanes:
                self.episodes += 1
                self._start(restarted)
                return self._nothing()
            self.episodes[restarted] += 1
        elif self._level is not None and largest < self._table.cardinalities[self._level]:
            return self._advance_in_step(actions, block)
        old = self._codes
        assert old is not None
        places = old * self._actions
        places += actions
        codes = self._table.following.take(places, mode="clip")
        masked = codes == old
        if restarted is not None:
            codes[restarted] = 0
            masked[restarted] = False
        self._codes, self._level = codes, None
        rewards, terminated, measured = self._finish(codes, block)
        truncated = np.zeros(self.num_lanes, dtype=bool)
        if self._masked is not None or np.count_nonzero(masked):
            rewards -= masked * self.invalid_penalty
            count = masked.astype(self._small) if self._masked is None else self._masked + masked
            if restarted is not None:
                count[restarted] = 0
            self._masked = count
            self._taken = self._steps()
            truncated = self._taken >= self.rules.horizon
            np.greater(truncated, terminated, out=truncated)
        return Outcome(rewards, terminated, truncated, measured)

    def _advance_in_step(self, actions: IntArray, block: Block) -> Outcome:
        """Take the same, allowed, step in lanes that are all in one level."""
        assert self._codes is not None and self._level is not None
        table, level = self._table, self._level
        codes = self._codes * table.cardinalities[level]
        codes += actions
        codes += table.first[level + 1] - table.first[level] * table.cardinalities[level]
        self._codes, self._level = codes, level + 1
        if self._level < table.n:
            return self._nothing()
        rewards, terminated, measured = self._finish(codes, block)
        return Outcome(rewards, terminated, np.zeros(self.num_lanes, dtype=bool), measured)

    def _finish(self, codes: IntArray, block: Block) -> tuple[FloatArray, BoolArray, Measured | None]:
        """Return the rewards of finished lanes, which they are, and what is known of them."""
        terminated = codes >= self._finished
        if self._rewards is None or self._rewards[0] is not block:
            self._rewards = block, np.concatenate([np.zeros(self._finished), block.values[:, 0]])
        rewards = self._rewards[1].take(codes, mode="clip")
        architectures = codes - self._finished  # negative ones are no finished lanes: any place will do
        lookup = self._lookup
        return (
            rewards,
            terminated,
            Measured(terminated, lambda: lookup.columns(block, terminated, np.maximum(architectures, 0))),
        )

    def observation(self) -> NDArray[np.float32]:
        """Return the flat observation ``(N, d + 2)``, an array that nobody else holds."""
        if self._codes is None:
            return super().observation()
        flat = self._observations.array()
        self._table.features.take(self._codes, axis=0, out=flat, mode="clip")
        if self._masked is not None and self._taken is not None:
            flat[:, -1] = self._shares.take(self._taken, mode="clip")
        return flat

    def _mask_of(self, codes: NDArray[Any]) -> NDArray[np.int8]:
        """Return ``(N, A)``, stored action by action."""
        if self._level is not None and codes is self._codes:
            mask = np.zeros((self._actions, self.num_lanes), dtype=np.int8)
            mask[: self._options[self._level]] = 1
            return mask.T
        counts = self._table.options.take(codes, mode="clip")
        return np.less(np.arange(self._actions, dtype=counts.dtype)[:, None], counts).view(np.int8).T


def build_pass(dynamics: SearchDynamics) -> BuildPass | None:
    """Return the fused form of a process, where it was made for it."""
    served = CodedDynamics.serves(dynamics, Build) and fits(dynamics.task.space, Prefixes.count(dynamics.task.space))
    return BuildPass(*dynamics.arguments) if served else None


def install() -> None:
    """Put it into the table of accelerators."""
    MANY_LANES["build_pass"] = build_pass
