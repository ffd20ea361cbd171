"""What NAS-Digits is: the space, the data, the training configuration and the seeds of its table."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ....envs.spaces import ChainSpace, space_to_config
from ....envs.spaces.base import IntArray
from ....envs.spaces.forms import canonical_forms
from ....trainers.live import package_versions
from ....trainers.stages.explain import Explain
from ....trainers.store.evaluation_store import canonical_json
from ....trainers.training.configuration import TrainingConfiguration

PROGRAM_VERSION = 1
"""Part of every row's key: raise it when a change of the training program makes finished rows wrong."""

NAME = "digits"
SEEDS = (0, 1, 2)
DATASET = "digits-300"
TRAINING = TrainingConfiguration(batch_size=25)
ISI = Explain()


def digits_space(widths: tuple[int, ...] = (8, 16)) -> ChainSpace:
    """Return the space of NAS-Digits, or of the part of it that has these widths."""
    return ChainSpace(widths=widths)


def canonical_architectures(space: ChainSpace) -> IntArray:
    """Return every canonical form of a space in index order, ``(rows, n)``."""
    return np.concatenate(list(canonical_forms(space)))


def work_order(space: ChainSpace) -> IntArray:
    """Return the canonical forms in the order of their training: width by width, in each width at random.

    One width is a space of its own, so the table is a whole one after each; within it, whatever is finished
    is a random sample.
    """
    rows = canonical_architectures(space)
    shuffled = np.random.default_rng(20240501).permutation(len(rows))
    return rows[shuffled[np.argsort(rows[shuffled, -1], kind="stable")]]


def settings() -> dict[str, Any]:
    """Return everything besides architecture and seed that determines a row, as plain JSON values."""
    from ....trainers.data.datasets import load_dataset

    return {
        "program_version": PROGRAM_VERSION,
        "space": space_to_config(digits_space()),
        "dataset": {"name": DATASET, "checksum": load_dataset(DATASET).checksum},
        # Under the names that the rows of the sweep are filed by.
        "recipe": {name: value for name, value in TRAINING.config().items() if name not in ("loss", "score")},
        "isi": {"explainer": ISI.explainer, "settings": {}, "cycles": ISI.cycles, "probes": ISI.probes},
        "versions": package_versions(("numpy", "tensorflow", "keras")),
    }


def settings_key() -> str:
    """Return the SHA-256 of `settings`, in hexadecimal."""
    return hashlib.sha256(canonical_json(settings()).encode()).hexdigest()
