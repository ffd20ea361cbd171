"""Structural similarity against scikit-image and scipy, and on cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from pynascent.evaluation.metrics.similarity import rank_similarity, ssim, ssim_map

metrics = pytest.importorskip("skimage.metrics")


def pair(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Two related maps in 0..1."""
    rng = np.random.default_rng(0)
    first = rng.random(shape)
    return first, np.clip(first + 0.3 * rng.normal(size=shape), 0, 1)


@pytest.mark.parametrize("shape", [(16, 16), (9, 23)])
def test_equals_scikit_image_border_included(shape):
    first, second = pair(*shape)
    # scikit-image cuts its window off at 3.5 σ: radius 4.
    expected = metrics.structural_similarity(
        first, second, gaussian_weights=True, sigma=1.0, use_sample_covariance=False, data_range=1.0, full=True
    )[1]
    np.testing.assert_allclose(ssim_map(first, second, radius=4), expected, atol=1e-12)


@pytest.mark.parametrize("shape", [(8, 8), (2, 3), (1, 1)])
def test_window_of_five_by_five_equals_scipys_reflecting_filter(shape):
    first, second = pair(*shape)

    def blur(maps):
        return gaussian_filter(maps, 1.0, mode="reflect", radius=2)

    m1, m2 = blur(first), blur(second)
    v1, v2 = blur(first**2) - m1**2, blur(second**2) - m2**2
    covariance = blur(first * second) - m1 * m2
    expected = (2 * m1 * m2 + 1e-4) * (2 * covariance + 9e-4) / ((m1**2 + m2**2 + 1e-4) * (v1 + v2 + 9e-4))
    np.testing.assert_allclose(ssim_map(first, second), expected, atol=1e-12)


def test_constant_maps_compare_by_their_means_alone():
    # 2ab + C1 over a² + b² + C1, with C1 = (0.01)²; variances and covariance are 0.
    assert ssim(np.full((8, 8), 0.5), np.full((8, 8), 0.25)) == pytest.approx(
        (2 * 0.5 * 0.25 + 1e-4) / (0.25 + 0.0625 + 1e-4), abs=1e-12
    )


def test_identity_symmetry_bounds_and_sign():
    first, second = pair(8, 8)
    assert ssim(first, first) == pytest.approx(1.0, abs=1e-12)
    assert ssim(first, second) == pytest.approx(float(ssim(second, first)), abs=1e-15)
    assert 0 < ssim(first, second) < 1
    checkers = np.indices((8, 8)).sum(axis=0) % 2
    assert ssim(checkers, 1 - checkers) < -0.5
    assert ssim(first, first.T) < ssim(first, second)


def test_batches_equal_single_maps():
    first, second = pair(3, 4, 8, 8)
    batched = ssim(first, second)
    assert batched.shape == (3, 4)
    assert batched[2, 1] == pytest.approx(float(ssim(first[2, 1], second[2, 1])), abs=1e-14)
    with pytest.raises(ValueError, match="one shape"):
        ssim(first, second[0])


def test_rank_similarity_is_spearmans_with_ties():
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 5, (6, 4, 4)), rng.integers(0, 5, (6, 4, 4))
    expected = np.array([np.asarray(spearmanr(a.ravel(), b.ravel()))[0] for a, b in zip(first, second, strict=True)])
    np.testing.assert_allclose(rank_similarity(first, second), expected, atol=1e-12)
    np.testing.assert_allclose(rank_similarity(first, np.exp(first)), 1.0)
    np.testing.assert_allclose(rank_similarity(first, -first), -1.0)
    assert rank_similarity(np.ones((2, 2)), np.arange(4).reshape(2, 2)) == 0.0
