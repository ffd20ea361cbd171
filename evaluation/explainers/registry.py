"""Explainers by name, so that one travels as plain JSON (configurations, stores, workers)."""

from __future__ import annotations

from typing import Any

from ...envs.core.components import Registry
from ...envs.core.imports import Imports
from ..optional import require_installed
from .base import Explainer
from .gradients import GradientXInput, IntegratedGradients
from .lime import Lime
from .shapley import Shap

EXPLAINERS = Registry("explainer", {kind.name: kind for kind in (GradientXInput, IntegratedGradients, Shap, Lime)})
"""Name → class whose keyword arguments are its settings."""

_PACKAGES = {"gradient_x_input": "tensorflow", "integrated_gradients": "tensorflow", "shap": "shap", "lime": "lime"}


def make_explainer(name: str, imports: Imports = True, /, **settings: Any) -> Explainer:
    """Make the explainer that a name or reference and its settings describe.

    Args:
        name: a key of `EXPLAINERS`, or ``"module:Class"``.
        imports: whether ``"module:Class"`` may be imported.
        settings: the class's keyword arguments.

    Raises:
        ValueError: the name is unknown (the message lists the known ones), a setting is, or the class explains nothing.
        ModuleNotFoundError: a package that it needs is not installed; the message names the extra.
    """
    made = EXPLAINERS.make({"component": name, "settings": settings}, imports)
    if name in _PACKAGES:
        require_installed(_PACKAGES[name], "explain", f"the explainer {name!r}")
    if not callable(getattr(made, "explain", None)):
        raise ValueError(f"explainer {name!r} is a {type(made).__name__} without explain(model, inputs, labels)")
    return made
