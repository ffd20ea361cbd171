"""CIFAR-10 and CIFAR-100, in small files of the published format."""

import hashlib
import os
import pickle
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from pynascent.trainers.data.dataset import PARTS, DataSource
from pynascent.trainers.data.datasets import dataset_config, load_dataset
from pynascent.trainers.data.selection import Selection
from pynascent.trainers.data.sources.cifar import CIFAR10, CIFAR100, Cifar
from pynascent.trainers.data.sources.files import DataError, MissingDataError
from pynascent.trainers.data.sources.unpickle import unpickle_data

from support.python2_pickle import python2_pickle

PER_FILE = 60
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def batch(number, names, key, count=PER_FILE):
    """What a file holds: pixels, channels first, and labels."""
    rng = np.random.default_rng(number)
    labels = [int(label) for label in np.arange(count) % names]
    return {"data": rng.integers(0, 256, (count, 3072), dtype=np.uint8), key: labels, "batch_label": f"batch {number}"}


def cifar10_files():
    files = {name: batch(i, 10, "labels") for i, name in enumerate([*CIFAR10.train, *CIFAR10.test])}
    return {**files, "batches.meta": {"label_names": NAMES, "num_vis": 3072}}


def write(folder, files, pickled=python2_pickle):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else pickled(content))
    return folder


def pack(folder, archive):
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, folder.name)
    return archive


def made(folder, **settings):
    return load_dataset({"component": "cifar10", "settings": {"folder": str(folder), "check": False, **settings}})


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / CIFAR10.folder, cifar10_files())
    return tmp_path


@pytest.mark.parametrize("pickled", [python2_pickle, lambda value: pickle.dumps(value, 2), pickle.dumps])
def test_values_are_those_of_the_files(tmp_path, pickled):
    files = cifar10_files()
    write(tmp_path, files, pickled)
    data = made(tmp_path)
    assert isinstance(data, DataSource)
    assert data.name == "cifar10" and data.classes == 10 and data.input_shape == (32, 32, 3) and not data.multi_label
    test = files["test_batch"]
    assert data.test.inputs.dtype == np.float32 and data.test.labels.dtype == np.int32
    assert data.test.labels.tolist() == test["labels"]
    # Row 7, red 1,024 values, then green, then blue; pixels by rows.
    assert data.test.inputs[7, 2, 5, 1] == np.float32(test["data"][7, 1024 + 2 * 32 + 5]) / np.float32(255)
    assert data.test.inputs.max() == 1 and data.test.inputs.min() == 0
    with pytest.raises(ValueError, match="read-only"):
        data.test.inputs[0] = 0
    published = np.concatenate([files[name]["data"] for name in CIFAR10.train])
    used = np.concatenate([getattr(data, part).inputs for part in ("train", "validation", "probe")])
    used = np.round(used.transpose(0, 3, 1, 2).reshape(-1, 3072) * 255).astype(np.uint8)
    assert np.array_equal(np.unique(used, axis=0), np.unique(published, axis=0)) and len(used) == len(published)


def test_splits_are_fixed_disjoint_and_stratified(folder):
    data = made(folder)
    assert {part: len(getattr(data, part)) for part in PARTS} == {
        "train": 228,
        "validation": 57,
        "test": 60,
        "probe": 15,
    }
    for part in PARTS:
        assert np.ptp(np.bincount(getattr(data, part).labels, minlength=10)) <= 2
        assert np.array_equal(getattr(made(folder), part).inputs, getattr(data, part).inputs)
    everything = np.concatenate([getattr(data, part).inputs.reshape(-1, 3072) for part in PARTS])
    assert len(np.unique(everything, axis=0)) == 360
    other = made(folder, seed=1)
    assert not np.array_equal(other.train.inputs, data.train.inputs)
    assert np.array_equal(other.test.inputs, data.test.inputs)


def test_settings_choose_folds_classes_and_a_fraction(folder):
    data = made(folder)
    folds = [made(folder, fold=fold, folds=3) for fold in range(3)]
    assert sum(len(fold.validation) for fold in folds) == 285
    assert all(np.array_equal(fold.probe.inputs, data.probe.inputs) for fold in folds)
    pets = made(folder, classes=["dog", 3])
    assert pets.classes == 2 and pets.kept_classes == ("dog", "cat") and len(pets.test) == 12
    dogs = data.test.inputs[data.test.labels == 5]
    assert np.array_equal(pets.test.inputs[pets.test.labels == 0], dogs)
    assert len(made(folder, fraction=0.25).train) == 57


def test_the_archive_is_the_same_as_the_folder(folder, tmp_path):
    (tmp_path / "packed").mkdir()
    pack(folder / CIFAR10.folder, tmp_path / "packed" / CIFAR10.archive)
    packed, unpacked, inside = made(tmp_path / "packed"), made(folder), made(folder / CIFAR10.folder)
    assert packed.checksum == unpacked.checksum == inside.checksum
    assert np.array_equal(packed.train.inputs, unpacked.train.inputs)


