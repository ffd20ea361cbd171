"""The command ``pynascent``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ...trainers.workers.ray_runtime import cores
from ..errors import UsageError, end_on_termination, one_line_errors
from . import benchmark as benchmark_cli
from . import tables as tables_cli

app = typer.Typer(
    name="pynascent",
    help="Neural architecture search as Gymnasium environments.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(tables_cli.app, name="tables")
app.add_typer(benchmark_cli.app, name="benchmark")
app.add_typer(benchmark_cli.leaderboard_app, name="leaderboard")


@app.command()
def envs() -> None:
    """List the environments with their spaces, metrics and fidelities."""
    from .listing import environments_table

    Console().print(environments_table())


@app.command()
def search(
    env: Annotated[str, typer.Option(help="Environment id, as `pynascent envs` lists them.")],
    agent: Annotated[str, typer.Option(help="Search agent: random, hyperband, bohb, ppo.")],
    evaluations: Annotated[int, typer.Option(help="Budget: evaluations to spend.")],
    out: Annotated[Path, typer.Option(help="New folder for the results.")],
    seed: Annotated[int, typer.Option(help="Seed of the agent and the environment.")] = 0,
    epochs: Annotated[int | None, typer.Option(help="Train every candidate this long (a fidelity).")] = None,
    lam: Annotated[float | None, typer.Option(help="Weight of ln FLOPs in the reward.")] = None,
    mu: Annotated[float | None, typer.Option(help="Weight of 1 - ISI in the reward.")] = None,
    lanes: Annotated[int | None, typer.Option(help="Candidates evaluated side by side (default: workers).")] = None,
    setting: Annotated[list[str] | None, typer.Option(help="Agent's setting, name=value; may be repeated.")] = None,
    policy: Annotated[Path | None, typer.Option(help="PPO: policy.npz of another search to start from.")] = None,
    workers: Annotated[int | None, typer.Option(help="Live training: worker groups (default: as fit).")] = None,
    ranks_per_candidate: Annotated[int | None, typer.Option(help="Live training: Horovod ranks of a group.")] = None,
    gpus_per_rank: Annotated[float | None, typer.Option(help="Live training: GPUs of a rank.")] = None,
    ray_address: Annotated[str | None, typer.Option(help="Live training: a Ray cluster (default: local).")] = None,
    store: Annotated[Path | None, typer.Option(help="Live training: the evaluation store.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the search in --out.")] = False,
    record_actions: Annotated[bool, typer.Option("--record-actions", help="Write actions.jsonl, too.")] = False,
) -> None:
    """Search for an architecture; writes history.jsonl, summary.json, search.png and best.keras."""
    from ...envs import TASKS
    from ..search.run import SearchConfiguration, check_environment, run_search

    check_environment(env)
    if seed < 0:
        raise UsageError(f"--seed {seed}: give an integer of at least 0")
    live = {
        "workers": workers,
        "ranks_per_candidate": ranks_per_candidate,
        "gpus_per_rank": gpus_per_rank,
        "ray_address": ray_address,
        "store": None if store is None else str(store),
    }
    evaluator: dict[str, Any] = {name: value for name, value in live.items() if value is not None}
    task = _task_of(env)
    is_live = task is None or TASKS[task].install == "train"
    if evaluator and not is_live:
        raise UsageError(f"--{next(iter(evaluator)).replace('_', '-')} is for live training: {env} looks candidates up")
    if lanes is None:
        lanes = (workers or max(1, cores() // (ranks_per_candidate or 1))) if is_live else 1
    if lanes < 1:
        raise UsageError(f"--lanes {lanes}: give an integer of at least 1")
    configuration = SearchConfiguration(
        env=env,
        agent=agent,
        evaluations=evaluations,
        seed=seed,
        epochs=epochs,
        lam=lam,
        mu=mu,
        lanes=lanes,
        settings=_settings(setting or []) | ({} if policy is None else {"policy": str(policy)}),
        evaluator=evaluator,
    )
    summary = run_search(configuration, out, resume, record_actions)
    Console().print(_closing_lines(summary, out), highlight=False)


def _task_of(env: str) -> str | None:
    from ..search.run import environment_spec

    return environment_spec(env).kwargs.get("task")


def _settings(pairs: list[str]) -> dict[str, Any]:
    import json

    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--setting {pair}: give name=value")
        try:
            settings[name] = json.loads(value)
        except json.JSONDecodeError:
            settings[name] = value
    return settings


def _closing_lines(summary: dict[str, Any], out: Path) -> str:
    best = summary["best"]
    if summary.get("front"):
        size = len(summary["front"])
        return f"{size} of {summary['evaluations']} evaluations are the front, see summary.json\nresults in {out}"
    if best is None:
        return f"no evaluation succeeded: {summary['failed']} failed; see {out / 'history.jsonl'}"
    lines = [
        f"best architecture  {best['text']}",
        f"reward {best['reward']}  after {best['epochs']} epochs, {summary['evaluations']} evaluations",
    ]
    if summary["test_accuracy"] is not None:
        lines.append(f"test accuracy {summary['test_accuracy']:.4f} (never seen by the search)")
    return "\n".join([*lines, f"results in {out}"])


@app.command()
def explain(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished search.")],
    method: Annotated[str, typer.Option(help="gradient_x_input, integrated_gradients, shap or lime.")],
    images: Annotated[int, typer.Option(help="Test images to explain.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of sampling explainers.")] = 0,
) -> None:
    """Draw what the best network of a search looks at, into DIR/explain-METHOD.png."""
    from ..search.explain import explain_search

    Console().print(f"wrote {explain_search(folder, method, images, seed)}", highlight=False)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A search's history.jsonl, or its folder.", show_default=False)],
    module: Annotated[str | None, typer.Option(help="Module to import first: it registers the environment.")] = None,
    store: Annotated[
        Path | None, typer.Option(help="Live training: a store that may answer; without it all is trained again.")
    ] = None,
) -> None:
    """Evaluate every row of a search again; exit status 1 names the first that does not reproduce."""
    from ..progress import rows_progress
    from ..replay.folder import replay_search

    with rows_progress("replay") as on_rows:
        result = replay_search(file, module, store, on_rows)
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
    with end_on_termination(), one_line_errors():
        app(standalone_mode=True)
    sys.exit(0)


if __name__ == "__main__":
    main()
