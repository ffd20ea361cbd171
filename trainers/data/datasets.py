"""Data sets by reference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...envs.core.components import Registry, split_config
from ...envs.core.imports import Imports
from .dataset import PARTS, DataSource
from .digits import digits, digits_300
from .npz import NpzDataset

DATASETS = Registry("data set", {"digits": digits, "digits-300": digits_300, "npz": NpzDataset})
"""Name → class or function whose keyword arguments are the settings, and that returns a `DataSource`."""

_ATTRIBUTES = ("name", "classes", "multi_label", "input_shape", "checksum", *PARTS)

_loaded: dict[str, DataSource] = {}


def load_dataset(dataset: str | Mapping[str, Any] | DataSource, imports: Imports = True) -> DataSource:
    """Return a data set: by name, file, reference or as it is. One without settings is made once per process.

    Args:
        dataset: a short name; ``FILE.npz`` (`NpzDataset`); ``"module:Class"``; ``{"component": one of these,
            "settings": {…}}``; or a `DataSource`.
        imports: whether ``"module:Class"`` may be imported.

    Raises:
        ValueError: the name is unknown (the message lists the known ones), or what it names is no data source.
        ModuleNotFoundError: a package that the data comes with is missing; the message names the extra.
    """
    if not isinstance(dataset, (str, Mapping)):
        return _checked(dataset, type(dataset).__name__)
    name, settings = split_config(dataset, "data set")
    if name.endswith(".npz"):
        return NpzDataset(name, **settings)
    if settings or ":" in name:
        return _checked(DATASETS.make({"component": name, "settings": settings}, imports), name)
    if name not in _loaded:
        _loaded[name] = _checked(DATASETS.make(name, imports), name)
    return _loaded[name]


def dataset_config(dataset: str | Mapping[str, Any] | DataSource) -> Any:
    """Return a data set as plain JSON: what was asked for, files by their absolute path; its name for an object."""
    if not isinstance(dataset, (str, Mapping)):
        return dataset.name
    name, settings = split_config(dataset, "data set")
    if name.endswith(".npz"):
        name = str(Path(name).expanduser().absolute())
    return {"component": name, "settings": settings} if settings else name


def _checked(found: Any, name: str) -> DataSource:
    lacking = [name for name in _ATTRIBUTES if name not in dir(found)]  # a look at a value could read a file
    if lacking:
        raise ValueError(
            f"data set {name!r} is a {type(found).__name__} without {lacking[0]!r}: give a DataSource, for instance "
            "Dataset.from_arrays(inputs, labels)"
        )
    return found
