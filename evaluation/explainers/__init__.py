"""Explainers: attribution maps of a network's logits, by gradients, integrated gradients, shap and lime."""

from .base import CompletenessError, Explainer, GraphModel, completeness_gap
from .registry import EXPLAINERS, make_explainer

__all__ = ["EXPLAINERS", "CompletenessError", "Explainer", "GraphModel", "completeness_gap", "make_explainer"]
