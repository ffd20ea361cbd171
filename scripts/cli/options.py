"""The options that the commands share, each written once: every command spells and explains them alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...agents import AGENTS
from ...envs.spaces.registry import SPACES
from ...evaluation.explainers import EXPLAINERS
from ...trainers.data.datasets import DATASETS

Out = Annotated[Path, typer.Option("--out", help="New folder for the results.", show_default=False)]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what is in --out.")]
RecordActions = Annotated[bool, typer.Option("--record-actions", help="Write actions.jsonl, too.")]
Seed = Annotated[int, typer.Option("--seed", help="Determines everything random: an integer from 0 to 2^63 - 1.")]

# -- components, and the code that they are in -----------------------------------------------------------

Modules = Annotated[
    list[str] | None,
    typer.Option(
        "--module",
        help="Module or file.py to import first: it registers tasks or holds components. May be repeated.",
        show_default=False,
    ),
]
AllowImport = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-import",
        help="Module that a received file may import: without it, no file names code to run. May be repeated.",
        show_default=False,
    ),
]
AGENTS_HELP = f"Search agent: {', '.join(AGENTS)}; or your own, module:Class or file.py:Class."
Agent = Annotated[str, typer.Option("--agent", help=AGENTS_HELP, show_default=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option("--setting", "--settings", help="Agent's setting, name=value. May be repeated.", show_default=False),
]
AgentSettings = Annotated[
    list[str] | None,
    typer.Option("--settings", "--setting", help="AGENT.name=value. May be repeated.", show_default=False),
]

Explainer = Annotated[
    str,
    typer.Option(
        "--method",
        help=f"Explainer: {', '.join(EXPLAINERS)}; or your own, module:Class, file.py:Class, or JSON with settings.",
        show_default=False,
    ),
]
Classes = Annotated[
    str | None,
    typer.Option("--classes", help="Explain examples of these classes: 0,3,7:10 (default: all).", show_default=False),
]
Policy = Annotated[
    Path | None, typer.Option("--policy", help="PPO: policy.npz of another search to start from.", show_default=False)
]

# -- the task ------------------------------------------------------------------------------------------

Environment = Annotated[str, typer.Option("--env", help="Environment id, as `pynascent envs` lists them.")]
Evaluations = Annotated[int, typer.Option("--evaluations", help="Budget: evaluations to spend; --resume may add.")]
Objective = Annotated[
    str | None,
    typer.Option(
        "--objective",
        help='Objective as JSON: {"terms": {"accuracy": 1, "ln_flops": -0.02}, "constraints": ["flops<=3e5"]}.',
        show_default=False,
    ),
]
Lam = Annotated[float | None, typer.Option("--lam", help="Weight of ln FLOPs in the reward (default: the task's).")]
Mu = Annotated[float | None, typer.Option("--mu", help="Weight of 1 - ISI in the reward (default: the task's).")]
Epochs = Annotated[int | None, typer.Option("--epochs", help="Train every candidate this long (a fidelity).")]
Table = Annotated[
    str | None,
    typer.Option("--table", help="Table to look up: a name of `pynascent tables list`, or a file.", show_default=False),
]
Space = Annotated[
    str | None,
    typer.Option(
        "--space",
        help=f"Search space: {', '.join(SPACES)}; module:Class, file.py:Class, or JSON with settings.",
        show_default=False,
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        help=f"Live training: data set: {', '.join(DATASETS)}; FILE.npz, module:Class, file.py:Class, or JSON with "
        "settings.",
        show_default=False,
    ),
]
Stages = Annotated[
    str | None,
    typer.Option("--stages", help="Live training: the stages of a candidate, as a JSON list.", show_default=False),
]
Training = Annotated[
    str | None,
    typer.Option(
        "--training",
        help="Live training: how candidates are trained: a .json or .yaml file, or JSON, of the settings that differ "
        'from the defaults: {"precision": "mixed_bfloat16"}.',
        show_default=False,
    ),
]
EvaluatorArguments = Annotated[
    str | None,
    typer.Option(
        "--evaluator", help="Further arguments of the task's evaluator, as a JSON object.", show_default=False
    ),
]

# -- where candidates are evaluated ----------------------------------------------------------------------

Lanes = Annotated[
    int | None,
    typer.Option(
        "--lanes",
        help="Candidates proposed at a time (default: as workers become free).",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Live training: worker groups (default: as fit).", show_default=False)
]
RanksPerCandidate = Annotated[
    int | None,
    typer.Option("--ranks-per-candidate", help="Live training: Horovod ranks of a group.", show_default=False),
]
GpusPerRank = Annotated[
    float | None, typer.Option("--gpus-per-rank", help="Live training: GPUs of a rank.", show_default=False)
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray-address", help="Live training: a Ray cluster (default: local).", show_default=False),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        min=0,
        max=65535,
        help="Live training: serve metrics to Prometheus on this port of 127.0.0.1; 0 for any free one.",
        show_default=False,
    ),
]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Live training: write TensorBoard logs into OUT/tensorboard.")
]
Store = Annotated[Path | None, typer.Option("--store", help="Live training: the evaluation store.", show_default=False)]