def test_the_checksum_sees_values_and_splits(folder):
    checksums = {
        made(folder, **s).checksum for s in ({}, {"seed": 1}, {"fold": 0}, {"classes": [0, 1]}, {"fraction": 0.5})
    }
    files = cifar10_files()
    files["data_batch_3"]["data"][5, 100] ^= 1
    write(folder / CIFAR10.folder, files)
    assert len(checksums | {made(folder).checksum}) == 6


def test_nothing_is_read_before_it_is_asked_for(folder):
    for name in CIFAR10.files:
        (folder / CIFAR10.folder / name).write_bytes(b"no pickle")
    data = made(folder)
    assert data.input_shape == (32, 32, 3)
    with pytest.raises(DataError, match="data_batch_1 is no pickle"):
        _ = data.train


def test_inputs_are_read_when_they_are_asked_for_and_travel_read(folder):
    data = made(folder)
    assert repr(data.train) == "LazySplit(228 examples)" and "inputs" not in data.train.__dict__
    first = data.train.inputs
    assert data.train.inputs is first
    sent = pickle.loads(pickle.dumps(data))
    for file in (folder / CIFAR10.folder).iterdir():
        file.unlink()
    assert sent.checksum == data.checksum and sent.classes == 10 and sent.input_shape == (32, 32, 3)
    assert sent.kept_classes == tuple(NAMES)
    for part in PARTS:
        assert np.array_equal(getattr(sent, part).inputs, getattr(data, part).inputs)
        assert np.array_equal(getattr(sent, part).labels, getattr(data, part).labels)


def test_cifar100_has_a_hundred_classes(tmp_path):
    train = batch(0, 100, "fine_labels", 400) | {"coarse_labels": [0] * 400}
    test = batch(1, 100, "fine_labels", 200) | {"coarse_labels": [0] * 200}
    names = [f"class{index}" for index in range(100)]
    write(tmp_path / CIFAR100.folder, {"train": train, "test": test, "meta": {"fine_label_names": names}})
    data = load_dataset({"component": "cifar100", "settings": {"folder": str(tmp_path), "check": False}})
    assert isinstance(data, DataSource) and data.classes == 100
    assert data.test.labels.tolist() == test["fine_labels"]


def test_missing_files_are_named_and_the_default_folder_is_that_of_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    with pytest.raises(MissingDataError) as error:
        load_dataset("cifar10")
    for word in (str(tmp_path / "datasets"), "cifar-10-python.tar.gz", "data_batch_3", "University of Toronto"):
        assert word in str(error.value)
    assert "\n" not in str(error.value)
    files = cifar10_files()
    del files["data_batch_4"]
    write(tmp_path / "datasets" / CIFAR10.folder, files)
    with pytest.raises(MissingDataError, match="lacks data_batch_4: put there"):
        load_dataset("cifar10")
    write(tmp_path / "datasets" / CIFAR10.folder, cifar10_files())
    assert load_dataset("cifar10").input_shape == (32, 32, 3)


def test_files_that_are_not_the_published_ones_are_refused(folder):
    with pytest.raises(DataError, match="data_batch_1 is damaged or not the published file: its MD5 is"):
        _ = load_dataset({"component": "cifar10", "settings": {"folder": str(folder)}}).train
    archive = pack(folder / CIFAR10.folder, folder / CIFAR10.archive)
    for file in (folder / CIFAR10.folder).iterdir():
        file.unlink()
    (folder / CIFAR10.folder).rmdir()
    with pytest.raises(DataError, match="not c58f30108f718f92721af3b95e74349a; get it anew"):
        _ = load_dataset({"component": "cifar10", "settings": {"folder": str(folder)}}).train
    # With the sums of these files the same check passes, and sees one changed byte.
    md5 = {n: hashlib.md5(python2_pickle(c)).hexdigest() for n, c in cifar10_files().items()}
    layout = replace(
        CIFAR10,
        archive_md5=hashlib.md5(archive.read_bytes()).hexdigest(),
        train={name: md5[name] for name in CIFAR10.train},
        test={name: md5[name] for name in CIFAR10.test},
        meta={name: md5[name] for name in CIFAR10.meta},
    )
    assert len(Cifar("own", layout, folder, True, Selection()).train) == 228
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match="is damaged or not the published file"):
        _ = Cifar("own", layout, folder, True, Selection()).train


def test_an_archive_that_is_truncated_or_lacks_a_file_is_refused(folder, tmp_path):
    (tmp_path / "cut").mkdir()
    archive = pack(folder / CIFAR10.folder, tmp_path / "cut" / CIFAR10.archive)
    archive.write_bytes(archive.read_bytes()[:-5000])
    with pytest.raises(DataError, match="is no archive, truncated or damaged"):
        _ = made(tmp_path / "cut").train
    archive.write_bytes(b"no archive")
    with pytest.raises(DataError, match="is no archive, truncated or damaged"):
        _ = made(tmp_path / "cut").train
    (folder / CIFAR10.folder / "data_batch_2").unlink()
    pack(folder / CIFAR10.folder, archive)
    with pytest.raises(DataError, match="lacks data_batch_2"):
        _ = made(tmp_path / "cut").train


