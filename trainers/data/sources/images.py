"""Decoding image files, and DICOM files, to arrays of one size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ....evaluation.optional import require, require_installed
from ..dataset import FloatInputs
from .files import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")
"""Ends of the names of image files, in any case of letters."""

Fit = Literal["crop", "stretch"]


def check_size(size: Any, channels: Any) -> tuple[int, int, int]:
    """Return ``(height, width, channels)`` of what images are decoded to.

    Args:
        size: the side of a square, or ``(height, width)``, in pixels.
        channels: 1 for grey, 3 for colour.

    Raises:
        ValueError: a value is out of range.
    """
    sides = [size, size] if isinstance(size, int) else size
    if not isinstance(sides, Sequence) or isinstance(sides, str) or len(sides) != 2:
        raise ValueError(f"size={size!r}: give the side of a square, or [height, width]")
    if not all(isinstance(side, int) and not isinstance(side, bool) and 1 <= side <= 4096 for side in sides):
        raise ValueError(f"size={size!r}: give integers from 1 to 4096")
    if isinstance(channels, bool) or channels not in (1, 3):
        raise ValueError(f"channels={channels!r}: give 1 for grey or 3 for colour")
    return int(sides[0]), int(sides[1]), int(channels)


def require_decoders(purpose: str, dicom: bool = False) -> None:
    """Raise one line that names the extra where Pillow, or pydicom, is missing."""
    require_installed("PIL", "data", purpose)
    if dicom:
        require_installed("pydicom", "data", f"{purpose} in DICOM files")


def decoder_versions(paths: Sequence[Path]) -> list[str]:
    """Return the versions of the packages that decode these files, which can change their pixels."""
    packages = ["pillow", *(["pydicom"] if any(is_dicom(path) for path in paths) else [])]
    return [f"{package} {version(package)}" for package in packages]


def is_dicom(path: Path) -> bool:
    """Say whether a file is named as a DICOM file."""
    return path.suffix.lower() in (".dcm", ".dicom")


def decode_all(paths: Sequence[Path], shape: tuple[int, int, int], fit: Fit) -> FloatInputs:
    """Return the images of files, ``(n, height, width, channels)`` float32, 0..1, decoded on all cores.

    Args:
        paths: the files.
        shape: ``(height, width, channels)`` of the result.
        fit: ``"crop"`` scales an image until it covers the size, and takes its centre; ``"stretch"`` scales height
            and width apart, so that nothing is cut off. Either way by area-weighted linear interpolation.

    Raises:
        DataError: a file is missing, truncated, or no image; the message names it.
    """
    images = np.empty((len(paths), *shape), dtype=np.float32)

    def decode_one(index: int) -> None:
        images[index] = decode(paths[index], shape, fit)

    # Pillow decodes without the interpreter's lock. Each image has its place, so the order of ending is no matter.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            for _ in pool.map(decode_one, range(len(paths))):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)  # or the error would wait until all other images are decoded
            raise
    return images


def decode(path: Path, shape: tuple[int, int, int], fit: Fit) -> FloatInputs:
    """Return one image, ``(height, width, channels)`` float32, 0..1; arguments as of `decode_all`."""
    height, width, channels = shape
    if not path.is_file():
        raise DataError(f"there is no image {path}")
    if is_dicom(path):
        grey = _dicom(path)
        image, scale = _pil().fromarray(grey), 1.0
    else:
        image, scale = _opened(path, channels)
    if fit == "crop":
        ops = require("PIL.ImageOps", "data", "reading images")
        image = ops.fit(image, (width, height), method=_pil().Resampling.BILINEAR)
    else:
        image = image.resize((width, height), _pil().Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=np.float32) / np.float32(scale)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return np.broadcast_to(pixels, shape)


def _pil() -> Any:
    return require("PIL.Image", "data", "reading images")


def _opened(path: Path, channels: int) -> tuple[Any, float]:
    """Return a decoded image, and the value of its white."""
    library = _pil()
    try:
        with library.open(path) as image:
            image.load()
            if image.mode.startswith("I"):  # 16 bits, which converting to 8 would cut off
                return library.fromarray(np.asarray(image, dtype=np.float32)), 65535.0
            return image.convert("L" if channels == 1 else "RGB"), 255.0
    except (OSError, SyntaxError, ValueError, EOFError, library.DecompressionBombError) as error:
        raise DataError(f"{path} is no image, truncated or damaged: {' '.join(str(error).split())}") from None


def _dicom(path: Path) -> NDArray[np.float32]:
    """Return the picture of a DICOM file, ``(height, width)`` float32: 0..1 between its darkest and brightest pixel.

    Modality and display (VOI) transforms are applied as the file says, and MONOCHROME1 is inverted, so that more is
    brighter.
    """
    dicom = require("pydicom", "data", "reading DICOM files")
    pixels = require("pydicom.pixels", "data", "reading DICOM files")
    try:
        file = dicom.dcmread(path)
        raw = file.pixel_array
        if raw.ndim != 2:
            raise ValueError(f"its pixels are of shape {raw.shape}: one grey picture is expected")
        shown = np.asarray(pixels.apply_voi_lut(pixels.apply_modality_lut(raw, file), file), dtype=np.float32)
        inverted = file.PhotometricInterpretation == "MONOCHROME1"
    except (dicom.errors.InvalidDicomError, OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no DICOM picture, or damaged: {' '.join(str(error).split())}") from None
    except (RuntimeError, NotImplementedError) as error:
        why = " ".join(str(error).split())
        raise DataError(f"{path} is compressed in a way that pydicom needs another package for: {why}") from None
    least, most = float(shown.min()), float(shown.max())
    grey = (shown - least) / np.float32((most - least) or 1.0)
    return 1 - grey if inverted else grey
