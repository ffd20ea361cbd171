"""``pynascent envs``: the environments with their spaces, metrics and fidelities, and the user's own tables."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import Annotated, Any

import typer

from ...envs import TASKS, environment_id
from ...envs.core.tasks import TaskSpec, make_evaluator
from ...envs.mdp.formulations import FORMULATIONS
from ...envs.tables import TableError, list_tables
from ..arguments import import_modules
from . import options


def envs(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    module: options.Modules = None,
) -> None:
    """List the environments with their spaces, metrics and fidelities, and your own tables."""
    import_modules(module or ())
    tasks = [describe_task(spec) for spec in TASKS.values()]
    tables = describe_tables()
    if as_json:
        typer.echo(json.dumps({"tasks": tasks, "tables": tables}, indent=2))
    elif sys.stdout.isatty():
        typer.echo("\n\n".join(_paragraph(entry) for entry in (*tasks, *tables)))
    else:
        for entry in (*tasks, *tables):
            for line in _lines(entry):
                typer.echo(line)


def describe_task(spec: TaskSpec) -> dict[str, Any]:
    """Return what there is to say of a task, as plain JSON; one whose extra or table is missing says what it needs."""
    entry: dict[str, Any] = {
        "task": spec.name,
        "ids": [environment_id(spec.name, formulation) for formulation in FORMULATIONS],
        "description": spec.description,
        "reward": f"{spec.accuracy} - {spec.lam:g} ln FLOPs - {spec.mu:g} (1 - ISI)",
    }
    try:
        return entry | _describe(make_evaluator(spec))
    except (ModuleNotFoundError, ValueError, OSError) as error:
        return entry | {"missing": " ".join(str(error).split())}


def describe_tables() -> list[dict[str, Any]]:
    """Return the tables that no task is registered for, with the options that search them."""
    named = {str(spec.arguments["table"]) for spec in TASKS.values() if "table" in spec.arguments}
    found = []
    for table in list_tables():
        if table.name in named:
            continue
        spec = TASKS["Table"]
        entry: dict[str, Any] = {
            "task": f"{spec.name}:{table.name}",
            "ids": [f"{environment_id(spec.name, f)} --table {table.name}" for f in FORMULATIONS],
            "description": "your own table",
        }
        try:
            evaluator: Any = make_evaluator(spec, {"table": table.name})
            entry |= {"reward": evaluator.search_metric} | _describe(evaluator)
        except (TableError, ValueError, OSError) as error:
            entry["missing"] = " ".join(str(error).split())
        found.append(entry)
    return found


def _describe(evaluator: Any) -> dict[str, Any]:
    space = evaluator.space
    return {
        "space": space.name,
        "architectures": int(space.size),
        "choices": {choice.name: len(choice) for choice in space.choices},
        "fidelities": list(evaluator.fidelities),
        "metrics": [
            {"name": metric.name, "unit": metric.unit, "split": metric.split, "maximize": metric.maximize}
            for metric in evaluator.metrics.values()
        ],
    }


def _facts(entry: dict[str, Any]) -> dict[str, str]:
    """Return the parts of a description as texts."""
    if "missing" in entry:
        return {"missing": entry["missing"]}
    metrics = (f"{m['name']} ({', '.join(filter(None, (m['unit'], m['split'])))})" for m in entry["metrics"])
    choices = ", ".join(f"{name}:{options}" for name, options in entry["choices"].items())
    return {
        "space": f"{entry['space']}, {entry['architectures']:,} architectures",
        "choices": choices,
        "epochs": ", ".join(map(str, entry["fidelities"])),
        "metrics": ", ".join(metrics),
        "reward": entry["reward"],
    }


def _paragraph(entry: dict[str, Any]) -> str:
    """Return a description for a terminal: an id a line, then what it is of."""
    texts = [entry["description"], *(f"{name}: {text}" for name, text in _facts(entry).items())]
    width = max(40, shutil.get_terminal_size().columns)
    # A word that is too long for the terminal stays whole: it may be an id or a path that somebody wants to copy.
    wrap = textwrap.TextWrapper(
        width, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return "\n".join([*entry["ids"], *(line for text in texts for line in wrap.wrap(text))])


def _lines(entry: dict[str, Any]) -> list[str]:
    """Return a description for a pipe: one line an id, parts between tabs, so that grep and cut can read it."""
    facts = "\t".join(f"{name}: {text}" for name, text in _facts(entry).items() if name != "choices")
    return [f"{name}\t{entry['description']}\t{facts}" for name in entry["ids"]]
