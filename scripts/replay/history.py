"""Evaluate every row of a search's history again, and say whether it reproduces."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...envs import Evaluation, SearchHistory, SearchTask
from ...envs.core.evaluation import TabularEvaluator
from ...envs.core.quantities.promotions import priced
from ..errors import UsageError
from ..judging import best_row

Rows = Sequence[Mapping[str, Any]]
OnRows = Callable[[int, int], None]

_MEAN_SEED = -1
NOTHING = "nothing"
# Of live searches, of searches with a budget, and of those that were recorded since rows have them.
OPTIONAL = {"clock_seconds", "trial", "started_seconds", "ended_seconds", "running", "reason", "traceback", "violation"}


@dataclass(frozen=True)
class Mismatch:
    """The first thing that a replay found to be otherwise than recorded.

    Attributes:
        row: place of the row in the history, from 0; None where the summary is wrong.
        field: the field that differs.
        recorded: its value in the record, or ``"nothing"`` where the record has none.
        found: its value now, or what is wrong with the recorded one.
        what: ``row`` of the history, or ``call`` of the record of actions.
    """

    row: int | None
    field: str
    recorded: Any
    found: Any
    what: str = "row"

    def __str__(self) -> str:
        """Say it in one line."""
        where = "the summary" if self.row is None else f"{self.what} {self.row} (line {self.row + 1})"
        return f"{where} does not reproduce: {self.field} is recorded as {self.recorded}, found {self.found}"


@dataclass(frozen=True)
class Replay:
    """What came of a replay.

    Attributes:
        rows: number of rows in the history.
        best: the best recorded row (`judging.best_row`), or None where no evaluation succeeded or
            rewards are vectors.
        mismatch: the first one, or None where everything reproduces.
        finished: whether the search had come to its end, so that a summary was compared too.
        calls: number of calls of reset and step that were made again, 0 where none were recorded.
    """

    rows: int
    best: dict[str, Any] | None
    mismatch: Mismatch | None = None
    finished: bool = False
    calls: int = 0

    @property
    def reproduced(self) -> bool:
        """Whether every row gave what was recorded."""
        return self.mismatch is None


def replay_history(
    rows: Rows, task: SearchTask, sequential: bool = False, on_rows: OnRows | None = None, batch: int | None = None
) -> Replay:
    """Evaluate every recorded row again on a task, in batches, and compare.

    Compared exactly are the row's index, the text form (parsed back, too), the status, every metric, and the
    reward. What an evaluator measures rather than computes is not: metrics that it declares not
    deterministic, rewards made of them, and ``cost_seconds``, unless it is a `TabularEvaluator`, which gives
    the same answer to everything. JSON's null stands for NaN and infinities.

    Args:
        rows: rows of a `SearchHistory`, or read from ``history.jsonl``.
        task: what was searched, without a budget or record attached.
        sequential: the search had one simulated worker: ``clock_seconds`` must be the running sum of
            ``cost_seconds``.
        on_rows: called after each batch with the rows done and all rows.
        batch: rows per call of the evaluator; None for what suits it.

    Raises:
        ValueError: a row lacks its question (architecture, epochs, seed), or the evaluator cannot answer it.
    """
    history = SearchHistory([dict(row) for row in rows])
    architectures, epochs, seeds = _questions(history.rows, task.space.n)
    compare, evaluator = _Comparison(task), priced(task.evaluator)
    size = batch or (1024 if compare.exact else 32)
    clock = 0.0
    for start in range(0, len(history), size):
        part = slice(start, min(start + size, len(history)))
        # Rows that are no question of this task cannot be asked; what is before them is compared first.
        refused = next(
            (m for i in range(part.start, part.stop) if (m := compare.question(i, history.rows[i])) is not None), None
        )
        stop = part.stop if refused is None else int(refused.row or 0)
        if stop > start:
            evaluation = evaluator.evaluate(architectures[start:stop], epochs[start:stop], seeds[start:stop])
            rewards, _ = task.objective.judge(evaluation)
            for i in range(start, stop):
                row = history.rows[i]
                mismatch = compare.answer(i, row, evaluation, rewards, i - start)
                if mismatch is None and sequential and "clock_seconds" in row:
                    clock += row["cost_seconds"]
                    if row["clock_seconds"] != clock:
                        mismatch = Mismatch(i, "clock_seconds", row["clock_seconds"], clock)
                if mismatch is not None:
                    return Replay(len(history), None, mismatch)
        if refused is not None:
            return Replay(len(history), None, refused)
        if on_rows is not None:
            on_rows(part.stop, len(history))
    return Replay(len(history), best_row(history, task))


def _questions(rows: Rows, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``(b, n)`` architectures, ``(b,)`` epochs and ``(b,)`` seeds."""
    for i, row in enumerate(rows):
        architecture = row.get("architecture")
        if not (isinstance(architecture, list) and len(architecture) == n and all(map(is_integer, architecture))):
            raise UsageError(f"row {i} (line {i + 1}) has the architecture {architecture}: expected {n} integers")
        for name in ("epochs", "seed"):
            if not is_integer(row.get(name)):
                raise UsageError(f"row {i} (line {i + 1}) has {name} {row.get(name)}: expected an integer")
    architectures = np.array([row["architecture"] for row in rows], dtype=np.int64).reshape(len(rows), n)
    epochs, seeds = (np.array([row[name] for row in rows], dtype=np.int64) for name in ("epochs", "seed"))
    return architectures, epochs, seeds


