"""Progress bars: of a search, and of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..envs import SearchTask
from .judging import MEASURED, accuracy_metric, metric_label, metric_text, violation, worth


class SearchProgress:
    """Shows evaluations done, what the best row has so far, time gone and time left.

    The best row is that of `judging.worth`: at the largest fidelity so far, feasible first. With live training the
    number of candidates under way is shown, too. On a terminal it is one live line; elsewhere (a log file) a line is
    printed at each tenth of the budget.

    Args:
        total: evaluations in the budget.
        task: what is searched.
        console: where to draw; standard error by default, so that output can be piped.
    """

    def __init__(self, total: int, task: SearchTask, console: Console | None = None) -> None:
        self.total, self.task = total, task
        self.metric = accuracy_metric(task)
        self.console = console or Console(stderr=True)
        self._best: dict[str, Any] | None = None
        self._done = self._failed = 0
        self._bar = Progress(
            TextColumn("search", style="bold"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._shown = self._bar.add_task("search", total=total, state=self._state())

    def __enter__(self) -> SearchProgress:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop drawing."""
        self._bar.stop()

    def update(self, row: dict[str, Any]) -> None:
        """Take in one evaluation, a row of a history."""
        self._done += 1
        if row["status"] not in MEASURED:
            self._failed += 1
        elif self._best is None or worth(self.task, row) > worth(self.task, self._best):
            self._best = row
        state = self._state(row.get("running"))
        self._bar.update(self._shown, completed=self._done, state=state)
        if not self.console.is_terminal and self._done * 10 // self.total > (self._done - 1) * 10 // self.total:
            self.console.print(
                f"{self._done}/{self.total} evaluations, {state}", highlight=False, markup=False, soft_wrap=True
            )

    def _state(self, running: int | None = None) -> str:
        label = metric_label(self.metric, unit=False)
        reward, value = "-", "-"
        if self._best is not None:
            reward = f"{self._best['reward']:.4f}" if isinstance(self._best["reward"], float) else "vector"
            value = metric_text(self.metric, self._best.get(self.metric.name))
        parts = [f"best reward {reward}, {label} {value}"]
        if self._best is not None and violation(self.task, self._best) > 0:
            parts[0] += " (nothing feasible yet)"
        # A row counts itself among the running; with one at a time there is nothing to tell.
        parts += [f"{running} running"] if running is not None and running > 1 else []
        parts += [f"{self._failed} failed"] if self._failed else []
        return ", ".join(parts)


@contextmanager
def rows_progress(label: str, console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """Show a bar of rows done, on a terminal only; yields the function to tell it (done, total).

    Args:
        label: what is being done.
        console: where to draw; standard error by default.
    """
    console = console or Console(stderr=True)
    columns = (TextColumn(label, style="bold", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
