"""The search agents on NAS-Bench-201: plays them, and writes the page that shows what they reach.

    python -m pynascent.scripts.reproduce.nasbench201 play OUT [--groups nats,direct,…] [--seeds 0:5] [--processes N]
    python -m pynascent.scripts.reproduce.nasbench201 page OUT [--docs docs/results]

``play`` goes on where it was stopped. Each group's folder under OUT is one of ``pynascent benchmark``, with its own
``report.html`` to be made by ``pynascent benchmark report``. The page shows peers that were run again, too: the files
OUT/peers/LABEL-DATASET.json that ``scripts/reproduce/bohb/against_hpbandster.py`` and ``dehb_alone.py`` wrote.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .groups import NAMES
from .page import write_page
from .play import play


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    player = commands.add_parser("play")
    player.add_argument("out", type=Path)
    player.add_argument("--groups", default="", help=f"of {', '.join(NAMES)}; default: all")
    player.add_argument("--seeds", help="fewer seeds than the groups' own")
    player.add_argument("--processes", type=int)
    writer = commands.add_parser("page")
    writer.add_argument("out", type=Path)
    writer.add_argument("--docs", type=Path, default=Path(__file__).parents[3] / "docs" / "results")
    options = parser.parse_args()
    if options.command == "page":
        print(f"wrote {write_page(options.out, options.docs)}")
        return
    names = [name for name in options.groups.split(",") if name]
    for name in names:
        if name not in NAMES:
            parser.error(f"--groups {name}: known are {', '.join(NAMES)}")
    play(options.out, names, options.seeds, options.processes)


if __name__ == "__main__":
    main()
