"""``pynascent tables build digits``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape

from ...envs.tables import data_folder, open_table
from ...trainers.workers.ray_runtime import cores
from ..progress import rows_progress


@dataclass(frozen=True)
class DigitsBuild:
    """What was asked of ``tables build digits``.

    Attributes:
        out: the table's file; None for a table of the user's own.
        work: where finished trainings are kept; None for the data folder.
        base: earlier tables, whole or partial, whose rows are taken over.
        processes: trainings at once; None for as many as cores.
        widths: widths to train.
        rows: trainings at most; None for all.
        partial: write a table of whatever is complete.
    """

    out: Path | None = None
    work: Path | None = None
    base: Sequence[Path] = ()
    processes: int | None = None
    widths: tuple[int, ...] = (8, 16)
    rows: int | None = None
    partial: bool = False


def build_digits(console: Console, asked: DigitsBuild) -> None:
    """Train what is missing, then write the table of the largest space that is complete.

    Raises:
        ValueError: an argument is out of range, or no space is complete yet.
    """
    from ..reproduce.nas_digits.build import measure_latencies, train_rows
    from ..reproduce.nas_digits.row_store import RowStore
    from ..reproduce.nas_digits.settings import NAME, SEEDS, digits_space, settings_key, work_order
    from ..reproduce.nas_digits.table import covered_space, finished_in_store, finished_in_table, table_data

    known = digits_space().widths
    for value in asked.widths:
        if value not in known:
            raise ValueError(f"widths={value}: allowed are {', '.join(map(str, known))}")
    processes = cores() if asked.processes is None else asked.processes
    if processes < 1:
        raise ValueError(f"processes={processes}: give at least 1")
    path = asked.out or data_folder() / f"{NAME}.nastable"
    earlier = {}
    for file in asked.base:
        earlier |= finished_in_table(open_table(file))
    order = work_order(digits_space())
    order = order[np.isin(np.array(known)[order[:, -1]], asked.widths)]
    order = order[[tuple(row) not in earlier for row in order.tolist()]]
    store = RowStore(asked.work or data_folder().parent / "nas-digits-rows.sqlite", settings_key())
    console.print(
        f"{len(order):,} architectures × {len(SEEDS)} seeds, {processes} at once; finished ones are kept in "
        f"{escape(str(store.path))}, so this can be stopped and started again.",
        soft_wrap=True,
        highlight=False,
    )
    try:
        with rows_progress("trainings") as on_row:
            trained = train_rows(store, order, processes, on_row, asked.rows)
        console.print(f"{trained:,} trainings done, {len(store.done()):,} in all.", highlight=False)
        finished = {**earlier, **finished_in_store(store)}
    finally:
        store.close()
    space = digits_space() if asked.partial and finished else covered_space(finished)
    if space is None:
        raise ValueError(
            f"{len(finished)} architectures have all seeds, which is no whole space yet: go on with the same command, "
            "or take what there is with --partial"
        )
    with rows_progress("latencies") as on_row:
        latencies = measure_latencies(list(finished), on_row)
    table = table_data(space, finished, latencies, "pynascent tables build digits", asked.partial).write(path)
    console.print(
        f"{table.header.rows:,} architectures, {path.stat().st_size / 1e6:.2f} MB: {escape(str(path))}",
        soft_wrap=True,
        highlight=False,
    )
