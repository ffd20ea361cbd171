"""What is typed on a command line, as plain values: JSON, settings, references to components."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..envs.core.imports import import_outside
from .errors import UsageError

LARGEST_SEED = 2**63 - 1


def import_modules(names: Iterable[str]) -> None:
    """Import modules by their dotted names (the current folder counts) or files, as ``--module`` names them.

    Raises:
        UsageError: there is no such module or file, or importing it fails.
    """
    for name in names:
        try:
            import_outside(name)
        except ValueError as error:
            raise UsageError(f"--module {name}: {error}") from error


def check_seed(seed: int) -> int:
    """Return a seed of 0 to 2^63 - 1: what histories and stores can hold.

    Raises:
        UsageError: it is out of range.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"--seed {seed}: give an integer from 0 to {LARGEST_SEED}")
    return seed


def parse_json(option: str, text: str, kind: type = dict) -> Any:
    """Return what an option's JSON says.

    Args:
        option: its name, for messages.
        text: what was typed.
        kind: ``dict`` for an object, ``list`` for a list.

    Raises:
        UsageError: it is no JSON, or another kind of value.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{option} {text}: expected JSON: {error}") from error
    if not isinstance(value, kind):
        expected = "an object, {…}" if kind is dict else "a list, […]"
        raise UsageError(f"{option} {text}: expected {expected}")
    return value


def parse_training(text: str) -> dict[str, Any]:
    """Return the training settings that ``--training`` names: JSON, or a file of them.

    Raises:
        UsageError: it is neither, or a setting does not fit.
    """
    from ..trainers.training.configuration import TrainingConfiguration

    given = parse_json("--training", text) if text.lstrip().startswith("{") else None
    try:
        settings = TrainingConfiguration.read(text) if given is None else TrainingConfiguration.from_config(given)
    except ValueError as error:
        raise UsageError(f"--training: {error}") from error
    return {**settings.differing(), "fidelities": list(settings.fidelities)}


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Return the settings that ``name=value`` give; a value is JSON or else a text.

    Raises:
        UsageError: a pair has no name or no value, or a name is there twice.
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--setting {pair}: give name=value")
        if name in settings:
            raise UsageError(f"--setting {pair}: {name!r} is set twice")
        settings[name] = parse_value(value)
    return settings


def parse_value(text: str) -> Any:
    """Return a value that is JSON, or else a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def parse_numbers(option: str, text: str) -> list[int]:
    """Return the numbers of ``0,3,7:10``: 0, 3, 7, 8 and 9.

    Raises:
        UsageError: it is another text.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, colon, end = part.partition(":")
        try:
            found = list(range(int(first), int(end))) if colon else [int(first)]
        except ValueError:
            found = []
        if not found or found[0] < 0 or len(found) > 10_000:
            raise UsageError(f"{option} {text}: give numbers and ranges, as in 0,3,7:10 (10 not among them)")
        numbers += found
    return numbers


def importable(reference: str) -> str:
    """Return a reference by module: ``file.py:Class`` imports the file and becomes ``file:Class``.

    A record then names no place on one machine, and worker processes find the module as they find others.

    Raises:
        UsageError: the file cannot be imported.
    """
    module, _, name = reference.rpartition(":")
    if not module.endswith(".py"):
        return reference
    import_modules([module])
    return f"{Path(module).stem}:{name}"


def parse_component(option: str, text: str) -> str | dict[str, Any]:
    """Return a component: a name, a reference, or an object with settings.

    Raises:
        UsageError: it looks like JSON and is none.
    """
    if text.lstrip().startswith("{"):
        return parse_json(option, text)
    return importable(text)


def parse_space(text: str) -> dict[str, Any]:
    """Return the configuration ``{"space": name, …}`` of a name, a reference, or JSON (either form).

    Raises:
        UsageError: it is JSON of another form.
    """
    given = parse_component("--space", text)
    if isinstance(given, str):
        return {"space": given}
    if "component" in given and isinstance(given.get("settings", {}), Mapping):
        given = {"space": given["component"], **given.get("settings", {})}
    if not isinstance(given.get("space"), str):
        raise UsageError(f'--space {text}: give {{"space": name or "module:Class", …settings}}')
    return {**given, "space": importable(given["space"])}
