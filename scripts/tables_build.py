"""``pynascent tables build digits`` and ``tables verify digits --sample``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape

from ..envs.tables import Table, data_folder
from .progress import rows_progress


def build_digits(
    console: Console,
    out: Path | None,
    work: Path | None,
    processes: int | None,
    widths: tuple[int, ...],
    rows: int | None,
) -> None:
    """Train what is missing, then write the table of the largest space that is complete.

    Raises:
        ValueError: an argument is out of range, or no space is complete yet.
    """
    from ..trainers.digits_build import measure_latencies, train_rows
    from ..trainers.digits_settings import NAME, SEEDS, digits_space, settings_key, work_order
    from ..trainers.digits_store import RowStore
    from ..trainers.digits_table import complete_rows, covered_space, write_table

    known = digits_space().widths
    for value in widths:
        if value not in known:
            raise ValueError(f"widths={value}: allowed are {', '.join(map(str, known))}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = cores if processes is None else processes
    if processes < 1:
        raise ValueError(f"processes={processes}: give at least 1")
    path = out or data_folder() / f"{NAME}.nastable"
    store = RowStore(work or data_folder().parent / "nas-digits-rows.sqlite", settings_key())
    order = work_order(digits_space())
    order = order[np.isin(np.array(known)[order[:, -1]], widths)]
    console.print(
        f"{len(order):,} architectures × {len(SEEDS)} seeds, {processes} at once; finished ones are kept in "
        f"{escape(str(store.path))}, so this can be stopped and started again.",
        soft_wrap=True,
        highlight=False,
    )
    try:
        with rows_progress("trainings") as on_row:
            trained = train_rows(store, order, processes, on_row, rows)
        console.print(f"{trained:,} trainings done, {len(store.done()):,} in all.", highlight=False)
        complete = complete_rows(store)
        if covered_space(complete) is not None:
            with rows_progress("latencies") as on_row:
                latencies = measure_latencies(list(complete), on_row)
        else:
            latencies = {}
        table = write_table(store, latencies, path, "pynascent tables build digits")
    finally:
        store.close()
    console.print(
        f"{table.header.rows:,} architectures, {path.stat().st_size / 1e6:.2f} MB: {escape(str(path))}",
        soft_wrap=True,
        highlight=False,
    )


def verify_digits_sample(table: Table, sample: int, seed: int) -> Iterator[str]:
    """Train random rows of the table again with the ordinary live evaluator; yields a line for each that agrees.

    Raises:
        ValueError: the table is not NAS-Digits, or the sample is larger than it.
        TableError: a row does not agree.
    """
    from ..trainers.digits_verify import verify_sample

    yield from verify_sample(table, sample, seed)
