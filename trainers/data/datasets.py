"""Image classification data sets with fixed splits, so that every training anywhere sees the same pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...evaluation.optional import require, require_installed

FloatImages = NDArray[np.float32]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Split:
    """One part of a data set; its arrays are read-only."""

    images: FloatImages  # (n, height, width, channels)
    labels: Labels  # (n,), class indices

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        self.images.setflags(write=False)
        self.labels.setflags(write=False)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """A data set: what is trained on, what a search sees, what a report says, what explanations are drawn of.

    Attributes:
        name: the key under which `load_dataset` finds it.
        classes: number of classes.
        train: images that weights are fitted to.
        validation: images whose accuracy enters rewards.
        test: images whose accuracy enters reports only.
        probe: held-out images whose attribution maps make the ISI; in none of the other splits.
    """

    name: str
    classes: int
    train: Split
    validation: Split
    test: Split
    probe: Split

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(height, width, channels) of one image."""
        return self.train.images.shape[1:]

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over every split: name, shape and little-endian C-order bytes of images, then of labels."""
        digest = hashlib.sha256()
        for part in (f.name for f in fields(self) if f.type == "Split"):
            split: Split = getattr(self, part)
            for array, dtype in ((split.images, "<f4"), (split.labels, "<i4")):
                digest.update(f"{part}{array.shape}{dtype}".encode())
                digest.update(np.ascontiguousarray(array, dtype=dtype).tobytes())
        return digest.hexdigest()


def stratify(labels: NDArray[np.integer], sizes: dict[str, int], rng: np.random.Generator) -> dict[str, NDArray]:
    """Deal every item to one part, each part with every class in proportion.

    Items are put in class order, shuffled within their class, and dealt one by one to the part that is
    furthest behind its share of the items dealt so far. Sizes come out exact, and of each class a part
    gets its proportional number to within one or two.

    Args:
        labels: ``(n,)`` class of each item.
        sizes: part → number of items; they sum to n.
        rng: shuffles within the classes.

    Returns:
        Part → ascending item indices.

    Raises:
        ValueError: the sizes do not sum to n.
    """
    n = len(labels)
    if sum(sizes.values()) != n:
        raise ValueError(f"the sizes {sizes} sum to {sum(sizes.values())}, not to the {n} items there are")
    order = np.lexsort((rng.permutation(n), labels))
    target = np.array(list(sizes.values()))
    dealt = np.zeros(len(target), dtype=np.int64)
    part = np.empty(n, dtype=np.int64)
    for place, item in enumerate(order, start=1):
        # Integer arithmetic: the same deal on every machine, and ties go to the first part named.
        part[item] = chosen = int(np.argmax(target * place - dealt * n))
        dealt[chosen] += 1
    return {name: np.flatnonzero(part == index) for index, name in enumerate(sizes)}


def shift_and_add_noise(images: FloatImages, noise: float, rng: np.random.Generator) -> FloatImages:
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


def digits(training_images: int = 600) -> Dataset:
    """Scikit-learn's 1,797 handwritten digits, 8×8 grey values scaled to 0..1, shifted and with noise.

    Clean, the task saturates at 98 % and tells few architectures apart; one fixed draw of ±1 pixel shift
    and Gaussian noise of 0.10 of the range is applied to all images before they are dealt out.
    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (CC BY 4.0).

    Args:
        training_images: how many of the 600 training images are trained on, the others lie idle; the other
            splits are the same whatever it is.
    """
    pixels, labels = _read_digits()
    rng = np.random.default_rng(20240501)
    images = shift_and_add_noise((pixels.reshape(-1, 8, 8, 1) / 16.0).astype(np.float32), 0.10, rng)
    parts = stratify(labels, {"train": 600, "validation": 500, "test": 633, "probe": 64}, rng)
    if training_images < 600:
        train = parts["train"]
        sizes = {"train": training_images, "idle": 600 - training_images}
        parts["train"] = train[stratify(labels[train], sizes, rng)["train"]]
    name = "digits" if training_images == 600 else f"digits-{training_images}"
    return Dataset(name, 10, **{part: Split(images[rows], labels[rows]) for part, rows in parts.items()})


def _read_digits() -> tuple[FloatImages, Labels]:
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


DATASETS: dict[str, Callable[[], Dataset]] = {"digits": digits, "digits-300": partial(digits, 300)}
"""Name → function that makes the data set. Add one's own here."""

_loaded: dict[str, Dataset] = {}


def load_dataset(name: str) -> Dataset:
    """Return a data set by name; it is made once per process.

    Raises:
        ValueError: the name is unknown; the message lists the known ones.
        ModuleNotFoundError: a package that the data comes with is missing; the message names the extra.
    """
    if name not in DATASETS:
        raise ValueError(f"data set {name!r} is unknown: known are {', '.join(sorted(DATASETS))}")
    if name not in _loaded:
        _loaded[name] = DATASETS[name]()
    return _loaded[name]
