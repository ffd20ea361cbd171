"""Folds, subsets of classes, and shares of the training split."""

import numpy as np
import pytest

from pynascent.trainers import Dataset
from pynascent.trainers.data.dataset import PARTS
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.data.npz import NpzDataset
from pynascent.trainers.data.selection import Selection
from pynascent.trainers.data.splitting import arrange

N = 400
LABELS = np.random.default_rng(0).choice(5, N, p=[0.4, 0.3, 0.15, 0.1, 0.05])
SEVERAL = (np.random.default_rng(1).random((N, 3)) < [0.5, 0.2, 0.1]).astype(np.float32)
EVERYTHING = {"train": np.arange(N)}
IMAGES = np.random.default_rng(2).integers(0, 256, (N, 4, 4, 1), dtype=np.uint8)


def numbered(part):
    """Which examples a split of `IMAGES` holds."""
    where = {image.tobytes(): index for index, image in enumerate(IMAGES.astype(np.float32) / np.float32(255))}
    return [where[image.tobytes()] for image in part.inputs]


# Made before there were folds: the defaults change no split of anybody's.
@pytest.mark.parametrize(
    ("seed", "labels", "checksum"),
    [
        (0, 1, "914d504aeb633b3921cb20b5d43f203c00f33cfa06f1a3edb3f54b480b134235"),
        (3, 1, "34f1e93c79b5233947e62e076b5e72a8133473207896b08a72dc74a7dd23a61c"),
        (0, 2, "aa489f22e69165eee9b249fce7d58f0f951da2e24ce5f0ce82e82c55afe6d018"),
    ],
)
def test_the_defaults_deal_arrays_as_ever(seed, labels, checksum):
    x, y = (np.arange(340 * 768) % 251).astype(np.uint8).reshape(340, 16, 16, 3), np.arange(340) % 17
    if labels == 2:
        x, y = x.reshape(340, -1)[:, :6], np.stack([np.arange(340) % 17 % 2, np.arange(340) % 17 % 3 == 0], 1)
    assert Dataset.from_arrays(x, y, seed=seed).checksum == checksum
    assert Dataset.from_arrays(x, y, seed=seed, fold=None, folds=5, classes=None, fraction=1).checksum == checksum


def test_the_defaults_read_files_as_ever(tmp_path):
    x, y = (np.arange(340 * 768) % 251).astype(np.uint8).reshape(340, 16, 16, 3), np.arange(340) % 17
    parts = {"train": slice(0, 200), "val": slice(200, 270), "test": slice(270, 340)}
    arrays = {f"{kind}_{part}": a[rows] for part, rows in parts.items() for kind, a in (("x", x), ("y", y))}
    np.savez(tmp_path / "split.npz", **arrays)
    data = NpzDataset(tmp_path / "split.npz")
    whole = Dataset.from_splits(
        {part: (getattr(data, part).inputs, getattr(data, part).labels, None) for part in PARTS}
    )
    assert whole.checksum == "a9e0dca24f5904ae431a685cbc96d4b04811d5c0f2d99f565aaf3b49a5565e3a"


@pytest.mark.parametrize("labels", [LABELS, SEVERAL], ids=["classes", "several labels"])
@pytest.mark.parametrize("folds", [2, 5, 7])
def test_every_example_is_validated_once_and_test_and_probe_stay(labels, folds):
    parts = [arrange(labels, EVERYTHING, fold=fold, folds=folds) for fold in range(folds)]
    plain = arrange(labels, EVERYTHING)
    pool = np.sort(np.concatenate([plain["train"], plain["validation"]]))
    for fold in parts:
        assert np.array_equal(fold["test"], plain["test"]) and np.array_equal(fold["probe"], plain["probe"])
        assert np.array_equal(np.sort(np.concatenate([fold["train"], fold["validation"]])), pool)
    assert np.array_equal(np.sort(np.concatenate([fold["validation"] for fold in parts])), pool)
    assert np.ptp([len(fold["validation"]) for fold in parts]) <= 1
    share = labels[pool].mean(axis=0) if labels.ndim == 2 else np.bincount(labels[pool]) / len(pool)
    for fold in parts:
        held = labels[fold["validation"]]
        count = held.sum(axis=0) if held.ndim == 2 else np.bincount(held, minlength=5)
        combinations = 8 if held.ndim == 2 else 1  # a label's examples come from so many strata
        assert np.abs(count - share * len(held)).max() <= 2 * combinations


def test_folds_are_fixed_by_the_seed():
    first, again, other = (arrange(LABELS, EVERYTHING, seed=seed, fold=1) for seed in (0, 0, 1))
    assert np.array_equal(first["validation"], again["validation"])
    assert not np.array_equal(first["validation"], other["validation"])


def test_splits_are_disjoint_and_cover_everything():
    for fold in (None, 0):
        parts = arrange(LABELS, EVERYTHING, fold=fold)
        assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(N))
        assert len(parts["probe"]) == N // 20


