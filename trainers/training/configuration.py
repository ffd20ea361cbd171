"""How a candidate is trained: every setting that is not its architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.components import differing_settings

Component = str | Mapping[str, Any]
"""A short name, ``"module:Class"``, or ``{"component": …, "settings": {…}}``."""


COMPONENTS = ("optimizer", "loss", "score")
"""The settings that are components."""


@dataclass(frozen=True)
class TrainingConfiguration:
    """Training settings of a candidate.

    The learning rate falls from ``learning_rate`` to 0 along half a cosine in every cycle of
    ``cycle_epochs`` and starts anew in the next (Loshchilov and Hutter, SGDR, 2017, with equal cycles).
    Neither it nor the order of the images depends on how many epochs are asked for, so a training of 3
    epochs is, bit for bit, the beginning of one of 27.

    Args:
        fidelities: epochs that can be asked for, ascending.
        cycle_epochs: epochs of a learning rate cycle.
        batch_size: images per step over all ranks; a rank takes its equal part.
        optimizer: a name in `pynascent.trainers.training.optimizers.OPTIMIZERS`, or a component.
        learning_rate: at the beginning of each cycle, above 0.
        weight_decay: fraction of each weight taken off per step, times the learning rate; 0 or more.
        momentum: of ``"sgd"``, 0..1.
        label_smoothing: share of the target spread over all classes, 0..1.
        loss: what is minimised: a name in `pynascent.trainers.training.losses.LOSSES` or a component; None for
            cross-entropy, of the logits' sigmoid where the data set is multi-label.
        score: what a search sees: a name in `pynascent.trainers.training.scores.SCORES` or a component; None for
            accuracy, or the mean area under the ROC curve where the data set is multi-label.
        batch_norm_momentum: share of batch normalisation's moving averages that a batch leaves in place. An
            epoch here has 12 steps: with 0.9, let alone Keras's 0.99, the averages still hold their initial
            values after one, and its accuracy is chance whatever the architecture.

    Raises:
        ValueError: a setting is out of range.
    """

    fidelities: tuple[int, ...] = (1, 3, 9, 27)
    cycle_epochs: int = 9
    batch_size: int = 50
    optimizer: Component = "adamw"
    learning_rate: float = 1e-2
    weight_decay: float = 5e-4
    momentum: float = 0.9
    label_smoothing: float = 0.0
    batch_norm_momentum: float = 0.7
    loss: Component | None = None
    score: Component | None = None

    def __post_init__(self) -> None:
        """Check every setting."""
        object.__setattr__(self, "fidelities", tuple(self.fidelities))
        ascending = all(a < b for a, b in zip(self.fidelities, self.fidelities[1:], strict=False))
        checks = (
            (
                "fidelities",
                bool(self.fidelities) and min(self.fidelities) >= 1 and ascending,
                "ascending epochs from 1",
            ),
            ("cycle_epochs", self.cycle_epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("learning_rate", self.learning_rate > 0, "above 0"),
            ("weight_decay", self.weight_decay >= 0, "0 or more"),
            ("momentum", 0 <= self.momentum < 1, "0 or more and below 1"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "0 or more and below 1"),
            ("batch_norm_momentum", 0 <= self.batch_norm_momentum < 1, "0 or more and below 1"),
        )
        for name, holds, allowed in checks:
            if not holds:
                raise ValueError(f"training: {name}={getattr(self, name)!r}: give {allowed}")

    @classmethod
    def from_config(cls, config: Mapping[str, Any] | None) -> TrainingConfiguration:
        """Build a configuration from the settings that differ from the defaults.

        Raises:
            ValueError: a setting is unknown (the message lists the known ones), of the wrong type or out of range.
        """
        config = dict(config or {})
        known = {f.name: f for f in fields(cls)}
        for name, value in config.items():
            if name not in known:
                raise ValueError(f"training: setting {name!r} is unknown: known are {', '.join(known)}")
            if name in COMPONENTS:
                if not (value is None or isinstance(value, (str, Mapping))):
                    raise ValueError(f"training: {name}={value!r}: give a name or a component")
                continue
            default = known[name].default
            kinds = (
                (list, tuple)
                if isinstance(default, tuple)
                else (int, float)
                if isinstance(default, float)
                else type(default)
            )
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise ValueError(f"training: {name}={value!r}: give a value like {default!r}")
        return cls(**config)

    def config(self) -> dict[str, Any]:
        """Return every setting as plain JSON values."""
        return {**asdict(self), "fidelities": list(self.fidelities)}

    def differing(self) -> dict[str, Any]:
        """Return the settings that determine a training and differ from the defaults, as plain JSON values.

        ``fidelities`` is not among them: a training of three epochs is the same whatever else may be asked for.
        """
        settings = {name: value for name, value in self.config().items() if name != "fidelities"}
        return differing_settings(type(self), settings)

    def learning_rates(self, steps: int, steps_per_epoch: int) -> NDArray[np.float32]:
        """Return the learning rate of each of the first ``steps`` steps, ``(steps,)``."""
        cycle = self.cycle_epochs * steps_per_epoch
        phase = np.arange(steps) % cycle / cycle
        return (self.learning_rate * 0.5 * (1 + np.cos(np.pi * phase))).astype(np.float32)


def batches(images: int, configuration: TrainingConfiguration, epochs: int, seed: int) -> NDArray[np.int32]:
    """Return which images each step takes, ``(epochs × steps per epoch, batch_size)`` indices.

    Every epoch is a permutation of its own, drawn from (seed, epoch) alone; images beyond the last full
    batch sit the epoch out.

    Raises:
        ValueError: there are fewer images than a batch takes.
    """
    steps = images // configuration.batch_size
    if not steps:
        raise ValueError(f"batch_size={configuration.batch_size}: there are only {images} training examples")
    rows = [np.random.default_rng([seed, epoch]).permutation(images) for epoch in range(epochs)]
    return np.stack(rows)[:, : steps * configuration.batch_size].reshape(-1, configuration.batch_size).astype(np.int32)
