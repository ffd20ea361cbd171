"""Progress bars: of a search, and of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class SearchProgress:
    """Shows evaluations done, the best reward and accuracy so far, time gone and time left.

    Best values are of successful evaluations at the largest fidelity so far; the best accuracy is that of the
    best reward or, where rewards are vectors, the highest. On a terminal it is one live
    line; elsewhere (a log file) a line is printed at each tenth of the budget.

    Args:
        total: evaluations in the budget.
        accuracy: the metric shown as accuracy.
        console: where to draw; standard error by default, so that output can be piped.
    """

    def __init__(self, total: int, accuracy: str, console: Console | None = None) -> None:
        self.total, self.accuracy = total, accuracy
        self.console = console or Console(stderr=True)
        self._best: dict[str, Any] | None = None
        self._done = 0
        self._bar = Progress(
            TextColumn("[bold]search"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("best reward {task.fields[reward]}  accuracy {task.fields[accuracy]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task("search", total=total, reward="-", accuracy="-")

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
        if row["status"] == "ok" and (self._best is None or self._worth(row) > self._worth(self._best)):
            self._best = row
        reward, accuracy = "-", "-"
        if self._best is not None:
            reward = f"{self._best['reward']:.4f}" if isinstance(self._best["reward"], float) else "vector"
            accuracy = f"{self._best.get(self.accuracy, float('nan')):.4f}"
        self._bar.update(self._task, completed=self._done, reward=reward, accuracy=accuracy)
        if not self.console.is_terminal and self._done * 10 // self.total > (self._done - 1) * 10 // self.total:
            self.console.print(
                f"{self._done}/{self.total} evaluations, best reward {reward}, accuracy {accuracy}", highlight=False
            )

    def _worth(self, row: dict[str, Any]) -> tuple[int, float]:
        """Return what is compared: rewards or, where they are vectors, accuracy; the largest fidelity first."""
        reward = row["reward"]
        return row["epochs"], row.get(self.accuracy, float("-inf")) if isinstance(reward, list) else reward


@contextmanager
def rows_progress(label: str, console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """Show a bar of rows done, on a terminal only; yields the function to tell it (done, total).

    Args:
        label: what is being done.
        console: where to draw; standard error by default.
    """
    console = console or Console(stderr=True)
    columns = (TextColumn(f"[bold]{label}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
