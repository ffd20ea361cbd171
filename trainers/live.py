"""The live evaluator: candidates are trained and explained for real, in a warm pool, and never twice."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..envs.core.evaluation import METRICS, Evaluation, Metric, Status
from ..envs.spaces import SearchSpace, network_cost, space_from_config, space_to_config
from ..envs.spaces.base import IntArray
from ..evaluation.metrics.isi import checkpoint_steps
from ..evaluation.optional import require_installed
from .data.datasets import Dataset, load_dataset
from .store.evaluation_store import EvaluationStore, Record, question_key
from .training.configuration import Recipe
from .workers.jobs import IsiSettings, Job, Outcome, keras_file
from .workers.pool import Pool, PoolSettings, borrow, give_back
from .workers.ray_runtime import cores

EVALUATOR_VERSION = 2
"""Part of every key of the store: raise it when a change here makes old results wrong."""

LIVE_METRICS = (
    "validation_accuracy",
    "test_accuracy",
    "training_loss",
    "flops",
    "elementwise_flops",
    "parameters",
    "isi",
    "training_seconds",
    "explanation_seconds",
)
COUNTED = ("flops", "elementwise_flops", "parameters")


def software_versions(horovod: bool = False) -> dict[str, str]:
    """Return the versions of the packages that compute a result, by name."""
    packages = ("numpy", "tensorflow", "keras", *(["horovod"] if horovod else []))
    return {package: version(package) for package in packages}


class LiveEvaluator:
    """Trains candidates on a data set and explains them, on Ray; an `AsyncEvaluator`.

    What is trained is the canonical form of the architecture asked for, so isomorphic architectures share
    one result, and a result depends on nothing but the store's key: canonical architecture and space,
    epochs, seed, data set, recipe, ISI settings, ranks, kind of device, framework versions and
    `EVALUATOR_VERSION`. It is written to the store before anybody sees it. The worker pool starts with the
    first question that the store cannot answer, is shared by all evaluators of this process with equal
    worker settings, and ends when the last of them is closed, or with the process.

    ``training_seconds`` is the wall time of a training in its worker, building and measuring the network
    included, ``explanation_seconds`` that of its explanation; ``cost_seconds`` is their sum: what a search
    waits for from question to answer. A crashed candidate (three tries) is not stored: it is trained again
    when it is next asked for. A diverged one (the loss or a weight not finite) is stored, and costs its
    training.

    Args:
        space: a search space, or its configuration as `space_to_config` gives it.
        dataset: name of the data set.
        recipe: settings of `Recipe` that differ from the defaults.
        isi: settings of `IsiSettings` that differ from the defaults.
        workers: number of worker groups; None for as many as there are cores for their ranks, or as a
            cluster has CPUs for.
        ranks_per_candidate: Horovod ranks that train one candidate together, each on a core of its own.
        gpus_per_rank: GPUs of each rank; a fraction lets single ranks share one.
        ray_address: of a running Ray cluster; None for a local Ray that only this process can reach.
        store: the store's file; None for ``evaluations.sqlite`` in the folder named by the environment
            variable ``PYNASCENT_DATA``, or else in the user's data folder.
        explainers: number of explainer processes; they share the workers' cores.

    Raises:
        ValueError: an argument is unknown, out of range, or does not fit the others or this machine.
        ModuleNotFoundError: a package is missing; the message names the extra that has it.
    """

    seeds = None

    def __init__(
        self,
        space: SearchSpace | Mapping[str, Any],
        dataset: str = "digits",
        recipe: Mapping[str, Any] | None = None,
        isi: Mapping[str, Any] | None = None,
        workers: int | None = None,
        ranks_per_candidate: int = 1,
        gpus_per_rank: float = 0,
        ray_address: str | None = None,
        store: str | Path | None = None,
        explainers: int = 1,
    ) -> None:
        for package in ("tensorflow", "keras", "ray"):
            require_installed(package, "train", "live training")
        self.space = space_from_config(space) if isinstance(space, Mapping) else space
        self.recipe = Recipe.from_config(recipe)
        self.isi = IsiSettings.from_config(isi)
        self.settings = _pool_settings(workers, ranks_per_candidate, gpus_per_rank, ray_address, explainers)
        if self.recipe.batch_size % ranks_per_candidate:
            raise ValueError(
                f"ranks_per_candidate={ranks_per_candidate} does not divide batch_size={self.recipe.batch_size}: "
                "give each rank an equal part of the batch"
            )
        if ranks_per_candidate > 1:
            require_installed("horovod", "horovod", f"ranks_per_candidate={ranks_per_candidate}")
        self.dataset = load_dataset(dataset)
        _check_fit(self.space, self.dataset, self.recipe, self.isi)
        self.fidelities = self.recipe.fidelities
        self.metrics: Mapping[str, Metric] = {name: METRICS[name] for name in LIVE_METRICS}
        self.store = EvaluationStore(store)
        self.store.check_writable()
        # Everything of a question but the candidate.
        self._context = {
            "evaluator_version": EVALUATOR_VERSION,
            "space": space_to_config(self.space),
            "dataset": {"name": dataset, "checksum": self.dataset.checksum},
            "recipe": {k: v for k, v in self.recipe.config().items() if k != "fidelities"},
            "isi": self.isi.config(),
            "ranks": ranks_per_candidate,
            "device": "gpu" if gpus_per_rank else "cpu",
            "versions": software_versions(horovod=ranks_per_candidate > 1),
        }
        self._pool: Pool | None = None
        self._release: Any = None
        self._next_ticket = 0
        self._tickets: dict[int, tuple[IntArray, int, int, Future[Record]]] = {}  # architecture, epochs, seed
        self._running: dict[str, Future[Record]] = {}

    # -- asking -----------------------------------------------------------------------------------------

    def evaluate(self, architectures: ArrayLike, epochs: ArrayLike, seeds: ArrayLike) -> Evaluation:
        """Train and explain ``(b, n)`` architectures, or look them up, and return them in order.

        Args:
            architectures: ``(b, n)`` option indices.
            epochs: ``(b,)``, each one of ``fidelities``.
            seeds: ``(b,)`` non-negative training seeds.

        Raises:
            ValueError: an argument is out of range; the message names what is allowed.
            PoolError: no worker could be started.
        """
        rows, epochs, seeds = self._check(architectures, epochs, seeds)
        futures = self._ask(rows, epochs, seeds)
        return self._evaluation(rows, epochs, seeds, [future.result() for future in futures])

    def submit(self, architectures: ArrayLike, epochs: ArrayLike, seeds: ArrayLike) -> list[int]:
        """Hand in b questions, as of `evaluate`, and return a ticket for each, at once."""
        rows, epochs, seeds = self._check(architectures, epochs, seeds)
        tickets = []
        for row, e, s, future in zip(rows, epochs, seeds, self._ask(rows, epochs, seeds), strict=True):
            self._tickets[self._next_ticket] = (row, int(e), int(s), future)
            tickets.append(self._next_ticket)
            self._next_ticket += 1
        return tickets

    def collect(self, timeout: float | None = None) -> list[tuple[int, Evaluation]]:
        """Wait for at least one ticket and return all that are finished, in their order, one row each.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes. Nothing submitted: returns [].

        Raises:
            PoolError: no worker could be started; the tickets concerned are gone.
        """
        futures = {entry[-1] for entry in self._tickets.values()}
        if futures:
            wait(futures, timeout, return_when=FIRST_COMPLETED)
        finished = sorted(ticket for ticket, entry in self._tickets.items() if entry[-1].done())
        results = []
        for ticket, (row, e, s, future) in [(ticket, self._tickets.pop(ticket)) for ticket in finished]:
            one = self._evaluation(row[None], np.array([e]), np.array([s]), [future.result()])
            results.append((ticket, one))
        return results

    def _check(
        self, architectures: ArrayLike, epochs: ArrayLike, seeds: ArrayLike
    ) -> tuple[IntArray, IntArray, IntArray]:
        rows = self.space.canonical(architectures)
        epochs, seeds = np.asarray(epochs), np.asarray(seeds)
        for name, values in (("epochs", epochs), ("seeds", seeds)):
            if values.shape != (len(rows),) or (values.size and not np.issubdtype(values.dtype, np.integer)):
                raise ValueError(
                    f"{name} are {values.dtype} of shape {values.shape}: give one integer for each of {len(rows)} rows"
                )
        wrong = epochs[~np.isin(epochs, self.fidelities)]
        if wrong.size:
            raise ValueError(f"epochs={wrong[0]}: allowed are {', '.join(map(str, self.fidelities))}")
        if seeds.size and seeds.min() < 0:
            raise ValueError(f"seed={seeds.min()}: give non-negative training seeds")
        return rows, epochs.astype(np.int64), seeds.astype(np.int64)

    def _ask(self, rows: IntArray, epochs: IntArray, seeds: IntArray) -> list[Future[Record]]:
        """Return a future of each question's record: from the store, from what is running, or from the pool."""
        questions = [self.question(*asked) for asked in zip(rows, epochs, seeds, strict=True)]
        keys = [question_key(question) for question in questions]
        stored = self.store.get(list(dict.fromkeys(keys)))
        futures = []
        for row, e, s, question, key in zip(rows, epochs, seeds, questions, keys, strict=True):
            if key in stored:
                future: Future[Record] = Future()
                future.set_result(stored[key])
            else:
                future = self._running.get(key) or self._train(row, int(e), int(s), question, key)
            futures.append(future)
        return futures

    def question(self, architecture: ArrayLike, epochs: int, seed: int) -> dict[str, Any]:
        """Return everything that determines the answer for a canonical architecture ``(n,)``, as plain JSON values."""
        row = [int(option) for option in np.asarray(architecture)]
        return {**self._context, "architecture": row, "epochs": int(epochs), "seed": int(seed)}

    def _train(self, row: IntArray, epochs: int, seed: int, question: dict[str, Any], key: str) -> Future[Record]:
        job = Job(self.space, tuple(int(i) for i in row), epochs, seed, self.dataset, self.recipe, self.isi)
        record: Future[Record] = Future()
        self._running[key] = record

        def finish(outcome: Future[Outcome]) -> None:  # in a thread of the pool
            try:
                record.set_result(self._keep(question, outcome.result()))
            except Exception as error:
                record.set_exception(error)
            finally:
                self._running.pop(key, None)

        self.pool.submit(key, job).add_done_callback(finish)
        return record

    def _keep(self, question: dict[str, Any], outcome: Outcome) -> Record:
        metrics = outcome.metrics
        seconds = metrics.get("training_seconds", 0.0) + metrics.get("explanation_seconds", 0.0)
        record = Record(int(outcome.status), metrics, seconds)
        if outcome.status != Status.CRASHED:
            self.store.put(question, record, outcome.weights)
        return record

    def _evaluation(self, rows: IntArray, epochs: IntArray, seeds: IntArray, records: list[Record]) -> Evaluation:
        status = np.array([record.status for record in records], dtype=np.int8)
        cost = np.array([record.cost_seconds for record in records], dtype=np.float64)
        failed = Evaluation.failed(Status.CRASHED, epochs, seeds, self.metrics, self.space.largest_flops, cost)
        columns = dict(failed.metrics)
        for index in np.flatnonzero(status == Status.OK):
            counts = network_cost(self.space.network(rows[index]))
            for name in columns:
                # What is counted, not measured, is not stored: it is known without.
                value = getattr(counts, name) if name in COUNTED else records[index].metrics[name]
                columns[name][index] = value
        return Evaluation(status, epochs, seeds, columns, cost)

    # -- the best network -------------------------------------------------------------------------------

    def best_model(self, architecture: ArrayLike, epochs: int, seed: int, path: str | Path) -> float:
        """Write a trained network as a ``.keras`` file and return the test accuracy that the store has of it.

        Args:
            architecture: ``(n,)`` option indices; it is evaluated first if it has not been.
            epochs: one of ``fidelities``.
            seed: training seed.
            path: the file to write, ending in ``.keras``.

        Returns:
            Fraction 0..1: what the written network scores on the test split.

        Raises:
            ValueError: an argument is out of range, or this training failed and left no network.
        """
        path = Path(path)
        if path.suffix != ".keras":
            raise ValueError(f"{path}: the file's name must end in .keras")
        evaluation = self.evaluate(np.atleast_2d(np.asarray(architecture)), np.array([epochs]), np.array([seed]))
        row = self.space.canonical(architecture)[0]
        weights = self.store.weights(question_key(self.question(row, epochs, seed)))
        if not evaluation.ok[0] or weights is None:
            status = Status(int(evaluation.status[0])).name.lower()
            raise ValueError(f"the training of {self.space.to_string(row)} left no network: it is {status}")
        # A warm process has Keras loaded; without one, this process loads it.
        make = self._pool.keras_file if self._pool is not None else keras_file
        content = make(self.space, tuple(int(i) for i in row), weights)
        path.write_bytes(content)
        return float(evaluation["test_accuracy"][0])

    # -- life -------------------------------------------------------------------------------------------

    @property
    def pool(self) -> Pool:
        """The warm pool, started if it is not there."""
        if self._pool is None or self._pool.closed:
            self._pool = borrow(self.settings)
            self._release = weakref.finalize(self, give_back, self._pool)
        return self._pool

    def close(self) -> None:
        """Release the pool and the store; the evaluator opens them again when it is next asked.

        The pool's processes end when no other evaluator of this process uses them. Tickets not collected
        are forgotten; what finishes in spite of it is stored.
        """
        self._tickets.clear()
        if self._release is not None:
            self._release()
        self._pool = self._release = None
        self.store.close()

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain JSON values; ``space`` as a configuration."""
        s = self.settings
        return {
            "space": space_to_config(self.space),
            "dataset": self.dataset.name,
            "recipe": self.recipe.config(),
            "isi": self.isi.config(),
            "workers": s.workers,
            "ranks_per_candidate": s.ranks,
            "gpus_per_rank": s.gpus_per_rank,
            "ray_address": s.ray_address,
            "store": str(self.store.path),
            "explainers": s.explainers,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and deep-copy by configuration."""
        return _rebuild, ({**self.config(), "space": self.space},)


