"""Pareto fronts and hypervolumes, by moocore (López-Ibáñez et al.); everything is maximised."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...envs.core.evaluation import FloatArray


def _moocore() -> Any:
    try:
        import moocore
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Pareto fronts need moocore: pip install 'pynascent[benchmark]'", name=error.name
        ) from error
    return moocore


def nondominated(points: FloatArray) -> FloatArray:
    """Return the rows of ``(m, k)`` points that no other dominates, each once, by their first coordinate."""
    points = np.unique(points, axis=0)
    return points[_moocore().is_nondominated(points, maximise=True)] if len(points) else points


def hypervolume(points: FloatArray, reference: FloatArray) -> float:
    """Return the volume that ``(m, k)`` points dominate above a reference point ``(k,)``.

    In two dimensions and more: the hypervolume indicator of Zitzler and Thiele (1998, PPSN).
    """
    points = points[(points > reference).all(axis=1)]
    return float(_moocore().hypervolume(points, ref=reference, maximise=True)) if len(points) else 0.0


def median_attainment(sets: list[FloatArray]) -> FloatArray:
    """Return the points ``(m, 2)`` that at least half of the sets dominate or reach.

    The empirical attainment function's median surface (Fonseca et al., 2001, EMO) in two dimensions.
    """
    fronts = [nondominated(points) for points in sets if len(points)]
    if not fronts:
        return np.empty((0, 2))
    numbers = np.repeat(np.arange(len(fronts)), [len(front) for front in fronts])
    surface = _moocore().eaf(-np.concatenate(fronts), numbers, percentiles=[50])
    return -surface[np.argsort(-surface[:, 0])][:, :2]
