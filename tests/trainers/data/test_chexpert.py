"""CheXpert in its own layout: CSV files, JPEG images, and DICOM."""

import csv
import pickle
import re
import sys

import numpy as np
import pytest

from pynascent.trainers.data.dataset import PARTS, DataSource
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.data.sources.chexpert import COMPETITION, OBSERVATIONS
from pynascent.trainers.data.sources.files import DataError, MissingDataError

Image = pytest.importorskip("PIL.Image")

HEAD = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *OBSERVATIONS]
PATIENTS, TESTED = 60, 8
COLUMN = {name: HEAD.index(name) for name in HEAD}


def shade(patient, study):
    """The grey value of an image, which tells whose it is."""
    return patient * 3 + study


def rows(part, patients):
    """Two studies of each patient: a frontal view, and of the first a lateral one; one observation in ten uncertain."""
    rng = np.random.default_rng(len(patients))
    shares = [0.3, 0.2, 0.1, 0.4] if part == "train" else [0.3, 0.2, 0.0, 0.5]
    for patient in patients:
        for study in (1, 2):
            values = rng.choice(["1.0", "0.0", "-1.0", ""], len(OBSERVATIONS), p=shares)
            for view in ("frontal", "lateral")[: 3 - study]:
                path = f"CheXpert-v1.0-small/{part}/patient{patient:05d}/study{study}/view1_{view}.jpg"
                side = "AP" if view == "frontal" else ""
                yield [path, "Female", 40, view.capitalize(), side, *values]


def table(folder, name, content, head=HEAD):
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows([head, *content])


