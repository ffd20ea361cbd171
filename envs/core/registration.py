"""Registers the suite's tasks and their environments with Gymnasium."""

from __future__ import annotations

import gymnasium

from ..mdp.formulations import FORMULATIONS
from .tasks import TASKS, TaskSpec, register_task

NAMESPACE = "PyNASCENT"
VERSION = 0

# On NAS-Digits these weights rank nearly as accuracy alone does: docs/digits.md, "Does ISI matter in the reward?".
LIVE_DIGITS = TaskSpec(
    name="LiveDigits",
    description="chain networks trained live on 600 of scikit-learn's digits (8x8 images), with ISI",
    evaluator="pynascent.trainers.live:LiveEvaluator",
    arguments={"space": {"space": "chain"}, "dataset": "digits"},
    lam=0.02,
    mu=0.1,
    install="train",
)

_TABLE_EVALUATOR = "pynascent.envs.tables:TableEvaluator"

# λ and μ by the sensitivity sweep in docs/digits/figures.md: what is best is neither among the largest nor among
# the smallest tenth of the architectures.
DIGITS = TaskSpec(
    name="Digits",
    description="NAS-Digits, in the package: chain networks, all trained on scikit-learn's digits (8x8), with ISI",
    evaluator=_TABLE_EVALUATOR,
    arguments={"table": "digits"},
    lam=0.06,
    mu=0.3,
)

# Under the weights of Digits the same architecture is the best for every μ from 0 to 1 (means over seeds). Under these
# each weight, moved alone to either end of its range (λ 0 to 0.1, μ 0 to 1), makes another one the best.
DIGITS_ISI = TaskSpec(
    name="DigitsISI",
    description="Digits with a reward in which ISI decides: the same table, λ = 0.045 and μ = 0.5",
    evaluator=_TABLE_EVALUATOR,
    arguments={"table": "digits"},
    lam=0.045,
    mu=0.5,
)
LIVE_DIGITS_ISI = TaskSpec(
    name="LiveDigitsISI",
    description="DigitsISI trained live: the table's 300 training images and training configuration, the same reward",
    evaluator=LIVE_DIGITS.evaluator,
    arguments={"space": {"space": "chain"}, "dataset": "digits-300", "training": {"batch_size": 25}},
    lam=DIGITS_ISI.lam,
    mu=DIGITS_ISI.mu,
    install=LIVE_DIGITS.install,
)

# On the public benchmarks the reward is the accuracy itself, as published comparisons have it; λ is an argument.
TABLE_TASKS = tuple(
    TaskSpec(name=name, description=description, evaluator=_TABLE_EVALUATOR, arguments={"table": name})
    for name, description in (
        ("NASBench201-CIFAR10", "NAS-Bench-201 cells, trained on CIFAR-10"),
        ("NASBench201-CIFAR100", "NAS-Bench-201 cells, trained on CIFAR-100"),
        ("NASBench201-ImageNet16", "NAS-Bench-201 cells, trained on ImageNet16-120"),
        ("NASBenchMacro-CIFAR10", "NAS-Bench-Macro networks, trained on CIFAR-10; search_score is the first training"),
        # TransNAS-Bench-101: seven tasks on the same cells, and on the same networks; and Accel-NASBench.
        *(
            (f"TransNAS{part}-{task}", f"TransNAS-Bench-101 {what}: {scored}")
            for part, what in (("Micro", "cells"), ("Macro", "networks"))
            for task, scored in (
                ("ClassScene", "accuracy among 47 scenes"),
                ("ClassObject", "accuracy among 75 objects"),
                ("RoomLayout", "negative loss of a room's layout"),
                ("Jigsaw", "accuracy of jigsaw puzzles"),
                ("SegmentSemantic", "pixel accuracy of segmentation"),
                ("Normal", "SSIM of surface normals"),
                ("Autoencoder", "SSIM of reconstructions"),
            )
        ),
        ("AccelNASBench-ImageNet", "Accel-NASBench networks, ImageNet with six accelerators; a partial table"),
    )
)
OWN_TABLE = TaskSpec(
    name="Table",
    description="your own table: table=<name or path>",
    evaluator=_TABLE_EVALUATOR,
    requires=("table",),
)


def environment_id(task: str, formulation: str) -> str:
    """Return ``PyNASCENT/<Task>-<Formulation>-v0``."""
    return f"{NAMESPACE}/{task}-{formulation.capitalize()}-v{VERSION}"


def register_environments(spec: TaskSpec) -> list[str]:
    """Register a task and its environment of every formulation; returns their ids.

    Registering the same task again changes nothing.

    Raises:
        ValueError: another task has the name.
    """
    register_task(spec)
    ids = []
    for formulation in FORMULATIONS:
        name = environment_id(spec.name, formulation)
        ids.append(name)
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point="pynascent.envs.mdp.search_env:SearchEnv",
                vector_entry_point="pynascent.envs.mdp.vector_env:SearchVectorEnv",
                kwargs={"task": spec.name, "formulation": formulation},
            )
    return ids


def registered_ids(task: str | None = None) -> list[str]:
    """Return the ids of all registered tasks, or of one.

    A formulation that was registered after a task has no id with it.
    """
    names = list(TASKS) if task is None else [task]
    ids = [environment_id(name, formulation) for name in names for formulation in FORMULATIONS]
    return [each for each in ids if each in gymnasium.registry]


def register_all() -> None:
    """Register the tasks that come with the suite."""
    for spec in (DIGITS, DIGITS_ISI, LIVE_DIGITS, LIVE_DIGITS_ISI, *TABLE_TASKS, OWN_TABLE):
        register_environments(spec)
