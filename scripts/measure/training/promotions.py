"""What it brings a multi-fidelity search that promotions go on from the shorter training, at equal simulated seconds.

    python -m pynascent.scripts.measure.training.promotions   # NAS-Digits, BOHB and others, 50 seeds
    python -m pynascent.scripts.measure.training.promotions --agents bohb --seeds 100 --seconds 600

Every agent searches the table twice with each seed: paying for whole trainings (``restart``), and for what is added
(``continue``). Shown is the regret in validation accuracy of the incumbent, trained to the end, against the best of the
table (means over its trainings), and what it was that the budget allowed. A difference is that of the pairs of one
seed, with its 95 % interval (Student's t).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from pynascent.agents import make_agent
from pynascent.envs import SearchBudget, SearchVectorEnv, make_task
from pynascent.envs.core.evaluation import MEAN_SEED
from pynascent.envs.core.quantities.promotions import PROMOTIONS
from pynascent.scripts.measure.training.ablation import half_width


def play(agent: str, promotions: str, seed: int, seconds: float, table: str | None) -> tuple[float, int, int]:
    """Search; return the incumbent's regret, the number of evaluations, and of full trainings."""
    arguments = {"promotions": promotions}
    task = make_task("Digits" if table is None else "Table", arguments, {"terms": {"accuracy": 1.0}}, table=table)
    env = SearchVectorEnv(1, task, "propose", epochs="choose")
    history = make_agent(agent).search(env, SearchBudget(seconds=seconds), seed)
    evaluator = task.evaluator
    full = evaluator.fidelities[-1]
    column = evaluator.column(evaluator.search_metric, full, MEAN_SEED)  # type: ignore[attr-defined]
    best = history.best()
    if best is None:
        return float(np.nanmax(column) - np.nanmin(column)), len(history), 0
    place = int(evaluator.space.index(np.array([best["architecture"]]))[0])
    trained = sum(row["epochs"] == full for row in history)
    return float(np.nanmax(column) - column[place]), len(history), trained


def line(agent: str, seeds: Sequence[int], seconds: float, table: str | None) -> str:
    """Return an agent's line of the table."""
    found = {p: np.array([play(agent, p, seed, seconds, table) for seed in seeds]) for p in PROMOTIONS}
    restart, go_on = found["restart"], found["continue"]
    gains = restart[:, 0] - go_on[:, 0]
    around = half_width(gains.tolist())
    return (
        f"{agent:20s} {restart[:, 0].mean():.4f}  {go_on[:, 0].mean():.4f}  "
        f"{gains.mean():+.4f} ± {around:.4f}{'*' if abs(gains.mean()) > around else ' '}   "
        f"{restart[:, 1].mean():6.1f} {go_on[:, 1].mean():6.1f}   {restart[:, 2].mean():6.1f} {go_on[:, 2].mean():6.1f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", nargs="+", default=["bohb", "hyperband", "asha", "dehb", "successive_halving"])
    parser.add_argument("--table", help="a table's name or path instead of NAS-Digits")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="simulated seconds of each search")
    given = parser.parse_args()
    print(f"{given.table or 'NAS-Digits'}, {given.seconds:g} simulated seconds, {given.seeds} seeds")
    print(f"{'':20s} regret                                  evaluations     full trainings")
    print(f"{'':20s} restart continue  gain (95 %)           restart continue restart continue")
    for agent in given.agents:
        print(line(agent, range(given.seeds), given.seconds, given.table), flush=True)


if __name__ == "__main__":
    main()
