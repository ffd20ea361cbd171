"""Stages by name, and the graph that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...envs.core.components import Registry
from ...envs.core.imports import Imports
from ...envs.core.provenance import reference_of
from .base import Stage
from .explain import Explain
from .measure import Measure
from .train import Train

STAGES = Registry("stage", {"train": Train, "explain": Explain, "measure": Measure})
"""Name → class whose keyword arguments are the settings."""


def make_stages(stages: Sequence[Any], imports: Imports = True) -> list[Stage]:
    """Return stages in an order in which each comes after those whose artifacts it reads.

    Args:
        stages: names, components or stages.
        imports: whether ``"module:Class"`` may be imported.

    Raises:
        ValueError: one is unknown or no stage; two have one name, measure one metric or write one artifact; or
            nothing writes what one reads.
    """
    if isinstance(stages, (str, Mapping)) or not stages:
        raise ValueError(f"stages={stages!r}: give a list such as ['train', 'explain']; known are {', '.join(STAGES)}")
    made = [STAGES.make(stage, imports) for stage in stages]
    for given, stage in zip(stages, made, strict=True):
        if not isinstance(stage, Stage):
            raise ValueError(f"stage {given!r} is a {type(stage).__name__}: give a subclass of Stage")
    for what, names in (
        ("stages are called", [s.name for s in made]),
        ("stages measure", [name for s in made for name in (*s.metrics, s.seconds_metric.name)]),
        ("stages write", [name for s in made for name in s.writes]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two {what} {twice[0]!r}: leave one of them out")
    return _ordered(made)


def _ordered(stages: list[Stage]) -> list[Stage]:
    writer = {artifact: stage for stage in stages for artifact in stage.writes}
    for stage in stages:
        for artifact in stage.reads:
            if artifact not in writer:
                raise ValueError(
                    f"the stage {stage.name!r} reads {artifact!r}, which no stage writes: add one that does, "
                    "such as 'train'"
                )
    ordered: list[Stage] = []
    waiting = list(stages)
    while waiting:
        ready = [s for s in waiting if all(writer[artifact] in ordered for artifact in s.reads)]
        if not ready:
            raise ValueError(f"the stages {', '.join(s.name for s in waiting)} wait for each other's artifacts")
        ordered.append(ready[0])
        waiting.remove(ready[0])
    return ordered


def stage_config(stage: Stage) -> dict[str, Any]:
    """Return a stage as plain JSON: its short name or ``"module:Class"``, and its settings.

    Raises:
        ValueError: its class can be imported from nowhere.
    """
    kind = type(stage)
    if STAGES.get(stage.name) is kind:
        return {"component": stage.name, "settings": stage.settings}
    if kind.__module__ == "__main__" or "<" in kind.__qualname__:
        raise ValueError(
            f"the stage class {kind.__qualname__!r} of {kind.__module__!r} has no import path: define it at the top "
            "level of a module, so that worker processes find it"
        )
    return {"component": reference_of(stage), "settings": stage.settings}
