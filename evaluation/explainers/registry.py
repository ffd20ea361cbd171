"""Explainers by name, so that one travels as plain JSON (configurations, stores, workers)."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ..optional import require_installed
from .base import Explainer
from .gradients import GradientXInput, IntegratedGradients
from .lime import Lime
from .shapley import Shap

EXPLAINERS: dict[str, type[Any]] = {kind.name: kind for kind in (GradientXInput, IntegratedGradients, Shap, Lime)}
"""Name → class whose keyword arguments are its settings."""

_PACKAGES = {"gradient_x_input": "tensorflow", "integrated_gradients": "tensorflow", "shap": "shap", "lime": "lime"}


def make_explainer(name: str, **settings: Any) -> Explainer:
    """Make the explainer that a name and its settings describe.

    Raises:
        ValueError: the name is unknown (the message lists the known ones), or a setting is.
        ModuleNotFoundError: a package that it needs is not installed; the message names the extra.
    """
    if name not in EXPLAINERS:
        raise ValueError(f"explainer {name!r} is unknown: known are {', '.join(sorted(EXPLAINERS))}")
    kind = EXPLAINERS[name]
    known = [field.name for field in fields(kind)]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ValueError(f"explainer {name!r} has no setting {unknown[0]!r}: it has {', '.join(known) or 'none'}")
    if name in _PACKAGES:
        require_installed(_PACKAGES[name], "explain", f"the explainer {name!r}")
    return kind(**settings)
