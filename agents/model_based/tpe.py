"""Optuna's tree-structured Parzen estimator, asked and told."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..one_by_one import OneByOneAgent
from ..settings import Settings, setting

INVALID_DRAWS = 20  # proposals that may be invalid in a row before a uniform draw takes their place


@dataclass(frozen=True)
class TPESettings(Settings):
    """Settings of TPE; all but the first are Optuna's defaults.

    Attributes:
        multivariate: one joint density over all choices instead of one for each (Falkner et al., 2018). Optuna's
            own default is False for old studies' sake, and its documentation recommends True.
        startup_trials: uniform draws before the model proposes.
        candidates: draws from the good density among which the best ratio is proposed.
        constant_liar: count what is under way as bad, so that a batch does not repeat itself (Bergstra et al.,
            2011, section 3.2); it changes nothing while nothing is pending.
    """

    multivariate: bool = True
    startup_trials: int = setting(10, least=0)
    candidates: int = setting(24, least=1)
    constant_liar: bool = True


class TPE(OneByOneAgent):
    """Tree-structured Parzen estimator (Bergstra et al., 2011, NeurIPS), as Optuna has it (Akiba et al., 2019, KDD).

    Every choice is a categorical parameter; each proposal is trained to the largest fidelity. A failed
    evaluation counts as the worst reward so far, and before any success as a trial without a result. Under constraints
    Optuna's sampler is told the violation: feasible trials are the good ones first. Where combinations can be invalid,
    an invalid proposal is
    told to Optuna as a failed trial, which it does not model, and after `INVALID_DRAWS` of them a uniform draw
    takes its place. It needs ``pip install 'pynascent[benchmark]'``.
    """

    name = "tpe"
    Settings = TPESettings

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings)
        _optuna()

    def start(self) -> None:
        """Start a new study."""
        optuna, s = _optuna(), self.settings
        self._constrained = self.objective is not None and bool(self.objective.objective.constraints)
        older = self._constrained and not hasattr(optuna.trial.Trial, "set_constraint")  # before Optuna 5
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # constraints_func, since 2021
            sampler = optuna.samplers.TPESampler(
                multivariate=s.multivariate,
                n_startup_trials=s.startup_trials,
                n_ei_candidates=s.candidates,
                constant_liar=s.constant_liar,
                seed=int(self._rng.integers(2**31)),
                constraints_func=_violation if older else None,
            )
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._distributions = {
            choice.name: optuna.distributions.CategoricalDistribution(range(len(choice)))
            for choice in self._space.choices
        }
        self._worst = np.inf

    def learn(self, architecture: np.ndarray, note: Any, reward: float, violation: float) -> None:
        """Finish the trial."""
        if self._constrained and hasattr(note, "set_constraint"):
            note.set_constraint("violation", violation)
        elif self._constrained:
            note.set_user_attr("violation", violation)
        if np.isfinite(reward):
            self._worst = min(self._worst, reward)
        elif np.isfinite(self._worst):
            reward = self._worst
        else:  # nothing is known yet that it could be worse than
            self._study.tell(note, state=_optuna().trial.TrialState.FAIL)
            return
        self._study.tell(note, float(reward))

    def propose(self) -> tuple[np.ndarray, Any]:
        """Return the study's next proposal ``(n,)`` and its trial."""
        optuna = _optuna()
        for _ in range(INVALID_DRAWS):
            trial = self._study.ask(self._distributions)
            architecture = np.array([trial.params[choice.name] for choice in self._space.choices], dtype=np.int64)
            if self._space.valid(architecture[None])[0]:
                return architecture, trial
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        architecture = self._space.sample(self._rng, 1)[0]
        options = {choice.name: int(option) for choice, option in zip(self._space.choices, architecture, strict=True)}
        self._study.enqueue_trial(options)
        return architecture, self._study.ask(self._distributions)


def _violation(trial: Any) -> tuple[float, ...]:
    """Return by how much a trial breaks the constraints, as Optuna wants it: above 0 where it does."""
    return (trial.user_attrs["violation"],)


def _optuna() -> Any:
    """Import Optuna, silenced.

    Raises:
        ModuleNotFoundError: it is missing; the message names the extra.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the agent 'tpe' needs the package 'optuna': pip install 'pynascent[benchmark]'", name=error.name
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