def test_a_link_in_an_archive_is_not_followed(folder, tmp_path):
    (tmp_path / "linked").mkdir()
    with tarfile.open(tmp_path / "linked" / CIFAR10.archive, "w:gz") as archive:
        for name in CIFAR10.files:
            member = tarfile.TarInfo(f"{CIFAR10.folder}/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
            archive.addfile(member)
    with pytest.raises(DataError, match="lacks data_batch_1"):
        _ = made(tmp_path / "linked").train


class Payload:
    """Runs a command where it is unpickled freely."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_pickle_with_anything_else_inside_is_refused_and_not_run(folder, tmp_path):
    mark = tmp_path / "ran"
    files = cifar10_files()
    files["data_batch_2"] = pickle.dumps({b"data": Payload(f"touch {mark}"), b"labels": [0]}, 2)
    write(folder / CIFAR10.folder, files)
    with pytest.raises(DataError, match=r"data_batch_2 was not read, as a pickle can run code: it asks for \w+.system"):
        _ = made(folder).train
    assert not mark.exists()
    pickle.loads(files["data_batch_2"])
    assert mark.exists()  # so it would have run


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cbuiltins\neval\n(U\x031+1tR.", "asks for builtins.eval"),
        (b"cnumpy\nload\n(U\x01xtR.", "asks for numpy.load"),
        (b"cnumpy\nndarray\n(K\x05tR.", "no pickle of the expected kind"),  # an argument, which is not called
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.", "encodes something else"),
        (b"\x80\x02c_codecs\nencode\n}X\x01\x00\x00\x00aK\x01sb.", "no pickle of the expected kind"),
        (b"\x80\x02cnumpy\ndtype\n(U\x01OtR.", "an array of 'O', where integers are expected"),
        (b"U\x01aQ.", "refers to objects outside itself"),
        (pickle.dumps({"a": np.array([{}])}, 2), "an array of 'O8'"),
        (pickle.dumps([1, 2], 2), "holds a list"),
        (pickle.dumps({"a": np.arange(9, dtype=np.uint8)}, 2)[:-30], "no pickle of the expected kind"),
        (b"", "no pickle of the expected kind"),
        (b"\x80\x02]r\xff\xff\xff\xff.", "no pickle of the expected kind"),
    ],
)
def test_pickles_that_are_not_plain_data(content, message):
    with pytest.raises(DataError, match=message) as error:
        unpickle_data(content, "a file")
    assert str(error.value).startswith("a file ") and "\n" not in str(error.value)


def test_arrays_keep_their_order_and_type():
    for array in (np.arange(6, dtype=">i4").reshape(2, 3), np.asfortranarray(np.arange(6, dtype="<u2").reshape(2, 3))):
        for pickled in (python2_pickle, lambda value: pickle.dumps(value, 2)):
            found = unpickle_data(pickled({"a": array}), "a file")["a"]
            assert np.array_equal(found, array) and found.dtype.kind == array.dtype.kind


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"data": np.zeros((60, 3071), np.uint8)},
            r"'data' is uint8 of shape \(60, 3071\): uint8 of shape \(n, 3072\)",
        ),
        ({"data": np.zeros((60, 3072), np.int32)}, "'data' is int32"),
        ({"data": [1]}, "'data' is list"),
        ({"labels": [0] * 59}, "not one integer for each of 60 images"),
        ({"labels": ["a"] * 60}, "not one integer for each of 60 images"),
        ({"labels": [10] * 60}, "the label 10 is none of the 10 classes"),
        ({"labels": [-1] * 60}, "the label -1 is none"),
    ],
)
def test_a_batch_of_another_shape_is_refused(folder, change, message):
    files = cifar10_files()
    write(folder / CIFAR10.folder, {"data_batch_5": files["data_batch_5"] | change})
    with pytest.raises(DataError, match=message) as error:
        _ = made(folder).train
    assert "data_batch_5" in str(error.value)


def test_a_class_that_does_not_exist_is_named(folder):
    with pytest.raises(ValueError, match=r"no class 'dogs' \(did you mean 'dog'\?\): it has airplane, "):
        _ = made(folder, classes=["cat", "dogs"]).classes


def test_the_configuration_has_the_folder_by_its_absolute_path(folder, monkeypatch):
    monkeypatch.chdir(folder)
    config = dataset_config({"component": "cifar10", "settings": {"folder": ".", "check": False}})
    assert config == {"component": "cifar10", "settings": {"folder": str(folder), "check": False}}
    assert load_dataset(config).checksum == made(folder).checksum


def test_an_archive_is_not_unpacked_to_disk(folder, tmp_path):
    (tmp_path / "packed").mkdir()
    pack(folder / CIFAR10.folder, tmp_path / "packed" / CIFAR10.archive)
    _ = made(tmp_path / "packed").train.inputs
    assert [path.name for path in (tmp_path / "packed").iterdir()] == [CIFAR10.archive]
