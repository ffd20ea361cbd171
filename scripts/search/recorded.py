"""The task of a recorded search, made again from its ``search.json``: a file that somebody else may have written."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.error import Error as GymnasiumError

from ...envs import SearchTask
from ...envs.core.imports import may_import
from ..arguments import import_modules
from ..errors import UsageError
from .environments import accepts, check_environment, evaluator_factory, task_arguments, trains_live
from .run_folder import CONFIGURATION

# Where it is trained does not change what comes out: a file does not choose whose cluster, workers or store.
_OF_THE_PLACE = ("ray_address", "workers", "store")
_REFERENCE = re.compile(r"((?:[^\W\d]\w*\.)*[^\W\d]\w*|.*\.py):[^\W\d][\w.]*")


def recorded_task(
    configuration: Mapping[str, Any], stack: ExitStack, place: Mapping[str, Any] | None = None
) -> SearchTask:
    """Make the task that was searched. It is to be called within `received_files`.

    Args:
        configuration: what ``search.json`` holds.
        stack: closes what this opens.
        place: the evaluator's arguments ``store``, ``workers`` and ``ray_address``, as the user chooses them. Without
            a store live training has a new, empty one.

    Raises:
        UsageError: there is no such environment, an argument does not fit, or a module would have to be imported
            that the user has not permitted.
    """
    env = environment_of(configuration)
    evaluator = configuration.get("evaluator") or {}
    if not isinstance(evaluator, Mapping):
        raise UsageError(f"{CONFIGURATION} has the evaluator's arguments {evaluator}: expected an object")
    for name in ("evaluator", "objective"):
        check_references(configuration.get(name), f"{CONFIGURATION} ({name})")
    evaluator = {key: value for key, value in evaluator.items() if key not in _OF_THE_PLACE}
    given = {key: value for key, value in (place or {}).items() if value is not None}
    if trains_live(env):
        factory = evaluator_factory(env)
        if factory is not None and accepts(factory, "store") and "store" not in given:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pynascent-"))
            given["store"] = str(Path(folder) / "replay.sqlite")
        evaluator |= given
    elif given:
        raise UsageError(f"--{next(iter(given)).replace('_', '-')} is for live training: {env} looks candidates up")
    arguments = task_arguments({**configuration, "evaluator": evaluator})
    try:
        made = gymnasium.make(env, disable_env_checker=True, **arguments)
    except (GymnasiumError, TypeError, AttributeError, LookupError) as error:  # whatever nonsense a file may hold
        raise UsageError(f"environment {env!r}: {type(error).__name__}: {error}") from error
    stack.callback(made.close)
    return made.unwrapped.task  # type: ignore[attr-defined]


def check_references(value: Any, where: str) -> None:
    """Refuse references to modules that may not be imported, wherever in a JSON value they are.

    Resolving one is refused, too (`received_files`); this says so before anything is made.

    Raises:
        UsageError: there is one; the message says how to permit it.
    """
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for part in value:
            check_references(part, where)
    elif isinstance(value, str) and (found := _REFERENCE.fullmatch(value)) and not may_import(found[1]):
        raise UsageError(
            f"{where} names {value!r}, code of the module {found[1]!r}, which no file gets to import: "
            f"add --allow-import {found[1]} if you trust it"
        )


def environment_of(configuration: Mapping[str, Any]) -> str:
    """Return the registered id that a configuration names, without its module.

    Raises:
        UsageError: it names none, or one of a module that is not imported; the message says how it is.
    """
    env = configuration.get("env")
    if not isinstance(env, str):
        raise UsageError(f"{CONFIGURATION} names the environment {env}: expected an id")
    module, _, name = env.rpartition(":")
    if name not in gymnasium.registry and module:
        if not may_import(module) or module.partition(".")[0] == "pynascent":
            raise UsageError(f"environment {name!r} is registered by the module {module!r}: add --module {module}")
        import_modules([module])
    modules = configuration.get("modules")
    if name not in gymnasium.registry and isinstance(modules, list) and modules:
        hint = " ".join(f"--module {module}" for module in modules)
        raise UsageError(f"environment {name!r} is not registered: the search was begun with {hint}, add that")
    check_environment(name)
    return name
