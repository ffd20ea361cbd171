"""The entries of ``info``: one set of keys, of numpy types, from the first reset on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.evaluation import Status
from ..core.tasks import SearchTask
from .outcome import Columns, Measured

NOT_EVALUATED = -1
"""Status of a lane in which nothing was evaluated in this step; it equals the text ``"none"``."""

NO_SEED = -2
"""Training seed of such a lane."""

_NAMES = {NOT_EVALUATED: "none", **{int(status): status.name.lower() for status in Status}}
_CODES = {name: code for code, name in _NAMES.items()}


class StatusArray(np.ndarray):
    """int8 values of `Status`, or −1 where nothing was evaluated, that compare with the names too.

    ``info["status"] == "ok"`` and ``infos["status"] == "ok"`` say what they seem to say; libraries that want
    numbers (TorchRL) see an array of int8.
    """

    def __eq__(self, other: object) -> Any:
        """Compare with codes or with names (``"ok"``, ``"none"``, …)."""
        return np.equal(np.asarray(self), _codes(other))

    def __ne__(self, other: object) -> Any:
        """Compare with codes or with names."""
        return np.not_equal(np.asarray(self), _codes(other))

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, index: Any) -> Any:
        """Return a part, or one status as an array without dimensions."""
        return np.asarray(super().__getitem__(index)).view(StatusArray)

    def names(self) -> Any:
        """Return the names, an array of text, or one text where there are no dimensions."""
        text = np.array([_NAMES[code] for code in self.reshape(-1).tolist()]).reshape(self.shape)
        return text if self.ndim else str(text)

    def __str__(self) -> str:
        """Show the names."""
        return str(self.names())

    def __format__(self, spec: str) -> str:
        """Format the name."""
        return format(str(self), spec)

    def __repr__(self) -> str:
        """Show the names."""
        return f"StatusArray({self.names()!r})"


def _codes(value: Any) -> NDArray[Any]:
    array = np.asarray(value)
    if array.dtype.kind not in "US" and array.dtype != object:
        return array
    codes = [_CODES.get(str(name), -128) for name in array.reshape(-1).tolist()]
    return np.array(codes, dtype=np.int8).reshape(array.shape)


class Blanks:
    """What ``info`` says of a lane in which nothing was evaluated in this step.

    Args:
        task: names the metrics: all that it shows, ``cost_seconds`` and ``violation``, 0 here; then ``status``
            (−1, "none"), ``epochs`` (0) and ``training_seed`` (−2). Blanks are finite, since Gymnasium's checker
            takes NaN for unequal to itself; the status says that nothing was evaluated.
    """

    def __init__(self, task: SearchTask) -> None:
        self.metrics = (*task.visible_metrics, "cost_seconds", "violation")
        self.values: dict[str, Any] = dict.fromkeys(self.metrics, np.float64(0.0))
        self.values |= {
            "status": np.int8(NOT_EVALUATED),
            "epochs": np.int64(0),
            "training_seed": np.int64(NO_SEED),
        }
        self.one = as_info(dict(self.values))

    def columns(self, num_lanes: int) -> Columns:
        """Return new arrays ``(N,)`` of blanks."""
        return {name: np.full(num_lanes, value) for name, value in self.values.items()}

    def filled(self, measured: Measured | None, num_lanes: int) -> Columns:
        """Return what was measured, or blanks."""
        return self.columns(num_lanes) if measured is None else measured.columns

    def merged(self, ended: Measured | None, started: Measured | None, lanes: NDArray[np.bool_]) -> Measured | None:
        """Return what was measured in a step, with that of the start in lanes ``(N,)`` bool that ended in it."""
        if ended is None and started is None:
            return None
        here = np.where(lanes, False if started is None else started.here, False if ended is None else ended.here)

        def columns() -> Columns:
            old, new = self.filled(ended, len(lanes)), self.filled(started, len(lanes))
            return {name: np.where(lanes, new[name], column) for name, column in old.items()}

        return Measured(here, columns)


_SHOWN = {code: np.array(code, dtype=np.int8).view(StatusArray) for code in _NAMES}
for _one in _SHOWN.values():
    _one.flags.writeable = False


def as_info(values: dict[str, Any]) -> dict[str, Any]:
    """Show the status of one lane's values as it is to be shown; returns the values."""
    values["status"] = _SHOWN[int(values["status"])]
    return values
