"""MNIST and its family, in small IDX files."""

import gzip
import hashlib
import pickle
import struct

import numpy as np
import pytest

from pynascent.trainers.data.dataset import PARTS, DataSource
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.data.sources.files import DataError, MissingDataError
from pynascent.trainers.data.sources.idx import Idx, parse_idx

RNG = np.random.default_rng(0)
ARRAYS = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (200, 7, 5), dtype=np.uint8),
    "train-labels-idx1-ubyte": (np.arange(200) % 10).astype(np.uint8),
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (50, 7, 5), dtype=np.uint8),
    "t10k-labels-idx1-ubyte": (np.arange(50) % 10).astype(np.uint8),
}


def idx_file(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write(folder, compressed=True, arrays=ARRAYS):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        content = array if isinstance(array, bytes) else idx_file(array)
        path = folder / (name + ".gz" if compressed else name)
        path.write_bytes(gzip.compress(content) if compressed else content)
    return folder


def made(folder, name="idx", **settings):
    return load_dataset({"component": name, "settings": {"folder": str(folder), **settings}})


@pytest.mark.parametrize("compressed", [True, False])
def test_values_are_those_of_the_files(tmp_path, compressed):
    data = made(write(tmp_path / "own", compressed))
    assert isinstance(data, DataSource)
    assert data.name == "own" and data.classes == 10 and data.input_shape == (7, 5, 1) and not data.multi_label
    expected = ARRAYS["t10k-images-idx3-ubyte"].astype(np.float32)[..., None] / np.float32(255)
    assert np.array_equal(data.test.inputs, expected) and data.test.inputs.dtype == np.float32
    assert np.array_equal(data.test.labels, ARRAYS["t10k-labels-idx1-ubyte"])
    assert [len(getattr(data, part)) for part in PARTS] == [152, 38, 50, 10]
    used = np.concatenate([getattr(data, part).inputs[..., 0] for part in ("train", "validation", "probe")])
    published = ARRAYS["train-images-idx3-ubyte"].astype(np.float32) / np.float32(255)
    assert np.array_equal(np.unique(used.reshape(200, -1), axis=0), np.unique(published.reshape(200, -1), axis=0))
    for part in PARTS:
        assert np.ptp(np.bincount(getattr(data, part).labels, minlength=10)) <= 2


def test_a_dot_before_idx_and_other_beginnings_are_found(tmp_path):
    dotted = {name.replace("-idx", ".idx"): array for name, array in ARRAYS.items()}
    emnist = {f"emnist-{n.replace('t10k', 'test')}": array for n, array in ARRAYS.items()}
    plain = made(write(tmp_path / "plain"))
    assert made(write(tmp_path / "dotted", False, dotted)).checksum == plain.checksum
    prefixed = made(write(tmp_path / "emnist", True, emnist), train="emnist-train", test="emnist-test")
    assert prefixed.checksum == plain.checksum


def test_the_checksum_sees_values_and_splits(tmp_path):
    folder = write(tmp_path / "own")
    settings = ({}, {"seed": 1}, {"fold": 0}, {"fold": 1}, {"classes": [0, 1]}, {"fraction": 0.5})
    checksums = {made(folder, **s).checksum for s in settings}
    for name in ARRAYS:
        changed = {key: array.copy() for key, array in ARRAYS.items()}
        changed[name].flat[3] ^= 1
        checksums.add(made(write(tmp_path / name, True, changed)).checksum)
    assert len(checksums) == 10


def test_images_are_read_late_and_travel_read(tmp_path):
    folder = write(tmp_path / "own", False)
    images = folder / "train-images-idx3-ubyte"
    whole = images.read_bytes()
    images.write_bytes(whole[:16])  # the header alone
    data = made(folder)
    assert data.input_shape == (7, 5, 1) and data.classes == 10
    assert len(data.train) == 152 and len(data.probe.labels) == 10
    with pytest.raises(DataError, match="is truncated: it has 16 bytes"):
        _ = data.train.inputs
    images.write_bytes(whole)
    sent = pickle.loads(pickle.dumps(data))
    images.unlink()
    assert np.array_equal(sent.train.inputs, data.train.inputs) and sent.checksum == data.checksum


def test_published_sets_are_checked_by_their_sums(tmp_path, monkeypatch):
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    for name, first in (("mnist", "0"), ("fashion-mnist", "T-shirt/top"), ("kmnist", "o")):
        with pytest.raises(MissingDataError) as error:
            load_dataset(name)
        for word in (str(tmp_path / "datasets" / name), *ARRAYS, "as they are published"):
            assert word in str(error.value)
        write(tmp_path / "datasets" / name)
        with pytest.raises(DataError, match="is damaged or not the published file: its MD5 is"):
            _ = load_dataset(name).train
        unchecked = load_dataset({"component": name, "settings": {"check": False}})
        assert unchecked.name == name and unchecked.kept_classes[0] == first and len(unchecked.train) == 152


def test_the_right_sum_passes(tmp_path):
    folder = write(tmp_path / "own")
    plain = {name: hashlib.md5(idx_file(array)).hexdigest() for name, array in ARRAYS.items()}
    packed = {f"{name}.gz": hashlib.md5((folder / f"{name}.gz").read_bytes()).hexdigest() for name in ARRAYS}
    for sums in (plain, packed):
        assert len(Idx(folder, md5=sums).train.inputs) == 152
    other = ARRAYS | {"t10k-images-idx3-ubyte": 255 - ARRAYS["t10k-images-idx3-ubyte"]}
    write(folder, True, other)
    for sums in (plain, packed):
        data = Idx(folder, md5=sums)
        with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz is damaged or not the published file"):
            _ = data.train.inputs


def test_settings_choose(tmp_path):
    folder = write(tmp_path / "datasets")
    assert made(folder, classes=[9, 0]).classes == 2
    coats = made(folder, "fashion-mnist", check=False, classes=["Coat", "Bag"])
    assert len(coats.test) == 10
    assert np.array_equal(coats.test.inputs[coats.test.labels == 1], made(folder).test.inputs[8::10])
    assert sum(len(made(folder, fold=fold, folds=4).validation) for fold in range(4)) == 190
    assert len(made(folder, fraction=0.1).train) == 15
    with pytest.raises(ValueError, match="no class 10: it has 0, 1, 2"):
        _ = made(folder, classes=[0, 10]).classes


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", b"\0\0\x08\x01" + bytes(20), "its magic number is 00000801, not 00000803"),
        ("train-images-idx3-ubyte", b"", "its magic number is missing"),
        ("train-images-idx3-ubyte", b"\0\0\x08\x03\0\0", "is truncated: it ends in the header, after 6 bytes"),
        (
            "train-images-idx3-ubyte",
            idx_file(ARRAYS["train-images-idx3-ubyte"])[:-1],
            "is truncated: it has 7015 bytes",
        ),
        ("train-images-idx3-ubyte", idx_file(ARRAYS["train-images-idx3-ubyte"]) + b"x", "has something behind its end"),
        ("train-images-idx3-ubyte", b"\0\0\x08\x03" + b"\xff" * 12, "is truncated: it has 16 bytes, its shape"),
        ("train-images-idx3-ubyte", idx_file(np.zeros((200, 0, 5), np.uint8)), "has images of 0×5 pixels"),
        ("train-labels-idx1-ubyte", b"\0\0\x0d\x01" + bytes(20), "its magic number is 00000d01, not 00000801"),
        ("train-images-idx3-ubyte", idx_file(np.zeros((199, 7, 5), np.uint8)), "has 199 images, .* has 200 labels"),
        ("t10k-images-idx3-ubyte", idx_file(np.zeros((50, 7, 6), np.uint8)), r"of \(7, 6\), the training .* \(7, 5\)"),
        ("t10k-labels-idx1-ubyte", idx_file(np.full(50, 11, np.uint8)), "the label 11 is none of the 10 classes"),
    ],
)
@pytest.mark.parametrize("compressed", [True, False])
def test_files_of_another_shape_are_refused(tmp_path, name, content, message, compressed):
    write(tmp_path, compressed, ARRAYS | {name: content})
    with pytest.raises(DataError, match=message) as error:
        data = made(tmp_path)
        _ = data.input_shape, data.train.inputs
    assert name in str(error.value) and "\n" not in str(error.value)


def test_a_truncated_or_false_gz_is_refused(tmp_path):
    write(tmp_path)
    for name in ("train-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz"):
        whole = (tmp_path / name).read_bytes()
        for content in (whole[:-9], b"no gz", whole[:20] + bytes(30) + whole[50:]):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DataError, match=f"{name} (is truncated or damaged|is no IDX file)"):
                _ = made(tmp_path).train.inputs
        (tmp_path / name).write_bytes(whole)
    assert len(made(tmp_path).train.inputs) == 152


def test_missing_files_are_named(tmp_path):
    write(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(MissingDataError, match=r"lacks t10k-labels-idx1-ubyte \(or .gz\): put there"):
        made(tmp_path)
    with pytest.raises(ValueError, match="needs the setting 'folder'"):
        load_dataset("idx")


def test_an_array_comes_back():
    array = RNG.integers(0, 256, (3, 4, 5), dtype=np.uint8)
    assert np.array_equal(parse_idx(idx_file(array), "a file", 3), array)
