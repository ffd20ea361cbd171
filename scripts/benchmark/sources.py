"""The code that a run depends on beside the package's own: agents and tasks of the user's, identified by their source.

A run that was played with other code answers another question, so these go into what identifies a run.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from ...envs import TASKS
from ...envs.core.evaluation import Evaluator
from ...envs.core.imports import PACKAGE
from ...envs.core.provenance import provenance, source_digest


def agent_source(kind: type) -> str | None:
    """Return what tells two versions of an agent's code apart; None for an agent of the package.

    It is the SHA-256 of its module's source and of what that imports beside it, or its declared ``version``.
    """
    found = provenance(kind)
    return found.get("source") or (f"version {found['version']}" if "version" in found else None)


def task_source(task: str, arguments: Mapping[str, Any], evaluator: Evaluator) -> str | None:
    """Return what tells two versions of a task's code apart; None where all of it is the package's.

    Covered are the evaluator's class, that of its space, and every module that the arguments name a component of
    (``"module:Class"``), with what these import beside them; and, since the module that registers such a task decides
    its arguments, these too.

    Args:
        task: the registered task.
        arguments: those of the benchmark for its evaluator.
        evaluator: the evaluator.
    """
    spec = TASKS[task]
    found = {"evaluator": provenance(evaluator), "space": provenance(evaluator.space)}
    for reference in references({**spec.arguments, **arguments}):
        module = reference.partition(":")[0].removesuffix(".py").rpartition("/")[2]
        if module.partition(".")[0] != PACKAGE and module in sys.modules:
            found[reference] = {"source": source_digest(module) or ""}
    if not any(found.values()):
        return None
    described = {"spec": asdict(spec), "code": found}
    return hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()


def references(value: Any) -> Iterator[str]:
    """Yield the texts of the form ``module:Class`` or ``file.py:Class`` among plain JSON values, at any depth."""
    if isinstance(value, str):
        module, colon, name = value.rpartition(":")
        if colon and name.replace(".", "_").isidentifier() and module.strip():
            yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from references(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from references(entry)
