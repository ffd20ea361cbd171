"""A user's own arrays and files as data sets."""

import numpy as np
import pytest

from pynascent.trainers import Dataset
from pynascent.trainers.data.dataset import PARTS, DataSource
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.data.npz import NpzDataset
from pynascent.trainers.training.scores import Accuracy, AucRoc, CrossEntropyScore


def images(n=200, channels=3, dtype=np.uint8, classes=17):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, 16, 16, channels)).astype(dtype), np.arange(n) % classes


def test_arrays_are_dealt_scaled_and_stratified():
    x, y = images(340)
    data = Dataset.from_arrays(x, y)
    assert isinstance(data, DataSource)
    assert [len(getattr(data, part)) for part in PARTS] == [195, 64, 64, 17]
    assert data.classes == 17 and data.input_shape == (16, 16, 3) and not data.multi_label
    assert data.train.inputs.dtype == np.float32 and data.train.inputs.min() >= 0 and data.train.inputs.max() <= 1
    assert np.ptp(np.bincount(data.train.labels, minlength=17)) <= 2
    everything = np.concatenate([getattr(data, part).inputs for part in PARTS])
    assert len(np.unique(everything.reshape(340, -1), axis=0)) == 340
    assert Dataset.from_arrays(x, y).checksum == data.checksum != Dataset.from_arrays(x, y, seed=1).checksum


def test_grey_images_get_a_channel_and_floats_keep_their_range():
    x, y = images(100, 1, np.float32)
    data = Dataset.from_arrays(x[..., 0], y)
    assert data.input_shape == (16, 16, 1) and data.train.inputs.max() > 200


def test_feature_rows_are_standardised_by_the_training_split():
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.normal(50, 20, 300), rng.normal(0, 1e-3, 300), np.full(300, 7)])
    data = Dataset.from_arrays(x, rng.integers(0, 3, 300))
    assert data.input_shape == (3,)
    np.testing.assert_allclose(data.train.inputs[:, :2].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(data.train.inputs[:, :2].std(axis=0), 1, atol=1e-5)
    assert (data.test.inputs[:, 2] == 0).all()


def test_masks_go_with_their_images():
    x, y = images(80, 1, np.float32)
    data = Dataset.from_arrays(x, y, masks=x[..., 0] > 128)
    for part in PARTS:
        split = getattr(data, part)
        assert np.array_equal(split.masks, split.inputs[..., 0] > 128)
    assert data.checksum != Dataset.from_arrays(x, y).checksum


def test_several_labels():
    x, _ = images(120)
    y = np.random.default_rng(2).integers(0, 2, (120, 5))
    data = Dataset.from_arrays(x, y)
    assert data.multi_label and data.classes == 5 and data.train.labels.dtype == np.float32


@pytest.mark.parametrize(
    ("inputs", "labels", "masks", "message"),
    [
        (np.zeros((9, 2, 2, 1, 1)), np.zeros(9, int), None, "give numbers of shape"),
        (np.zeros((9, 3)), np.zeros(8, int), None, "labels are int64 of shape .8,. for 9 inputs"),
        (np.zeros((9, 3)), np.full(9, 0.5), None, "class indices must be integers from 0, not 0.5"),
        (np.zeros((9, 3)), np.full(9, -1), None, "class indices must be integers from 0, not -1"),
        (np.full((9, 3), np.nan), np.zeros(9, int), None, "not a finite number"),
        (np.zeros((9, 3)), np.full((9, 2), 2), None, "must be zeros and ones"),
        (np.zeros((9, 4, 4, 1)), np.zeros(9, int), np.zeros((9, 3, 3)), "masks of shape"),
        (np.zeros((7, 3)), np.zeros(7, int), None, "7 examples are too few"),
        (np.array(["a"] * 9), np.zeros(9, int), None, "give numbers of shape"),
    ],
)
def test_arrays_that_do_not_fit_are_one_line(inputs, labels, masks, message):
    with pytest.raises(ValueError, match=message):
        Dataset.from_arrays(inputs, labels, masks)


def test_a_file_is_read_when_it_is_asked_for(tmp_path):
    x, y = images()
    np.savez(tmp_path / "own.npz", images=x, labels=y)
    data = load_dataset(str(tmp_path / "own.npz"))
    assert isinstance(data, NpzDataset) and "_loaded" not in data.__dict__ and data.name == "own"
    same = Dataset.from_arrays(x, y)
    for part in PARTS:
        assert np.array_equal(getattr(data, part).inputs, getattr(same, part).inputs)
    again = NpzDataset(tmp_path / "own.npz")
    assert again.checksum == data.checksum != NpzDataset(tmp_path / "own.npz", seed=1).checksum


def test_a_file_may_bring_its_splits(tmp_path):
    x, y = images(100)
    splits = {
        "x_train": x[:60],
        "y_train": y[:60],
        "x_val": x[60:80],
        "y_val": y[60:80],
        "x_test": x[80:],
        "y_test": y[80:],
    }
    np.savez(tmp_path / "split.npz", **splits)
    data = NpzDataset(tmp_path / "split.npz")
    assert [len(getattr(data, part)) for part in PARTS] == [60, 19, 20, 1]
    np.testing.assert_allclose(data.test.inputs, x[80:] / np.float32(255), rtol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros(3), "labels": np.zeros(3)}, "no array inputs or images or features or x: it has"),
        ({"x": np.zeros((9, 3))}, "no array labels or y"),
        ({"x": np.array([{}] * 9, dtype=object), "y": np.zeros(9)}, "cannot be read"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        _ = NpzDataset(tmp_path / "bad.npz").train
    assert "bad.npz" in str(error.value)


def test_a_file_that_is_missing_or_no_npz(tmp_path):
    with pytest.raises(ValueError, match="there is no such file"):
        load_dataset(str(tmp_path / "none.npz"))
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(ValueError, match="is no NPZ file"):
        load_dataset(str(tmp_path / "text.npz"))


def test_something_that_is_no_data_source():
    with pytest.raises(ValueError, match="without 'name'"):
        load_dataset([1, 2])  # type: ignore[arg-type]


def test_scores_of_known_predictions():
    logits, labels = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 3.0]], np.float32), np.array([0, 1, 1, 1])
    assert Accuracy()(logits, labels) == 0.75
    assert AucRoc()(logits, labels) == pytest.approx((1.0 + 2.5 / 3) / 2)  # each class against the other
    several = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], np.float32)
    assert AucRoc()(np.array([[3.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 0.0]]), several) == pytest.approx(
        (1.0 + 0.5) / 2
    )
    assert AucRoc()(logits, np.zeros((4, 2), np.float32)) == 0.5  # one kind of example: nothing to order
    expected = -np.log(np.exp(logits[np.arange(4), labels]) / np.exp(logits).sum(axis=1)).mean()
    assert CrossEntropyScore()(logits, labels) == pytest.approx(expected, rel=1e-6)


def test_auc_equals_scikit_learn_s():
    roc_auc_score = pytest.importorskip("sklearn.metrics").roc_auc_score
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, (50, 4)).astype(np.float32)
    logits = np.round(rng.normal(size=(50, 4)) + labels, 1)  # with ties
    assert AucRoc()(logits, labels) == pytest.approx(roc_auc_score(labels, logits), abs=1e-12)
