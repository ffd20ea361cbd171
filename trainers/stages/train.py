"""The stage that trains a candidate and validates it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...envs.core.components import split_config
from ...envs.core.evaluation import Metric, Status
from ...envs.core.provenance import provenance
from ..data.dataset import DataSource
from ..training.configuration import TrainingConfiguration
from ..training.loss_scaling import LOSS_SCALINGS
from ..training.losses import LOSSES, make_loss
from ..training.optimizers import OPTIMIZERS
from ..training.precision import policies
from ..training.regularisation import STRENGTHS
from ..training.schedules import SCHEDULES
from ..training.scores import SCORES, Score, make_score
from .base import (
    Arrays,
    Candidate,
    Stage,
    StageContext,
    StageResult,
    component_identity,
    pack_checkpoints,
    pack_named,
    pack_weights,
    unpack_checkpoints,
    unpack_named,
)

if TYPE_CHECKING:
    from ..training.loop import TrainingState

COMPONENT_REGISTRIES = {
    "optimizer": OPTIMIZERS,
    "loss": LOSSES,
    "score": SCORES,
    "schedule": SCHEDULES,
    "loss_scaling": LOSS_SCALINGS,
    "l2_adaptation": STRENGTHS,
}


@dataclass(frozen=True)
class Train(Stage):
    """Train a candidate; write its weights, checkpoints and predictions.

    Args:
        configuration: settings of `TrainingConfiguration` that differ from the defaults.
        checkpoints: how many sets of weights are kept, evenly spread over the training; the last are the final ones.
        multi_label: whether the data set is, which chooses loss and score where the configuration names none.
        keep_state: whether to write what a longer training of the candidate goes on from, and to go on from what a
            shorter one has written. The result is the same.
    """

    configuration: Mapping[str, Any] = field(default_factory=dict)
    checkpoints: int = 9
    multi_label: bool = False
    keep_state: bool = False
    name: ClassVar[str] = "train"
    version: ClassVar[int] = 3
    writes: ClassVar[tuple[str, ...]] = ("weights", "checkpoints", "predictions", "learning_curve", "state")
    trains: ClassVar[bool] = True
    seconds: ClassVar[str] = "training_seconds"

    def __post_init__(self) -> None:
        """Check the settings."""
        if not isinstance(self.checkpoints, int) or isinstance(self.checkpoints, bool) or self.checkpoints < 1:
            raise ValueError(f"train: checkpoints={self.checkpoints!r}: give an integer of at least 1")
        # What is unknown is said now, not by a worker.
        make_loss(self.training.loss, self.multi_label)
        OPTIMIZERS.resolve(split_config(self.training.optimizer, "optimizer")[0])
        _ = self.score

    @cached_property
    def training(self) -> TrainingConfiguration:
        """How it trains."""
        return TrainingConfiguration.from_config(self.configuration)

    @property
    def fidelities(self) -> tuple[int, ...]:
        """Epochs that can be asked for, ascending."""
        return self.training.fidelities

    @cached_property
    def score(self) -> Score:
        """What validation and test are scored by."""
        return make_score(self.training.score, self.multi_label)

    @property
    def search_metric(self) -> str:
        """The metric that a search maximises."""
        return f"validation_{self.score.name}"

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Validation score, test score, training loss of the last epoch."""
        s = self.score
        return {
            metric.name: metric
            for metric in (
                Metric(f"validation_{s.name}", s.unit, "validation", s.lower, s.upper, s.maximize),
                Metric(f"test_{s.name}", s.unit, "test", s.lower, s.upper, s.maximize),
                Metric("training_loss", "nats", "train"),
            )
        }

    def identity(self) -> dict[str, Any]:
        """See `Stage.identity`."""
        differing = self.training.differing()
        for name, registry in COMPONENT_REGISTRIES.items():
            if differing.get(name) is not None:
                differing[name] = component_identity(registry, differing[name])
        kept = {} if self.checkpoints == 9 else {"checkpoints": self.checkpoints}
        return {**differing, **kept, **provenance(self)}

    def check(self, candidate: Candidate, data: DataSource, fidelities: Sequence[int]) -> None:
        """See `Stage.check`."""
        network, space = candidate.network, candidate.space
        if network.input_shape != data.input_shape or network.output_shape != (data.classes,):
            raise ValueError(
                f"the space {space.name!r} maps {network.input_shape} to {network.output_shape}, the data set "
                f"{data.name!r} needs {data.input_shape} to ({data.classes},): set the space's input_shape and classes"
            )
        if self.training.batch_size > len(data.train):
            raise ValueError(
                f"training: batch_size={self.training.batch_size}: the data set {data.name!r} has "
                f"{len(data.train)} training examples"
            )
        if self.training.reweighting != "none" and data.multi_label:
            raise ValueError(
                f"training: reweighting={self.training.reweighting!r}: the data set {data.name!r} is multi-label, and "
                "an example has one class's weight: give 'none', or a loss of your own"
            )
        policies(network, self.training.precision, self.training.float32_layers)

    def shorter(self, candidate: Candidate, data: DataSource) -> list[Candidate]:
        """See `Stage.shorter`: the same architecture and seed at fewer epochs, the most first."""
        if not self.keep_state:
            return []
        from ..training.loop import holds_checkpoints

        steps = len(data.train) // self.training.batch_size
        fewer = [e for e in self.fidelities if e < candidate.epochs]
        return [
            replace(candidate, epochs=epochs)
            for epochs in reversed(fewer)
            if holds_checkpoints(epochs, candidate.epochs, steps, self.checkpoints)
        ]

    def run(self, context: StageContext) -> StageResult:
        """See `Stage.run`."""
        from ..training.loop import train_candidate

        candidate, data = context.candidate, context.data
        result = train_candidate(
            candidate.network,
            data,
            self.training,
            candidate.epochs,
            candidate.seed,
            context.communicator,
            self.checkpoints,
            _state(context.artifacts) if "state" in context.artifacts else None,
        )
        if result.status != Status.OK:
            return StageResult(status=result.status)
        metrics = {
            f"validation_{self.score.name}": self.score(result.validation_logits, data.validation.labels),
            f"test_{self.score.name}": self.score(result.test_logits, data.test.labels),
            "training_loss": result.losses[-1],
        }
        artifacts = {
            "weights": pack_weights(result.checkpoints[-1]),
            "checkpoints": pack_checkpoints(result.checkpoints),
            "predictions": {"validation": result.validation_logits, "test": result.test_logits},
            "learning_curve": {
                "training_loss": np.array(result.losses),
                **{name: np.array(values) for name, values in result.log.items()},
            },
        }
        if self.keep_state and result.state is not None:
            state = result.state
            artifacts["state"] = pack_named(
                epochs=[state.epochs],
                weights=state.weights,
                variables=state.variables,
                l2=[state.l2],
                losses=state.losses,
                **{f"log.{name}": values for name, values in state.log.items()},
            )
        return StageResult(metrics, artifacts, uncharged_seconds=result.test_seconds)


def _state(artifacts: Mapping[str, Arrays]) -> TrainingState:
    """Return the state that a shorter training has written."""
    from ..training.loop import TrainingState

    found = unpack_named(artifacts["state"])
    return TrainingState(
        int(found["epochs"][0]),
        found["weights"],
        found.get("variables", []),
        float(found["l2"][0]),
        [float(loss) for loss in found["losses"]],
        {name[4:]: [float(v) for v in values] for name, values in found.items() if name.startswith("log.")},
        unpack_checkpoints(artifacts["checkpoints"]),
    )
