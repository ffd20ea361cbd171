"""What a stage is: a step of a candidate's evaluation with metrics, artifacts and a key of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...envs.core.components import differing_settings
from ...envs.core.evaluation import Metric, Status
from ...envs.core.provenance import provenance, reference_of
from ...envs.network.graph import Network
from ...envs.spaces import SearchSpace
from ..data.dataset import DataSource
from ..training.communicator import Alone, Communicator

Arrays = Mapping[str, NDArray[Any]]
"""An artifact: named arrays. It is stored as one NPZ file."""


STATE = ("state", "checkpoints")
"""Artifacts of a shorter training that a longer one goes on from (`Stage.shorter`)."""


@dataclass(frozen=True)
class Candidate:
    """What is evaluated.

    Attributes:
        space: what the architecture is one of.
        architecture: option indices ``(n,)``, in canonical form.
        epochs: the fidelity.
        seed: the training seed.
    """

    space: SearchSpace
    architecture: tuple[int, ...]
    epochs: int
    seed: int

    @property
    def network(self) -> Network:
        """The layer graph of the architecture."""
        return self.space.network(self.architecture)


@dataclass
class StageContext:
    """What a stage is given in the process that runs it.

    Attributes:
        candidate: what is evaluated.
        data: the data set.
        artifacts: the artifacts that the stage reads, by name.
        communicator: the ranks that run it together (`Stage.trains`), else this process alone.
    """

    candidate: Candidate
    data: DataSource
    artifacts: Mapping[str, Arrays] = field(default_factory=dict)
    communicator: Communicator = field(default_factory=Alone)

    def model(self) -> Any:
        """Return the candidate's Keras model with its trained weights, from the artifact ``weights``."""
        from ..training.loop import model_with_weights

        return model_with_weights(self.candidate.network, unpack_weights(self.artifacts["weights"]))


@dataclass(frozen=True)
class StageResult:
    """What a stage returns.

    Attributes:
        metrics: value of each metric that the stage declares.
        artifacts: the artifacts that it writes, by name.
        status: ``OK``, or ``DIVERGED`` where the training came to nothing.
        uncharged_seconds: time spent on test data, which no search pays for.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    artifacts: Mapping[str, Arrays] = field(default_factory=dict)
    status: Status = Status.OK
    uncharged_seconds: float = 0.0


class Stage(ABC):
    """A step of a candidate's evaluation. A stage of one's own is a frozen dataclass that derives from this class.

    Its dataclass fields are its settings, plain JSON. Its result is stored under a key made of its version, of the
    settings that differ from their defaults, of the code of components from outside the package, and of the keys of
    what it reads; so a new setting with its default invalidates nothing, and another explainer trains nothing.

    Attributes:
        name: its name in messages and in the status.
        version: raise it when a change of the stage makes stored results wrong.
        reads: artifacts that it reads; another stage writes each.
        writes: artifacts that it writes.
        trains: whether it runs in a worker group (all its ranks), else in one of the helpers.
        seconds: the metric that its time is reported as; it is charged to the search.
        packages: whose versions its result depends on.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()
    trains: ClassVar[bool] = False
    seconds: ClassVar[str] = ""

    @property
    def packages(self) -> Sequence[str]:
        """Names of the packages whose versions its result depends on."""
        return ("numpy", "tensorflow", "keras")

    @property
    @abstractmethod
    def metrics(self) -> Mapping[str, Metric]:
        """What it measures, by name; its seconds come by themselves."""

    @property
    def settings(self) -> dict[str, Any]:
        """Its dataclass fields as plain JSON values."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    def identity(self) -> dict[str, Any]:
        """Return what its key sees of its settings, and of code from outside the package, as plain JSON values."""
        return {**differing_settings(type(self), self.settings), **provenance(self)}

    @abstractmethod
    def run(self, context: StageContext) -> StageResult:
        """Do the work, in a worker process.

        Raises:
            Exception: whatever is raised ends this stage alone: what others measured stays.
        """

    def check(self, candidate: Candidate, data: DataSource, fidelities: Sequence[int]) -> None:  # noqa: B027
        """Refuse a data set or space that the stage cannot work on, before anything is started.

        Args:
            candidate: any candidate of the space.
            data: the data set.
            fidelities: epochs that may be asked for, ascending.

        Raises:
            ValueError: it does not fit; the message says what would.
        """

    def shorter(self, candidate: Candidate, data: DataSource) -> list[Candidate]:
        """Return candidates whose stored ``state`` the stage can go on from instead of beginning anew, best first.

        Where the store has one, the artifacts named in `STATE` are among those that the stage is given. The result
        must be the one that it would have begun anew; its seconds are added to those of the other.
        """
        return []

    @property
    def seconds_metric(self) -> Metric:
        """The metric of the stage's time."""
        return Metric(self.seconds or f"{self.name}_seconds", "s", deterministic=False)


def component_identity(registry: Any, component: Any) -> dict[str, Any]:
    """Return what a key sees of a component: its reference, its differing settings, and the code of an outside one."""
    from ...envs.core.components import split_config

    reference, settings = split_config(component, registry.kind)
    factory = registry.resolve(reference)
    known = {"component": reference if reference in registry else reference_of(factory)}
    differing = differing_settings(factory, settings)
    return {**known, **({"settings": differing} if differing else {}), **provenance(factory)}


def pack_named(**lists: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """Return lists of arrays or numbers as one artifact."""
    return {f"{name}.{index:04d}": np.asarray(v) for name, values in lists.items() for index, v in enumerate(values)}


def unpack_named(arrays: Arrays) -> dict[str, list[NDArray[Any]]]:
    """Return the lists that `pack_named` packed; empty ones are lost."""
    found: dict[str, list[NDArray[Any]]] = {}
    for key in sorted(arrays):
        found.setdefault(key.rpartition(".")[0], []).append(arrays[key])
    return found


def pack_weights(weights: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return weights, in the order of ``keras.Model.get_weights()``, as an artifact."""
    return {f"{index:04d}": np.asarray(array) for index, array in enumerate(weights)}


def unpack_weights(arrays: Arrays) -> list[NDArray[Any]]:
    """Return the weights that `pack_weights` packed."""
    return [arrays[name] for name in sorted(arrays)]


def pack_checkpoints(checkpoints: Sequence[Sequence[NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Return the weights of several checkpoints as one artifact."""
    return {
        f"{t:04d}.{index:04d}": np.asarray(array)
        for t, weights in enumerate(checkpoints)
        for index, array in enumerate(weights)
    }


def unpack_checkpoints(arrays: Arrays) -> list[list[NDArray[Any]]]:
    """Return the checkpoints that `pack_checkpoints` packed, in order."""
    found: dict[str, list[NDArray[Any]]] = {}
    for name in sorted(arrays):
        found.setdefault(name.partition(".")[0], []).append(arrays[name])
    return list(found.values())
