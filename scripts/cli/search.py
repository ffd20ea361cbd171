"""``pynascent search``: what was typed, as a `SearchConfiguration`, and what came of it, as lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from ...trainers.workers.ray_runtime import cores
from ..arguments import (
    check_seed,
    import_modules,
    importable,
    parse_component,
    parse_json,
    parse_settings,
    parse_space,
    parse_training,
)
from ..errors import UsageError
from . import options


def search(
    env: options.Environment,
    agent: options.Agent,
    evaluations: options.Evaluations,
    out: options.Out,
    seed: options.Seed = 0,
    epochs: options.Epochs = None,
    objective: options.Objective = None,
    lam: options.Lam = None,
    mu: options.Mu = None,
    setting: options.Settings = None,
    policy: options.Policy = None,
    module: options.Modules = None,
    table: options.Table = None,
    space: options.Space = None,
    dataset: options.Dataset = None,
    stages: options.Stages = None,
    training: options.Training = None,
    evaluator: options.EvaluatorArguments = None,
    lanes: options.Lanes = None,
    workers: options.Workers = None,
    ranks_per_candidate: options.RanksPerCandidate = None,
    gpus_per_rank: options.GpusPerRank = None,
    ray_address: options.RayAddress = None,
    store: options.Store = None,
    metrics_port: options.MetricsPort = None,
    tensorboard: options.TensorBoard = False,
    resume: options.Resume = False,
    record_actions: options.RecordActions = False,
) -> None:
    """Search for an architecture; writes history.jsonl, summary.json, search.png and best.keras."""
    from ..search.configuration import SearchConfiguration
    from ..search.environments import check_environment
    from ..search.run import run_search

    named, _, env = env.rpartition(":")  # "module:id", as Gymnasium has it
    modules = [*(module or []), *([named] if named else [])]
    import_modules(modules)
    check_environment(env)
    live = {
        "dataset": None if dataset is None else parse_component("--dataset", dataset),
        "stages": None if stages is None else parse_json("--stages", stages, list),
        "training": None if training is None else parse_training(training),
        "workers": workers,
        "ranks_per_candidate": ranks_per_candidate,
        "gpus_per_rank": gpus_per_rank,
        "ray_address": ray_address,
        "store": None if store is None else str(store),
    }
    live = {name: value for name, value in live.items() if value is not None}
    anywhere = {"table": table, "space": None if space is None else parse_space(space)}
    arguments = {} if evaluator is None else parse_json("--evaluator", evaluator)
    for name, value in (live | {k: v for k, v in anywhere.items() if v is not None}).items():
        if name in arguments:
            raise UsageError(f"--evaluator has {name!r}, and --{name.replace('_', '-')} is given, too: give it once")
        arguments[name] = value
    watch = arguments.pop("watch", None)  # it changes no result, so it is no part of what is recorded and compared
    asked: dict[str, Any] = {} if metrics_port is None else {"metrics_port": metrics_port}
    asked |= {"tensorboard": True} if tensorboard else {}
    if watch is not None and asked:
        raise UsageError(
            f"--evaluator has 'watch', and --{next(iter(asked)).replace('_', '-')} is given, too: give one"
        )
    if asked:
        watch = {} if metrics_port is None else {"prometheus": metrics_port}
        watch |= {"tensorboard": str(out / "tensorboard")} if tensorboard else {}
    configuration = SearchConfiguration(
        env=env,
        agent=importable(agent),
        evaluations=evaluations,
        seed=check_seed(seed),
        epochs=epochs,
        lam=lam,
        mu=mu,
        lanes=_lanes(env, lanes, live | asked, agent, workers, ranks_per_candidate),
        settings=parse_settings(setting or []) | ({} if policy is None else {"policy": str(policy)}),
        evaluator=arguments,
        objective=None if objective is None else parse_json("--objective", objective),
        modules=[Path(name).stem if name.endswith(".py") else name for name in modules],
    )
    summary = run_search(configuration, out, resume, record_actions, watch)
    if summary["best"] is None and not summary.get("front"):
        why = summary.get("reason") or "no reason is recorded"
        typer.echo(
            f"pynascent: search: none of {summary['evaluations']} evaluations succeeded, the first: {why}; "
            f"see {out / 'history.jsonl'}; --resume tries again",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(closing_lines(summary, out))


def _lanes(
    env: str, lanes: int | None, live: Mapping[str, Any], agent: str, workers: int | None, ranks: int | None
) -> int:
    from ..search.environments import trains_live

    if lanes is not None and lanes < 1:
        raise UsageError(f"--lanes {lanes}: give an integer of at least 1")
    if not trains_live(env):
        if live:
            raise UsageError(f"--{next(iter(live)).replace('_', '-')} is for live training: {env} looks candidates up")
        return lanes or 1
    return lanes or workers or max(1, cores() // (ranks or 1))


def closing_lines(summary: Mapping[str, Any], out: Path) -> str:
    """Say what a search has found."""
    best = summary["best"]
    lines = [
        f"{summary[how]} of {summary['evaluations']} evaluations {word}; the first: {summary['reason']}"
        for how, word in (("failed", "failed"), ("incomplete", "are incomplete"))
        if summary.get(how)
    ][:1]
    if summary.get("front"):
        size = len(summary["front"])
        lines.append(f"{size} of {summary['evaluations']} evaluations are the front, see summary.json")
    elif best is not None:
        if summary.get("feasible") is False:
            lines.append("nothing feasible was found: the best architecture breaks the constraints least")
        lines += [
            f"best architecture  {best['text']}",
            f"reward {best['reward']}  after {best['epochs']} epochs, {summary['evaluations']} evaluations",
        ]
        lines += [
            f"{name.replace('_', ' ')} {value:.4f} (never seen by the search)"
            for name, value in _test_metrics(summary).items()
            if value is not None
        ]
    return "\n".join([*lines, f"results in {out}"])


def _test_metrics(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what is measured on test data of the metric that was searched, or else all there is."""
    test = dict(summary.get("test") or {"test_accuracy": summary["test_accuracy"]})
    counterpart = str(summary.get("accuracy", "")).replace("validation", "test")
    return {counterpart: test[counterpart]} if counterpart in test else test
