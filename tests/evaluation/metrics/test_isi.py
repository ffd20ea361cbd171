"""Properties of the ISI, its checkpoints, and the explanation of checkpoints."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from pynascent.envs.spaces import ChainSpace
from pynascent.evaluation.explainers import make_explainer
from pynascent.evaluation.metrics.isi import (
    checkpoint_steps,
    explain_checkpoints,
    interpretability_stability_index,
    normalise_maps,
)
from pynascent.evaluation.metrics.similarity import ssim


def random_maps(*shape: int, seed: int = 0) -> np.ndarray:
    """Signed maps."""
    return np.random.default_rng(seed).normal(size=shape)


# -- checkpoints ------------------------------------------------------------------------------------------


def test_steps_are_the_nearest_to_the_fractions():
    assert checkpoint_steps(9, 12).tolist() == [12 * t for t in range(1, 10)]
    assert checkpoint_steps(1, 12).tolist() == [1, 3, 4, 5, 7, 8, 9, 11, 12]  # 12 t / 9, rounded
    assert checkpoint_steps(1, 3, cycles=2).tolist() == [2, 3]  # halves up
    assert checkpoint_steps(3, 3).tolist() == list(range(1, 10))
    assert checkpoint_steps(5, 7).dtype == np.int64


@pytest.mark.parametrize("total", range(9, 60))
def test_steps_ascend_and_end_with_the_training(total):
    steps = checkpoint_steps(1, total)
    assert steps.shape == (9,) and steps[0] >= 1 and steps[-1] == total
    assert (np.diff(steps) >= 1).all()
    assert np.abs(steps - np.arange(1, 10) * total / 9).max() <= 0.5


@pytest.mark.parametrize("arguments", [(1, 8), (0, 12), (3, 0), (1, 12, 1), (2, 4, 9)])
def test_trainings_too_short_are_refused(arguments):
    with pytest.raises(ValueError, match="checkpoints"):
        checkpoint_steps(*arguments)


# -- the index --------------------------------------------------------------------------------------------


def test_identical_maps_are_perfectly_stable():
    maps = np.repeat(random_maps(1, 6, 8, 8), 5, axis=0)
    result = interpretability_stability_index(maps)
    assert result.isi == pytest.approx(1.0) and result.spearman == pytest.approx(1.0)
    assert result.standard_error == pytest.approx(0.0, abs=1e-9)
    assert result.per_pair.shape == (4,) and result.per_image.shape == (6,)


@pytest.mark.parametrize("dead", [0.0, np.nan, np.inf, -np.inf])
def test_dead_maps_count_zero(dead):
    assert interpretability_stability_index(np.full((3, 2, 8, 8), dead)).isi == 0.0
    maps = np.repeat(random_maps(1, 2, 8, 8), 4, axis=0)
    maps[1, 0] = dead  # takes part in two of three pairs of one of two images
    result = interpretability_stability_index(maps)
    np.testing.assert_allclose(result.per_pair, [0.5, 0.5, 1.0])
    np.testing.assert_allclose(result.per_image, [1 / 3, 1.0])
    assert result.isi == pytest.approx(2 / 3) and result.spearman == pytest.approx(2 / 3)


def test_one_bad_pixel_spoils_its_map():
    maps = np.repeat(random_maps(1, 1, 8, 8), 2, axis=0)
    maps[0, 0, 3, 3] = np.nan
    assert interpretability_stability_index(maps).isi == 0.0


def test_scale_and_sign_of_a_map_do_not_matter():
    maps = random_maps(4, 3, 8, 8)
    scale = np.array([1e-20, 1.0, -5.0, 1e20])[:, None, None, None]
    assert interpretability_stability_index(maps * scale).isi == pytest.approx(
        interpretability_stability_index(maps).isi, abs=1e-12
    )


def test_order_of_images_does_not_matter_order_of_checkpoints_does():
    start = random_maps(3, 8, 8)
    drift = np.stack([start + 0.4 * t * random_maps(3, 8, 8, seed=9) for t in range(5)])
    isi = interpretability_stability_index(drift).isi
    assert interpretability_stability_index(drift[:, ::-1]).isi == pytest.approx(isi)
    assert interpretability_stability_index(drift[::-1]).isi == pytest.approx(isi)  # pairs are symmetric
    assert interpretability_stability_index(drift[[0, 4, 1, 3, 2]]).isi < isi


def test_more_noise_is_less_stable():
    base = np.abs(random_maps(1, 20, 8, 8))
    noise = random_maps(5, 20, 8, 8, seed=1)
    indices = [interpretability_stability_index(base + level * noise) for level in (0.0, 0.1, 0.3, 1.0)]
    assert np.all(np.diff([result.isi for result in indices]) < 0)
    assert np.all(np.diff([result.spearman for result in indices]) < 0)


def test_definition_written_out():
    maps = random_maps(3, 2, 8, 8)
    values = []
    for image in range(2):
        for t in range(2):
            a, b = (np.abs(maps[k, image]) / np.abs(maps[k, image]).max() for k in (t, t + 1))
            values.append(float(ssim(a, b)))
    assert interpretability_stability_index(maps).isi == pytest.approx(np.mean(values), abs=1e-12)


def test_negative_similarity_is_clipped_only_at_the_end():
    checkers = np.indices((8, 8)).sum(axis=0) % 2.0
    opposite = np.stack([checkers, 1 - checkers])[:, None]  # (2, 1, 8, 8)
    result = interpretability_stability_index(opposite)
    assert result.isi == 0.0 and result.spearman == 0.0 and result.per_pair[0] < -0.5
    same = np.stack([checkers, checkers])[:, None]
    half = interpretability_stability_index(np.concatenate([opposite, same], axis=1))
    assert 0 <= half.isi < 0.5


def test_channels_are_summed_by_absolute_value():
    maps = random_maps(3, 2, 8, 8, 3)
    by_hand = interpretability_stability_index(np.abs(maps).sum(axis=-1))
    assert interpretability_stability_index(maps).isi == by_hand.isi
    assert interpretability_stability_index(maps[..., :1]).isi == interpretability_stability_index(maps[..., 0]).isi
    normal, usable = normalise_maps(maps)
    assert normal.shape == (3, 2, 8, 8) and usable.all() and normal.max() == 1.0 and normal.min() >= 0.0


def test_standard_error_is_that_of_all_halvings():
    result = interpretability_stability_index(random_maps(4, 8, 8, 8))
    images = set(range(8))
    differences = [
        (result.per_image[list(half)].mean() - result.per_image[list(images - set(half))].mean()) / 2
        for half in combinations(images, 4)
    ]
    assert result.standard_error == pytest.approx(np.sqrt(np.mean(np.square(differences))), rel=1e-9)
    assert np.isnan(interpretability_stability_index(random_maps(3, 1, 8, 8)).standard_error)


@pytest.mark.parametrize("shape", [(8, 8), (1, 4, 8, 8), (3, 0, 8, 8), (2, 2, 8, 8, 1, 1)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="maps of shape"):
        interpretability_stability_index(np.ones(shape))


# -- explaining checkpoints -------------------------------------------------------------------------------


def test_checkpoints_are_explained_one_by_one_and_the_model_comes_back():
    pytest.importorskip("keras")
    from pynascent.trainers.keras.builder import build_model

    network = ChainSpace().network([4, 3, 1, 2, 1, 0])
    rng = np.random.default_rng(0)
    images, labels = rng.random((5, 8, 8, 1)).astype(np.float32), rng.integers(0, 10, 5)
    explainer = make_explainer("gradient_x_input")
    checkpoints = [build_model(network, seed=seed).get_weights() for seed in range(3)]
    model = build_model(network, seed=99)
    before = model.get_weights()
    maps = explain_checkpoints(model, checkpoints, images, labels, explainer)
    assert maps.shape == (3, 5, 8, 8, 1) and maps.dtype == np.float32
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    for seed in range(3):
        alone = explainer.explain(build_model(network, seed=seed), images, labels)
        np.testing.assert_allclose(maps[seed], alone, rtol=1e-4, atol=1e-6)

    broken = [weight * np.nan for weight in checkpoints[1]]
    for name in ("gradient_x_input", "lime"):  # scikit-learn, behind lime, refuses NaN
        few = {"num_samples": 20} if name == "lime" else {}
        maps = explain_checkpoints(
            model, [checkpoints[0], broken, checkpoints[2]], images, labels, make_explainer(name, **few)
        )
        assert np.isnan(maps[1]).all() and np.isfinite(maps[[0, 2]]).all()
        assert interpretability_stability_index(maps).isi == 0.0
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
