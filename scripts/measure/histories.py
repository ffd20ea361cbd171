"""Hashes of what every agent finds on tables, to hold a redesign to what was there before.

    python -m pynascent.scripts.measure.histories [--tables digits NASBench201-CIFAR10] [--out hashes.json]
    python -m pynascent.scripts.measure.histories --against hashes.json

A hash covers architectures, epochs, training seeds, rewards and costs of a search, bit for bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import gymnasium

import pynascent.envs  # noqa: F401  (registers the environments)
from pynascent.agents import AGENTS, make_agent
from pynascent.envs import SearchBudget

# (lanes, simulated workers): one by one, in batches, asynchronously.
PLAYS = {"one": (1, 1), "batch": (4, 1), "asynchronous": (1, 3)}


def history_hash(agent: str, table: str, seed: int, play: str, evaluations: int) -> str:
    """Return the SHA-256 of a search, in hexadecimal."""
    made = make_agent(agent)
    lanes, workers = PLAYS[play]
    arguments: dict[str, Any] = {"observation": made.observation, "autoreset_mode": made.autoreset_mode}
    if made.multi_fidelity:
        arguments["epochs"] = "choose"
    weights = {"accuracy": 1.0, "ln_flops": -0.02}
    if made.multi_objective:
        arguments["objective"] = {"terms": weights, "vector": True}
    else:
        arguments["objective"] = weights
    task = table if table == "Digits" else None
    name = f"PyNASCENT/{task or 'Table'}-{made.formulation.capitalize()}-v0"
    if task is None:
        arguments["table"] = table
    env = gymnasium.make_vec(name, lanes, vectorization_mode="vector_entry_point", **arguments)
    history = made.search(env, SearchBudget(evaluations=evaluations, workers=workers), seed)
    digest = hashlib.sha256()
    for row in history:
        rewards = row["reward"] if isinstance(row["reward"], list) else [row["reward"]]
        numbers = [float(value).hex() for value in (*rewards, row["cost_seconds"])]
        digest.update(json.dumps([row["architecture"], row["epochs"], row["seed"], numbers]).encode())
    return digest.hexdigest()


def main() -> int:
    """Print the hashes, or compare them; exit status 1 names what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", default=["Digits"])
    parser.add_argument("--agents", nargs="+", default=list(AGENTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--evaluations", type=int, default=60)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--against", type=Path)
    given = parser.parse_args()
    known = json.loads(given.against.read_text()) if given.against else {}
    found, different = {}, []
    for table in given.tables:
        for agent in given.agents:
            for play in PLAYS:
                for seed in given.seeds:
                    key = f"{table} {agent} {play} {seed}"
                    found[key] = history_hash(agent, table, seed, play, given.evaluations)
                    if key in known and known[key] != found[key]:
                        different.append(key)
            print(table, agent, file=sys.stderr, flush=True)
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{len(found)} searches, {len(different)} differ")
    print("\n".join(different))
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
