"""Training of one candidate, the same bit for bit wherever it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.evaluation import Status
from ...envs.spaces import Network
from ...evaluation.metrics.isi import checkpoint_steps
from ..data.dataset import DataSource, Split
from ..keras.builder import build_model, layer_names
from ..keras.training_model import training_model
from .communicator import Alone, Communicator
from .configuration import TrainingConfiguration, batches
from .memory.plan import memory_plan
from .memory.recomputation import recomputing_forward
from .program import TrainingProgram
from .regularisation import STRENGTHS
from .sync_batch_norm import synchronize_batch_norm

Logits = NDArray[np.float32]
Weights = list[NDArray[Any]]  # in the order of keras.Model.get_weights()


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands at the end of an epoch: all that its next step depends on.

    Attributes:
        epochs: that are over.
        weights: of the model.
        variables: of the optimizer and the loss scaling.
        l2: present strength of L2 regularisation.
        losses: mean training loss of each epoch.
        log: as of `TrainingResult`.
        checkpoints: weights at the end of each cycle so far, of a training of ``epochs`` epochs.
    """

    epochs: int
    weights: Weights
    variables: list[NDArray[Any]]
    l2: float
    losses: list[float]
    log: Mapping[str, list[float]]
    checkpoints: list[Weights]


@dataclass
class TrainingResult:
    """What a training came to.

    Attributes:
        status: ``OK`` or ``DIVERGED``; a diverged training has no logits and no checkpoints.
        losses: mean training loss of each epoch begun; the last is not finite where it diverged.
        validation_logits: ``(n, classes)`` float32 with the final weights.
        test_logits: ``(n, classes)`` float32 with the final weights.
        checkpoints: weights at the end of each cycle; the last are the final weights.
        state: where the training stands at its end; None where it diverged.
        log: name → one number per epoch begun, of what the configuration adds: ``loss_scale`` at its end and
            ``skipped_steps`` with loss scaling, ``l2`` where it changes.
        training_seconds: wall time from the model's construction to the last validation.
        test_seconds: wall time of the test, which no search pays for.
    """

    status: Status
    losses: list[float]
    validation_logits: Logits = field(default_factory=lambda: np.empty((0, 0), np.float32))
    test_logits: Logits = field(default_factory=lambda: np.empty((0, 0), np.float32))
    checkpoints: list[Weights] = field(default_factory=list)
    state: TrainingState | None = None
    log: Mapping[str, list[float]] = field(default_factory=dict)
    training_seconds: float = 0.0
    test_seconds: float = 0.0


