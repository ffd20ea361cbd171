"""``pynascent benchmark``: agents × tasks × seeds, and the report; ``pynascent leaderboard``: validated records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ..errors import UsageError, one_line_errors

app = typer.Typer(help="Compare agents on the same tasks, budgets and seeds.", subcommand_metavar="[report DIR]")
leaderboard_app = typer.Typer(no_args_is_help=True, help="A file of records, each of which replay has reproduced.")

Board = Annotated[Path, typer.Option(help="The leaderboard's file.")]


@app.callback(invoke_without_command=True)
def benchmark(
    context: typer.Context,
    tasks: Annotated[
        list[str] | None, typer.Option(help="Tasks, A,B,…, as `pynascent envs` lists them; Table:NAME is your own.")
    ] = None,
    agents: Annotated[list[str] | None, typer.Option(help="Agents, A,B,… or LABEL=A, by their names.")] = None,
    agent: Annotated[
        list[str] | None, typer.Option(help="Your own agent, module:Class or file.py:Class; may be repeated.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds: FROM:TO (TO not among them), or 0,1,2.")] = "0:10",
    budget: Annotated[
        list[str] | None, typer.Option(help="200 evaluations, 40000s simulated seconds, or TASK=…; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    protocol: Annotated[str, typer.Option(help="Protocol: task, nats or direct.")] = "task",
    settings: Annotated[list[str] | None, typer.Option(help="AGENT.name=value; may be repeated.")] = None,
    objective: Annotated[
        str | None, typer.Option(help='Objective as JSON, {"accuracy": 1, "ln_flops": -0.02}.')
    ] = None,
    workers: Annotated[int, typer.Option(help="Simulated workers that share a run's simulated time.")] = 1,
    lanes: Annotated[
        int | None, typer.Option(help="Candidates proposed at a time (default: as workers become free).")
    ] = None,
    processes: Annotated[int | None, typer.Option(help="Runs at a time (default: the cores there are).")] = None,
    ray: Annotated[str | None, typer.Option(help="Run on Ray: local, or a cluster's address.")] = None,
    module: Annotated[
        list[str] | None, typer.Option(help="Module or file to import first: it registers tasks.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the benchmark in --out.")] = False,
) -> None:
    """Run what is missing of a benchmark; writes a history per run, results.csv, tests.csv and report.html."""
    if context.invoked_subcommand is not None:
        return
    with one_line_errors():
        from ..benchmark.choices import listed, parse_agents, parse_seeds, parse_tasks
        from ..benchmark.outside import import_module
        from ..benchmark.protocols import find_protocol
        from ..benchmark.runner import Benchmark, run_benchmark

        if out is None:
            raise UsageError("--out is missing: give a folder for the results")
        for name, value, least, most in (
            ("workers", workers, 1, 1024),
            ("lanes", lanes, 1, 4096),
            ("processes", processes, 1, 4096),
        ):
            if value is not None and not least <= value <= most:
                raise UsageError(f"--{name} {value}: give an integer from {least} to {most}")
        for name in module or []:
            import_module(name)
        chosen = find_protocol(protocol)
        plan = Benchmark(
            parse_tasks(listed(tasks or []), listed(budget or []), chosen),
            parse_agents([*listed(agents or []), *listed(agent or [])], settings or []),
            parse_seeds(seeds),
            chosen,
            _objective(objective),
            workers,
            lanes,
            module or [],
        )
        outcomes = run_benchmark(plan, out, resume, processes, ray)
        console = Console()
        console.print(f"{outcomes.played} runs played, {outcomes.kept} were there already", highlight=False)
        if outcomes.played or outcomes.kept:
            _report(out, console)
    if outcomes.failures:
        task, label, seed, why = outcomes.failures[0]
        typer.echo(
            f"pynascent: {len(outcomes.failures)} runs failed, the first {label} on {task}, seed {seed}: {why}",
            err=True,
        )
        raise typer.Exit(1)


def _objective(text: str | None) -> dict[str, Any] | None:
    from ...envs import objective_from_config

    if text is None:
        return None
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"--objective {text}: {error}") from error
    objective_from_config(config)
    return config


def _report(folder: Path, console: Console) -> None:
    from ..benchmark.report.page import write_report

    for path in write_report(folder):
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="A benchmark's folder.")]) -> None:
    """Make results.csv, tests.csv and report.html anew, from the folder's files alone."""
    with one_line_errors():
        _report(folder, Console())


@leaderboard_app.command()
def add(
    folder: Annotated[Path, typer.Argument(help="A benchmark's folder.")],
    agent: Annotated[list[str] | None, typer.Option(help="Enter these agents alone.")] = None,
    board: Board = Path("leaderboard.json"),
    by: Annotated[str, typer.Option(help="Whose records they are.")] = "",
    module: Annotated[
        list[str] | None, typer.Option(help="Module or file to import first: it registers tasks.")
    ] = None,
) -> None:
    """Replay a benchmark's runs, and enter those that reproduce; exit status 1 names the first that does not."""
    from ..benchmark.leaderboard import add_records
    from ..benchmark.outside import import_module
    from ..progress import rows_progress

    with one_line_errors():
        for name in module or []:
            import_module(name)
        with rows_progress("replay") as on_runs:
            entered, refused = add_records(board, folder, agent, by, on_runs)
    for line in entered:
        typer.echo(f"entered {line}")
    for line in refused:
        typer.echo(f"pynascent: leaderboard: {line}", err=True)
    if refused:
        raise typer.Exit(1)


@leaderboard_app.command()
def show(
    board: Board = Path("leaderboard.json"),
    task: Annotated[str | None, typer.Option(help="Show this task alone.")] = None,
) -> None:
    """Show the records, best first, for each task, protocol and budget."""
    from ..benchmark.leaderboard import board_tables

    with one_line_errors():
        console = Console()
        for table in board_tables(board, task):
            console.print(table, width=console.width if console.is_terminal else 120)