def is_integer(value: Any) -> bool:
    """Say whether a value read from JSON is an integer of 64 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def rewards_reproduce(task: SearchTask) -> bool:
    """Say whether the same evaluations give the same rewards: not where they are made of what is measured."""
    return _Comparison(task).reward


class _Comparison:
    """Compares rows with what a task answers."""

    def __init__(self, task: SearchTask) -> None:
        self.task, self.space, self.evaluator = task, task.space, task.evaluator
        self.exact = isinstance(self.evaluator, TabularEvaluator)
        metrics = self.evaluator.metrics
        self.metrics = [name for name, metric in metrics.items() if self.exact or metric.deterministic]
        self.reward = self.exact or all(metrics[name].deterministic for name in task.objective.metrics)
        self.known = {*("index", "architecture", "text", "status", "epochs", "seed", "reward"), *metrics}
        self.known |= {"cost_seconds", "decision_seconds", *OPTIONAL}

    def question(self, i: int, row: Mapping[str, Any]) -> Mismatch | None:
        """Compare what can be compared without an evaluation."""
        if not is_integer(row.get("index")) or row["index"] != i:
            return Mismatch(i, "index", row.get("index", NOTHING), i)
        try:
            architecture = self.space.check(np.array(row["architecture"]))[0]
        except ValueError as error:
            return Mismatch(i, "architecture", row["architecture"], str(error))
        text = row.get("text", NOTHING)
        try:
            parsed = self.space.parse(text) if isinstance(text, str) else None
        except ValueError as error:
            return Mismatch(i, "text", text, str(error))
        if text != self.space.to_string(architecture) or not np.array_equal(parsed, architecture):  # type: ignore[arg-type]
            return Mismatch(i, "text", text, self.space.to_string(architecture))
        if row["epochs"] not in self.evaluator.fidelities:
            return Mismatch(i, "epochs", row["epochs"], f"only {', '.join(map(str, self.evaluator.fidelities))}")
        seeds = self.evaluator.seeds
        if seeds is not None and row["seed"] not in (_MEAN_SEED, *seeds):
            return Mismatch(i, "seed", row["seed"], f"only {', '.join(map(str, seeds))}")
        return None

    def answer(
        self, i: int, row: Mapping[str, Any], evaluation: Evaluation, rewards: np.ndarray, k: int
    ) -> Mismatch | None:
        """Compare a row with row k of an evaluation."""
        now = evaluation.row(k)
        names = ["status", *self.metrics, *(["cost_seconds"] if self.exact else [])]
        found: dict[str, Any] = {name: now[name] for name in names}
        if self.reward:
            found["reward"] = rewards[k].tolist()
        for name, value in found.items():
            if name not in row or not _same(row[name], value):
                return Mismatch(i, name, row.get(name, NOTHING), value)
        for name in sorted(self.known - OPTIONAL - set(row)):  # what is measured must be there, at least
            return Mismatch(i, name, NOTHING, now.get(name, "a value"))
        if not self.reward and not _is_reward(row["reward"], rewards[k].tolist()):
            return Mismatch(i, "reward", row["reward"], "not as many finite numbers as the objective gives")
        for name in ("cost_seconds", "clock_seconds", "decision_seconds", "started_seconds", "ended_seconds"):
            if name in row and not _is_seconds(row[name]):
                return Mismatch(i, name, row[name], "no number of seconds of at least 0")
        unknown = sorted(set(row) - self.known)
        if unknown:
            return Mismatch(i, unknown[0], row[unknown[0]], NOTHING)
        return None


def _is_seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_reward(recorded: Any, found: Any) -> bool:
    if isinstance(found, list):
        return isinstance(recorded, list) and len(recorded) == len(found) and all(map(_is_reward, recorded, found))
    return isinstance(recorded, (int, float)) and not isinstance(recorded, bool) and math.isfinite(recorded)


def _same(recorded: Any, found: Any) -> bool:
    """Compare exactly; a number that is not finite is recorded as None."""
    if isinstance(found, list):
        return isinstance(recorded, list) and len(recorded) == len(found) and all(map(_same, recorded, found))
    if isinstance(found, float):
        if isinstance(recorded, bool) or not isinstance(recorded, (int, float, type(None))):
            return False
        if recorded is None or not math.isfinite(recorded):
            return not math.isfinite(found)
    return recorded == found
