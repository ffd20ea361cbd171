"""NAS-Digits as arrays: what the table says of every distinct architecture."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pynascent.envs import Evaluation
from pynascent.envs.core.objective import flops_isi_objective
from pynascent.envs.spaces import ChainSpace
from pynascent.envs.tables import MEAN_SEED, TableEvaluator

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Measured:
    """The columns of a table whose rows are the canonical forms of a chain space.

    Args:
        table: NAS-Digits or a part of it: its name or path.

    Attributes:
        evaluator: the table.
        space: its search space.
        seeds: its training seeds.
        epochs: its fidelities.
        last: the largest of them.
        rows: ``(rows, n)`` architectures.
        flops: ``(rows,)``.
    """

    def __init__(self, table: str) -> None:
        self.evaluator = TableEvaluator(table)
        self.space, self.seeds = self.evaluator.space, self.evaluator.seeds
        self.epochs, self.last = self.evaluator.fidelities, self.evaluator.fidelities[-1]
        self.rows = self.evaluator.architectures()
        self.flops = self.evaluator.values("flops")
        self._evaluations: dict[int, Evaluation] = {}

    def __len__(self) -> int:
        """Return the number of distinct architectures."""
        return len(self.rows)

    @cached_property
    def weights(self) -> NDArray[np.int64]:
        """How many architectures of the space each row stands for, ``(rows,)``; in all, the space's size."""
        counts = np.zeros(len(self), dtype=np.int64)
        for block in self.space.enumerate():
            known = block[self.evaluator.covers(block)]  # all of them, unless the table is partial
            counts += np.bincount(self.evaluator.rows(known), minlength=len(self))
        return counts

    @cached_property
    def flops_rank(self) -> FloatArray:
        """Share of the architectures that are smaller, ``(rows,)``: 0 the smallest, 1 the largest; ties share."""
        from scipy.stats import rankdata

        return (rankdata(self.flops) - 1) / max(1, len(self) - 1)

    @cached_property
    def widths(self) -> dict[int, Mask]:
        """Which architectures have which number of channels: width → ``(rows,)`` bool."""
        choices = {choice.name: (i, choice.options) for i, choice in enumerate(self.space.choices)}
        place, options = choices["width"]
        return {int(options[i]): self.rows[:, place] == i for i in range(len(options))}

    @cached_property
    def groups(self) -> dict[str, Mask]:
        """All architectures; those of each width, where there are several; and the larger half by FLOPs of each."""
        found = {"all": np.ones(len(self), dtype=bool)}
        if len(self.widths) > 1:
            found |= {f"width {width}": mask for width, mask in self.widths.items()}
        halves = {
            f"{name}, larger half": mask & (self.flops > np.median(self.flops[mask])) for name, mask in found.items()
        }
        return {name: both for pair in zip(found.items(), halves.items(), strict=True) for name, both in pair}

    def by_seed(self, metric: str, epochs: int | None = None) -> FloatArray:
        """Return a metric of every training ``(seeds, rows)``, after the last epoch by default."""
        return np.array([self.evaluator.values(metric, epochs, seed) for seed in self.seeds])

    def mean(self, metric: str, epochs: int | None = None) -> FloatArray:
        """Return a metric's mean over the seeds, or a property of the architecture, ``(rows,)``."""
        return self.evaluator.values(metric, epochs)

    def rewards(self, lam: float, mu: float, seed: int = MEAN_SEED) -> FloatArray:
        """Return accuracy − λ ln FLOPs − μ (1 − ISI) of every architecture after the last epoch, ``(rows,)``."""
        if seed not in self._evaluations:
            full = self.evaluator.evaluate(self.rows, np.full(len(self), self.last), np.full(len(self), seed))
            columns = {name: np.array(full[name]) for name in (self.evaluator.search_metric, "flops", "isi")}
            self._evaluations[seed] = Evaluation(full.status, full.epochs, full.seed, columns, full.cost_seconds)
        objective = flops_isi_objective(lam, mu).bind(self.evaluator.metrics, self.evaluator.search_metric)
        return objective(self._evaluations[seed])

    def text(self, row: int) -> str:
        """Return an architecture in short: its blocks stage by stage, the residual flag, the width."""
        space, values = self.space, self.space.options(self.rows[row])
        assert isinstance(space, ChainSpace)
        blocks = [str(values[f"stage{s + 1}_block{b + 1}"]) for s in range(space.stages) for b in range(space.blocks)]
        stages = [" ".join(blocks[s * space.blocks : (s + 1) * space.blocks]) for s in range(space.stages)]
        flag = ", residual" if values.get("residual") == "yes" else ""
        return f"{' / '.join(stages)}{flag}, width {values['width']}"
