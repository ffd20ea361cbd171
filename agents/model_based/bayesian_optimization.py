"""Bayesian optimisation with a Gaussian process and a random forest over an architecture's features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..constraints import analytic_constraints, has_measured_constraints, penalised
from ..one_by_one import OneByOneAgent
from ..settings import Settings, setting
from .candidates import Candidates
from .expected_improvement import expected_improvement
from .feasibility_model import FeasibilityModel
from .feature_blocks import SAMPLE, FeatureBlocks, squared_distances, with_cost
from .gaussian_process import Fit, HyperparameterEnsemble
from .posterior import Posterior
from .random_forest import RandomForest
from .targets import comparable, standardised

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class BayesianOptimizationSettings(Settings):
    """Settings of Bayesian optimisation; the defaults were chosen on NAS-Bench-Macro and NAS-Digits.

    Attributes:
        initial: uniform draws before the model proposes.
        compression: c of the targets −ln((best − y) / (best − median) + c). Accuracies have a long lower tail
            of networks that hardly train; the smaller c, the more of the model's resolution goes to those near
            the best. None: the rewards as they are.
        members: hyperparameter settings that the acquisition is averaged over.
        steps: steps of their Markov chains at each refit.
        first_steps: the same at the first fit.
        forest: share of the random forest in the predicted mean, 0 (a Gaussian process alone) to 1.
        trees: trees in the forest.
        refit: hyperparameters and forest are refitted when the observations have grown by this share; 0: always.
        draws: candidates drawn uniformly, in spaces too large to keep all distinct architectures.
        mutants: candidates mutated from the best, in such spaces.
        parents: how many of the best are mutated.
        local: every so many queries one is for a neighbour of the best architecture; 0: none is.
        local_after: results before the first of these.
    """

    initial: int = setting(5, least=1)
    compression: float | None = setting(0.3, above=0)
    members: int = setting(4, least=1)
    steps: int = setting(3, least=0)
    first_steps: int = setting(20, least=0)
    forest: float = setting(0.5, least=0, most=1)
    trees: int = setting(20, least=1)
    refit: float = setting(0.04, least=0)
    draws: int = setting(500, least=1)
    mutants: int = setting(900, least=0)
    parents: int = setting(10, least=1)
    local: int = setting(2, least=0)
    local_after: int = setting(25, least=0)


class BayesianOptimization(OneByOneAgent):
    """Expected improvement of a surrogate model over all distinct architectures (Jones et al., 1998).

    The model is a Gaussian process, with a random forest for half of its mean. The process copes with
    categorical choices by what the space says of an architecture (`SearchSpace.features`): its canonical form's
    one-hot code, counts of operations and, for cells, of paths; the features of Kandasamy et al. (2018, NeurIPS),
    White et al. (2021, AAAI) and Ru et al. (2021, ICLR) in simpler form. The kernel is a Matérn-5/2 with one
    length scale for each block of features; length scales and noise are averaged over, drawn by Markov chains from
    their posterior (Snoek et al., 2012, NeurIPS).

    The forest, the surrogate of SMAC (Hutter et al., 2011, LION), reads the same columns and the logarithms of
    FLOPs and parameters. It is not smooth and takes from the columns what serves, so it errs elsewhere than
    the process does, and the mean of both ranks candidates better than either. Deviations are those of the
    process: with the trees' own, searches settle too early.

    Candidates are all canonical forms, each at most once, where there are at most `FORMS`; in larger spaces
    draws and mutants of the best that are unseen. Every ``local``-th query chooses among the unseen neighbours of
    the best architecture alone (of the next best, when all of its are seen): a smooth model is soon sure of what
    one changed choice does, and where choices interact it errs there. Local search alone is strong in such
    spaces (White et al., 2021, UAI, "Exploring the Loss Landscape in Neural Architecture Search").

    A failed evaluation counts as the worst so far. What is under
    way is believed to have the predicted value (Ginsbourger et al., 2010, "Kriging is well-suited to
    parallelize optimization"). When every distinct architecture is seen, draws are uniform.

    Architectures of which the analytic cost says that they break a constraint of the objective are no candidates. Where
    a constraint is measured, the expected improvement is multiplied by the probability of keeping it
    (`FeasibilityModel`), and what breaks it counts as failed; until something is feasible, the violation is what is
    modelled.
    """

    name = "bayesian_optimization"
    Settings = BayesianOptimizationSettings

    def start(self) -> None:
        """Start a new search."""
        self._measured = has_measured_constraints(self.objective, self._space)
        self._candidates = Candidates(self._space, self._rng, analytic_constraints(self.objective, self._space))
        known = self._candidates.all
        self._blocks = FeatureBlocks(self._space, self._space.sample(self._rng, SAMPLE) if known is None else known)
        self._features = None if known is None else self._blocks(known)
        self._ensemble = HyperparameterEnsemble(len(self._blocks), self.settings.members, self._rng)
        self._asked: list[np.ndarray] = []  # architectures (n,), in order
        self._rewards: list[float] = []  # of each: NaN under way, −∞ failed
        self._violations: list[float] = []  # of each: 0 under way
        self._believed: list[float] = []  # target of each while it is under way
        self._order: list[int] = []  # the numbers of those asked, as the posterior has them: those of the fit first
        self._observed: list[Any] = []  # features of those asked, (N, k) of each block
        self._fits: list[Fit] = []
        self._forest: RandomForest | None = None
        self._promised: FloatArray | None = None  # the forest's predictions of all candidates, once they are known
        self._feasibility: FeasibilityModel | None = None
        self._posterior: Posterior | None = None
        self._fitted = 0  # results at the last fit
        self._exhausted: set[int] = set()  # the numbers of those without unseen neighbours

    def propose(self) -> tuple[np.ndarray, int]:
        """Return the architecture with the largest expected improvement, and its number."""
        architecture, believed = self._choose()
        number = len(self._asked)
        self._candidates.see(architecture)
        features = self._blocks(architecture[None])
        old = self._observed or [block[:0] for block in features]
        self._observed = [np.concatenate(pair) for pair in zip(old, features, strict=True)]
        if self._posterior is not None:
            self._posterior.append(features)
        self._asked.append(architecture)
        self._rewards.append(np.nan)
        self._violations.append(0.0)
        self._believed.append(believed)
        self._order.append(number)
        return architecture, number

    def learn(self, architecture: np.ndarray, note: int, reward: float, violation: float) -> None:
        """Take a result."""
        self._rewards[note], self._violations[note] = float(reward), violation

    def _choose(self) -> tuple[np.ndarray, float]:
        """Return the next architecture ``(n,)`` and the target that is expected of it."""
        rewards, violations = np.array(self._rewards), np.array(self._violations)
        told = np.flatnonzero(~np.isnan(rewards))
        if len(rewards) < self.settings.initial or len(told) < 2 or not len(self._blocks):
            return self._candidates.draw(), 0.0
        targets = np.array(self._believed)
        targets[told] = standardised(comparable(rewards[told], violations[told]), self.settings.compression)
        forms = self._forms(rewards, violations, told)
        if not len(forms):
            return self._candidates.draw(), 0.0
        whole = forms is self._candidates.all
        features = self._features if whole and self._features is not None else self._blocks(forms)
        posterior = self._condition(told, targets[told], violations[told], features, whole)
        means, deviations = posterior.predict(targets[self._order])
        if self._forest is not None:
            share = self.settings.forest
            means = (1 - share) * means + share * self._forest_means(forms, features, whole)
        gain = expected_improvement(means, deviations, float(targets[told].max())).mean(axis=0)
        if self._feasibility is not None:
            gain *= self._feasibility(with_cost(self._space, forms, features))
        if whole:
            gain[~self._candidates.unseen] = -1.0
        best = int(gain.argmax())
        return forms[best], float(means[:, best].mean())

    def _forms(self, rewards: FloatArray, violations: FloatArray, told: NDArray[np.int64]) -> np.ndarray:
        """Return the candidates ``(m, n)``, none where all that are known are seen."""
        every = self.settings.local
        rewards = rewards.copy()
        rewards[told] = penalised(rewards[told], violations[told])
        if every and len(told) >= self.settings.local_after and len(rewards) % every == every - 1:
            for number in told[np.argsort(-rewards[told], kind="stable")]:
                if number in self._exhausted or not np.isfinite(rewards[number]):
                    continue
                forms = self._candidates.beside(self._asked[number])
                if len(forms):
                    return forms
                self._exhausted.add(number)
        if self._candidates.all is not None:
            return self._candidates.all if self._candidates.unseen.any() else self._candidates.all[:0]
        s = self.settings
        best = told[np.argsort(-rewards[told], kind="stable")[: s.parents]]
        return self._candidates.around(np.array([self._asked[i] for i in best]), s.draws, s.mutants)

    def _condition(
        self, told: NDArray[np.int64], targets: FloatArray, violations: FloatArray, features: list[Any], whole: bool
    ) -> Posterior:
        """Return the posterior over candidates with these features, refitted if that is due."""
        s = self.settings
        if not self._fits or len(told) >= self._fitted * (1 + s.refit):
            steps = s.steps if self._fits else s.first_steps
            observed = [block[told] for block in self._observed]
            self._fits = self._ensemble.fit(squared_distances(observed, observed), targets, steps)
            if s.forest > 0 or self._measured:
                inputs = with_cost(self._space, np.array(self._asked)[told], observed)
                if s.forest > 0:
                    self._forest, self._promised = RandomForest(inputs, targets, s.trees, self._rng), None
                if self._measured:
                    self._feasibility = FeasibilityModel(inputs, violations, self._rng)
            self._fitted = len(told)
            self._order = [*told, *np.setdiff1d(np.arange(len(self._asked)), told)]
            self._posterior = None
        if whole and self._posterior is not None:
            return self._posterior
        posterior = Posterior(self._fits, [block[self._order] for block in self._observed], features)
        if whole:  # other candidates are others each time
            self._posterior = posterior
        return posterior

    def _forest_means(self, forms: np.ndarray, features: list[Any], whole: bool) -> FloatArray:
        """Return the forest's predictions ``(m,)`` of candidates ``(m, n)`` with these features."""
        assert self._forest is not None
        if whole and self._promised is not None:
            return self._promised
        means = self._forest(with_cost(self._space, forms, features))
        if whole:
            self._promised = means
        return means
