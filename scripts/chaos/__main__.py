"""Kill the processes of a live search at random, and check that nothing is lost.

    python -m pynascent.scripts.chaos [--evaluations 60] [--kills 20] [--seed 0] [--parts workers driver start raylet]

A random search of LiveDigits is played undisturbed first. Then it is played again, each part from an empty store:

workers   ranks and explainers are killed at random until the given number; the search must end by itself
driver    the search's own process is killed at random and the search goes on with ``--resume``
start     the search's own process is killed within its first ten seconds, while Ray starts
raylet    Ray's node process is killed; the search must end with one line that names ``--resume``, and go on with it

After each kill of a driver, and at each end, no process may be left and SQLite's ``integrity_check`` must pass. In the
end every history must hold the evaluations of the undisturbed search, each once. Exit status 1 names what is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .victims import MARK, kill, left_over, raylets, workers


class Search:
    """One live search with a folder and store of its own, which can be started again and again."""

    def __init__(self, folder: Path, evaluations: int, epochs: int) -> None:
        self.folder, self.store, self.evaluations, self.epochs = folder, folder / "store.sqlite", evaluations, epochs
        self.mark = uuid.uuid4().hex
        folder.mkdir()

    def start(self) -> subprocess.Popen[str]:
        """Start the search, or go on with it."""
        out = self.folder / "out"
        command = [sys.executable, "-m", "pynascent", "search", "--env", "PyNASCENT/LiveDigits-Propose-v0"]
        command += ["--agent", "random", "--epochs", str(self.epochs), "--evaluations", str(self.evaluations)]
        command += ["--store", str(self.store), "--out", str(out)]
        command += ["--resume"] if out.exists() and any(out.iterdir()) else []
        with (self.folder / "log.txt").open("a") as log:
            return subprocess.Popen(command, env={**os.environ, MARK: self.mark}, stdout=log, stderr=log, text=True)

    def rows(self) -> list[dict[str, Any]]:
        """Return the history so far."""
        path = self.folder / "out" / "history.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def log(self) -> str:
        """Return what it has printed."""
        return (self.folder / "log.txt").read_text()

    def faults(self) -> list[str]:
        """Return what is wrong now that nothing should run: processes left over, a broken store."""
        found = [f"left over: {title}" for title in left_over(self.mark)]
        if self.store.exists():
            with sqlite3.connect(self.store) as connection:
                answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
            if answer != "ok":
                found.append(f"integrity_check: {answer}")
        return found

    def answers(self) -> list[str]:
        """Return the evaluations, in an order that does not depend on which ended first."""
        names = ("architecture", "epochs", "seed", "status", "validation_accuracy", "test_accuracy", "isi")
        return sorted(json.dumps([row[name] for name in names]) for row in self.rows())


def play_undisturbed(search: Search, _: random.Random, __: int) -> list[str]:
    """Play it to the end."""
    code = search.start().wait()
    return ([f"exit status {code}"] if code else []) + search.faults()


def kill_workers(search: Search, rng: random.Random, kills: int) -> list[str]:
    """Kill ranks and explainers while it runs."""
    process, done = search.start(), 0
    while process.poll() is None:
        time.sleep(rng.uniform(1.0, 7.0))
        victims = workers(search.mark) if done < kills else []
        done += bool(victims) and kill(rng.choice(victims))
    print(f"  {done} workers killed", flush=True)
    few = [f"only {done} of {kills} kills: give more evaluations"] if done < kills else []
    return few + ([f"exit status {process.returncode}"] if process.returncode else []) + search.faults()


def kill_driver(search: Search, rng: random.Random, kills: int, longest: float = 20.0) -> list[str]:
    """Kill the search's own process again and again, then let it finish."""
    for number in range(kills):
        process = search.start()
        try:
            process.wait(rng.uniform(1.0, longest))
            break  # it has finished
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        faults = search.faults()
        print(f"  kill {number + 1}: {len(search.rows())} rows", flush=True)
        if faults:
            return [f"after kill {number + 1}: {fault}" for fault in faults]
    return play_undisturbed(search, rng, 0)


def kill_start(search: Search, rng: random.Random, kills: int) -> list[str]:
    """Kill it within the first ten seconds."""
    return kill_driver(search, rng, kills, longest=10.0)


def kill_raylet(search: Search, rng: random.Random, kills: int) -> list[str]:
    """Kill Ray's node process."""
    process = search.start()
    while process.poll() is None and not (len(search.rows()) >= 3 and raylets(search.mark)):
        time.sleep(0.2)
    for raylet in raylets(search.mark):
        kill(raylet)
    code = process.wait()
    last = (search.log().strip().splitlines() or [""])[-1]
    print(f"  exit status {code}: {last[:150]}", flush=True)
    faults = search.faults()
    if code and "--resume" not in last:
        faults.append(f"its last line does not name --resume: {last[:200]}")
    return faults + play_undisturbed(search, rng, 0)


PARTS: dict[str, Callable[[Search, random.Random, int], list[str]]] = {
    "workers": kill_workers,
    "driver": kill_driver,
    "start": kill_start,
    "raylet": kill_raylet,
}


def main() -> int:
    """Play all parts; exit status 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=27)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    given = parser.parse_args()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        expected: list[str] = []
        for part in ["undisturbed", *given.parts]:
            started = time.monotonic()
            print(f"{part}:", flush=True)
            search = Search(Path(folder) / part, given.evaluations, given.epochs)
            play = PARTS.get(part, play_undisturbed)
            faults = play(search, random.Random(f"{given.seed} {part}"), given.kills)
            answers = search.answers()
            expected = expected or answers
            if len(search.rows()) != given.evaluations:
                faults.append(f"{len(search.rows())} rows instead of {given.evaluations}")
            if answers != expected:
                lost, more = set(expected) - set(answers), set(answers) - set(expected)
                faults.append(f"{len(lost)} evaluations of the undisturbed search are missing, {len(more)} are others")
            seconds = time.monotonic() - started
            print(f"  {len(answers)} evaluations, {seconds:.0f} s: {'; '.join(faults) or 'nothing lost'}", flush=True)
            if faults:
                print("  " + "\n  ".join(search.log().splitlines()[-6:]), flush=True)
            wrong += [f"{part}: {fault}" for fault in faults]
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
