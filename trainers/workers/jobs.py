"""What worker groups and explainers are asked to do, and the functions that do it inside their processes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from numpy.typing import NDArray

from ...envs.core.evaluation import Status
from ...envs.spaces import SearchSpace
from ..training.configuration import Recipe

Weights = list[NDArray[Any]]


@dataclass(frozen=True)
class IsiSettings:
    """How the ISI of a candidate is computed.

    Args:
        explainer: a name that `make_explainer` knows.
        settings: its arguments, as plain JSON values.
        cycles: checkpoints that are compared, at least 2.
        probes: number of images of the probe split that are explained, the first ones.
    """

    explainer: str = "gradient_x_input"
    settings: Mapping[str, Any] = field(default_factory=dict)
    cycles: int = 9
    probes: int = 64

    @classmethod
    def from_config(cls, config: Mapping[str, Any] | None) -> IsiSettings:
        """Build the settings from those that differ from the defaults, the explainer's own filled in.

        Raises:
            ValueError: a setting is unknown or out of range, or the explainer is; the message says what is allowed.
            ModuleNotFoundError: a package that the explainer needs is missing; the message names the extra.
        """
        from ...evaluation.explainers import make_explainer

        config = dict(config or {})
        known = list(cls.__dataclass_fields__)
        for name in config:
            if name not in known:
                raise ValueError(f"isi: setting {name!r} is unknown: known are {', '.join(known)}")
        for name, least in (("cycles", 2), ("probes", 1)):
            value = config.get(name, least)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"isi: {name}={value!r}: give an integer of at least {least}")
        chosen = cls(**config)
        explainer = make_explainer(chosen.explainer, **chosen.settings)
        return cls(chosen.explainer, dict(explainer.settings), chosen.cycles, chosen.probes)

    def config(self) -> dict[str, Any]:
        """Return every setting as plain JSON values."""
        return {**asdict(self), "settings": dict(self.settings)}


@dataclass(frozen=True)
class Job:
    """One candidate to train and explain.

    Attributes:
        space: what the architecture is one of.
        architecture: option indices, (n,).
        epochs: length of the training.
        seed: training seed.
        dataset: a Ray reference to the `Dataset`, or the data set itself.
        recipe: how it is trained.
        isi: how it is explained.
    """

    space: SearchSpace
    architecture: tuple[int, ...]
    epochs: int
    seed: int
    dataset: Any
    recipe: Recipe
    isi: IsiSettings


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        status: ``OK``, ``DIVERGED`` or ``CRASHED``.
        metrics: what was measured, by name.
        weights: final weights, None unless ``OK``.
        reason: what went wrong, for ``CRASHED``.
    """

    status: Status
    metrics: Mapping[str, float] = field(default_factory=dict)
    weights: Weights | None = None
    reason: str = ""


def _resolve(dataset: Any) -> Any:
    from ..data.datasets import Dataset

    if isinstance(dataset, Dataset):
        return dataset
    import ray

    return ray.get(dataset)


def train(job: Job, communicator: Any = None) -> tuple[Outcome, list[Weights]]:
    """Train a job's candidate in this process; return its measurements and its checkpoints."""
    from ..training.loop import train_candidate
    from .tensorflow_runtime import forget_models

    result = train_candidate(
        job.space.network(job.architecture),
        _resolve(job.dataset),
        job.recipe,
        job.epochs,
        job.seed,
        communicator,
        job.isi.cycles,
    )
    forget_models()
    metrics = {"training_loss": result.losses[-1], "training_seconds": result.training_seconds}
    if result.status != Status.OK:
        del metrics["training_loss"]  # not finite
        return Outcome(result.status, metrics), []
    metrics["validation_accuracy"] = result.validation_accuracy
    metrics["test_accuracy"] = result.test_accuracy
    return Outcome(Status.OK, metrics, result.checkpoints[-1]), result.checkpoints


def explain(job: Job, checkpoints: Sequence[Weights]) -> dict[str, float]:
    """Compute the ISI of a trained candidate in this process."""
    from ...evaluation.explainers import make_explainer
    from ...evaluation.metrics.isi import explain_checkpoints, interpretability_stability_index
    from ..keras.builder import build_model
    from .tensorflow_runtime import forget_models

    started = time.perf_counter()
    probe = _resolve(job.dataset).probe
    images, labels = probe.images[: job.isi.probes], probe.labels[: job.isi.probes]
    model = build_model(job.space.network(job.architecture), seed=0)
    explainer = make_explainer(job.isi.explainer, **job.isi.settings)
    maps = explain_checkpoints(model, checkpoints, images, labels, explainer)
    isi = interpretability_stability_index(maps).isi
    forget_models()
    return {"isi": isi, "explanation_seconds": time.perf_counter() - started}


def keras_file(space: SearchSpace, architecture: Sequence[int], weights: Weights) -> bytes:
    """Return the bytes of a ``.keras`` file of a network with these weights."""
    from ..training.loop import model_with_weights

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        model_with_weights(space.network(architecture), weights).save(path)
        with open(path, "rb") as file:
            return file.read()
