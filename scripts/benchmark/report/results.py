"""What the runs of a benchmark come to: curves, times to targets, hypervolumes; from its folder alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..folder import BenchmarkFolder
from ..pareto import hypervolume, nondominated
from ..run_file import RunRecord, evaluation_of
from .in_training import InTraining, in_training

FloatArray = NDArray[np.float64]

NEVER = float("inf")
EQUAL_COST = "value at equal cost"
"""What agents are compared by where their runs do not cost the same."""


@dataclass
class Run:
    """One run.

    Attributes:
        seed: its seed.
        best: ``(b,)`` best value after each evaluation; NaN before the first.
        report: ``(b,)`` report of the architecture(s) with that value.
        clock: ``(b,)`` simulated seconds at which evaluations end, ascending.
        best_by_clock: ``(b,)`` best value when each of these has ended.
        report_by_clock: ``(b,)`` the report at these times.
        terms: ``(b, k)`` objectives of each evaluation; NaN where it has no value.
        decision_seconds: ``(b,)`` wall time of each decision.
        failed: evaluations that failed.
        wall_seconds: wall time of the run.
        found: what is known of the evaluation with the best value: ``architecture`` (option indices), ``epochs`` and
            every metric that is not of the test split; empty where there is none.
        infeasible: evaluations that succeeded and break a constraint.
        least_violation: by how much the least violating one does.
        in_training: of a live run, how many candidates were in training over time.
    """

    seed: int
    best: FloatArray
    report: FloatArray
    clock: FloatArray
    best_by_clock: FloatArray
    report_by_clock: FloatArray
    terms: FloatArray
    decision_seconds: FloatArray
    failed: int
    wall_seconds: float
    found: Mapping[str, Any] = field(default_factory=dict)
    infeasible: int = 0
    least_violation: float = 0.0
    in_training: InTraining | None = None

    @property
    def evaluations(self) -> int:
        """Number of evaluations."""
        return len(self.best)

    def evaluations_to(self, target: float) -> float:
        """Return how many evaluations it took to reach a value, `NEVER` where it was not reached."""
        reached = self.best >= target
        return float(np.argmax(reached)) + 1 if reached.any() else NEVER

    def seconds_to(self, target: float) -> float:
        """Return the simulated seconds it took to reach a value, `NEVER` where it was not reached."""
        reached = self.best_by_clock >= target
        return float(self.clock[np.argmax(reached)]) if reached.any() else NEVER

    def at(self, times: FloatArray, what: str) -> FloatArray:
        """Return the best value (``"best"``) or its report (``"report"``) at times ``(t,)`` of the run's clock.

        NaN before the first evaluation has ended.
        """
        ended = np.searchsorted(self.clock, times, side="right") - 1
        return np.where(ended >= 0, getattr(self, f"{what}_by_clock")[ended], np.nan)


def incumbents(values: FloatArray, reports: FloatArray, architectures: NDArray) -> tuple[FloatArray, FloatArray]:
    """Return the best value so far and its report, after each of b evaluations; NaN before the first value.

    Where several distinct architectures of those seen tie at the best value, the report is the mean of theirs.

    Args:
        values: ``(b,)``, NaN where an evaluation has none.
        reports: ``(b,)``.
        architectures: ``(b, n)``.
    """
    filled = np.where(np.isnan(values), -np.inf, values)
    best = np.maximum.accumulate(filled)
    # Only rows that reach the best so far can change the report; they are few.
    report, seen, last = np.full(len(values), np.nan), {}, 0
    level, current = -np.inf, np.nan
    for i in np.flatnonzero((filled == best) & (filled > -np.inf)):
        report[last:i] = current
        if filled[i] > level:
            level, seen = filled[i], {}
        seen[architectures[i].tobytes()] = reports[i]
        current, last = float(np.mean(list(seen.values()))), i
    report[last:] = current
    return np.where(best > -np.inf, best, np.nan), report


def run_of(record: RunRecord, report_sign: float = 1.0) -> Run:
    """Return the curves of a run's record.

    Args:
        record: the run.
        report_sign: −1 where less of what is reported is better: ``report`` is then its negative.
    """
    rows = record.rows
    reports = report_sign * rows["report"]
    best, report = incumbents(rows["value"], reports, rows["architecture"])
    order = np.argsort(rows["clock_seconds"], kind="stable")
    by_clock = (best, report)
    if (np.diff(order) < 0).any():  # asynchronous workers: an earlier proposal may end later
        by_clock = incumbents(rows["value"][order], reports[order], rows["architecture"][order])
    succeeded = evaluation_of(rows).ok
    return Run(
        record.question["seed"],
        best,
        report,
        rows["clock_seconds"][order],
        *by_clock,
        rows["terms"],
        rows["decision_seconds"],
        int((~succeeded).sum()),
        record.about["wall_seconds"],
        _found(rows),
        int((succeeded & (rows["violation"] > 0)).sum()),
        float(rows["violation"].min()),
        in_training(rows["started_seconds"], rows["ended_seconds"]) if record.live else None,
    )


def _found(rows: NDArray[np.void]) -> dict[str, Any]:
    """Return what is known of the first row with the best value, but for what is measured on test data."""
    if np.isnan(rows["value"]).all():
        return {}
    row = rows[int(np.nanargmax(rows["value"]))]
    found: dict[str, Any] = {"architecture": row["architecture"].tolist(), "epochs": int(row["epochs"])}
    names = [name for name in rows.dtype.names or () if name.startswith("metric.") and "test_" not in name]
    return found | {name.removeprefix("metric."): float(row[name]) for name in names}


@dataclass
class TaskResults:
    """All runs of one task.

    Attributes:
        label: the task's label.
        config: its entry in the configuration: budget and ``statistics``.
        runs: agent → its runs, by seed.
    """

    label: str
    config: Mapping[str, Any]
    runs: dict[str, list[Run]] = field(default_factory=dict)

    @property
    def statistics(self) -> Mapping[str, Any]:
        """What is known of the task beforehand."""
        return self.config["statistics"]

    @property
    def all_runs(self) -> list[Run]:
        """The runs of all agents."""
        return [run for runs in self.runs.values() for run in runs]

    @property
    def optimum(self) -> float | None:
        """The best value that there is, where that is known."""
        return self.statistics.get("optimum")

    @property
    def value_factor(self) -> float:
        """What a value is multiplied by to be shown; negative where less of the metric itself is better."""
        return float(self.statistics["value"]["factor"])

    @property
    def value_label(self) -> str:
        """Name and unit of a value that is shown."""
        return self.statistics["value"]["label"]

    @property
    def report_factor(self) -> float:
        """What a report is multiplied by to be shown."""
        return float(self.statistics["report"]["factor"])

    @property
    def report_sign(self) -> float:
        """1, or −1 where less of what is reported is better."""
        return float(np.sign(self.report_factor))

    @property
    def report_label(self) -> str:
        """Name and unit of a report that is shown."""
        return self.statistics["report"]["label"]

    @property
    def time_label(self) -> str:
        """Name of the clock: what evaluations cost, added up."""
        return "seconds of training" if self.statistics["live"] else "simulated seconds"

    @cached_property
    def equal_cost(self) -> float:
        """The cost at which all agents can be compared: the least of their runs' median ends, in seconds."""
        return min(float(np.median([run.clock[-1] for run in runs])) for runs in self.runs.values())

    @cached_property
    def costs_differ(self) -> bool:
        """Whether some agents' runs cost noticeably more than others', so that their ends are no fair comparison."""
        ends = [float(np.median([run.clock[-1] for run in runs])) for runs in self.runs.values()]
        return self.equal_cost > 0 and max(ends) > 1.05 * self.equal_cost

    @cached_property
    def has_reports(self) -> bool:
        """Whether there is a test accuracy to report."""
        return all(not np.isnan(run.report[-1]) for run in self.all_runs if not np.isnan(run.best[-1]))

    @cached_property
    def targets(self) -> dict[str, float]:
        """Values to reach: of the table, or (where it is not known) the runs' own median and best."""
        known = self.statistics.get("targets")
        if known:
            return dict(known)
        last = [run.best[-1] for run in self.all_runs if not np.isnan(run.best[-1])]
        return {"median of all runs": float(np.median(last)), "best of all runs": float(max(last))} if last else {}

    # -- trade-offs -----------------------------------------------------------------------------------

    @cached_property
    def reference(self) -> FloatArray | None:
        """The hypervolume's reference point: the worst of the table, or of all runs, in each objective."""
        if len(self.statistics["terms"]) < 2:
            return None
        if "reference" in self.statistics:
            return np.array(self.statistics["reference"])
        points = [run.terms[~np.isnan(run.terms).any(axis=1)] for run in self.all_runs]
        joined = np.concatenate(points) if points else np.empty((0, 2))
        return joined.min(axis=0) if len(joined) else None

    def hypervolume_curve(self, run: Run, evaluations: NDArray) -> FloatArray:
        """Return the hypervolume of a run after these numbers of evaluations, ascending."""
        assert self.reference is not None
        front, done, volumes = np.empty((0, len(self.reference))), 0, []
        for count in np.minimum(evaluations, run.evaluations):
            new = run.terms[done:count]
            new = new[~np.isnan(new).any(axis=1)]
            if len(new):
                front = nondominated(np.concatenate([front, new]))
            done = max(done, count)
            volumes.append(hypervolume(front, self.reference))
        return np.array(volumes)

    @cached_property
    def hypervolumes(self) -> dict[str, FloatArray]:
        """Agent → the hypervolume of each run at its end, ``(runs,)``."""
        if self.reference is None:
            return {}
        return {
            agent: np.array([self.hypervolume_curve(run, np.array([run.evaluations]))[0] for run in runs])
            for agent, runs in self.runs.items()
        }

    # -- curves ---------------------------------------------------------------------------------------

    def over_evaluations(self, agent: str, points: int = 160) -> tuple[NDArray, FloatArray]:
        """Return numbers of evaluations ``(t,)`` and the best values ``(runs, t)`` of an agent's runs.

        A run that has ended keeps its value, up to the median length of the agent's runs.
        """
        runs = self.runs[agent]
        most = int(np.median([run.evaluations for run in runs]))
        grid = np.unique(np.linspace(1, most, points).round().astype(int))
        return grid, np.stack([run.best[np.minimum(grid, run.evaluations) - 1] for run in runs])

    def over_time(self, agent: str, what: str, points: int = 160) -> tuple[FloatArray, FloatArray]:
        """Return times ``(t,)`` in simulated seconds and the best values or reports ``(runs, t)``.

        NaN before a run's first evaluation has ended.

        Args:
            agent: whose.
            what: ``"best"`` or ``"report"``.
            points: t.
        """
        runs = self.runs[agent]
        end = self.config["seconds"] or float(np.median([run.clock[-1] for run in runs]))
        grid = np.linspace(0, end, points + 1)[1:]
        return grid, np.stack([run.at(grid, what) for run in runs])

    def common_scores(self, measure: str) -> tuple[list[int], FloatArray]:
        """Return the seeds that all agents have, and their final scores ``(seeds, agents)``, −∞ for none."""
        seeds = sorted(set.intersection(*({run.seed for run in runs} for runs in self.runs.values())))
        by_seed = {agent: {run.seed: i for i, run in enumerate(runs)} for agent, runs in self.runs.items()}
        columns = [self.scores(agent, measure)[[by_seed[agent][seed] for seed in seeds]] for agent in self.runs]
        return seeds, np.stack(columns, axis=1) if seeds else np.empty((0, len(self.runs)))

    def scores(self, agent: str, measure: str) -> FloatArray:
        """Return a measure of each of an agent's runs, ``(runs,)``, to be maximised; −∞ where a run has none.

        Args:
            agent: whose.
            measure: ``value``, ``report`` or ``hypervolume`` at the end, or ``value at equal cost``.
        """
        if measure == "hypervolume":
            return self.hypervolumes[agent]
        if measure == EQUAL_COST:
            at = np.array([run.at(np.array([self.equal_cost]), "best")[0] for run in self.runs[agent]])
            return np.where(np.isnan(at), -np.inf, at)
        column = "best" if measure == "value" else "report"
        last = np.array([getattr(run, column)[-1] for run in self.runs[agent]])
        return np.where(np.isnan(last), -np.inf, last)

    @property
    def measures(self) -> list[str]:
        """What agents are compared by."""
        equal = [EQUAL_COST] if self.costs_differ else []
        return [
            *equal,
            "value",
            *(["report"] if self.has_reports else []),
            *(["hypervolume"] if self.hypervolumes else []),
        ]


