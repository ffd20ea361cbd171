"""Similarity of attribution maps: structural similarity and rank correlation, batched in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..optional import require

FloatArray = NDArray[np.float64]


def _blur_matrix(size: int, sigma: float, radius: int) -> FloatArray:
    """Return the (size, size) matrix that smooths a line by a Gaussian window with reflected borders.

    Beyond its ends the line goes on as d c b a | a b c d | d c b a, as often as the window needs it.
    """
    offsets = np.arange(-radius, radius + 1)
    window = np.exp(-0.5 * (offsets / sigma) ** 2)
    window /= window.sum()
    source = np.pad(np.arange(size), radius, mode="symmetric")
    matrix = np.zeros((size, size))
    for k, weight in enumerate(window):
        np.add.at(matrix, (np.arange(size), source[k : k + size]), weight)
    return matrix


def ssim_map(
    first: ArrayLike,
    second: ArrayLike,
    sigma: float = 1.0,
    radius: int = 2,
    data_range: float = 1.0,
    k1: float = 0.01,
    k2: float = 0.03,
) -> FloatArray:
    """Return the local structural similarity around every pixel (Wang et al. 2004, eq. 13).

    Local means, variances and the covariance are weighted by a Gaussian window of (2·radius + 1)² pixels
    that sums to 1; borders are reflected (edge pixels included), so maps smaller than the window work too.

    Args:
        first: (…, h, w) maps.
        second: (…, h, w) maps, of the same shape.
        sigma: standard deviation of the window, in pixels.
        radius: pixels that the window reaches to each side.
        data_range: largest minus smallest value that a map can take.
        k1: stabiliser of the means, relative to the data range.
        k2: stabiliser of the variances, relative to the data range.

    Returns:
        (…, h, w) float64 in −1..1.
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.shape != second.shape or first.ndim < 2:
        raise ValueError(f"maps of shapes {first.shape} and {second.shape}: give two arrays of one shape (…, h, w)")
    rows, columns = (_blur_matrix(size, sigma, radius) for size in first.shape[-2:])

    def blur(maps: FloatArray) -> FloatArray:
        return rows @ maps @ columns.T

    mean1, mean2 = blur(first), blur(second)
    variance1 = blur(first * first) - mean1 * mean1
    variance2 = blur(second * second) - mean2 * mean2
    covariance = blur(first * second) - mean1 * mean2
    c1, c2 = (k1 * data_range) ** 2, (k2 * data_range) ** 2
    return ((2 * mean1 * mean2 + c1) * (2 * covariance + c2)) / (
        (mean1 * mean1 + mean2 * mean2 + c1) * (variance1 + variance2 + c2)
    )


def ssim(first: ArrayLike, second: ArrayLike, **settings: float) -> FloatArray:
    """Return the mean of `ssim_map` over the pixels of each pair of maps (…, h, w): (…) float64 in −1..1."""
    return ssim_map(first, second, **settings).mean(axis=(-2, -1))  # type: ignore[arg-type]


def rank_similarity(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Return Spearman's rank correlation of the pixels of each pair of maps.

    Args:
        first: (…, h, w) maps; equal values share the mean of their ranks.
        second: (…, h, w) maps, of the same shape.

    Returns:
        (…) float64 in −1..1; 0 where a map is constant and the correlation is undefined.
    """
    rankdata = require("scipy.stats", "train", "rank similarity").rankdata
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim < 2:
        raise ValueError(f"maps of shapes {first.shape} and {second.shape}: give two arrays of one shape (…, h, w)")
    flat = (*first.shape[:-2], -1)
    x, y = (rankdata(maps.reshape(flat), axis=-1) for maps in (first, second))
    x, y = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    scale = np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    return np.divide((x * y).sum(axis=-1), scale, out=np.zeros_like(scale), where=scale > 0)
