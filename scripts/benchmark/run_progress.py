"""Progress of a benchmark: runs done, time gone, time left."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class BenchmarkProgress:
    """Shows runs done, the last of them and time left; elsewhere than on a terminal, a line at each tenth.

    Args:
        total: runs of the benchmark.
        done: those that were there before.
        console: where to draw; standard error by default.
    """

    def __init__(self, total: int, done: int, console: Console | None = None) -> None:
        self.total, self.done, self.failed = total, done, 0
        self.console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[last]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task("benchmark", total=total, completed=done, last="")
        self._kept = done
        self._started = time.monotonic()

    def __enter__(self) -> BenchmarkProgress:
        """Start drawing."""
        self._bar.start()
        if not self.console.is_terminal and self._kept:
            self.say(f"{self._kept} of {self.total} runs are there already")
        return self

    def __exit__(self, *error: object) -> None:
        """Stop drawing."""
        self._bar.stop()

    def say(self, line: str) -> None:
        """Print a line above the bar; it is taken as it is, whatever brackets it has."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def update(self, task: str, agent: str, seed: int, failed: bool) -> None:
        """Take in one run that has ended."""
        before, self.done = self.done, self.done + 1
        self.failed += failed
        last = f"{agent} on {task}, seed {seed}" + (f"  {self.failed} failed" if self.failed else "")
        self._bar.update(self._task, completed=self.done, last=last)
        if not self.console.is_terminal and self.done * 10 // self.total > before * 10 // self.total:
            gone = time.monotonic() - self._started
            left = gone / (self.done - self._kept) * (self.total - self.done)
            troubled = f", {self.failed} failed" if self.failed else ""
            self.say(f"{self.done}/{self.total} runs{troubled}, {gone:.0f} s gone, about {left:.0f} s left")
