"""Stages: what a candidate's evaluation is made of (train, explain, measure)."""

from .base import Candidate, Stage, StageContext, StageResult
from .registry import STAGES, make_stages, stage_config

__all__ = ["STAGES", "Candidate", "Stage", "StageContext", "StageResult", "make_stages", "stage_config"]
