"""Runs a benchmark: what is not there yet is played, then the report is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...trainers.workers.ray_runtime import cores
from ..errors import UsageError
from .benchmark_task import Competition, competition_of
from .choices import AgentChoice, TaskChoice, agent_class
from .folder import BenchmarkFolder
from .play import question_of
from .processes import Outcome, in_processes, in_ray, in_this_process
from .protocols import Protocol
from .run_progress import BenchmarkProgress
from .task_statistics import task_facts


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark is to run.

    Attributes:
        tasks: the tasks, with their budgets.
        agents: the agents.
        seeds: a run of each agent on each task has one of them.
        protocol: the protocol.
        objective: another objective than the tasks' own, as plain JSON, or None.
        workers: simulated workers that share a run's simulated time.
        lanes: candidates that an agent proposes at a time; None for one, with which ask/tell agents keep all
            simulated workers busy asynchronously, and for stepped agents as many as there are workers.
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
class Outcomes:
    """What came of a benchmark.

    Attributes:
        played: runs played now.
        kept: runs that were there before.
        failures: (task, agent, seed, why) of the runs that failed.
    """

    played: int = 0
    kept: int = 0
    failures: list[tuple[str, str, int, str]] = field(default_factory=list)


def run_benchmark(
    benchmark: Benchmark,
    out: Path,
    resume: bool = False,
    processes: int | None = None,
    ray_address: str | None = None,
) -> Outcomes:
    """Play every run of a benchmark that the folder ``out`` does not have yet.

    Args:
        benchmark: what to run.
        out: the folder.
        resume: go on with the benchmark there; agents, tasks and seeds may be added.
        processes: runs at a time; None for as many as there are cores.
        ray_address: play them on Ray: ``"local"``, or a cluster's address.

    Raises:
        UsageError: something does not fit; nothing is played then.
    """
    competitions = {}
    for task in benchmark.tasks:
        competitions[task.label] = competition_of(asdict(task), asdict(benchmark.protocol), benchmark.objective)
        for agent in benchmark.agents:
            competitions[task.label].task(bool(getattr(agent_class(agent.agent), "multi_objective", False)))
    folder = BenchmarkFolder(out)
    folder.open(_configuration(benchmark, competitions), resume)
    # Seed by seed, so that an unfinished benchmark has as many runs of each agent.
    questions = [
        benchmark.question(task, agent, seed)
        for seed in benchmark.seeds
        for task in benchmark.tasks
        for agent in benchmark.agents
    ]
    missing = [question for question in questions if not folder.has(question)]
    outcomes = Outcomes(kept=len(questions) - len(missing))
    with BenchmarkProgress(len(questions), outcomes.kept) as progress:
        for question, answer in _answers(missing, competitions, benchmark, processes, ray_address):
            where = (question["task"]["label"], question["agent"]["label"], question["seed"])
            if isinstance(answer, str):
                outcomes.failures.append((*where, answer))
            else:
                folder.write(question, answer)
                outcomes.played += 1
            progress.update(*where, failed=isinstance(answer, str))
    return outcomes


def _configuration(benchmark: Benchmark, competitions: Mapping[str, Competition]) -> dict[str, Any]:
    question = benchmark.question(benchmark.tasks[0], benchmark.agents[0], benchmark.seeds[0])
    return {
        **{name: question[name] for name in ("protocol", "objective", "workers", "lanes")},
        "tasks": {t.label: {**asdict(t), "facts": task_facts(competitions[t.label])} for t in benchmark.tasks},
        "agents": {a.label: asdict(a) for a in benchmark.agents},
        "seeds": list(benchmark.seeds),
    }


def _answers(
    questions: Sequence[dict[str, Any]],
    competitions: Mapping[str, Competition],
    benchmark: Benchmark,
    processes: int | None,
    ray_address: str | None,
) -> Iterator[tuple[dict[str, Any], bytes | str]]:
    live = [q for q in questions if competitions[q["task"]["label"]].live]
    looked_up = [q for q in questions if not competitions[q["task"]["label"]].live]
    if looked_up and ray_address is not None:
        if benchmark.modules or any(":" in agent.agent for agent in benchmark.agents):
            raise UsageError("--ray takes registered agents and tasks alone: its workers do not have your modules")
        address = None if ray_address == "local" else ray_address
        yield from _paired(looked_up, in_ray(looked_up, address, processes))
    elif looked_up:
        count = min(processes or cores(), len(looked_up))
        yield from _paired(looked_up, in_processes(looked_up, count, benchmark.modules))
    # Live trainings have processes of their own, which stay warm from run to run.
    try:
        yield from _paired(live, in_this_process(live))
    finally:
        for competition in competitions.values():
            if competition.live:
                getattr(competition.evaluator, "close", lambda: None)()


def _paired(
    questions: Sequence[dict[str, Any]], outcomes: Iterator[Outcome]
) -> Iterator[tuple[dict[str, Any], bytes | str]]:
    for number, answer in outcomes:
        yield questions[number], answer
