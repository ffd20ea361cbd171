"""Where tables are kept: inside the package, and in the user's data folder."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ..core.suggestions import did_you_mean
from .errors import MissingTableError, TableError
from .format import SUFFIX, Table
from .header import NAME

EMBEDDED = Path(__file__).parent / "data"
"""Tables that come with the package."""

_NASBENCH201 = "nats-bench NATS-tss-v1_0-3ffb9-simple (or nasbench201-npz nasbench201.npz)"
GETTING: dict[str, str] = {
    "NASBench201-CIFAR10": _NASBENCH201,
    "NASBench201-CIFAR100": _NASBENCH201,
    "NASBench201-ImageNet16": _NASBENCH201,
    "NATSBenchSize-CIFAR10": "nats-bench NATS-sss-v1_0-50262-simple",
    "NATSBenchSize-CIFAR100": "nats-bench NATS-sss-v1_0-50262-simple",
    "NATSBenchSize-ImageNet16": "nats-bench NATS-sss-v1_0-50262-simple",
    "NASBenchMacro-CIFAR10": "nas-bench-macro nas-bench-macro_cifar10.json",
    **{
        f"TransNAS{part.capitalize()}-{task}": f"transnasbench101 transnasbench101_{part}.npz"
        for part in ("micro", "macro")
        for task in ("ClassScene", "ClassObject", "RoomLayout", "Jigsaw", "SegmentSemantic", "Normal", "Autoencoder")
    },
    "AccelNASBench-ImageNet": "accel-nasbench accel_nasbench.csv",
}
"""Public benchmarks by the name of their table: what to give to ``pynascent tables import``."""


def data_folder() -> Path:
    """Return the folder of the user's tables: ``tables`` in ``PYNASCENT_DATA``, or in the system's place for data."""
    chosen = os.environ.get("PYNASCENT_DATA")
    return (Path(chosen) if chosen else Path(platformdirs.user_data_dir("pynascent"))) / "tables"


def check_name(name: str) -> str:
    """Return a table's name if it is one.

    Raises:
        TableError: it is not: it could be a path, or no file could be called so.
    """
    if not isinstance(name, str) or not re.fullmatch(NAME, name) or name.endswith(".") or ".." in name:
        raise TableError(
            f"{str(name)[:80]!r} is no table name: give 1 to 64 letters, digits, '.', '_', '+' or '-', "
            "the first a letter or digit"
        )
    return name


def own_path(name: str) -> Path:
    """Return where a table of the user's own lies, or will lie.

    Raises:
        TableError: the name is none, or belongs to a table that comes with the package (in any case of letters).
    """
    taken = {path.name.removesuffix(SUFFIX).lower() for path in EMBEDDED.glob("*" + SUFFIX)}
    if check_name(name).lower() in taken:
        raise TableError(f"the table {name!r} comes with the package: choose another name")
    return data_folder() / (name + SUFFIX)


def find_table(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the file of a table: the package's own of that name, the user's, or a path.

    Case counts in a name only where two tables differ in nothing else.

    A path is whatever ends in ``.nastable``, holds a separator, or is no text.

    Raises:
        MissingTableError: there is none; the message names the command that gets it.
        TableError: it is neither a name nor a path.
    """
    text = os.fspath(name_or_path)
    if isinstance(text, bytes) or "\0" in text:
        raise TableError(f"{text[:80]!r} is neither a table's name nor a path")
    if not isinstance(name_or_path, str) or text.endswith(SUFFIX) or "/" in text or os.sep in text:
        path = Path(text)
        if not path.is_file():
            raise MissingTableError(f"there is no table file {text}")
        return path
    name = check_name(text)
    for folder in (EMBEDDED, data_folder()):
        path = folder / (name + SUFFIX)
        if path.is_file():
            return path
    known = list_tables()
    alike = [found for found in known if found.name.lower() == name.lower()]
    if len(alike) == 1:
        return alike[0].path
    here = ", ".join(found.name for found in known) or "none"
    official = {benchmark.lower(): command for benchmark, command in GETTING.items()}
    if name.lower() in official:
        how = f"download that benchmark, then run: pynascent tables import {official[name.lower()]}"
    else:
        how = "bring one with: pynascent tables import KIND FILE (pynascent tables import --help lists the kinds)"
    suggestion = did_you_mean(name, [*(found.name for found in known), *GETTING])
    raise MissingTableError(f"there is no table {name!r}{suggestion} (there are: {here}); {how}")


def open_table(name_or_path: str | os.PathLike[str]) -> Table:
    """Open a table by name or path.

    Raises:
        MissingTableError: there is none; the message names the command that gets it.
        TableError: the file is no honest table.
    """
    return Table(find_table(name_or_path))


@dataclass(frozen=True)
class FoundTable:
    """A table file in one of the two places.

    Attributes:
        name: the name under which it is found.
        path: the file.
        embedded: whether it comes with the package.
    """

    name: str
    path: Path
    embedded: bool


def list_tables() -> list[FoundTable]:
    """Return the tables there are, the package's own first, each by name; without opening them."""
    found: dict[str, FoundTable] = {}
    for folder, embedded in ((EMBEDDED, True), (data_folder(), False)):
        for path in sorted(folder.glob("*" + SUFFIX)) if folder.is_dir() else ():
            name = path.name.removesuffix(SUFFIX)
            if re.fullmatch(NAME, name) and path.is_file():
                found.setdefault(name, FoundTable(name, path, embedded))
    return list(found.values())
