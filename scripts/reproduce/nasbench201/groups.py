"""What is played: agents that are cheap get 200 seeds, slow ones fewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pynascent.scripts.benchmark.choices import parse_agents, parse_tasks
from pynascent.scripts.benchmark.parsing import parse_seeds
from pynascent.scripts.benchmark.protocols import find_protocol
from pynascent.scripts.benchmark.runner import Benchmark

DATASETS = ("CIFAR10", "CIFAR100", "ImageNet16")
EVOLUTION = {"evolution-10-3": (10, 3), "evolution-50-10": (50, 10)}  # population and sample, as the peers were run
_EVOLUTION_SETTINGS = tuple(
    setting
    for label, (population, sample) in EVOLUTION.items()
    for setting in (f"{label}.population_size={population}", f"{label}.sample_size={sample}")
)
_EVOLUTION_AGENTS = tuple(f"{label}=regularized_evolution" for label in EVOLUTION)
_BOHB = ("bohb", "bohb-repaired=bohb")
_BOHB_SETTINGS = ("bohb-repaired.bandwidth=categorical", "bohb-repaired.repeats=false")
_DIRECT = tuple(f"NASBench201-{name}={count}" for name, count in zip(DATASETS, (100, 100, 200), strict=True))


@dataclass(frozen=True)
class Group:
    """Runs of one `Benchmark`, in a folder of their own.

    Attributes:
        protocol: the protocol.
        seeds: as on the command line.
        agents: as on the command line.
        settings: as on the command line.
        lanes: candidates that an agent proposes at a time.
        budgets: as on the command line; none for the protocol's own.
        datasets: which tables.
    """

    protocol: str
    seeds: str
    agents: Sequence[str]
    settings: Sequence[str] = ()
    lanes: int | None = None
    budgets: Sequence[str] = ()
    datasets: Sequence[str] = field(default=DATASETS)

    def benchmark(self, seeds: str | None = None) -> Benchmark:
        """Return what is to be run, with other seeds than the group's own if any are given."""
        protocol = find_protocol(self.protocol)
        tasks = [f"NASBench201-{name}" for name in self.datasets]
        return Benchmark(
            parse_tasks(tasks, self.budgets, protocol),
            parse_agents(self.agents, self.settings),
            parse_seeds(seeds or self.seeds),
            protocol,
            lanes=self.lanes,
        )


GROUPS: Mapping[str, Group] = {
    "nats-random": Group("nats", "0:600", ("random",)),  # more, since it is held against its exact expectation
    "nats": Group(
        "nats",
        "0:200",
        (
            "local_search",
            *_EVOLUTION_AGENTS,
            "genetic",
            *_BOHB,
            "dehb",
            "reinforce",
            "reinforce-lstm=reinforce",
        ),
        (*_EVOLUTION_SETTINGS, *_BOHB_SETTINGS, "reinforce-lstm.controller=lstm"),
    ),
    "nats-models": Group("nats", "0:50", ("tpe", "bayesian_optimization", "predictor")),
    "nats-ppo": Group("nats", "0:50", ("ppo",), lanes=8),
    "direct": Group(
        "direct",
        "0:200",
        ("random", "local_search", *_EVOLUTION_AGENTS, "genetic", *_BOHB, "dehb", "tpe", "bayesian_optimization"),
        (*_EVOLUTION_SETTINGS, *_BOHB_SETTINGS),
        budgets=_DIRECT,
    ),
    "direct-predictor": Group("direct", "0:50", ("predictor",), budgets=_DIRECT),
}
TRANSFER = "nats-transfer"  # the group that `transfer` makes, of policies that have to be there first
NAMES = (*GROUPS, TRANSFER)
"""All groups, in the order in which they are played and shown."""
POLICIES = 5  # of PPO on CIFAR-10, that other searches start from


def transfer(policies: Sequence[Path]) -> Group:
    """Return PPO from policies that were trained on CIFAR-10, ten seeds each, on the two other tables."""
    labels = [f"ppo-from-cifar10-{number}" for number in range(len(policies))]
    return Group(
        "nats",
        "0:10",
        [f"{label}=ppo" for label in labels],
        [f"{label}.policy={path}" for label, path in zip(labels, policies, strict=True)],
        lanes=8,
        datasets=DATASETS[1:],
    )
