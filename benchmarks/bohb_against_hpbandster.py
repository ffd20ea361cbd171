"""BOHB against HpBandSter's own configuration generator, on one table and one protocol.

HpBandSter needs an environment of its own, so there are three steps, each a command:

    python benchmarks/bohb_against_hpbandster.py dump NASBench201-CIFAR100 cifar100.npz     # with pynascent
    SCRATCH/bin/python benchmarks/bohb_against_hpbandster.py hpbandster cifar100.npz 40000 200 theirs.json
    python benchmarks/bohb_against_hpbandster.py ours NASBench201-CIFAR100 40000 200 ours.json theirs.json

with ``python3.11 -m venv SCRATCH && SCRATCH/bin/pip install hpbandster 'numpy<2'``. Protocol: the search sees the
12-epoch validation accuracy and pays the training's seconds, repeats too; the report is the best accuracy seen and
the 200-epoch test accuracy of the architecture that had it (the first of equals).
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

EPOCHS, FINAL = 12, 200


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


def hpbandster(path: str, budget: str, seeds: str, out: str) -> None:
    """Let HpBandSter's generator propose one configuration after another, on one budget."""
    import ConfigSpace
    import ConfigSpace.util

    adapt_configspace(ConfigSpace)
    from hpbandster.optimizers.config_generators.bohb import BOHB

    table = np.load(path)
    index = {tuple(row): i for i, row in enumerate(table["rows"].tolist())}
    accuracy, seconds, test = table["accuracy"], table["seconds"], table["test"]

    class Job:
        """What the generator reads of a finished job."""

        def __init__(self, config: dict, loss: float) -> None:
            self.kwargs = {"config": config, "budget": EPOCHS}
            self.result, self.exception = {"loss": loss}, None
            self.timestamps, self.id = {}, (0, 0, 0)

    runs = []
    for seed in range(int(seeds)):
        np.random.seed(seed)  # the generator draws from numpy's global state
        space = ConfigSpace.ConfigurationSpace(seed=seed)
        names = [f"choice{i}" for i in range(len(table["cardinalities"]))]
        space.add(
            [
                ConfigSpace.CategoricalHyperparameter(name, [str(option) for option in range(k)])
                for name, k in zip(names, table["cardinalities"].tolist(), strict=True)
            ]
        )
        generator = BOHB(space)
        clock, best, tested, queries, thinking = 0.0, -1.0, np.nan, 0, 0.0
        while True:
            start = time.perf_counter()
            config, _ = generator.get_config(EPOCHS)
            thinking += time.perf_counter() - start
            i = index[tuple(int(config[name]) for name in names)]
            clock += float(seconds[i])
            if clock > float(budget):
                break
            queries += 1
            if accuracy[i] > best:
                best, tested = float(accuracy[i]), float(test[i])
            start = time.perf_counter()
            generator.new_result(Job(config, 1.0 - float(accuracy[i])))
            thinking += time.perf_counter() - start
        runs.append({"best": best, "test": tested, "queries": queries, "decision_ms": 1e3 * thinking / queries})
    with open(out, "w") as file:
        json.dump(runs, file)
    show("HpBandSter's generator", runs)


def adapt_configspace(module: object) -> None:
    """Give ConfigSpace 1 the names that HpBandSter 0.7.4 knows from ConfigSpace 0.4; nothing else is changed."""
    space = module.ConfigurationSpace  # type: ignore[attr-defined]
    if not hasattr(space, "get_hyperparameters"):
        space.get_hyperparameters = lambda self: list(self.values())
        space.get_hyperparameter = lambda self, name: self[name]
    configuration = module.Configuration  # type: ignore[attr-defined]
    if not hasattr(configuration, "get_dictionary"):
        configuration.get_dictionary = lambda self: dict(self)


def ours(table: str, budget: str, seeds: str, out: str, theirs: str) -> None:
    """Run the agents through the environment, and compare."""
    import gymnasium
    from scipy import stats

    import pynascent.envs  # noqa: F401 - registers the environments
    from pynascent.agents import make_agent
    from pynascent.envs import SearchBudget

    with open(theirs) as file:
        groups = {"HpBandSter's generator": json.load(file)}
    for name, agent in {
        "bohb": make_agent("bohb"),
        "bohb categorical": make_agent("bohb", bandwidth="categorical"),
        "random": make_agent("random"),
    }.items():
        env = gymnasium.make(f"PyNASCENT/{table}-Propose-v0", epochs=EPOCHS, observation=agent.observation)
        unwrapped = env.unwrapped
        evaluator = unwrapped.task.evaluator  # type: ignore[attr-defined]
        final = evaluator.column("test_accuracy", FINAL)
        runs = []
        for seed in range(int(seeds)):
            history = agent.search(env, SearchBudget(seconds=float(budget)), seed)
            best = history.best()
            assert best is not None
            tested = final[plain_index(evaluator.space, best["architecture"])]
            runs.append(
                {
                    "best": best["reward"],
                    "test": float(tested),
                    "queries": len(history),
                    "decision_ms": 1e3 * float(history.column("decision_seconds").mean()),
                }
            )
        groups[name] = runs
    with open(out, "w") as file:
        json.dump(groups, file)
    reference = np.array([run["best"] for run in groups["HpBandSter's generator"]])
    for name, runs in groups.items():
        show(name, runs)
        found = np.array([run["best"] for run in runs])
        p = (
            stats.ttest_ind(found, reference, equal_var=False).pvalue
            if name in ("bohb", "bohb categorical")
            else np.nan
        )
        print(
            f"    best 12-epoch accuracy minus HpBandSter's: {100 * (found.mean() - reference.mean()):+.3f}, "
            f"Welch p = {p:.2g}"
        )


def plain_index(space: object, architecture: list[int]) -> int:
    """Return an architecture's place in a table's columns."""
    return int(space.index(np.array([architecture]))[0])  # type: ignore[attr-defined]


def show(name: str, runs: list[dict]) -> None:
    """Print mean ± deviation over the runs."""
    columns = {key: np.array([run[key] for run in runs]) for key in runs[0]}
    print(
        f"{name}: best {100 * columns['best'].mean():.3f} ± {100 * columns['best'].std(ddof=1):.3f} %, test "
        f"{100 * columns['test'].mean():.2f} ± {100 * columns['test'].std(ddof=1):.2f} %, "
        f"{columns['queries'].mean():.0f} queries, {columns['decision_ms'].mean():.2f} ms each, {len(runs)} runs"
    )


if __name__ == "__main__":
    commands = {"dump": dump, "hpbandster": hpbandster, "ours": ours}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
