"""Images in folders, in real PNG and JPEG files."""

import pickle
import sys

import numpy as np
import pytest

from pynascent.trainers.data.dataset import PARTS, DataSource
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.data.sources.files import DataError, MissingDataError
from pynascent.trainers.data.sources.images import decode_all

Image = pytest.importorskip("PIL.Image")

CLASSES = ("ant", "bee", "cat")


def picture(number, height=12, width=16):
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write(folder, count=20, start=0, classes=CLASSES, suffix=".png"):
    """`count` images of each class, whose pixels are those of `picture`."""
    for place, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            pixels = picture(start + 1000 * place + index)
            Image.fromarray(pixels).save(folder / name / f"{index:03d}{suffix}")
    return folder


def made(folder, **settings):
    return load_dataset({"component": "folder", "settings": {"folder": str(folder), "size": [12, 16], **settings}})


def expected(split):
    """Look for each image of a split among `picture`'s; returns their numbers."""
    every = {
        (picture(n).astype(np.float32) / np.float32(255)).tobytes(): n
        for p in range(3)
        for n in range(1000 * p, 1000 * p + 20)
    }
    return np.array([every[image.tobytes()] for image in split.inputs])


def test_values_labels_and_splits(tmp_path):
    data = made(write(tmp_path / "zoo"))
    assert isinstance(data, DataSource)
    assert data.name == "zoo" and data.classes == 3 and data.kept_classes == CLASSES and not data.multi_label
    assert data.input_shape == (12, 16, 3) and data.train.inputs.dtype == np.float32
    numbers = {part: expected(getattr(data, part)) for part in PARTS}
    assert [len(numbers[part]) for part in PARTS] == [35, 11, 11, 3]
    assert len(np.unique(np.concatenate(list(numbers.values())))) == 60
    for part in PARTS:
        assert np.array_equal(numbers[part] // 1000, getattr(data, part).labels)
        assert np.ptp(np.bincount(getattr(data, part).labels, minlength=3)) <= 1
        assert np.array_equal(expected(getattr(made(tmp_path / "zoo"), part)), numbers[part])
    assert not np.array_equal(expected(made(tmp_path / "zoo", seed=1).train), numbers["train"])


def test_folders_of_splits_are_kept_and_missing_ones_dealt(tmp_path):
    write(tmp_path / "train")
    write(tmp_path / "test", 5, 20)
    data = made(tmp_path)
    assert [len(getattr(data, part)) for part in PARTS] == [46, 11, 15, 3]
    assert np.array_equal(data.test.inputs[6], picture(1021).astype(np.float32) / np.float32(255))
    write(tmp_path / "val", 4, 30)
    data = made(tmp_path)
    assert [len(getattr(data, part)) for part in PARTS] == [57, 12, 15, 3]
    assert np.array_equal(data.validation.inputs[0], picture(30).astype(np.float32) / np.float32(255))
    folds = [made(tmp_path, fold=fold, folds=3) for fold in range(3)]
    assert [len(fold.validation) for fold in folds] == [23, 23, 23]
    assert all(np.array_equal(fold.test.inputs, data.test.inputs) for fold in folds)


def test_classes_and_fraction(tmp_path):
    write(tmp_path)
    data = made(tmp_path, classes=["cat", 0])
    assert data.kept_classes == ("cat", "ant")
    assert np.array_equal(np.array([2, 0])[data.train.labels], expected(data.train) // 1000)
    whole = made(tmp_path)
    half = made(tmp_path, fraction=0.5)
    assert len(half.train) == round(len(whole.train) / 2)
    assert np.isin(expected(half.train), expected(whole.train)).all()
    with pytest.raises(ValueError, match="no class 'dog': it has ant, bee, cat"):
        _ = made(tmp_path, classes=["ant", "dog"]).classes


def test_jpeg_grey_transparency_palettes_and_sixteen_bits(tmp_path):
    smooth = np.linspace(0, 255, 32 * 32).reshape(32, 32).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "grey.jpg", quality=95)
    Image.fromarray(np.dstack([smooth, smooth, smooth, smooth])).save(tmp_path / "alpha.png")
    Image.fromarray(smooth).convert("P").save(tmp_path / "palette.gif")
    Image.fromarray(smooth.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    paths = [tmp_path / name for name in ("grey.jpg", "alpha.png", "palette.gif", "deep.png")]
    for channels in (1, 3):
        images = decode_all(paths, (32, 32, channels), "crop")
        assert images.shape == (4, 32, 32, channels)
        for image in images:
            np.testing.assert_allclose(image[..., 0], smooth / 255, atol=0.03)
            np.testing.assert_allclose(image[..., -1], smooth / 255, atol=0.03)


def test_an_image_is_scaled_to_cover_and_its_centre_is_taken(tmp_path):
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 20:60] = 200  # the middle square
    pixels[:20, 20:60, 0] = 100
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    (cropped,) = decode_all([tmp_path / "wide.png"], (10, 10, 3), "crop")
    np.testing.assert_allclose(cropped[:4, 1:-1, 0], 100 / 255, atol=1e-3)
    np.testing.assert_allclose(cropped[6:, 1:-1, 0], 200 / 255, atol=1e-3)
    (stretched,) = decode_all([tmp_path / "wide.png"], (10, 20, 3), "stretch")
    np.testing.assert_allclose(stretched[:, 0], 0, atol=1e-3)
    np.testing.assert_allclose(stretched[7, 8:12], 200 / 255, atol=1e-3)


def test_other_files_are_passed_over_and_folders_below_count(tmp_path):
    write(tmp_path)
    before = made(tmp_path).checksum
    (tmp_path / "ant" / "notes.txt").write_text("no image")
    (tmp_path / "ant" / ".hidden.png").write_text("no image")
    (tmp_path / ".cache").mkdir()
    assert made(tmp_path).checksum == before
    (tmp_path / "ant" / "more").mkdir()
    Image.fromarray(picture(500)).save(tmp_path / "ant" / "more" / "one.JPG")
    assert sum(len(getattr(made(tmp_path), part)) for part in PARTS) == 61


def test_the_checksum_sees_pixels_settings_and_the_class(tmp_path):
    write(tmp_path)
    settings = ({}, {"size": 12}, {"channels": 1}, {"seed": 1}, {"fold": 0}, {"fraction": 0.5}, {"classes": [0, 1]})
    checksums = {made(tmp_path, **s).checksum for s in settings}
    changed = picture(1003)
    changed[0, 0, 0] ^= 1
    Image.fromarray(changed).save(tmp_path / "bee" / "003.png")
    checksums.add(made(tmp_path).checksum)
    assert len(checksums) == 8


def test_no_image_is_decoded_before_it_is_asked_for(tmp_path):
    write(tmp_path)
    reference = made(tmp_path)
    rows, labels = expected(reference.train), reference.train.labels
    for path in tmp_path.rglob("*.png"):
        path.write_bytes(b"no image")
    data = made(tmp_path)
    assert data.classes == 3 and data.input_shape == (12, 16, 3) and len(data.checksum) == 64
    assert [len(getattr(data, part)) for part in PARTS] == [35, 11, 11, 3]
    assert np.array_equal(data.train.labels, labels)
    for number in rows:
        Image.fromarray(picture(number)).save(tmp_path / CLASSES[number // 1000] / f"{number % 1000:03d}.png")
    assert np.array_equal(expected(data.train), rows)  # the others are still no images
    with pytest.raises(DataError, match="is no image, truncated or damaged"):
        _ = data.test.inputs


def test_a_source_travels_read(tmp_path):
    data = made(write(tmp_path))
    sent = pickle.loads(pickle.dumps(data))
    checksum, train = data.checksum, data.train.inputs
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    assert sent.checksum == checksum and np.array_equal(sent.train.inputs, train)
    with pytest.raises(ValueError, match="read-only"):
        sent.train.inputs[0] = 0


def test_a_damaged_image_is_named(tmp_path):
    write(tmp_path, suffix=".jpg")
    path = tmp_path / "bee" / "007.jpg"
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(DataError, match=r"007\.jpg is no image, truncated or damaged") as error:
        for part in PARTS:
            _ = getattr(made(tmp_path), part).inputs
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("prepare", "settings", "message"),
    [
        (lambda folder: None, {}, "has 0 folders: give one folder of images for each of at least two classes"),
        (lambda folder: write(folder, classes=("ant",)), {}, "has 1 folders"),
        (lambda folder: write(folder, 0), {}, "ant has no image"),
        (lambda folder: write(folder, 2), {}, "6 examples are too few for four splits"),
        (
            lambda folder: [write(folder / "train"), write(folder / "test", 2, classes=("emu",))],
            {},
            "emu is a class that",
        ),
        (lambda folder: [write(folder / "val"), write(folder / "x")], {}, "but no folder train beside it"),
        (lambda folder: [write(folder / n, 3) for n in ("train", "val", "valid")], {}, "keep one of them"),
        (write, {"size": 0}, r"size=0: give integers from 1 to 4096|size=0"),
        (write, {"size": [1, 2, 3]}, "give the side of a square, or"),
        (write, {"size": "big"}, "size='big'"),
        (write, {"channels": 2}, "channels=2: give 1 for grey or 3 for colour"),
        (write, {"fold": 9}, "fold=9 is out of range"),
    ],
)
def test_folders_and_settings_that_do_not_fit_are_one_line(tmp_path, prepare, settings, message):
    prepare(tmp_path)
    with pytest.raises(ValueError, match=message) as error:
        _ = made(tmp_path, **settings).train
    assert "\n" not in str(error.value)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"there is no folder .*none: name the one"):
        made(tmp_path / "none")


def test_without_pillow_the_extra_is_named(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setitem(sys.modules, "PIL", None)  # Python's own way to say: not installed
    with pytest.raises(ModuleNotFoundError, match=r"needs PIL: pip install 'pynascent\[data\]'"):
        made(tmp_path)