def read_results(folder: BenchmarkFolder) -> list[TaskResults]:
    """Read all runs of a benchmark; tasks and agents without any are left out."""
    tasks = {label: TaskResults(label, config) for label, config in folder.configuration()["tasks"].items()}
    for task, agent, _, record in folder.runs():
        tasks[task].runs.setdefault(agent, []).append(run_of(record, tasks[task].report_sign))
    return [task for task in tasks.values() if task.runs]


def performance_profiles(
    tasks: Sequence[TaskResults], agents: Sequence[str]
) -> tuple[FloatArray, dict[str, FloatArray], int]:
    """Return Dolan and Moré's profiles (2002, Math. Program.): the share of problems solved within τ × the best.

    A problem is a target of a task with a seed; an agent's time on it is what its run of that seed costs until then,
    in seconds (evaluations, where they cost nothing). Problems that no agent solves are left out.

    Returns:
        τ ``(t,)``; agent → share ``(t,)``; and the number of problems.
    """
    times = []
    for task in tasks:
        if not set(agents) <= set(task.runs):
            continue
        by_seed = [{run.seed: run for run in task.runs[agent]} for agent in agents]
        for seed in sorted(set.intersection(*(set(runs) for runs in by_seed))):
            for target in task.targets.values():
                runs = [found[seed] for found in by_seed]
                free = task.equal_cost == 0
                times.append([run.evaluations_to(target) if free else run.seconds_to(target) for run in runs])
    table = np.array(times, dtype=np.float64).reshape(-1, len(agents))
    table = table[np.isfinite(table).any(axis=1)]
    if not len(table):
        return np.ones(1), {}, 0
    ratios = table / table.min(axis=1, keepdims=True)
    largest = float(ratios[np.isfinite(ratios)].max())
    grid = np.geomspace(1, max(2.0, largest), 120)
    shares = {agent: (ratios[:, j][None] <= grid[:, None] * (1 + 1e-12)).mean(axis=1) for j, agent in enumerate(agents)}
    return grid, shares, len(table)
