"""BOHB against HpBandSter's own configuration generator, on the same tables and protocol.

HpBandSter needs an environment of its own, so there are four steps, each a command; the second and the third once
for each table (seconds: 20000, 40000, 120000 for CIFAR10, CIFAR100, ImageNet16):

    THIS="python -m pynascent.scripts.reproduce.bohb.against_hpbandster"
    $THIS dump NASBench201-CIFAR100 cifar100.npz
    SCRATCH/bin/python scripts/reproduce/bohb/against_hpbandster.py hpbandster cifar100.npz 40000 0:100 theirs.json
    $THIS ours NASBench201-CIFAR100 40000 0:200 ours.json
    $THIS compare theirs.json ours.json …            # any number of pairs

with ``python3.11 -m venv SCRATCH && SCRATCH/bin/pip install hpbandster 'numpy<2'``. Seeds are added to a file that is
there. Protocol "NATS": the search sees the 12-epoch validation accuracy and pays the training's seconds, repeats too;
the value is the best accuracy seen, the report the 200-epoch test accuracy of the architecture that had it (the mean
of those that tie).
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import numpy as np

EPOCHS, FINAL = 12, 200
PEER = "HpBandSter"
AGENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "bohb": ("bohb", {}),
    "bohb, categorical": ("bohb", {"bandwidth": "categorical"}),
    "bohb, categorical, no repeats": ("bohb", {"bandwidth": "categorical", "repeats": False}),
    "random": ("random", {}),
}
COMPARISONS = (
    ("bohb", PEER),
    ("bohb, categorical", PEER),
    ("bohb, categorical", "bohb"),
    ("bohb, categorical, no repeats", "bohb, categorical"),
)


def dump(table: str, path: str) -> None:
    """Write a table's columns as plain arrays."""
    from pynascent.envs.tables import TableEvaluator

    evaluator = TableEvaluator(table)
    space = evaluator.space
    np.savez(
        path,
        rows=space.from_index(np.arange(space.size)),
        cardinalities=space.cardinalities,
        accuracy=evaluator.column("validation_accuracy", EPOCHS),
        seconds=evaluator.column("training_seconds", EPOCHS),
        test=evaluator.column("test_accuracy", FINAL),
    )


