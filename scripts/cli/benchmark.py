"""``pynascent benchmark``: agents × tasks × seeds, and the report; ``pynascent leaderboard``: validated records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ..arguments import import_modules, parse_component, parse_json, parse_space
from ..errors import UsageError, one_line_errors
from . import options

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
        list[str] | None, typer.Option(help="200 evaluations, 40000s of their cost, or TASK=…; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    protocol: Annotated[str, typer.Option(help="Protocol: task, nats or direct.")] = "task",
    setting: options.AgentSettings = None,
    objective: options.Objective = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Candidates of a run at a time: simulated workers, or worker groups in live training."),
    ] = None,
    lanes: options.Lanes = None,
    processes: Annotated[int | None, typer.Option(help="Runs at a time (default: the cores there are).")] = None,
    ray: Annotated[str | None, typer.Option(help="Run on Ray: local, or a cluster's address.")] = None,
    module: options.Modules = None,
    resume: options.Resume = False,
    space: options.Space = None,
    dataset: options.Dataset = None,
    evaluator: options.EvaluatorArguments = None,
    ranks_per_candidate: options.RanksPerCandidate = None,
    gpus_per_rank: options.GpusPerRank = None,
    ray_address: options.RayAddress = None,
    store: options.Store = None,
) -> None:
    """Run what is missing of a benchmark; writes a history per run, results.csv, tests.csv and report.html."""
    if context.invoked_subcommand is not None:
        return
    with one_line_errors():
        from ..benchmark.choices import is_live, parse_agents, parse_tasks
        from ..benchmark.parsing import listed, parse_seeds
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
        import_modules(module or [])
        chosen = find_protocol(protocol)
        live = {
            "space": None if space is None else parse_space(space),
            "dataset": None if dataset is None else parse_component("--dataset", dataset),
            "ranks_per_candidate": ranks_per_candidate,
            "gpus_per_rank": gpus_per_rank,
            "ray_address": ray_address,
            "store": None if store is None else str(store),
        }
        live = {name: value for name, value in live.items() if value is not None}
        names = listed(tasks or [])
        if workers is not None and any(is_live(name) for name in names if ":" not in name):
            live["workers"] = workers
        given = {} if evaluator is None else parse_json("--evaluator", evaluator)
        plan = Benchmark(
            parse_tasks(names, listed(budget or []), chosen, given, live),
            parse_agents([*listed(agents or []), *listed(agent or [])], setting or []),
            parse_seeds(seeds),
            chosen,
            _objective(objective),
            workers or 1,
            lanes,
            module or [],
        )
        outcome = run_benchmark(plan, out, resume, processes, ray)
        console = Console()
        _say(console, f"{outcome.played} runs played, {outcome.kept} were there already")
        if outcome.played or outcome.kept:
            _report(out, console)
    for task, label, why in outcome.skipped:
        typer.echo(f"pynascent: {label} was left out on {task}: {why}", err=True)
    if outcome.failures:
        task, label, seed, why = outcome.failures[0]
        typer.echo(
            f"pynascent: {len(outcome.failures)} runs failed, the first {label} on {task}, seed {seed}: {why}",
            err=True,
        )
    if outcome.failures or outcome.skipped:
        raise typer.Exit(1)


def _objective(text: str | None) -> dict[str, Any] | None:
    from ...envs import objective_from_config

    if text is None:
        return None
    config = parse_json("--objective", text)
    objective_from_config(config)
    return config


def _say(console: Console, line: str) -> None:
    """Print a line as it is: paths and labels may have brackets."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _report(folder: Path, console: Console) -> None:
    from ..benchmark.report.page import write_report

    for path in write_report(folder):
        _say(console, f"wrote {path}")


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
    module: options.Modules = None,
    allow_import: options.AllowImport = None,
) -> None:
    """Replay a benchmark's runs, and enter those that reproduce; exit status 1 names the first that does not."""
    from ..benchmark.leaderboard.entering import add_records
    from ..progress import rows_progress
    from ..received import received_files

    with one_line_errors(), received_files(module, allow_import), rows_progress("replay") as on_runs:
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
    from ..benchmark.leaderboard.board import board_tables

    with one_line_errors():
        console = Console()
        if not console.is_terminal:
            console = Console(width=160)  # a pipe has no width: names stay whole
        for table in board_tables(board, task):
            console.print(table)
