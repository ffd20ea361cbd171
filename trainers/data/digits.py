"""Scikit-learn's handwritten digits, the data set in the package."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ...evaluation.optional import require, require_installed
from .dataset import PARTS, Dataset, FloatInputs, Labels, Split
from .selection import Selection
from .splitting import stratify


def shift_and_add_noise(images: FloatInputs, noise: float, rng: np.random.Generator) -> FloatInputs:
    """Move each image by −1, 0 or 1 pixel along each axis (zeros move in) and add Gaussian noise.

    Args:
        images: ``(n, height, width, channels)``.
        noise: standard deviation of the noise, in the images' units.
        rng: draws the shifts, then the noise.

    Returns:
        New images of the same shape. Values may leave the old range by the noise: they are not clipped.
    """
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifts = rng.integers(0, 3, size=(n, 2))
    moved = np.stack([p[y : y + height, x : x + width] for p, (y, x) in zip(padded, shifts, strict=True)])
    return (moved + noise * rng.standard_normal(moved.shape)).astype(np.float32)


def digits(
    training_images: int = 600,
    fold: int | None = None,
    folds: int = 5,
    classes: Sequence[int | str] | None = None,
    fraction: float = 1.0,
) -> Dataset:
    """Scikit-learn's 1,797 handwritten digits, 8×8 grey values scaled to 0..1, shifted and with noise.

    Clean, the task saturates at 98 % and tells few architectures apart; one fixed draw of ±1 pixel shift
    and Gaussian noise of 0.10 of the range is applied to all images before they are dealt out.
    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (CC BY 4.0).

    Args:
        training_images: how many of the 600 training images are trained on, the others lie idle; the other
            splits are the same whatever it is.
        fold: for cross-validation over the training and validation images, as `Selection` says of this and the
            following.
        folds: number of folds.
        classes: the digits that are kept.
        fraction: share of the training split that is kept.

    Raises:
        ValueError: a setting is out of range.
        ModuleNotFoundError: scikit-learn is missing; the message names the extra.
    """
    selection = Selection(0, fold, folds, classes, fraction)
    pixels, labels = _read_digits()
    rng = np.random.default_rng(20240501)
    images = shift_and_add_noise((pixels.reshape(-1, 8, 8, 1) / 16.0).astype(np.float32), 0.10, rng)
    parts = stratify(labels, {"train": 600, "validation": 500, "test": 633, "probe": 64}, rng)
    if training_images < 600:
        train = parts["train"]
        sizes = {"train": training_images, "idle": 600 - training_images}
        parts["train"] = train[stratify(labels[train], sizes, rng)["train"]]
    name = "digits" if training_images == 600 else f"digits-{training_images}"
    count = 10
    if not selection.whole:
        names = [str(digit) for digit in range(10)]
        selected = selection.select(name, names, labels, parts)
        labels, parts, count = selected.labels, selected.parts, len(selection.chosen(name, names))
    train, validation, test, probe = (Split(images[parts[part]], labels[parts[part]]) for part in PARTS)
    return Dataset(name, count, train, validation, test, probe)


def _read_digits() -> tuple[FloatInputs, Labels]:
    """Return scikit-learn's digits: ``(1797, 64)`` grey values 0..16 and ``(1797,)`` labels."""
    require_installed("sklearn", "train", "the data set 'digits'")
    # Read from the file that scikit-learn's loader reads, because importing scikit-learn takes seconds.
    spec = find_spec("sklearn")
    for folder in spec.submodule_search_locations or [] if spec else []:
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            table = np.loadtxt(path, delimiter=",", dtype=np.float32)
            return table[:, :-1], table[:, -1].astype(np.int32)
    raw = require("sklearn.datasets", "train", "the data set 'digits'").load_digits()
    return raw.data.astype(np.float32), raw.target.astype(np.int32)


def digits_300() -> Dataset:
    """The digits with 300 training images, on which NAS-Digits was trained."""
    return digits(300)
