"""Checks of what an environment is made with and of the actions it is given, with one clear line each."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.evaluation import IntArray
from .formulations import Formulation


def checked_epochs(epochs: Any, fidelities: tuple[int, ...], rules: type[Formulation]) -> int | None:
    """Return the fidelity of every evaluation, or None where the actions choose it.

    Raises:
        ValueError: the evaluator has no such fidelity, or the formulation cannot choose.
    """
    known = ", ".join(map(str, fidelities))
    if isinstance(epochs, str) and epochs == "choose":
        if not rules.chooses_fidelity:
            raise ValueError(f"epochs='choose' needs the propose formulation, not {rules.name}: give one of {known}")
        return None
    if epochs is None:
        return fidelities[-1]
    if isinstance(epochs, str) or epochs not in fidelities:
        raise ValueError(f"epochs={epochs!r}: the evaluator's fidelities are {known}")
    return fidelities[fidelities.index(epochs)]


def checked_training_seed(seed: Any) -> int | str:
    """Return a training seed as a Python integer, ``"resample"`` or ``"mean"``.

    Raises:
        ValueError: it is something else, or does not fit into int64.
    """
    if isinstance(seed, str) and seed in ("resample", "mean"):
        return seed
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and 0 <= seed < 2**63:
        return int(seed)
    raise ValueError(f"training_seed={seed!r}: give an integer of at least 0 and below 2**63, 'resample' or 'mean'")


def checked_penalty(penalty: Any) -> float:
    """Return the price of a masked action.

    Raises:
        ValueError: it is negative or not finite.
    """
    if isinstance(penalty, (int, float, np.number)) and np.isfinite(penalty) and penalty >= 0:
        return float(penalty)
    raise ValueError(f"invalid_penalty={penalty!r}: give a finite number of at least 0")


def checked_count(name: str, value: Any) -> int:
    """Return a count as a Python integer.

    Raises:
        ValueError: it is not an integer of at least 1.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise ValueError(f"{name}={value!r}: give an integer of at least 1")


def checked_seed(seed: Any) -> int:
    """Return a seed of ``reset`` as a Python integer, of any size.

    Raises:
        ValueError: it is not an integer of at least 0.
    """
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and seed >= 0:
        return int(seed)
    raise ValueError(f"seed={seed!r}: give an integer of at least 0, of any size")


def lane_seeds(seed: int, lanes: int) -> IntArray:
    """Return seeds s, s + 1, … of the lanes, wrapped into int64 (entropy seeds have 128 bits)."""
    return np.array([((seed + i + 2**63) % 2**64) - 2**63 for i in range(lanes)], dtype=np.int64)


def checked_options(options: Any, known: tuple[str, ...]) -> dict[str, Any]:
    """Return the options of ``reset``.

    Raises:
        ValueError: one is unknown; the message lists the known ones.
    """
    options = dict(options or {})
    for name in options:
        if name not in known:
            raise ValueError(f"reset has no option {name!r}: it knows {', '.join(known)}")
    return options


def checked_actions(actions: Any, shape: tuple[int, ...], what: str = "actions are integers") -> IntArray:
    """Return actions as int64, if they are integers of a shape.

    Raises:
        ValueError: they are not.
    """
    try:
        array = np.asarray(actions)
    except ValueError:  # ragged
        array = np.empty(0, dtype=object)
    if array.shape != shape or array.dtype.kind not in "iu":
        raise ValueError(f"{what} of shape {shape}, not {array.dtype} of shape {array.shape}")
    return array.astype(np.int64, copy=False)
