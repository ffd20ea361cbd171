r"""How well Bayesian optimisation's models rank what it has not seen: the process, the forest, and their mean.

    python -m pynascent.scripts.measure.surrogate_ranking \
        digits:validation_accuracy:27 NASBenchMacro-CIFAR10:search_score --runs 12

A search with the Gaussian process alone plays each column of a table. Of what it had seen after `QUERIES`, each model
is fitted, and ranks all that it had not. The figure is the mean of ln(1 + rank) of the `BEST` that are best in truth,
over queries and runs: smaller is better, and 0.7 less is half the rank.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from pynascent.agents import make_agent
from pynascent.agents.model_based.candidates import Candidates
from pynascent.agents.model_based.feature_blocks import FeatureBlocks, squared_distances, with_cost
from pynascent.agents.model_based.gaussian_process import HyperparameterEnsemble
from pynascent.agents.model_based.posterior import Posterior
from pynascent.agents.model_based.random_forest import RandomForest
from pynascent.agents.model_based.targets import standardised
from pynascent.envs.tables import TableEvaluator

from ..reproduce.markdown import grid

FloatArray = NDArray[np.float64]

QUERIES = (12, 20, 30, 40)
BEST = 20
MODELS = ("Gaussian process", "random forest", "their mean")


class Models:
    """The models of `bayesian_optimization` with its default settings, over all forms of a space."""

    def __init__(self, space, forms: NDArray[np.int64]) -> None:
        self.settings = make_agent("bayesian_optimization").settings
        blocks = FeatureBlocks(space, forms)
        self._features = blocks(forms)
        self._inputs = with_cost(space, forms, self._features)

    def __call__(self, seen: NDArray[np.int64], targets: FloatArray, rng: np.random.Generator) -> list[FloatArray]:
        """Return each model's means ``(m,)`` of all forms, given the targets of some."""
        s = self.settings
        observed = [block[seen] for block in self._features]
        ensemble = HyperparameterEnsemble(len(observed), s.members, rng)
        fits = ensemble.fit(squared_distances(observed, observed), targets, s.first_steps)
        process = Posterior(fits, observed, self._features).predict(targets)[0].mean(axis=0)
        forest = RandomForest(self._inputs[seen], targets, s.trees, rng)(self._inputs)
        return [process, forest, (1 - s.forest) * process + s.forest * forest]


def search(space, values: FloatArray, forms: NDArray[np.int64], seed: int) -> list[int]:
    """Return which forms a search with the process alone asks for, in order."""
    place = {form.tobytes(): i for i, form in enumerate(forms)}
    agent = make_agent("bayesian_optimization", forest=0)
    agent.begin(space, (), np.random.default_rng(seed))
    asked = []
    for _ in range(max(QUERIES)):
        row = agent.ask(1)
        asked.append(place[row[0].tobytes()])
        agent.tell(row, values[asked[-1:]], np.ones(1, dtype=bool), {"trial": np.array([len(asked) - 1])})
    return asked


def log_rank(means: FloatArray, values: FloatArray, unseen: NDArray[np.int64]) -> float:
    """Return the mean of ln(1 + rank) that means give to the best of the unseen."""
    rank = np.empty(len(values))
    rank[unseen[np.argsort(-means[unseen], kind="stable")]] = np.arange(len(unseen))
    return float(np.log1p(rank[unseen[np.argsort(-values[unseen])[:BEST]]]).mean())


def compare(column: str, runs: int) -> FloatArray:
    """Return the figures ``(runs, models)`` of one column, ``TABLE:METRIC[:EPOCHS]``."""
    name, metric, *epochs = column.split(":")
    evaluator = TableEvaluator(name)
    space = evaluator.space
    forms = Candidates(space, np.random.default_rng(0)).all
    if forms is None:
        raise SystemExit(f"{column}: the space has too many architectures to rank them all")
    values = evaluator.values(metric, int(epochs[0]) if epochs else None)[evaluator.rows(forms)]
    models = Models(space, forms)
    figures = np.zeros((runs, len(MODELS)))
    for seed in range(runs):
        asked, rng = np.array(search(space, values, forms, seed)), np.random.default_rng(seed)
        for count in QUERIES:
            seen = asked[:count]
            unseen = np.setdiff1d(np.arange(len(forms)), seen)
            targets = standardised(values[seen], models.settings.compression)
            for i, means in enumerate(models(seen, targets, rng)):
                figures[seed, i] += log_rank(means, values, unseen) / len(QUERIES)
    return figures


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("columns", nargs="+", help="TABLE:METRIC[:EPOCHS]")
    parser.add_argument("--runs", type=int, default=12, help="at least 2 (default: 12)")
    options = parser.parse_args()
    if options.runs < 2:
        parser.error(f"--runs {options.runs}: give at least 2")
    rows = []
    for column in options.columns:
        figures = compare(column, options.runs)
        errors = figures.std(axis=0, ddof=1) / np.sqrt(len(figures))
        rows.append([f"`{column}`", *(f"{m:.2f} ± {e:.2f}" for m, e in zip(figures.mean(axis=0), errors, strict=True))])
    print("\n".join(grid(["column", *MODELS], rows)))


if __name__ == "__main__":
    main()