def test_a_given_test_split_stays_and_the_rest_is_dealt_of_the_training_examples():
    test = np.arange(300, N)
    parts = arrange(LABELS, {"train": np.arange(300), "test": test})
    assert np.array_equal(parts["test"], test)
    assert {part: len(rows) for part, rows in parts.items()} == {
        "train": 228,
        "test": 100,
        "validation": 57,
        "probe": 15,
    }
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(N))


@pytest.mark.parametrize("labels", [LABELS, SEVERAL], ids=["classes", "several labels"])
def test_a_smaller_fraction_is_part_of_a_larger_one_and_stratified(labels):
    whole = arrange(labels, EVERYTHING)
    before = np.empty(0, dtype=int)
    for fraction in (0.001, 0.1, 0.25, 0.5, 0.99, 1.0):
        parts = arrange(labels, EVERYTHING, fraction=fraction)
        assert len(parts["train"]) == max(1, round(fraction * len(whole["train"])))
        assert np.isin(before, parts["train"]).all() and np.isin(parts["train"], whole["train"]).all()
        for part in PARTS[1:]:
            assert np.array_equal(parts[part], whole[part])
        before = parts["train"]
        if labels.ndim == 1:
            expected = np.bincount(labels[whole["train"]], minlength=5) * fraction
            assert np.abs(np.bincount(labels[parts["train"]], minlength=5) - expected).max() <= 1


def test_groups_stay_together_and_the_probe_has_one_of_each():
    groups = np.repeat(np.arange(100), 4)
    parts = arrange(SEVERAL, EVERYTHING, groups=groups, fold=2)
    owners = [set(groups[rows]) for rows in parts.values()]
    assert sum(map(len, owners)) == 100 and len(set.union(*owners)) == 100
    assert len(parts["probe"]) == 5 and (np.bincount(groups[parts["probe"]]) <= 1).all()
    for part in ("train", "validation", "test"):
        assert (np.bincount(groups[parts[part]], minlength=100) % 4 == 0).all()
    third = arrange(SEVERAL, EVERYTHING, groups=groups, fold=2, fraction=1 / 3)
    assert len(third["train"]) == pytest.approx(len(parts["train"]) / 3, abs=4)
    with pytest.raises(ValueError, match="0 is in the splits 'train' and 'test'"):
        arrange(SEVERAL, {"train": np.arange(398), "test": np.array([398, 399])}, groups=np.arange(N) % 398)


def test_a_subset_of_classes_is_numbered_in_the_order_asked_for():
    data = Dataset.from_arrays(IMAGES, LABELS, classes=[3, 1])
    assert data.classes == 2
    for part in PARTS:
        split = getattr(data, part)
        assert np.array_equal(np.array([3, 1])[split.labels], LABELS[numbered(split)])
    everything = np.concatenate([numbered(getattr(data, part)) for part in PARTS])
    assert np.array_equal(np.sort(everything), np.flatnonzero(np.isin(LABELS, (1, 3))))


def test_a_subset_of_several_labels_keeps_the_examples():
    data = Dataset.from_arrays(IMAGES, SEVERAL, classes=[2, 0])
    assert data.multi_label and data.classes == 2
    assert np.array_equal(data.train.labels, SEVERAL[numbered(data.train)][:, [2, 0]])
    assert sum(len(getattr(data, part)) for part in PARTS) == N
    assert Dataset.from_arrays(IMAGES, SEVERAL, classes=[1]).train.labels.shape[1] == 1


def test_a_class_without_an_example_still_counts():
    labels = np.where(np.arange(N) % 4 == 3, 4, np.arange(N) % 4)  # none of class 3
    assert Dataset.from_arrays(IMAGES, labels, classes=[0, 1, 3]).classes == 3


def test_a_file_takes_the_settings_and_its_checksum_sees_them(tmp_path):
    np.savez(tmp_path / "own.npz", x=IMAGES, y=LABELS, masks=IMAGES[..., 0] > 200)
    path = str(tmp_path / "own.npz")
    plain = load_dataset(path)
    checksums = {plain.checksum}
    for settings in ({"fold": 0}, {"fold": 1}, {"fold": 1, "folds": 3}, {"classes": [0, 1]}, {"fraction": 0.5}):
        data = load_dataset({"component": path, "settings": settings})
        same = Dataset.from_arrays(IMAGES, LABELS, IMAGES[..., 0] > 200, **settings)
        for part in PARTS:
            assert np.array_equal(getattr(data, part).inputs, getattr(same, part).inputs)
            assert np.array_equal(getattr(data, part).masks, getattr(same, part).masks)
        checksums.add(data.checksum)
    assert len(checksums) == 6
    same = load_dataset({"component": path, "settings": {"fold": None, "folds": 5, "fraction": 1}})
    assert same.checksum == plain.checksum