def _rebuild(arguments: dict[str, Any]) -> LiveEvaluator:
    return LiveEvaluator(**arguments)


def _pool_settings(
    workers: int | None, ranks: int, gpus_per_rank: float, ray_address: str | None, explainers: int
) -> PoolSettings:
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


def _check_fit(space: SearchSpace, dataset: Dataset, recipe: Recipe, isi: IsiSettings) -> None:
    network = space.network(space.sample(np.random.default_rng(0), 1)[0])
    if network.input_shape != dataset.input_shape or network.output_shape != (dataset.classes,):
        raise ValueError(
            f"the space {space.name!r} maps {network.input_shape} to {network.output_shape}, the data set "
            f"{dataset.name!r} needs {dataset.input_shape} to ({dataset.classes},): "
            "set the space's input_shape and classes"
        )
    if isi.probes > len(dataset.probe):
        raise ValueError(f"isi: probes={isi.probes}: the data set {dataset.name!r} has {len(dataset.probe)}")
    if recipe.batch_size > len(dataset.train):
        raise ValueError(
            f"recipe: batch_size={recipe.batch_size}: the data set {dataset.name!r} has "
            f"{len(dataset.train)} training images"
        )
    # Raises where the shortest training has not the steps for the checkpoints.
    checkpoint_steps(recipe.fidelities[0], len(dataset.train) // recipe.batch_size, isi.cycles)