def write(folder, suffix=".jpg"):
    """A data set of `PATIENTS` + `TESTED` patients; the lateral views have no files, as they are not to be read."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, patients in (("train", range(PATIENTS)), ("valid", range(PATIENTS, PATIENTS + TESTED))):
        content = list(rows(part, patients))
        table(folder, f"{part}.csv", content)
        for row in content:
            if row[COLUMN["Frontal/Lateral"]] == "Frontal":
                patient, study = (int(n) for n in re.search(r"patient(\d+)/study(\d)", row[0]).groups())
                path = folder / row[0].partition("/")[2]
                path.parent.mkdir(parents=True)
                Image.fromarray(np.full((39, 32), shade(patient, study), np.uint8)).save(path)
    return folder


def made(folder, **settings):
    return load_dataset({"component": "chexpert", "settings": {"folder": str(folder), "size": 16, **settings}})


def shades(split):
    """Which images a split holds, by their grey value."""
    assert np.ptp(split.inputs.reshape(len(split), -1), axis=1).max() < 0.01
    return np.round(split.inputs.mean(axis=(1, 2, 3)) * 255).astype(int)


def patients(split):
    return {(value - 1) // 3 for value in shades(split)}


def observed(folder):
    """Grey value → the observations as the CSV files have them, NaN for a blank."""
    found = {}
    for name in ("train.csv", "valid.csv"):
        for row in csv.reader((folder / name).open()):
            if row[COLUMN["Frontal/Lateral"]] == "Frontal":
                patient, study = (int(n) for n in re.search(r"patient(\d+)/study(\d)", row[0]).groups())
                found[shade(patient, study)] = np.array([float(v or "nan") for v in row[5:]])
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("data") / "CheXpert-v1.0-small")


def test_frontal_views_and_five_labels_of_which_patients_do_not_straddle(folder):
    data = made(folder)
    assert isinstance(data, DataSource)
    assert data.multi_label and data.classes == 5 and data.kept_classes == COMPETITION
    assert data.input_shape == (16, 16, 1) and data.train.inputs.dtype == data.train.labels.dtype == np.float32
    owners = {part: patients(getattr(data, part)) for part in PARTS}
    assert sum(map(len, owners.values())) == PATIENTS + TESTED == len(set.union(*owners.values()))
    assert owners["test"] == set(range(PATIENTS, PATIENTS + TESTED)) and len(data.test) == 2 * TESTED
    assert len(data.probe) == len(owners["probe"]) == 3  # one image of each
    assert len(data.train) == 2 * len(owners["train"]) and len(data.validation) == 2 * len(owners["validation"])
    assert len(owners["validation"]) == 11
    assert made(folder, size=256).input_shape == (256, 256, 1)
    assert load_dataset({"component": "chexpert", "settings": {"folder": str(folder)}}).input_shape == (256, 256, 1)


@pytest.mark.parametrize(("uncertain", "value"), [("ones", 1.0), ("zeros", 0.0)])
def test_labels_are_those_of_the_files(folder, uncertain, value):
    data, found = made(folder, uncertain=uncertain, classes=None), observed(folder)
    assert data.classes == 14 and data.kept_classes == OBSERVATIONS
    for part in PARTS:
        split = getattr(data, part)
        for grey, labels in zip(shades(split), split.labels, strict=True):
            expected = np.where(found[grey] == -1, value, np.nan_to_num(found[grey]))
            assert np.array_equal(labels, expected)
    assert any((values == -1).any() for values in found.values())


def test_ignored_are_the_images_of_which_a_kept_label_is_uncertain(folder):
    found, kept = observed(folder), ["Edema", "Fracture"]
    columns = [OBSERVATIONS.index(name) for name in kept]
    data = made(folder, uncertain="ignore", classes=kept)
    certain = {grey for grey, values in found.items() if not (values[columns] == -1).any()}
    assert len(certain) < len(found)
    used = np.concatenate([shades(getattr(data, part)) for part in PARTS])
    assert len(np.unique(used)) == len(used) and set(used) <= certain
    left = {(grey - 1) // 3 for grey in certain - set(used)}
    assert left <= patients(data.probe)  # other images of the probe's patients are the only ones left out
    for part in PARTS:
        for grey, labels in zip(shades(getattr(data, part)), getattr(data, part).labels, strict=True):
            assert np.array_equal(labels, np.nan_to_num(found[grey][columns]))


def test_folds_validate_every_patient_once(folder):
    plain, folds = made(folder), [made(folder, fold=fold, folds=4) for fold in range(4)]
    validated = [patients(fold.validation) for fold in folds]
    assert sum(map(len, validated)) == len(set.union(*validated)) == PATIENTS - 3
    assert set.union(*validated) == patients(plain.train) | patients(plain.validation)
    for fold in folds:
        assert np.array_equal(fold.test.inputs, plain.test.inputs) and np.array_equal(
            fold.probe.inputs, plain.probe.inputs
        )
        assert not patients(fold.train) & patients(fold.validation)


def test_a_fraction_is_of_patients(folder):
    half, quarter = (patients(made(folder, fraction=fraction).train) for fraction in (0.5, 0.25))
    assert quarter < half < patients(made(folder).train) and len(half) == 23


def test_the_checksum_sees_pixels_labels_and_settings(folder, tmp_path):
    settings = (
        {},
        {"size": 8},
        {"uncertain": "zeros"},
        {"uncertain": "ignore"},
        {"classes": None},
        {"fold": 1},
        {"seed": 2},
    )
    checksums = {made(folder, **s).checksum for s in settings}
    own = write(tmp_path / "own")
    assert made(own).checksum in checksums  # the same files elsewhere
    path = next(iter(sorted((own / "valid").rglob("*.jpg"))))
    Image.fromarray(np.full((39, 32), 255, np.uint8)).save(path)
    checksums.add(made(own).checksum)
    own = write(tmp_path / "other")
    text = (own / "valid.csv").read_text().splitlines()
    cells = text[1].split(",")
    cells[COLUMN["Edema"]] = "0.0" if cells[COLUMN["Edema"]] == "1.0" else "1.0"
    (own / "valid.csv").write_text("\n".join([text[0], ",".join(cells), *text[2:]]) + "\n")
    checksums.add(made(own).checksum)
    assert len(checksums) == 9


def test_no_image_is_read_before_it_is_asked_for(tmp_path):
    data = made(write(tmp_path))
    for path in tmp_path.rglob("*.jpg"):
        path.write_bytes(b"no image")
    assert len(data.train) == 92 and data.validation.labels.shape == (22, 5) and len(data.checksum) == 64
    with pytest.raises(DataError, match="is no image, truncated or damaged"):
        _ = data.train.inputs
    for path in (tmp_path / "valid").rglob("*.jpg"):
        path.unlink()
    with pytest.raises(DataError, match=r"there is no image .*view1_frontal\.jpg"):
        _ = data.test.inputs


def test_a_source_travels_read(tmp_path):
    data = made(write(tmp_path / "own"))
    sent = pickle.loads(pickle.dumps(data))
    for path in (tmp_path / "own").rglob("*.jpg"):
        path.unlink()
    assert sent.multi_label and np.array_equal(sent.train.inputs, data.train.inputs) and sent.checksum == data.checksum


def test_the_default_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("PYNASCENT_DATA", str(tmp_path))
    with pytest.raises(MissingDataError) as error:
        load_dataset("chexpert")
    for word in (str(tmp_path / "datasets" / "CheXpert-v1.0-small"), "train.csv, valid.csv", "registration"):
        assert word in str(error.value)
    write(tmp_path / "datasets" / "chexpert")
    assert len(load_dataset("chexpert").test) == 2 * TESTED


def test_paths_may_begin_at_the_folder(tmp_path):
    write(tmp_path)
    for name in ("train.csv", "valid.csv"):
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text.replace("CheXpert-v1.0-small/", ""))
    assert len(made(tmp_path).test.inputs) == 2 * TESTED


def dicom(path, pixels, bits=16, photometric="MONOCHROME2"):
    """Write a real DICOM file."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID = generate_uid(), ExplicitVRLittleEndian
    file = FileDataset(path, {}, file_meta=meta, preamble=bytes(128))
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    file.Rows, file.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        file.NumberOfFrames = len(pixels)
    file.SamplesPerPixel, file.PhotometricInterpretation, file.PixelRepresentation = 1, photometric, 0
    file.BitsAllocated, file.BitsStored, file.HighBit = bits, bits, bits - 1
    file.PixelData = pixels.astype(f"<u{bits // 8}").tobytes()
    file.save_as(path, enforce_file_format=True)


