"""One's own results as arrays in an npz file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...builder import TableData
from ...errors import TableError
from ..base import ImportRequest
from ..nasbench201_npz import load_arrays
from .schema import load_schema, split_files

KIND = "npz"


def read(request: ImportRequest) -> Iterator[TableData]:
    """Yield the table of ``results.npz`` as ``schema.toml`` describes it.

    Arrays: ``architectures`` ``(rows, n)`` of option indices, or ``index`` ``(rows,)``; ``epochs`` ``(e,)``,
    ascending (or ``epochs = N`` in the schema); and for each metric one of its column's name: ``(rows,)`` for
    a property of the architecture (and for trainings, where there is one epochs and one seed),
    ``(rows, e)`` or ``(rows, e, seeds)`` for trainings, NaN after a row's last.
    """
    path, schema_path = split_files(request, KIND, ".npz")
    schema = load_schema(schema_path)
    arrays = load_arrays(path)
    read = {name: array for name, array in arrays.items() if name not in schema.ignore}
    odd = next((name for name, array in read.items() if array.dtype.kind not in "uif"), None)
    if odd is not None:
        raise TableError(f"{path}: the array {odd!r} is of type {arrays[odd].dtype}, it must be of numbers")
    used = {"architectures", "index", "epochs", *(metric.column for metric in schema.metrics)}
    schema.check_unused(str(path), "array", arrays, used)
    given = arrays.get("architectures", arrays.get("index"))
    if given is None or ("architectures" in arrays and "index" in arrays) or given.dtype.kind not in "ui":
        raise TableError(f"{path} needs one of 'architectures' (rows, n) or 'index' (rows,), of whole numbers")
    try:
        architectures = schema.space.from_index(given) if "index" in arrays else schema.space.check(given)
    except (ValueError, IndexError, OverflowError) as error:
        raise TableError(f"{path}: {error}") from None
    if "epochs" in arrays:
        listed = np.atleast_1d(arrays["epochs"])
    elif schema.epochs is not None:
        listed = np.array([schema.epochs])
    else:
        raise TableError(f"{path} has no array 'epochs': add one, or say epochs = N in the schema")
    epochs = tuple(int(e) for e in listed)
    if listed.dtype.kind not in "ui" or listed.ndim != 1 or list(epochs) != sorted(set(epochs)) or min(epochs) < 1:
        raise TableError(f"{path}: epochs {listed.tolist()} must be ascending whole numbers, at least 1")
    metrics = []
    for metric in schema.metrics:
        if metric.column not in arrays:
            raise TableError(f"{path} has no array {metric.column!r} that the schema names: it has {', '.join(arrays)}")
        values = arrays[metric.column].astype(np.float64)
        shapes = [(len(architectures),)]
        if metric.per_training:
            shapes = [(len(architectures), len(epochs)), (len(architectures), len(epochs), *values.shape[2:3])]
            values = values[:, None] if values.ndim == 1 and len(epochs) == 1 else values
        if values.shape not in shapes:
            raise TableError(f"{path}: {metric.column} has the shape {values.shape}, it must have {shapes[-1]}")
        values = values[:, :, None] if metric.per_training and values.ndim == 2 else values
        metrics.append(metric.data(values, epochs))
    yield schema.table(request, KIND, architectures, metrics)