def test_a_file_with_splits_keeps_its_test_split_and_probe_in_all_folds(tmp_path):
    parts = {"train": slice(0, 200), "validation": slice(200, 300), "test": slice(300, N)}
    arrays = {f"{kind}_{part}": a[rows] for part, rows in parts.items() for kind, a in (("x", IMAGES), ("y", LABELS))}
    np.savez(tmp_path / "split.npz", **arrays)
    plain = NpzDataset(tmp_path / "split.npz")
    folds = [NpzDataset(tmp_path / "split.npz", fold=fold, folds=3) for fold in range(3)]
    for data in folds:
        assert np.array_equal(data.test.inputs, plain.test.inputs)
        assert np.array_equal(data.probe.inputs, plain.probe.inputs)
    validated = np.sort(np.concatenate([numbered(data.validation) for data in folds]))
    assert np.array_equal(validated, np.sort(numbered(plain.train) + numbered(plain.validation)))


def test_masks_of_the_probe_alone_stay():
    splits = {part: (IMAGES[i * 100 : i * 100 + 100], LABELS[:100], None) for i, part in enumerate(PARTS)}
    splits["probe"] = (*splits["probe"][:2], IMAGES[300:, ..., 0] > 128)
    data = Dataset.from_splits(splits, selection=Selection(fraction=0.5))
    assert len(data.train) == 50 and data.train.masks is None
    assert np.array_equal(data.probe.masks, IMAGES[300:, ..., 0] > 128)


def test_features_are_standardised_by_what_is_trained_on():
    rng = np.random.default_rng(3)
    x = rng.normal(5, 2, (N, 3))
    for settings in ({"fraction": 0.2}, {"fold": 1}):
        train = Dataset.from_arrays(x, LABELS, **settings).train
        np.testing.assert_allclose(train.inputs.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(train.inputs.std(axis=0), 1, atol=1e-5)


def test_digits_have_folds_classes_and_fractions():
    plain, folds = load_dataset("digits"), []
    for fold in range(5):
        folds.append(load_dataset({"component": "digits", "settings": {"fold": fold}}))
        assert np.array_equal(folds[-1].test.inputs, plain.test.inputs)
        assert [len(getattr(folds[-1], part)) for part in PARTS] == [880, 220, 633, 64]
    rows = np.concatenate([data.validation.inputs.reshape(220, -1) for data in folds])
    pool = np.concatenate([plain.train.inputs, plain.validation.inputs]).reshape(1100, -1)
    assert np.array_equal(np.unique(rows, axis=0), np.unique(pool, axis=0))
    few = load_dataset({"component": "digits", "settings": {"classes": ["7", 1], "fraction": 0.5}})
    assert few.classes == 2 and len(few.test) == (np.isin(plain.test.labels, (1, 7))).sum()
    seven = plain.test.inputs[plain.test.labels == 7]
    assert np.array_equal(few.test.inputs[few.test.labels == 0], seven)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fraction": 0}, "fraction=0: give a number above 0, up to 1"),
        ({"fraction": 1.5}, "fraction=1.5"),
        ({"fraction": "half"}, "fraction='half'"),
        ({"fraction": True}, "fraction=True"),
        ({"fraction": float("nan")}, "fraction=nan"),
        ({"fold": 5}, "fold=5 is out of range: of folds=5 give 0..4"),
        ({"fold": -1}, "fold=-1 is out of range"),
        ({"fold": 0.5}, "fold=0.5: give an integer"),
        ({"fold": 0, "folds": 1}, "folds=1: give at least 2"),
        ({"folds": 10}, "folds=10 without fold: say which one is validated"),
        ({"fold": 0, "folds": 305}, "304 examples are too few for folds=305"),
        ({"seed": -1}, "seed=-1: give a non-negative integer"),
        ({"classes": [0, 5]}, "has no class 5: it has 0, 1, 2, 3, 4, or by index 0..4"),
        ({"classes": [0, "cat"]}, "has no class 'cat'"),
        ({"classes": [0, -1]}, "has no class -1"),
        ({"classes": [0, 0, 1]}, "the class 0 is named twice"),
        ({"classes": [1]}, "give at least 2"),
        ({"classes": []}, "give at least 2"),
        ({"classes": "01"}, "give a list of names or indices"),
    ],
)
def test_settings_out_of_range_are_one_line(settings, message):
    with pytest.raises(ValueError) as error:
        Dataset.from_arrays(IMAGES, LABELS, **settings)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_split_without_the_chosen_classes_is_refused():
    splits = {part: (IMAGES[:50], LABELS[:50] % 2, None) for part in PARTS}
    splits["train"] = (IMAGES[:50], np.arange(50) % 4, None)
    with pytest.raises(ValueError, match="the validation split has no example of the classes asked for"):
        Dataset.from_splits(splits, selection=Selection(classes=[2, 3]))
