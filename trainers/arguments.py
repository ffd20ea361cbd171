"""Arguments of the live evaluator: worker settings, the space that fits the data, the stages' settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..envs.core.components import check_settings
from ..envs.core.imports import Imports, import_reference
from ..envs.spaces import SearchSpace, space_from_config
from ..envs.spaces.registry import SPACES
from .data.dataset import DataSource
from .workers.pool import PoolSettings
from .workers.ray_runtime import cores


def make_space(space: SearchSpace | Mapping[str, Any] | str, data: DataSource, imports: Imports) -> SearchSpace:
    """Return the space; where its configuration leaves the input and the classes open, they are the data set's."""
    if isinstance(space, SearchSpace):
        return space
    config: dict[str, Any] = {"space": space} if isinstance(space, str) else dict(space)
    reference = config.get("space")
    if isinstance(reference, str) and (reference in SPACES or ":" in reference):
        factory = SPACES.get(reference)
        if factory is None:
            factory = import_reference(reference, imports, "space")
            config["space"] = f"{factory.__module__}:{factory.__qualname__}"
        for name, value in (("input_shape", list(data.input_shape)), ("classes", data.classes)):
            if name not in config:
                try:
                    check_settings("space", factory, {**{k: v for k, v in config.items() if k != "space"}, name: value})
                except ValueError:
                    continue
                config[name] = value
    return space_from_config(config, allow_import=bool(imports))


def with_settings(
    stages: Sequence[Any] | None, training: dict[str, Any], isi: dict[str, Any], data: DataSource
) -> list[Any]:
    """Return the stages with the settings that ``training`` and ``isi`` give them."""
    if stages is None:
        # The ISI explains an example's one class.
        stages = ["train"] if data.multi_label and not isi else ["train", "explain"]
    if isinstance(stages, (str, Mapping)):
        return stages  # type: ignore[return-value]  # refused by who makes them
    given = list(stages)
    names = [stage if isinstance(stage, str) else None for stage in given]
    for argument, name, settings in (("training", "train", training), ("isi", "explain", isi)):
        if settings and name not in names:
            raise ValueError(f"{argument}=… is for the stage {name!r} by its name, which is not among the stages")
    explain = _explain_settings(isi)
    if "explain" in names:
        # A small probe split is explained whole, unless a number is asked for.
        explain.setdefault("probes", min(64, len(data.probe)))
    train = {"configuration": training, "multi_label": data.multi_label}
    if "cycles" in explain:
        train["checkpoints"] = explain["cycles"]
    made: list[Any] = []
    for stage in given:
        if stage == "train":
            made.append({"component": "train", "settings": train})
        elif stage == "explain":
            made.append({"component": "explain", "settings": explain})
        elif isinstance(stage, Mapping) and stage.get("component") == "train":
            settings = {**(stage.get("settings") or {}), "multi_label": data.multi_label}
            made.append({"component": "train", "settings": settings})
        else:
            made.append(stage)
    return made


def _explain_settings(isi: dict[str, Any]) -> dict[str, Any]:
    """Return the stage's settings; ``settings`` beside ``explainer`` are the explainer's own."""
    explain = dict(isi)
    own = explain.pop("settings", None)
    if own:
        explain["explainer"] = {"component": explain.get("explainer", "gradient_x_input"), "settings": dict(own)}
    return explain


def pool_settings(
    workers: int | None, ranks: int, gpus_per_rank: float, ray_address: str | None, explainers: int
) -> PoolSettings:
    """Return the pool's settings, checked against this machine.

    Raises:
        ValueError: a number is out of range, or this machine has not the cores.
    """
    counts = (
        ("ranks_per_candidate", ranks),
        ("explainers", explainers),
        *([("workers", workers)] if workers is not None else []),
    )
    for name, value in counts:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name}={value!r}: give an integer of at least 1")
    if not isinstance(gpus_per_rank, (int, float)) or isinstance(gpus_per_rank, bool) or gpus_per_rank < 0:
        raise ValueError(f"gpus_per_rank={gpus_per_rank!r}: give 0 or more GPUs")
    if ranks > 1 and gpus_per_rank != int(gpus_per_rank):
        raise ValueError(f"gpus_per_rank={gpus_per_rank}: several ranks need whole GPUs each")
    if ray_address is None:
        available = cores()
        if ranks > available:
            raise ValueError(f"ranks_per_candidate={ranks}: this machine has {available} cores, give at most that")
        workers = available // ranks if workers is None else workers
        if workers * ranks > available:
            raise ValueError(
                f"{workers} workers of {ranks} ranks need {workers * ranks} cores, this machine has {available}: "
                f"give at most workers={available // ranks}"
            )
    return PoolSettings(workers, ranks, gpus_per_rank, explainers, ray_address)
