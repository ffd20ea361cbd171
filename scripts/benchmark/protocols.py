"""Protocols: what an agent sees, what it pays, and what is reported of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...envs.core.evaluation import MEAN_SEED
from ..errors import UsageError


@dataclass(frozen=True)
class Protocol:
    """How a task is played; plain JSON values, stamped on every result.

    An agent is judged by its **value**: the best reward among its feasible evaluations at the protocol's epochs. Apart
    from it stands the **report**, which no agent sees: the test accuracy of the architecture with the best
    value seen so far. Where several distinct architectures of those seen tie at the best value, it is the
    mean of theirs.

    Attributes:
        name: its name on the command line.
        description: one line for reports.
        epochs: the fidelity that agents see, and what they pay is its training time; None for the largest.
        choose: whether an agent that chooses fidelities may, where the task has several. What it sees at
            lower ones costs it, and does not count as a value.
        training_seed: the ``training_seed`` of the environments: a training's number, ``"resample"``, or
            ``"mean"`` for the mean over a table's trainings.
        report_epochs: epochs of the reported test accuracy where the task looks up; None for the largest.
        seconds: default budgets in simulated seconds, by task.
    """

    name: str
    description: str
    epochs: int | None = None
    choose: bool = False
    training_seed: int | str = 0
    report_epochs: int | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    def value_epochs(self, fidelities: tuple[int, ...], task: str) -> int:
        """Return the fidelity whose rewards count.

        Raises:
            UsageError: the task does not have the protocol's epochs.
        """
        for name in ("epochs", "report_epochs"):
            wanted = getattr(self, name)
            if wanted is not None and wanted not in fidelities:
                raise UsageError(
                    f"the protocol {self.name!r} needs {wanted} epochs, and the task {task!r} has "
                    f"{', '.join(map(str, fidelities))}: choose another --protocol for it"
                )
        return fidelities[-1] if self.epochs is None else self.epochs


TASK = Protocol(
    "task",
    "the task's own objective at its largest fidelity; agents that choose fidelities do",
    choose=True,
)
NATS = Protocol(
    "nats",
    "agents see 12-epoch validation accuracy and pay 12 epochs' training time, repeats too; "
    "the report is the 200-epoch test accuracy, mean over trainings",
    epochs=12,
    report_epochs=200,
    # Dong et al. (2021, TPAMI, "NATS-Bench") give searches on the topology space these times.
    seconds={"NASBench201-CIFAR10": 2e4, "NASBench201-CIFAR100": 4e4, "NASBench201-ImageNet16": 1.2e5},
)
DIRECT = Protocol(
    "direct",
    "agents see 200-epoch validation accuracy, mean over trainings; "
    "what counts is the share of runs that have found the optimum",
    epochs=200,
    training_seed="mean",
    report_epochs=200,
)

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in (TASK, NATS, DIRECT)}


def find_protocol(name: str) -> Protocol:
    """Return a protocol by name, in any case.

    Raises:
        UsageError: the name is unknown.
    """
    if name.lower() not in PROTOCOLS:
        raise UsageError(f"protocol {name!r} is unknown: known are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name.lower()]


def fixed_seed(protocol: Mapping[str, Any]) -> int | None:
    """Return the training seed that every row of a protocol's runs has, or None where it is resampled."""
    seed = protocol["training_seed"]
    if seed == "mean":
        return MEAN_SEED
    return seed if isinstance(seed, int) else None
