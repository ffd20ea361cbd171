"""Data sets by reference."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...envs.core.components import Registry, check_settings, split_config
from ...envs.core.imports import Imports
from .dataset import PARTS, DataSource
from .digits import digits, digits_300
from .npz import NpzDataset
from .sources.chexpert import CheXpert
from .sources.cifar import cifar10, cifar100
from .sources.folder import Folder
from .sources.idx import Idx
from .sources.mnist import fashion_mnist, kmnist, mnist

DATASETS = Registry(
    "data set",
    {
        "digits": digits,
        "digits-300": digits_300,
        "npz": NpzDataset,
        "cifar10": cifar10,
        "cifar100": cifar100,
        "mnist": mnist,
        "fashion-mnist": fashion_mnist,
        "kmnist": kmnist,
        "idx": Idx,
        "folder": Folder,
        "chexpert": CheXpert,
    },
)
"""Name → class or function whose keyword arguments are the settings, and that returns a `DataSource`."""

_ATTRIBUTES = ("name", "classes", "multi_label", "input_shape", "checksum", *PARTS)

_PLACES = ("folder", "path")
"""Settings of the package's own data sets that name a file or folder."""

_loaded: dict[tuple[str, str | None], DataSource] = {}


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
        check_settings(f"data set {name!r}", NpzDataset, {"path": name, **settings})
        return NpzDataset(**{"path": name, **settings})
    if settings or ":" in name:
        return _checked(DATASETS.make({"component": name, "settings": settings}, imports), name)
    key = name, os.environ.get("PYNASCENT_DATA")  # in which files are looked for
    if key not in _loaded:
        _loaded[key] = _checked(DATASETS.make(name, imports), name)
    return _loaded[key]


def dataset_config(dataset: str | Mapping[str, Any] | DataSource) -> Any:
    """Return a data set as plain JSON: what was asked for, files by their absolute path; its name for an object."""
    if not isinstance(dataset, (str, Mapping)):
        return dataset.name
    name, settings = split_config(dataset, "data set")
    if name.endswith(".npz"):
        name = _absolute(name)
    if name in DATASETS:
        settings = {k: _absolute(v) if k in _PLACES and v is not None else v for k, v in settings.items()}
    return {"component": name, "settings": settings} if settings else name


def _absolute(path: str | Path) -> str:
    return str(Path(path).expanduser().absolute())


def _checked(found: Any, name: str) -> DataSource:
    lacking = [name for name in _ATTRIBUTES if name not in dir(found)]  # a look at a value could read a file
    if lacking:
        raise ValueError(
            f"data set {name!r} is a {type(found).__name__} without {lacking[0]!r}: give a DataSource, for instance "
            "Dataset.from_arrays(inputs, labels)"
        )
    return found
