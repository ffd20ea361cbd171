"""The live evaluator: candidates go through cached stages (train, explain, …) in a warm pool, and never twice."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..envs.core.evaluation import METRICS, Evaluation, Metric, Status
from ..envs.core.imports import CodePath, Imports
from ..envs.core.provenance import provenance
from ..envs.core.quantities.fidelity import as_fidelities
from ..envs.core.quantities.promotions import checked_promotions
from ..envs.core.quantities.query import query
from ..envs.spaces import SearchSpace, network_cost, space_to_config
from ..evaluation.optional import require_installed
from .arguments import make_space, pool_settings, with_settings
from .data.dataset import DataSource
from .data.datasets import dataset_config, load_dataset
from .pipeline import CandidateResult, Pipeline
from .stages import Candidate, Stage, make_stages, stage_config
from .stages.base import unpack_weights
from .stages.explain import Explain, check_cycles
from .stages.train import Train
from .store.evaluation_store import EvaluationStore, question_key
from .workers.jobs import keras_file
from .workers.pool import Pool, borrow, give_back

if TYPE_CHECKING:
    from .watching.watching import Watching

COUNTED = ("flops", "elementwise_flops", "parameters")
"""Metrics that are counted on the network, not measured."""


def package_versions(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of the packages that are installed, by name."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


class LiveEvaluator:
    """Trains candidates on a data set, explains and measures them, on Ray; an `AsyncEvaluator`.

    A candidate goes through stages. Each stage's result is stored under a key made of everything that determines it,
    before anybody sees it: so another explainer trains nothing again, and a failed explanation costs no training (the
    row is then ``incomplete``: what the stage measures is NaN). What is trained is the canonical form of the
    architecture asked for, so isomorphic architectures share one result. The worker pool starts with the first
    question that the store cannot answer, is shared by all evaluators of this process with equal worker settings,
    and ends when the last of them is closed, or with the process.

    ``cost_seconds`` is the sum of the stages' seconds (``training_seconds``, ``explanation_seconds``, …), without the
    time spent on test data, which is for reports. A crashed stage is not stored: it runs again when it is next asked
    for. A diverged training (the loss or a weight not finite) is stored, and costs its time.

    Args:
        space: a search space, its configuration as `space_to_config` gives it, or its name or ``"module:Class"``.
            Where the configuration leaves ``input_shape`` and ``classes`` out, they are the data set's.
        dataset: a data set, or what `load_dataset` takes: a name, ``FILE.npz``, ``"module:Class"``.
        training: settings of `TrainingConfiguration` that differ from the defaults.
        isi: settings of the stage `Explain` that differ from the defaults.
        workers: number of worker groups; None for as many as there are cores for their ranks, or as a
            cluster has CPUs for.
        ranks_per_candidate: Horovod ranks that train one candidate together, each on a core of its own.
        gpus_per_rank: GPUs of each rank; a fraction lets single ranks share one.
        ray_address: of a running Ray cluster; None for a local Ray that only this process can reach.
        store: the store's file; None for ``stages.sqlite`` in the folder named by the environment
            variable ``PYNASCENT_DATA``, or else in the user's data folder.
        explainers: number of helper processes, which explain and measure; they share the workers' cores.
        stages: names, components or `Stage` objects; the default is ``["train", "explain"]``. Those named ``train``
            and ``explain`` take their settings from ``training`` and ``isi``.
        recipe: the former name of ``training``.
        promotions: what becomes of a candidate that was trained for fewer epochs before: ``"restart"``: it is trained
            anew; ``"continue"``: its training goes on from the stored state, to the same result, and a search pays
            for what is added to a training that it has paid for.
        watch: ``{"prometheus": PORT, "tensorboard": FOLDER}``: metrics served on 127.0.0.1 (port 0: any free one), and
            logs; one of them or both. They are opened by the first question, or by ``watching.start()``.
        imports: which modules may be imported for references; False for a configuration from elsewhere.

    Attributes:
        search_metric: the metric that a search maximises, ``validation_accuracy`` as a rule.
        watching: what watches it, a `Watching`; None without ``watch``.

    Raises:
        ValueError: an argument is unknown, out of range, or does not fit the others or this machine.
        ModuleNotFoundError: a package is missing; the message names the extra that has it.
    """

    seeds = None

    def __init__(
        self,
        space: SearchSpace | Mapping[str, Any] | str,
        dataset: str | Mapping[str, Any] | DataSource = "digits",
        training: Mapping[str, Any] | None = None,
        isi: Mapping[str, Any] | None = None,
        workers: int | None = None,
        ranks_per_candidate: int = 1,
        gpus_per_rank: float = 0,
        ray_address: str | None = None,
        store: str | Path | None = None,
        explainers: int = 1,
        stages: Sequence[Any] | None = None,
        recipe: Mapping[str, Any] | None = None,
        promotions: str = "restart",
        watch: Mapping[str, Any] | None = None,
        imports: Imports = True,
    ) -> None:
        for package in ("tensorflow", "keras", "ray"):
            require_installed(package, "train", "live training")
        if recipe is not None and training is not None:
            raise ValueError("recipe is the former name of training: give one of them")
        self.settings = pool_settings(workers, ranks_per_candidate, gpus_per_rank, ray_address, explainers)
        self.dataset = load_dataset(dataset, imports)
        self._dataset_given = dataset if not isinstance(dataset, (str, Mapping)) else dataset_config(dataset)
        self.space = make_space(space, self.dataset, imports)
        self.stages = make_stages(
            with_settings(stages, dict(training or recipe or {}), dict(isi or {}), self.dataset), imports
        )
        self.promotions = checked_promotions(promotions)
        if promotions == "continue":
            self.stages = [replace(s, keep_state=True) if isinstance(s, Train) else s for s in self.stages]
        self._check_stages(ranks_per_candidate)
        self.metrics: Mapping[str, Metric] = self._metrics()
        self.store = EvaluationStore(store)
        self.store.check_writable()
        self._pipeline = Pipeline(
            space_to_config(self.space), self.stages, self.dataset, self._identity, self.store, lambda: self.pool
        )
        self._pool: Pool | None = None
        self._release: Any = None
        self.watching: Watching | None = None if watch is None else self._watched(watch)
        self._pipeline.watching = self.watching
        self._next_ticket = 0
        self._tickets: dict[int, tuple[Candidate, Future[CandidateResult]]] = {}
        self._running: dict[tuple[Any, ...], Future[CandidateResult]] = {}

    def _watched(self, watch: Mapping[str, Any]) -> Watching:
        from .watching.settings import watch_settings
        from .watching.watching import Watching

        settings, store, here = watch_settings(watch), self.store, weakref.ref(self)

        def pool() -> Pool | None:
            evaluator = here()  # what serves metrics keeps no evaluator alive
            return None if evaluator is None else evaluator._pool

        def curve(key: str) -> Any:
            return store.artifact(key, "learning_curve")

        watching = Watching(settings, self.metrics, self.stages, self.dataset, pool, curve)
        weakref.finalize(self, watching.close)
        return watching

    def _check_stages(self, ranks: int) -> None:
        """Find the training among the stages, and hold space, data and stages against each other."""
        train = next((stage for stage in self.stages if isinstance(stage, Train)), None)
        self.fidelities: tuple[int, ...] = tuple(getattr(train, "fidelities", (1,)))
        self.search_metric: str = getattr(train, "search_metric", "validation_accuracy")
        example = self.space.sample(np.random.default_rng(0), 1)[0]
        candidate = Candidate(self.space, tuple(int(i) for i in example), self.fidelities[0], 0)
        for stage in self.stages:
            stage.check(candidate, self.dataset, self.fidelities)
        if train is None:
            return
        batch_size = train.training.batch_size
        if batch_size % ranks:
            raise ValueError(
                f"ranks_per_candidate={ranks} does not divide batch_size={batch_size}: "
                "give each rank an equal part of the batch"
            )
        if ranks > 1:
            require_installed("horovod", "horovod", f"ranks_per_candidate={ranks}")
        for stage in self.stages:
            if isinstance(stage, Explain):
                steps = len(self.dataset.train) // batch_size
                check_cycles(stage.cycles, train.checkpoints, self.fidelities, steps)

    def _metrics(self) -> dict[str, Metric]:
        """Return what is measured, the seconds last."""
        measured = [metric for stage in self.stages for metric in stage.metrics.values()]
        counted = [METRICS[name] for name in COUNTED]
        seconds = [stage.seconds_metric for stage in self.stages]
        return {metric.name: metric for metric in (*measured, *counted, *seconds)}

    def _identity(self, candidate: Candidate, stage: Stage) -> dict[str, Any]:
        """Return what a stage's key sees besides the stage itself."""
        packages = [*stage.packages, *(["horovod"] if stage.trains and self.settings.ranks > 1 else [])]
        common: dict[str, Any] = {
            "device": "gpu" if self.settings.gpus_per_rank else "cpu",
            "versions": package_versions(packages),
        }
        if stage.reads:
            return common  # the candidate and the data are in the keys of what it reads
        return {
            **common,
            "space": {**space_to_config(self.space), **provenance(self.space)},
            "architecture": list(candidate.architecture),
            "epochs": candidate.epochs,
            "seed": candidate.seed,
            "data": self.dataset.checksum,
            "ranks": self.settings.ranks,
        }

    @property
    def parallelism(self) -> int:
        """Candidates that are in training at one time: the number of worker groups."""
        return self.settings.workers if self.settings.workers is not None else self.pool.size

    # -- asking -----------------------------------------------------------------------------------------

    def evaluate(self, architectures: ArrayLike, fidelities: ArrayLike, seeds: ArrayLike) -> Evaluation:
        """Send ``(b, n)`` architectures through the stages, or look them up, and return them in order.

        Args:
            architectures: ``(b, n)`` option indices.
            fidelities: ``(b,)`` epochs, each one of ``fidelities``; or a `Fidelity`, a number or ``"epochs=9"`` for
                all rows.
            seeds: ``(b,)`` non-negative training seeds.

        Raises:
            ValueError: an argument is out of range; the message names what is allowed.
            PoolError: no worker could be started, or a component is missing in the worker processes.
        """
        candidates = self._check(architectures, fidelities, seeds)
        return self._evaluation(candidates, [future.result() for future in self._ask(candidates)])

    def query(self, architecture: Any, epochs: Any = None, seed: Any = 0) -> dict[str, Any]:
        """Return everything that is measured of an architecture, by name (see `pynascent.envs.query`)."""
        return query(self, architecture, epochs, seed)

    def submit(self, architectures: ArrayLike, fidelities: ArrayLike, seeds: ArrayLike) -> list[int]:
        """Hand in b questions, as of `evaluate`, and return a ticket for each, at once."""
        candidates = self._check(architectures, fidelities, seeds)
        tickets = []
        for candidate, future in zip(candidates, self._ask(candidates), strict=True):
            self._tickets[self._next_ticket] = (candidate, future)
            tickets.append(self._next_ticket)
            self._next_ticket += 1
        return tickets

    def collect(self, timeout: float | None = None) -> list[tuple[int, Evaluation]]:
        """Wait for at least one ticket and return all that are finished, in their order, one row each.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes. Nothing submitted: returns [].

        Raises:
            PoolError: no worker could be started; the first such ticket is gone, and finished ones are returned by
                the next calls.
        """
        futures = {future for _, future in self._tickets.values()}
        if futures:
            wait(futures, timeout, return_when=FIRST_COMPLETED)
        finished = sorted(ticket for ticket, (_, future) in self._tickets.items() if future.done())
        good = [ticket for ticket in finished if self._tickets[ticket][1].exception() is None]
        if finished and not good:
            raise self._tickets.pop(finished[0])[1].exception()  # type: ignore[misc]
        results = []
        for ticket in good:
            candidate, future = self._tickets.pop(ticket)
            results.append((ticket, self._evaluation([candidate], [future.result()])))
        return results

    def _check(self, architectures: ArrayLike, fidelities: ArrayLike, seeds: ArrayLike) -> list[Candidate]:
        rows = self.space.canonical(architectures)
        epochs, seeds = as_fidelities(self, fidelities, len(rows)), np.asarray(seeds)
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
        return [
            Candidate(self.space, tuple(int(i) for i in row), int(e), int(s))
            for row, e, s in zip(rows, epochs, seeds, strict=True)
        ]

    def _ask(self, candidates: list[Candidate]) -> list[Future[CandidateResult]]:
        """Return a future of each candidate's result; equal ones under way share one."""
        if self.watching is not None:
            self.watching.start()
        keys = [(candidate.architecture, candidate.epochs, candidate.seed) for candidate in candidates]
        self._running = {key: future for key, future in self._running.items() if not future.done()}
        fresh = {key: c for key, c in zip(keys, candidates, strict=True) if key not in self._running}
        asked = dict(zip(fresh, self._pipeline.ask(list(fresh.values())), strict=True))
        self._running.update(asked)
        return [self._running[key] for key in keys]

    def _evaluation(self, candidates: list[Candidate], results: list[CandidateResult]) -> Evaluation:
        status = np.array([result.status for result in results], dtype=np.int8)
        cost = np.array([result.cost_seconds for result in results], dtype=np.float64)
        epochs = np.array([candidate.epochs for candidate in candidates], dtype=np.int64)
        seeds = np.array([candidate.seed for candidate in candidates], dtype=np.int64)
        failed = Evaluation.failed(Status.CRASHED, epochs, seeds, self.metrics, self.space.largest_flops, cost)
        columns = dict(failed.metrics)
        for index, (candidate, result) in enumerate(zip(candidates, results, strict=True)):
            if result.status not in (Status.OK, Status.INCOMPLETE):
                continue
            counts = network_cost(candidate.network)
            for name in columns:
                value = getattr(counts, name) if name in COUNTED else result.metrics.get(name, np.nan)
                columns[name][index] = value
        return Evaluation(status, epochs, seeds, columns, cost, [result.reason for result in results])

    # -- the best network -------------------------------------------------------------------------------

    def keys(self, architecture: ArrayLike, epochs: int, seed: int) -> dict[str, str]:
        """Return stage → key of its result in the store, for one architecture ``(n,)``."""
        (candidate,) = self._check(np.atleast_2d(np.asarray(architecture)), np.array([epochs]), np.array([seed]))
        return {name: question_key(question) for name, question in self._pipeline.questions(candidate).items()}

    def weights(self, architecture: ArrayLike, epochs: int, seed: int) -> list[Any] | None:
        """Return the final weights of a training in the store, in the order of ``Model.get_weights()``, or None."""
        for stage in self.stages:
            if "weights" in stage.writes:
                arrays = self.store.artifact(self.keys(architecture, epochs, seed)[stage.name], "weights")
                return None if arrays is None else unpack_weights(arrays)
        return None

    def best_model(self, architecture: ArrayLike, epochs: int, seed: int, path: str | Path) -> float:
        """Write a trained network as a ``.keras`` file and return the test score that the store has of it.

        Args:
            architecture: ``(n,)`` option indices; it is evaluated first if it has not been.
            epochs: one of ``fidelities``.
            seed: training seed.
            path: the file to write, ending in ``.keras``.

        Returns:
            What the written network scores on the test split.

        Raises:
            ValueError: an argument is out of range, or this training failed and left no network.
        """
        path = Path(path)
        if path.suffix != ".keras":
            raise ValueError(f"{path}: the file's name must end in .keras")
        row = self.space.canonical(architecture)[0]
        asked = (row[None], np.array([epochs]), np.array([seed]))
        evaluation = self.evaluate(*asked)
        weights = self.weights(row, epochs, seed)
        if weights is None and evaluation.ok[0]:  # removed to keep the store small: train it again
            self._pipeline.ask(self._check(*asked), "weights")[0].result()
            weights = self.weights(row, epochs, seed)
        if not evaluation.ok[0] or weights is None:
            status = Status(int(evaluation.status[0])).name.lower()
            raise ValueError(f"the training of {self.space.to_string(row)} left no network: it is {status}")
        # A warm process has Keras loaded; without one, this process loads it.
        make = self._pool.keras_file if self._pool is not None else keras_file
        content = make(space_to_config(self.space), tuple(int(i) for i in row), weights, CodePath.here())
        path.write_bytes(content)
        test = [name for name, metric in self.metrics.items() if metric.split == "test"]
        return float(evaluation[test[0]][0]) if test else float("nan")

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
        self._running.clear()
        if self._release is not None:
            self._release()
        self._pool = self._release = None
        self._pipeline.close()
        if self.watching is not None:
            self.watching.close()
        self.store.close()

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain JSON values; of a data set given as an object, its name."""
        s = self.settings
        given = self._dataset_given
        return {
            "space": space_to_config(self.space),
            "dataset": given if isinstance(given, (str, Mapping)) else dataset_config(given),
            "stages": [stage_config(stage) for stage in self.stages],
            "workers": s.workers,
            "ranks_per_candidate": s.ranks,
            "gpus_per_rank": s.gpus_per_rank,
            "ray_address": s.ray_address,
            "store": str(self.store.path),
            "explainers": s.explainers,
            **({} if self.promotions == "restart" else {"promotions": self.promotions}),
            **({} if self.watching is None else {"watch": self.watching.settings.config()}),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and deep-copy by configuration; a data set that was given as an object goes along."""
        return _rebuild, ({**self.config(), "space": self.space, "dataset": self._dataset_given},)


def _rebuild(arguments: dict[str, Any]) -> LiveEvaluator:
    return LiveEvaluator(**arguments)