def train_candidate(
    network: Network,
    dataset: DataSource,
    configuration: TrainingConfiguration,
    epochs: int,
    seed: int,
    communicator: Communicator | None = None,
    cycles: int = 9,
    state: TrainingState | None = None,
) -> TrainingResult:
    """Train one network and measure it.

    The result depends on the arguments and the number of ranks alone, on one kind of processor:
    initialisers are seeded layer by layer, the examples' order comes from (seed, epoch), and
    `trainers.runtime.set_up_tensorflow` (one thread, deterministic operations) is to be called before.
    Ranks are given equal parts of each batch and work in step: gradients and batch statistics are averaged
    over them, so that R ranks compute what one would, up to the order of summation.

    Args:
        network: what to train; its output are the logits.
        dataset: what to train and measure it on.
        configuration: how.
        epochs: length, at least 1.
        seed: non-negative integer.
        communicator: the ranks that train together; None for this process alone.
        cycles: number of checkpoints, evenly spread; a training with fewer steps has one for each.
        state: where a shorter training of the same candidate stands, one that `holds_checkpoints` of this one: it
            goes on from there, to the same result. ``training_seconds`` are then those of what is added.

    Returns:
        The result, the same on every rank.

    Raises:
        ValueError: the batch does not divide by the ranks, or an argument is out of range.
    """
    started = time.perf_counter()
    group = communicator or Alone()
    batch_size = configuration.batch_size
    if batch_size % group.size:
        raise ValueError(f"batch_size={batch_size} does not divide by {group.size} ranks: change one of them")
    pieces, parts = memory_plan(network, configuration, batch_size // group.size)
    order = batches(len(dataset.train), configuration, epochs, seed)  # (steps, batch)
    steps_per_epoch = len(order) // epochs
    kept = kept_steps(epochs, steps_per_epoch, cycles)
    model, noise = training_model(network, configuration, seed, group)
    synchronized = group.size > 1 and configuration.sync_batch_norm
    trained = synchronize_batch_norm(model, group) if synchronized else model
    forward = recomputing_forward(trained, layer_names(network), pieces) if pieces else None
    program = TrainingProgram(
        trained, dataset, configuration, order, steps_per_epoch, group, noise=noise, forward=forward, parts=parts
    )

    result = TrainingResult(Status.OK, [], log=program.log)
    follow = _l2_follower(program, trained, dataset, configuration)
    done = 0
    if state is not None:
        done = state.epochs * steps_per_epoch
        trained.set_weights(state.weights)
        program.restore(state.variables, state.l2, state.log)
        result.losses = list(state.losses)
        before = sorted(kept_steps(state.epochs, steps_per_epoch, cycles))
        held = zip(before, state.checkpoints, strict=True)
        result.checkpoints = [weights for step, weights in held if step in kept]
    for stop in sorted(s for s in kept | set(range(steps_per_epoch, len(order) + 1, steps_per_epoch)) if s > done):
        program.run(done, stop)
        program.average_moving_averages()
        done = stop
        weights = trained.get_weights() if stop in kept else []
        finite = np.isfinite(program.loss) and all(np.isfinite(w).all() for w in weights)
        if stop % steps_per_epoch == 0 or not finite:
            result.losses.append(program.end_epoch())
            follow(result.losses)
        if not finite:
            result.status, result.checkpoints = Status.DIVERGED, []
            break
        if weights:
            result.checkpoints.append(weights)
    if result.status == Status.OK:
        result.validation_logits = predict(trained, dataset.validation)
        log = {name: list(values) for name, values in program.log.items()}
        variables = [np.array(variable) for variable in program.state]
        result.state = TrainingState(
            epochs, result.checkpoints[-1], variables, program.l2, list(result.losses), log, result.checkpoints
        )
    result.training_seconds = time.perf_counter() - started
    if result.status == Status.OK:
        result.test_logits = predict(trained, dataset.test)
        result.test_seconds = time.perf_counter() - started - result.training_seconds
    return result


def kept_steps(epochs: int, steps_per_epoch: int, cycles: int) -> set[int]:
    """Return after which steps a training keeps its weights."""
    steps = epochs * steps_per_epoch
    if min(cycles, steps) == 1:
        return {steps}
    return set(checkpoint_steps(epochs, steps_per_epoch, min(cycles, steps)).tolist())


def holds_checkpoints(shorter: int, epochs: int, steps_per_epoch: int, cycles: int) -> bool:
    """Say whether a training of ``shorter`` epochs keeps the first checkpoints of one of ``epochs``."""
    here, there = kept_steps(epochs, steps_per_epoch, cycles), kept_steps(shorter, steps_per_epoch, cycles)
    return {step for step in here if step <= shorter * steps_per_epoch} <= there


def _l2_follower(
    program: TrainingProgram, model: Any, dataset: DataSource, configuration: TrainingConfiguration
) -> Callable[[list[float]], None]:
    """Return what sets the strength of L2 regularisation after an epoch, from the losses so far."""
    if configuration.l2_adaptation is None:
        return lambda losses: None
    rule, validation = STRENGTHS.make(configuration.l2_adaptation), []

    def follow(losses: list[float]) -> None:
        if not np.isfinite(losses[-1]):
            return
        if rule.watches_validation:
            validation.append(program.loss_of(predict(model, dataset.validation), dataset.validation.labels))
        program.l2 = rule.next(program.l2, configuration.l2, losses, validation)

    return follow


def predict(model: Any, split: Split, batch_size: int = 1024) -> Logits:
    """Return a model's logits ``(n, classes)`` float32 on a split, in inference mode."""
    parts = [slice(start, start + batch_size) for start in range(0, len(split), batch_size)]
    return np.concatenate([np.asarray(model(split.inputs[part], training=False), np.float32) for part in parts])


def model_with_weights(network: Network, weights: Sequence[NDArray[Any]]) -> Any:
    """Return the network's Keras model with these weights."""
    model = build_model(network, seed=0)
    model.set_weights(list(weights))
    return model
