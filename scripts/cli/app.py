"""The command ``pynascent``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import end_on_termination, one_line_errors
from . import benchmark as benchmark_cli
from . import options
from . import store as store_cli
from . import tables as tables_cli
from .listing import envs
from .search import search
from .terminal import print_in_any_encoding

app = typer.Typer(
    name="pynascent",
    help="Neural architecture search as Gymnasium environments.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(tables_cli.app, name="tables")
app.add_typer(benchmark_cli.app, name="benchmark")
app.add_typer(benchmark_cli.leaderboard_app, name="leaderboard")
app.add_typer(store_cli.app, name="store")
app.command()(envs)
app.command()(search)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"pynascent {version('pynascent')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Neural architecture search as Gymnasium environments."""


@app.command()
def explain(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished search.")],
    method: options.Explainer,
    images: Annotated[int, typer.Option(help="Test examples to explain, 1 to 32.")] = 8,
    classes: options.Classes = None,
    seed: Annotated[int, typer.Option(help="Seed of sampling explainers.")] = 0,
    module: options.Modules = None,
    allow_import: options.AllowImport = None,
) -> None:
    """Draw what the best network of a search looks at, into DIR/explain-METHOD.png."""
    from ..arguments import parse_component, parse_numbers
    from ..search.explain import explain_search

    chosen = None if classes is None else parse_numbers("--classes", classes)
    path = explain_search(
        folder, parse_component("--method", method), images, seed, chosen, module or (), allow_import or ()
    )
    typer.echo(f"wrote {path}")


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A search's history.jsonl, or its folder.", show_default=False)],
    module: options.Modules = None,
    allow_import: options.AllowImport = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Live training: a store that may answer; without it all is trained again."),
    ] = None,
    workers: options.Workers = None,
    ray_address: options.RayAddress = None,
) -> None:
    """Evaluate every row of a search again; exit status 1 names the first that does not reproduce."""
    from ..progress import rows_progress
    from ..replay.folder import replay_search

    place = {"store": None if store is None else str(store), "workers": workers, "ray_address": ray_address}
    with rows_progress("replay") as on_rows:
        result = replay_search(file, module or (), allow_import or (), place, on_rows)
    if result.mismatch is not None:
        typer.echo(f"pynascent: replay: {' '.join(str(result.mismatch).split())}", err=True)
        raise typer.Exit(1)
    typer.echo(
        f"all {result.rows} evaluations reproduce"
        + (f", all {result.calls} calls of reset and step" if result.calls else "")
        + (", and so does the summary" if result.finished else "; the search was not finished")
    )


def main() -> None:
    """Run the command line; errors of use are one line and exit status 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print_in_any_encoding()
    with end_on_termination(), one_line_errors():
        app(standalone_mode=True)
    sys.exit(0)


if __name__ == "__main__":
    main()
