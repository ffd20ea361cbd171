"""``pynascent store``: what is kept of finished stages, and how much room it takes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ...envs.core.evaluation import Status
from ..errors import UsageError, one_line_errors

app = typer.Typer(no_args_is_help=True, help="The store of finished trainings, explanations and measurements.")

StoreFile = Annotated[Path | None, typer.Option("--store", help="The store's file (default: the user's).")]


def _open(path: Path | None) -> Any:
    from ...trainers.store.evaluation_store import EvaluationStore

    store = EvaluationStore(path)
    if not store.path.is_file():
        raise UsageError(f"there is no store at {store.path}: a live search makes one; --store names another")
    store.check_writable()
    return store


@app.command("ls")
def list_results(
    store: StoreFile = None,
    stage: Annotated[str | None, typer.Option(help="Results of this stage alone.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, the latest first.", min=1)] = 20,
) -> None:
    """List the latest results: when, stage, architecture, epochs, seed, seconds, what was measured."""
    with one_line_errors():
        for row in _open(store).rows(stage, limit):
            question = row["question"]
            finished = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["finished"]))
            what = (
                f"{','.join(map(str, question['architecture']))} epochs={question['epochs']} seed={question['seed']}"
                if "architecture" in question
                else "of " + ",".join(sorted({key[:8] for key in question.get("inputs", {}).values()}))
            )
            values = " ".join(f"{name}={value:.4g}" for name, value in row["metrics"].items() if "seconds" not in name)
            status = "" if row["status"] == Status.OK else f" {Status(row['status']).name.lower()}"
            typer.echo(
                f"{finished}  {row['key'][:8]}  {row['stage']:8s} {what}  {row['seconds']:.1f} s{status}  {values}"
            )


@app.command()
def info(store: StoreFile = None) -> None:
    """Say where the store is, how many results it has, and what its artifacts take."""
    with one_line_errors():
        opened = _open(store)
        typer.echo(f"store      {opened.path}")
        for stage, count in sorted(opened.counts().items()):
            typer.echo(f"results    {stage:16s} {count:8,d}")
        for name, (count, size) in sorted(opened.artifact_counts().items()):
            typer.echo(f"artifacts  {name:16s} {count:8,d} {size / 1e6:12,.1f} MB")
        typer.echo(f"limit      {opened.limit_bytes / 1e9:g} GB of artifacts, the least recently used go first")


@app.command()
def prune(
    limit: Annotated[str, typer.Argument(help="Bytes of artifacts to keep: 500MB, 2GB, 0.")],
    store: StoreFile = None,
) -> None:
    """Remove the least recently used artifacts beyond a limit; results stay, and artifacts are made again if needed."""
    with one_line_errors():
        removed, freed = _open(store).prune(_bytes(limit))
        typer.echo(f"removed {removed} artifacts, {freed / 1e6:.1f} MB")


def _bytes(text: str) -> int:
    number, factor = text.strip().upper(), 1
    for unit, size in (("KB", 10**3), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12), ("B", 1)):
        if number.endswith(unit):
            number, factor = number[: -len(unit)].strip(), size
            break
    try:
        value = float(number) * factor
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e18:
        raise UsageError(f"{text!r} is no amount of bytes: give 0, 500MB or 2GB")
    return int(value)


@app.command()
def verify(store: StoreFile = None) -> None:
    """Check every result and artifact; exit status 1 where something is wrong."""
    with one_line_errors():
        wrong = _open(store).verify()
    for line in wrong:
        typer.echo(line)
    if wrong:
        raise typer.Exit(1)
    typer.echo("everything in the store is intact")
