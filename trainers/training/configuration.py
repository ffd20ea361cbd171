"""How a candidate is trained: every setting that is not its architecture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.components import differing_settings
from ...evaluation.optional import require
from .loss_scaling import make_loss_scaling
from .precision import PRECISIONS
from .regularisation import STRENGTHS
from .reweighting import REWEIGHTINGS
from .schedules import SCHEDULES

Component = str | Mapping[str, Any]
"""A short name, ``"module:Class"``, or ``{"component": …, "settings": {…}}``."""


COMPONENTS = ("optimizer", "loss", "score", "schedule", "loss_scaling", "l2_adaptation")
"""The settings that are components."""

REMATS = ("none", "blocks", "auto")


@dataclass(frozen=True)
class TrainingConfiguration:
    """Training settings of a candidate.

    Every technique is one field that changes nothing else, and that changes no key of the store at its default.

    As a rule the learning rate falls from ``learning_rate`` to 0 along half a cosine in every cycle of
    ``cycle_epochs`` and starts anew in the next (Loshchilov and Hutter, SGDR, 2017, with equal cycles).
    Neither it nor the order of the images depends on how many epochs are asked for, so a training of 3
    epochs is, bit for bit, the beginning of one of 27.

    Args:
        fidelities: epochs that can be asked for, ascending.
        cycle_epochs: epochs of a learning rate cycle; of the first one, where cycles grow.
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
        schedule: a name in `pynascent.trainers.training.schedules.SCHEDULES` or a component.
        warmup_epochs: epochs over which the learning rate grows from near 0 to the schedule's, linearly by step.
        scale_learning_rate: whether the learning rate is multiplied by the number of ranks (Goyal et al., 2017): for
            a ``batch_size`` that grows with them.
        precision: ``float32``, ``mixed_float16`` or ``mixed_bfloat16``: what layers compute in; weights stay float32.
        float32_layers: what computes in float32 in spite of a mixed precision: see
            `pynascent.trainers.training.precision.policies`.
        loss_scaling: a name in `pynascent.trainers.training.loss_scaling.LOSS_SCALINGS` or a component; None for
            ``dynamic`` in ``mixed_float16`` and for none otherwise.
        l2: strength of L2 regularisation: this times the sum of squares of all kernels is added to the loss.
        l2_adaptation: how ``l2`` changes from epoch to epoch: a name in
            `pynascent.trainers.training.regularisation.STRENGTHS` or a component; None for not at all.
        dropout: share of the last dense layer's inputs that is zeroed in each training step, 0..1.
        drop_connect: share of the weights of convolutions and dense layers that is zeroed in each step, 0..1.
        reweighting: ``none``, or ``balanced``: rare classes count more (`balanced_weights`).
        accumulation: parts that a rank's share of a batch is worked through in, one after the other, before the
            optimizer steps; gradients are averaged, so batch size and learning rate mean the same, in less memory.
            Batch normalisation sees the parts. 0 chooses the smallest number with which a step fits ``memory_mb``.
        remat: what is computed again in the backward pass instead of being kept (gradient checkpointing): ``none``;
            ``blocks``: pieces of the network, chosen for least memory; ``auto``: as many of these as it takes for a
            step to fit ``memory_mb``.
        memory_mb: budget of a training step in MB (10⁶ bytes) of a rank, for ``auto`` and ``accumulation=0``, as
            estimated by `pynascent.trainers.training.memory.estimate.step_megabytes`; 0 for none.
        xla: whether XLA compiles the training step.
        gradient_compression: what several ranks exchange: ``none`` or ``fp16``, half the bytes.
        gradient_reduction: ``average`` of the ranks' gradients, or ``adasum``, which needs a Horovod with MPI or NCCL.
        sync_batch_norm: whether batch normalisation sees the batch of all ranks, so that their number changes nothing;
            else each rank normalises by its own part, which exchanges less, and moving averages are averaged over the
            ranks at the end of each epoch and cycle.

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
    schedule: Component = "cosine"
    warmup_epochs: int = 0
    scale_learning_rate: bool = False
    precision: str = "float32"
    float32_layers: str | Sequence[str] = ()
    loss_scaling: Component | None = None
    l2: float = 0.0
    l2_adaptation: Component | None = None
    dropout: float = 0.0
    drop_connect: float = 0.0
    reweighting: str = "none"
    accumulation: int = 1
    remat: str = "none"
    memory_mb: float = 0.0
    xla: bool = False
    gradient_compression: str = "none"
    gradient_reduction: str = "average"
    sync_batch_norm: bool = True

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
            ("warmup_epochs", self.warmup_epochs >= 0, "0 or more"),
            ("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
            ("l2", self.l2 >= 0, "0 or more"),
            ("dropout", 0 <= self.dropout < 1, "0 or more and below 1"),
            ("drop_connect", 0 <= self.drop_connect < 1, "0 or more and below 1"),
            ("reweighting", self.reweighting in REWEIGHTINGS, f"one of {', '.join(REWEIGHTINGS)}"),
            ("accumulation", self.accumulation >= 0, "0 or more"),
            ("accumulation", self.accumulation > 0 or self.memory_mb > 0, "a number, or a memory_mb above 0"),
            ("remat", self.remat in REMATS, f"one of {', '.join(REMATS)}"),
            ("remat", self.remat != "auto" or self.memory_mb > 0, "'auto' together with a memory_mb above 0"),
            ("remat", self.remat == "none" or not self.xla, "'none' with xla, which takes the recomputation out again"),
            ("gradient_compression", self.gradient_compression in ("none", "fp16"), "none or fp16"),
            ("gradient_reduction", self.gradient_reduction in ("average", "adasum"), "average or adasum"),
            ("memory_mb", self.memory_mb >= 0, "0 or more"),
            ("l2_adaptation", self.l2_adaptation is None or self.l2 > 0, "None, or an l2 above 0 that it can change"),
        )
        for name, holds, allowed in checks:
            if not holds:
                raise ValueError(f"training: {name}={getattr(self, name)!r}: give {allowed}")
        object.__setattr__(self, "float32_layers", _layers(self.float32_layers))
        # What is unknown is said now, not by a worker.
        SCHEDULES.make(self.schedule)
        STRENGTHS.make(self.l2_adaptation or "steady")
        make_loss_scaling(self.loss_scaling, self.precision)

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
            if name == "float32_layers":
                continue  # looked at by the constructor
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
            if not isinstance(value, kinds) or isinstance(value, bool) != isinstance(default, bool):
                raise ValueError(f"training: {name}={value!r}: give a value like {default!r}")
        return cls(**config)

    @classmethod
    def read(cls, path: str | Path) -> TrainingConfiguration:
        """Read a configuration from a file of the settings that differ from the defaults.

        Args:
            path: ``.json``, ``.yaml`` or ``.yml``.

        Raises:
            ValueError: the file is of another kind, cannot be read or parsed, or a setting does not fit.
        """
        path = Path(path)
        if path.suffix not in (".json", ".yaml", ".yml"):
            raise ValueError(f"training configuration {path}: give a .json, .yaml or .yml file")
        try:
            text = path.read_text(encoding="utf-8")
            found = json.loads(text) if path.suffix == ".json" else _yaml().safe_load(text)
        except (OSError, ValueError, _yaml().YAMLError) as error:
            raise ValueError(f"training configuration {path}: {' '.join(str(error).split())}") from error
        if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
            raise ValueError(f"training configuration {path}: give one object of settings")
        return cls.from_config(found)

    def write(self, path: str | Path) -> None:
        """Write the settings that differ from the defaults as JSON or YAML, by the file's ending.

        Raises:
            ValueError: the ending is another.
        """
        path = Path(path)
        default = TrainingConfiguration().config()
        settings = {name: value for name, value in self.config().items() if value != default[name]}
        if path.suffix == ".json":
            text = json.dumps(settings, indent=2) + "\n"
        elif path.suffix in (".yaml", ".yml"):
            text = _yaml().safe_dump(settings, sort_keys=False)
        else:
            raise ValueError(f"training configuration {path}: give a .json, .yaml or .yml file")
        written = path.with_name(f".{path.name}.new")
        written.write_text(text, encoding="utf-8")
        written.replace(path)

    def config(self) -> dict[str, Any]:
        """Return every setting as plain JSON values."""
        layers = self.float32_layers
        shown = layers if isinstance(layers, str) else list(layers)
        return {**asdict(self), "fidelities": list(self.fidelities), "float32_layers": shown}

    def differing(self) -> dict[str, Any]:
        """Return the settings that determine a training and differ from the defaults, as plain JSON values.

        ``fidelities`` is not among them: a training of three epochs is the same whatever else may be asked for.
        """
        settings = {name: value for name, value in self.config().items() if name != "fidelities"}
        if settings["float32_layers"] == []:
            del settings["float32_layers"]
        return differing_settings(type(self), settings)

    def learning_rates(self, steps: int, steps_per_epoch: int, ranks: int = 1) -> NDArray[np.float32]:
        """Return the learning rate of each of the first ``steps`` steps, ``(steps,)``, with a number of ranks."""
        largest = self.learning_rate * (ranks if self.scale_learning_rate else 1)
        rates = largest * SCHEDULES.make(self.schedule).factors(steps, self.cycle_epochs * steps_per_epoch)
        warmup = self.warmup_epochs * steps_per_epoch
        if warmup:
            rates = rates * np.minimum((np.arange(steps) + 1) / warmup, 1.0)
        return rates.astype(np.float32)


def _yaml() -> Any:
    return require("yaml", "train", "YAML files")


def _layers(names: Any) -> Any:
    """Return ``"auto"`` or a tuple of names."""
    if names == "auto":
        return names
    if isinstance(names, (list, tuple)) and all(isinstance(name, str) and name for name in names):
        return tuple(names)
    raise ValueError(f"training: float32_layers={names!r}: give 'auto' or a list of names")


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
