import numpy as np
import pytest

from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.data.digits import shift_and_add_noise
from pynascent.trainers.data.splitting import stratify

DIGITS_CHECKSUM = "33b4d9cc080e40b85891fb2227b72eeebaf39b520f0e1e476e8c68030664ca8d"


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def splits(dataset):
    return {name: getattr(dataset, name) for name in ("train", "validation", "test", "probe")}


def test_sizes_types_and_shapes(digits):
    assert {name: len(split) for name, split in splits(digits).items()} == {
        "train": 600,
        "validation": 500,
        "test": 633,
        "probe": 64,
    }
    for split in splits(digits).values():
        assert split.images.shape == (len(split), 8, 8, 1)
        assert split.images.dtype == np.float32 and split.labels.dtype == np.int32
    assert digits.input_shape == (8, 8, 1) and digits.classes == 10


def test_the_pixels_are_always_the_same(digits):
    assert digits.checksum == DIGITS_CHECKSUM


def test_checksum_sees_one_changed_value(digits):
    from dataclasses import replace

    from pynascent.trainers.data.dataset import Split

    images = digits.probe.images.copy()
    images[3, 2, 1, 0] += 1e-6
    assert replace(digits, probe=Split(images, digits.probe.labels)).checksum != digits.checksum
    labels = digits.probe.labels.copy()
    labels[0] = (labels[0] + 1) % 10
    assert replace(digits, probe=Split(digits.probe.images, labels)).checksum != digits.checksum


def test_arrays_are_read_only(digits):
    with pytest.raises(ValueError, match="read-only"):
        digits.train.images[0] = 0


def test_splits_are_disjoint_and_cover_every_image(digits):
    everything = np.concatenate([split.images.reshape(len(split), -1) for split in splits(digits).values()])
    assert len(np.unique(everything, axis=0)) == 1797  # noise makes every image unique


def test_splits_are_stratified(digits):
    sizes = np.array([len(split) for split in splits(digits).values()])
    counts = np.array([np.bincount(split.labels, minlength=10) for split in splits(digits).values()])
    assert np.abs(counts - np.outer(sizes, counts.sum(axis=0)) / 1797).max() <= 2


def test_it_is_scikit_learns_digits_shifted_with_noise(digits):
    from sklearn.datasets import load_digits

    raw = load_digits()
    clean = np.pad(raw.images / 16.0, ((0, 0), (1, 1), (1, 1)))
    shifted = np.stack([clean[:, y : y + 8, x : x + 8] for y in range(3) for x in range(3)], axis=1)  # (1797, 9, 8, 8)
    errors = []
    for split in splits(digits).values():
        for image, label in zip(split.images[:50, :, :, 0], split.labels, strict=False):
            distance = np.sqrt(((shifted - image) ** 2).mean(axis=(2, 3)))
            nearest, _ = np.unravel_index(distance.argmin(), distance.shape)
            assert raw.target[nearest] == label
            errors.append(distance.min())
    assert np.mean(errors) == pytest.approx(0.10, abs=0.005)


def test_zeros_move_in_and_every_shift_occurs():
    images = np.ones((900, 4, 4, 1), dtype=np.float32)
    moved = shift_and_add_noise(images, 0.0, np.random.default_rng(0))[..., 0]
    kinds, counts = np.unique(moved.reshape(900, -1), axis=0, return_counts=True)
    assert len(kinds) == 9 and counts.min() > 60
    assert set(np.unique(moved)) == {0.0, 1.0}


def test_stratify_refuses_sizes_that_do_not_add_up():
    with pytest.raises(ValueError, match="sum to 5, not to the 6"):
        stratify(np.zeros(6, dtype=int), {"a": 2, "b": 3}, np.random.default_rng(0))


def test_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"'digit' is unknown .did you mean .*: known are chexpert, cifar10, "):
        load_dataset("digit")