def load(path: str) -> tuple[dict[tuple[int, ...], int], np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return each row's place, the numbers of options, and the columns accuracy, seconds and test that `dump` wrote."""
    table = np.load(path)
    index = {tuple(row): i for i, row in enumerate(table["rows"].tolist())}
    return index, table["cardinalities"], table["accuracy"], table["seconds"], table["test"]


def hpbandster(path: str, budget: str, seeds: str, out: str) -> None:
    """Let HpBandSter's generator propose one configuration after another, on one budget."""
    import ConfigSpace
    import ConfigSpace.util

    adapt_configspace(ConfigSpace)
    from hpbandster.optimizers.config_generators.bohb import BOHB

    index, cardinalities, accuracy, seconds, test = load(path)

    class Job:
        """What the generator reads of a finished job."""

        def __init__(self, config: dict, loss: float) -> None:
            self.kwargs = {"config": config, "budget": EPOCHS}
            self.result, self.exception = {"loss": loss}, None
            self.timestamps, self.id = {}, (0, 0, 0)

    def play(seed: int) -> dict:
        np.random.seed(seed)  # the generator draws from numpy's global state
        space = ConfigSpace.ConfigurationSpace(seed=seed)
        names = [f"choice{i}" for i in range(len(cardinalities))]
        space.add(
            [
                ConfigSpace.CategoricalHyperparameter(name, [str(option) for option in range(k)])
                for name, k in zip(names, cardinalities.tolist(), strict=True)
            ]
        )
        generator = BOHB(space)
        seen: list[int] = []
        kernels: list[np.ndarray] = []
        clock, thinking, from_model = 0.0, 0.0, 0
        while True:
            start = time.perf_counter()
            config, about = generator.get_config(EPOCHS)
            thinking += time.perf_counter() - start
            i = index[tuple(int(config[name]) for name in names)]
            clock += float(seconds[i])
            if clock > float(budget):
                break
            seen.append(i)
            from_model += about["model_based_pick"]
            if generator.kde_models:
                kernels.append(generator.kde_models[EPOCHS]["good"].bw)
            start = time.perf_counter()
            generator.new_result(Job(config, 1.0 - float(accuracy[i])))
            thinking += time.perf_counter() - start
        return judge(seed, seen, accuracy, test, thinking) | {
            "from_model": from_model / len(seen),
            **describe(np.array(kernels), cardinalities),
        }

    add_seeds(out, PEER, seeds, play)


def adapt_configspace(module: Any) -> None:
    """Give ConfigSpace 1 the names that HpBandSter 0.7.4 knows from ConfigSpace 0.4; nothing else is changed."""
    space, configuration = module.ConfigurationSpace, module.Configuration
    if not hasattr(space, "get_hyperparameters"):
        space.get_hyperparameters = lambda self: list(self.values())
        space.get_hyperparameter = lambda self, name: self[name]
    if not hasattr(configuration, "get_dictionary"):
        configuration.get_dictionary = lambda self: dict(self)


def ours(table: str, budget: str, seeds: str, out: str) -> None:
    """Run the agents through the environment."""
    import gymnasium

    import pynascent.envs  # noqa: F401 - registers the environments
    from pynascent.agents import make_agent
    from pynascent.agents.multi_fidelity.kde import BANDWIDTHS
    from pynascent.envs import SearchBudget
    from pynascent.envs.tables import TableEvaluator

    columns = TableEvaluator(table)
    space, accuracy = columns.space, columns.column("validation_accuracy", EPOCHS)
    test = columns.column("test_accuracy", FINAL)
    for label, (name, settings) in AGENTS.items():
        agent: Any = make_agent(name, **settings)
        env = gymnasium.make(f"PyNASCENT/{table}-Propose-v0", epochs=EPOCHS, observation=agent.observation)
        kernels: list[np.ndarray] = []
        if name == "bohb":
            watch(agent, kernels, BANDWIDTHS[agent.settings.bandwidth])

        def play(seed: int, agent: Any = agent, env: Any = env, kernels: list[np.ndarray] = kernels) -> dict:
            kernels.clear()
            history = agent.search(env, SearchBudget(seconds=float(budget)), seed)
            seen = space.index(np.array([row["architecture"] for row in history.rows])).tolist()
            run = judge(seed, seen, accuracy, test, float(history.column("decision_seconds").sum()))
            return run | (describe(np.array(kernels), space.cardinalities) if kernels else {})

        add_seeds(out, label, seeds, play)


def watch(agent: Any, kernels: list[np.ndarray], rule: Any) -> None:
    """Note the bandwidths, before they are clipped, of the good density at each draw that there is a model for."""
    draw = agent.draw

    def watched() -> np.ndarray:
        drawn = draw()
        if agent._model is not None:
            good = agent._model.good
            kernels.append(rule(good.data, good.cardinalities))
        return drawn

    agent.draw = watched


def judge(seed: int, seen: list[int], accuracy: np.ndarray, test: np.ndarray, thinking: float) -> dict:
    """Return a run's value, its report and how many of its queries were new."""
    best = accuracy[seen].max()
    tied = sorted({i for i in seen if accuracy[i] == best})
    return {
        "seed": seed,
        "value": float(best),
        "report": float(test[tied].mean()),
        "queries": len(seen),
        "unique": len(set(seen)) / len(seen),
        "decision_ms": 1e3 * thinking / len(seen),
    }


def describe(kernels: np.ndarray, cardinalities: np.ndarray) -> dict:
    """Describe the good density's unclipped bandwidths ``(queries, d)`` of a run."""
    uniform = (cardinalities - 1) / cardinalities
    low, middle, high = np.quantile(kernels, [0.1, 0.5, 0.9])
    return {
        "bandwidth": [float(low), float(middle), float(high)],
        "always_resampled": float((kernels >= 1).mean()),  # 1 − h, with which an option is kept, is not above 0
        "inverted": float((kernels > uniform + 1e-9).mean()),  # the unclipped kernel is least at the point itself
    }


def add_seeds(out: str, label: str, seeds: str, play: Any) -> list[dict]:
    """Play the seeds ``A:B`` that a file lacks, keep them there after each tenth, and return all runs."""
    groups: dict[str, list[dict]] = {}
    if os.path.exists(out):
        with open(out) as file:
            groups = json.load(file)
    runs = groups.setdefault(label, [])
    there = {run["seed"] for run in runs}
    first, last = map(int, seeds.split(":"))
    for seed in range(first, last):
        if seed not in there:
            runs.append(play(seed))
        if seed % 10 == 9 or seed == last - 1:
            with open(f"{out}.new", "w") as file:
                json.dump(groups, file)
            os.replace(f"{out}.new", out)
    print(f"{label}: {len(runs)} runs", flush=True)
    return runs


def compare(*paths: str) -> None:
    """Print the figures of each table, and Welch's tests with Holm's correction over all of them."""
    from scipy import stats

    from pynascent.evaluation.statistics import holm

    found, figures, kernels = [], [], []
    for theirs, mine in zip(paths[::2], paths[1::2], strict=True):
        groups: dict[str, list[dict]] = {}
        for path in (theirs, mine):
            with open(path) as file:
                groups |= json.load(file)
        table = os.path.splitext(os.path.basename(mine))[0]
        for label, runs in groups.items():
            mean = {key: np.mean([run[key] for run in runs]) for key in ("queries", "unique", "decision_ms")}
            spread = [100 * np.array([run[key] for run in runs]) for key in ("value", "report")]
            value, report = (f"{column.mean():.2f} ± {column.std(ddof=1):.2f}" for column in spread)
            figures.append(
                f"| {table} | {label} | {len(runs)} | {value} | {report} | {mean['queries']:.0f} | "
                f"{100 * mean['unique']:.0f} % | {mean['decision_ms']:.2f} |"
            )
            if "bandwidth" in runs[0]:
                low, middle, high = np.mean([run["bandwidth"] for run in runs], axis=0)
                shares = [100 * np.mean([run[key] for run in runs]) for key in ("always_resampled", "inverted")]
                quantiles = f"{low:.2f} / {middle:.2f} / {high:.2f}"
                kernels.append(f"| {table} | {label} | {quantiles} | {shares[0]:.0f} % | {shares[1]:.0f} % |")
        for x, y in COMPARISONS:
            for measure in ("value", "report"):
                samples = [100 * np.array([run[measure] for run in groups[label]]) for label in (x, y)]
                test: Any = stats.ttest_ind(*samples, equal_var=False)
                interval = test.confidence_interval()
                difference = samples[0].mean() - samples[1].mean()
                found.append((f"{table} | {x} − {y} | {measure}", difference, interval.low, interval.high, test.pvalue))
    print("| table | generator | seeds | best 12-epoch validation, % | test, % | queries | distinct | ms each |")
    print("\n".join(["| --- | --- | --- | --- | --- | --- | --- | --- |", *figures]))
    print("\n| table | generator | good bandwidths, 10 / 50 / 90 % | not below 1 | inverted |")
    print("\n".join(["| --- | --- | --- | --- | --- |", *kernels]))
    print("\n| table | difference | of | points | 95 % interval | p, Welch | p, Holm |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    corrected = holm(np.array([row[-1] for row in found]))
    for (what, difference, low, high, p), adjusted in zip(found, corrected, strict=True):
        print(f"| {what} | {difference:+.2f} | {low:+.2f} to {high:+.2f} | {p:.1g} | {adjusted:.1g} |")


if __name__ == "__main__":
    commands = {"dump": dump, "hpbandster": hpbandster, "ours": ours, "compare": compare}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
