"""Runs a benchmark: what is not there yet is played, then the report is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ...trainers.workers.ray_runtime import cores
from ..errors import UsageError
from .benchmark_task import BenchmarkTask, benchmark_task_of
from .choices import AgentChoice, TaskChoice, make_chosen_agent
from .folder import BenchmarkFolder
from .play import lanes_of, make_env, question_of
from .processes import NumberedAnswer, in_processes, in_ray, in_this_process
from .protocols import Protocol
from .run_progress import BenchmarkProgress
from .sources import task_source
from .task_statistics import task_statistics


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark is to run.

    Attributes:
        tasks: the tasks, with their budgets.
        agents: the agents.
        seeds: a run of each agent on each task has one of them.
        protocol: the protocol.
        objective: another objective than the tasks' own, as plain JSON, or None.
        workers: workers that share a run's time: simulated ones, or worker groups of a live task.
        lanes: candidates that an agent proposes at a time; None for one, with which ask/tell agents keep all
            workers busy asynchronously, and for stepped agents as many as there are workers.
        modules: modules to import first, which register tasks.
    """

    tasks: Sequence[TaskChoice]
    agents: Sequence[AgentChoice]
    seeds: Sequence[int]
    protocol: Protocol
    objective: Mapping[str, Any] | None = None
    workers: int = 1
    lanes: int | None = None
    modules: Sequence[str] = ()

    def question(self, task: TaskChoice, agent: AgentChoice, seed: int) -> dict[str, Any]:
        """Return all that determines one run, as plain JSON."""
        return question_of(
            asdict(task), asdict(agent), seed, asdict(self.protocol), self.objective, self.workers, self.lanes
        )


@dataclass
class BenchmarkOutcome:
    """What came of a benchmark.

    Attributes:
        played: runs played now.
        kept: runs that were there before.
        failures: (task, agent, seed, why) of the runs that failed.
        skipped: (task, agent, why) of the agents that do not fit a task, of which nothing was played.
    """

    played: int = 0
    kept: int = 0
    failures: list[tuple[str, str, int, str]] = field(default_factory=list)
    skipped: list[tuple[str, str, str]] = field(default_factory=list)


def run_benchmark(
    benchmark: Benchmark,
    out: Path,
    resume: bool = False,
    processes: int | None = None,
    ray_address: str | None = None,
) -> BenchmarkOutcome:
    """Play every run of a benchmark that the folder ``out`` does not have yet.

    An agent that does not fit a task is left out there, with a line that says so; all others play.

    Args:
        benchmark: what to run.
        out: the folder.
        resume: go on with the benchmark there; agents, tasks and seeds may be added.
        processes: runs at a time; None for as many as there are cores.
        ray_address: play them on Ray: ``"local"``, or a cluster's address.

    Raises:
        UsageError: a task or the folder does not fit, or no agent fits any task; nothing is played then.
    """
    benchmark, tasks = _with_sources(benchmark)
    skipped = _misfits(benchmark, tasks)
    fitting = [(t, a) for t in benchmark.tasks for a in benchmark.agents if (t.label, a.label) not in skipped]
    if not fitting:
        (task, agent), why = next(iter(skipped.items()))
        raise UsageError(f"no agent fits its task; {agent} on {task}: {why}")
    folder = BenchmarkFolder(out)
    folder.open(_configuration(benchmark, tasks), resume)
    # Seed by seed, so that an unfinished benchmark has as many runs of each agent.
    questions = [benchmark.question(task, agent, seed) for seed in benchmark.seeds for task, agent in fitting]
    missing = [question for question in questions if not folder.has(question)]
    outcome = BenchmarkOutcome(kept=len(questions) - len(missing))
    outcome.skipped = [(task, agent, why) for (task, agent), why in skipped.items()]
    with BenchmarkProgress(len(questions), outcome.kept) as progress:
        for task, agent, why in outcome.skipped:
            progress.say(f"{agent} is left out on {task}: {why}")
        for question, answer in _answers(missing, tasks, benchmark, processes, ray_address):
            where = (question["task"]["label"], question["agent"]["label"], question["seed"])
            if isinstance(answer, str):
                outcome.failures.append((*where, answer))
            else:
                folder.write(question, answer)
                outcome.played += 1
            progress.update(*where, failed=isinstance(answer, str))
    return outcome


def _with_sources(benchmark: Benchmark) -> tuple[Benchmark, dict[str, BenchmarkTask]]:
    """Return the benchmark with the source of the user's code in its tasks, and the tasks by label."""
    choices, tasks = [], {}
    for choice in benchmark.tasks:
        task = benchmark_task_of(asdict(choice), asdict(benchmark.protocol), benchmark.objective)
        choices.append(replace(choice, source=task_source(choice.task, choice.evaluator, task.evaluator)))
        tasks[choice.label] = task
    return replace(benchmark, tasks=choices), tasks


def _misfits(benchmark: Benchmark, tasks: Mapping[str, BenchmarkTask]) -> dict[tuple[str, str], str]:
    """Return why agents do not fit tasks, by the labels of both."""
    found = {}
    for choice in benchmark.tasks:
        task = tasks[choice.label]
        for agent in benchmark.agents:
            try:
                made = make_chosen_agent(agent)
                lanes = lanes_of(task, made, benchmark.workers, benchmark.lanes)
                made.check(make_env(task, made, agent.formulation, lanes))
            except (ValueError, TypeError, ModuleNotFoundError) as error:
                found[choice.label, agent.label] = " ".join(str(error).split())
    return found


def _configuration(benchmark: Benchmark, tasks: Mapping[str, BenchmarkTask]) -> dict[str, Any]:
    question = benchmark.question(benchmark.tasks[0], benchmark.agents[0], benchmark.seeds[0])
    return {
        **{name: question[name] for name in ("protocol", "objective", "workers", "lanes")},
        "tasks": {t.label: {**asdict(t), "statistics": task_statistics(tasks[t.label])} for t in benchmark.tasks},
        "agents": {a.label: asdict(a) for a in benchmark.agents},
        "seeds": list(benchmark.seeds),
    }


def _answers(
    questions: Sequence[dict[str, Any]],
    tasks: Mapping[str, BenchmarkTask],
    benchmark: Benchmark,
    processes: int | None,
    ray_address: str | None,
) -> Iterator[tuple[dict[str, Any], bytes | str]]:
    live = [q for q in questions if tasks[q["task"]["label"]].live]
    looked_up = [q for q in questions if not tasks[q["task"]["label"]].live]
    if looked_up and ray_address is not None:
        address = None if ray_address == "local" else ray_address
        yield from _paired(looked_up, in_ray(looked_up, address, processes, benchmark.modules))
    elif looked_up:
        count = min(processes or cores(), len(looked_up))
        yield from _paired(looked_up, in_processes(looked_up, count, benchmark.modules))
    # Live trainings have processes of their own, which stay warm from run to run.
    try:
        yield from _paired(live, in_this_process(live))
    finally:
        for task in tasks.values():
            if task.live:
                getattr(task.evaluator, "close", lambda: None)()


def _paired(
    questions: Sequence[dict[str, Any]], answers: Iterator[NumberedAnswer]
) -> Iterator[tuple[dict[str, Any], bytes | str]]:
    for number, answer in answers:
        yield questions[number], answer