def ramp(height=32, width=32):
    return np.linspace(0, 4095, height * width).reshape(height, width)


def test_dicom_files_are_read(tmp_path):
    pytest.importorskip("pydicom")
    write(tmp_path)
    for name in ("train.csv", "valid.csv"):
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text.replace("_frontal.jpg", "_frontal.dcm"))
    paths = sorted(tmp_path.rglob("view1_frontal.jpg"))
    for index, path in enumerate(paths):
        inverted = index % 2 == 1
        dicom(path.with_suffix(".dcm"), 4095 - ramp() if inverted else ramp(), 16, f"MONOCHROME{1 if inverted else 2}")
        path.unlink()
    data = made(tmp_path, size=32)
    for part in PARTS:  # all show the same: MONOCHROME1 says that less is brighter
        for image in getattr(data, part).inputs:
            np.testing.assert_allclose(image[..., 0], ramp() / 4095, atol=1e-3)
    before = data.checksum
    dicom(tmp_path / "valid" / "patient00060" / "study1" / "view1_frontal.dcm", ramp().T)
    assert made(tmp_path, size=32).checksum != before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda path: path.write_bytes(b"no dicom"), "is no DICOM picture, or damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "is no DICOM picture, or damaged"),
        (lambda path: dicom(path, np.zeros((3, 8, 8))), r"its pixels are of shape \(3, 8, 8\)"),
    ],
)
def test_a_dicom_file_that_is_damaged_is_named(tmp_path, content, message):
    pytest.importorskip("pydicom")
    from pynascent.trainers.data.sources.images import decode

    path = tmp_path / "view1.dcm"
    dicom(path, ramp())
    assert decode(path, (8, 8, 1), "stretch").shape == (8, 8, 1)
    content(path)
    with pytest.raises(DataError, match=message) as error:
        decode(path, (8, 8, 1), "stretch")
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_without_pydicom_the_extra_is_named(tmp_path, monkeypatch):
    write(tmp_path)
    text = (tmp_path / "train.csv").read_text()
    (tmp_path / "train.csv").write_text(text.replace("_frontal.jpg", "_frontal.dcm", 1))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(ModuleNotFoundError, match=r"DICOM files needs pydicom: pip install 'pynascent\[data\]'"):
        _ = made(tmp_path).train


def changed(row, **values):
    return [values.get(name.replace(" ", "_").replace("/", "_"), cell) for name, cell in zip(HEAD, row, strict=True)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: changed(row, Edema="2.0"), "line 2: Edema is '2.0': 1, 0, -1 or nothing is expected"),
        (lambda row: changed(row, Frontal_Lateral="Side"), "line 2: Frontal/Lateral is 'Side'"),
        (lambda row: changed(row, Path="a/b.jpg"), "line 2: the path 'a/b.jpg' names no patient"),
        (lambda row: row[:-1], "line 2 has not as many values as there are columns"),
        (lambda row: [*row, "1.0"], "line 2 has not as many values as there are columns"),
        (
            lambda row: changed(row, Path=row[0].replace("00000", "00061")),
            "patient00061 is in the splits 'train' and 'test'",
        ),
    ],
)
def test_rows_that_do_not_fit_are_named(folder, tmp_path, change, message):
    (tmp_path / "valid.csv").write_bytes((folder / "valid.csv").read_bytes())
    first, *others = rows("train", range(PATIENTS))
    table(tmp_path, "train.csv", [change(first), *others])
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        _ = made(tmp_path).train
    assert "\n" not in str(error.value)


def test_files_without_the_columns_or_missing_are_named(folder, tmp_path):
    (tmp_path / "valid.csv").write_bytes((folder / "valid.csv").read_bytes())
    with pytest.raises(MissingDataError, match=r"lacks train\.csv: put there"):
        made(tmp_path)
    table(tmp_path, "train.csv", [], [name for name in HEAD if name != "Pneumonia"])
    with pytest.raises(DataError, match=r"train\.csv has no column 'Pneumonia'"):
        _ = made(tmp_path).train
    (tmp_path / "train.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"train\.csv cannot be read as CSV"):
        _ = made(tmp_path).train
    table(tmp_path, "train.csv", [])
    with pytest.raises(ValueError, match="0 examples are too few for four splits"):
        _ = made(tmp_path).train


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"uncertain": "maybe"}, "uncertain='maybe': give one of ignore, zeros, ones"),
        ({"classes": ["Flu"]}, "no class 'Flu'"),
        ({"classes": "all"}, "give a list of names or indices"),
        ({"size": 0}, "size=0"),
        ({"fraction": -1}, "fraction=-1"),
    ],
)
def test_settings_out_of_range_are_one_line(folder, settings, message):
    with pytest.raises(ValueError, match=message):
        made(folder, **settings)
