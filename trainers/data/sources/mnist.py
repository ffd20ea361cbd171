"""MNIST, Fashion-MNIST and Kuzushiji-MNIST, from the IDX files in which they are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .files import source_folder
from .idx import Idx

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

# MD5 of the files without compression, and where that is not known, of the published .gz: packing again changes it.
MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
FASHION_MNIST_MD5 = {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}
KMNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
    "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
    "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
    "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
}


def _published(
    name: str,
    names: Sequence[str],
    md5: Mapping[str, str],
    folder: str | Path | None,
    check: bool,
    selection: Mapping[str, Any],
) -> Idx:
    place = source_folder(folder, name)
    return Idx(place, names=names, name=name, md5=md5 if check else None, **selection)


def mnist(
    folder: str | Path | None = None,
    check: bool = True,
    seed: int = 0,
    fold: int | None = None,
    folds: int = 5,
    classes: Sequence[int | str] | None = None,
    fraction: float = 1.0,
) -> Idx:
    """MNIST: 70,000 handwritten digits of 28×28, 10,000 of them the test split.

    Args:
        folder: the folder with the four files; None for ``datasets/mnist`` in the data folder.
        check: whether the files must be the published ones, by their MD5.
        seed: which examples go where; this and the following are those of `Selection`.
        fold: for cross-validation.
        folds: number of folds.
        classes: names or indices of the classes that are kept.
        fraction: share of the training split that is kept.

    Raises:
        MissingDataError: a file is not there; the message names them all.
        ValueError: a setting is out of range.
    """
    selection = {"seed": seed, "fold": fold, "folds": folds, "classes": classes, "fraction": fraction}
    return _published("mnist", DIGITS, MNIST_MD5, folder, check, selection)


def fashion_mnist(
    folder: str | Path | None = None,
    check: bool = True,
    seed: int = 0,
    fold: int | None = None,
    folds: int = 5,
    classes: Sequence[int | str] | None = None,
    fraction: float = 1.0,
) -> Idx:
    """Fashion-MNIST: 70,000 pictures of clothes of 28×28 (H. Xiao et al., 2017); arguments as of `mnist`."""
    selection = {"seed": seed, "fold": fold, "folds": folds, "classes": classes, "fraction": fraction}
    return _published("fashion-mnist", CLOTHES, FASHION_MNIST_MD5, folder, check, selection)


def kmnist(
    folder: str | Path | None = None,
    check: bool = True,
    seed: int = 0,
    fold: int | None = None,
    folds: int = 5,
    classes: Sequence[int | str] | None = None,
    fraction: float = 1.0,
) -> Idx:
    """Kuzushiji-MNIST: 70,000 cursive hiragana of 28×28 (T. Clanuwat et al., 2018); arguments as of `mnist`.

    Only the published ``.gz`` files are known by their MD5; files without compression are checked by their shape.
    """
    selection = {"seed": seed, "fold": fold, "folds": folds, "classes": classes, "fraction": fraction}
    return _published("kmnist", KUZUSHIJI, KMNIST_MD5, folder, check, selection)
