"""Drawings of an architecture: text for terminals, pixels for ``rgb_array``."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..spaces import Network, SearchSpace
from .pixel_font import HEIGHT, WIDTH, text_mask

Image = NDArray[np.uint8]

_BACKGROUND, _INK, _EDGE, _SKIP = (250, 250, 248), (30, 30, 30), (120, 120, 120), (200, 90, 40)
_COLOURS = {
    "input": (220, 220, 220),
    "conv": (158, 202, 225),
    "depthwise_conv": (199, 233, 192),
    "max_pool": (253, 208, 162),
    "avg_pool": (253, 208, 162),
    "global_avg_pool": (253, 208, 162),
    "add": (255, 242, 174),
    "dense": (218, 218, 235),
}
_OTHER = (235, 225, 240)
_SCALE, _PAD, _GAP, _LANE, _ROWS = 2, 5, 12, 26, 20


def outline(network: Network) -> list[tuple[str, str, tuple[int, ...]]]:
    """Return what a drawing shows: (operation, label, indices of earlier entries) for each labelled layer.

    Layers without a label (normalisation, activation) are drawn as part of the layer that they follow.
    """
    entries: list[tuple[str, str, tuple[int, ...]]] = []
    shown: dict[int, tuple[int, ...]] = {}  # layer → the entries that its value comes from
    for index, layer in enumerate(network.layers):
        sources = tuple(dict.fromkeys(e for i in layer.inputs for e in shown[i]))
        if layer.label:
            shape = "x".join(map(str, layer.shape))
            entries.append((layer.op, f"{layer.label}  ({shape})", sources))
            shown[index] = (len(entries) - 1,)
        else:
            shown[index] = sources
    return entries


def _choices(space: SearchSpace, architecture: NDArray[np.int64]) -> list[str]:
    names = [
        f"{choice.name} = {choice.options[option] if option >= 0 else '?'}"
        for choice, option in zip(space.choices, architecture, strict=True)
    ]
    return names


def _network(space: SearchSpace, row: NDArray[np.int64]) -> Network | None:
    """Return the network of a complete architecture; None where the space has none (`SearchSpace.network` refuses)."""
    try:
        return space.network(row)
    except (ValueError, NotImplementedError):
        return None


def render_ansi(space: SearchSpace, architecture: ArrayLike) -> str:
    """Return the architecture ``(n,)`` as lines of text, undecided choices (−1) as question marks.

    Of a space without networks it is the choices.
    """
    row = np.asarray(architecture, dtype=np.int64)
    if (row < 0).any():
        return "\n".join(_choices(space, row)) + "\n"
    network = _network(space, row)
    if network is None:
        return "\n".join([space.to_string(row), *_choices(space, row)]) + "\n"
    lines = [space.to_string(row)]
    for index, (_, label, sources) in enumerate(outline(network)):
        skips = [f"{s}" for s in sources if s != index - 1]
        arrow = "" if not skips else f"   <- {', '.join(skips)}"
        lines.append(f"{index:3d}  {label}{arrow}")
    return "\n".join(lines) + "\n"


def _text(image: Image, text: str, x: int, y: int) -> None:
    ink = np.kron(text_mask(text), np.ones((_SCALE, _SCALE), dtype=bool))
    image[y : y + ink.shape[0], x : x + ink.shape[1]][ink] = _INK


def render_rgb(space: SearchSpace, architecture: ArrayLike) -> Image:
    """Return a picture ``(height, width, 3)`` uint8 of the network, or of the choices while some are open.

    The size depends on the architecture; `Canvas` gives pictures of one size.

    Boxes follow the data from top to bottom (and on to the next column after 20 rows); an orange line at
    the right of a column is a connection that skips boxes.
    """
    row = np.asarray(architecture, dtype=np.int64)
    network = None if (row < 0).any() else _network(space, row)
    choices = [("choice", label, ()) for label in _choices(space, row)]
    entries = choices if network is None else outline(network)
    widest = max(len(label) for _, label, _ in entries)
    box_width, box_height = widest * WIDTH * _SCALE + 2 * _PAD, HEIGHT * _SCALE + 2 * _PAD
    columns = -(-len(entries) // _ROWS)
    rows = min(len(entries), _ROWS)
    cell_width, cell_height = box_width + _LANE + _GAP, box_height + _GAP
    image = np.empty((rows * cell_height + _GAP, columns * cell_width + _GAP, 3), dtype=np.uint8)
    image[:] = _BACKGROUND

    def corner(index: int) -> tuple[int, int]:
        return _GAP + index // _ROWS * cell_width, _GAP + index % _ROWS * cell_height

    for index, (_, _, sources) in enumerate(entries):
        x, y = corner(index)
        for source in sources:
            if source == index - 1 and index % _ROWS:
                middle = x + box_width // 2
                image[y - _GAP : y, middle - 1 : middle + 1] = _EDGE
            else:
                _skip_line(image, corner(source), (x, y), box_width, box_height, (index - source) % 4)
    for index, (op, label, _) in enumerate(entries):
        x, y = corner(index)
        image[y : y + box_height, x : x + box_width] = _EDGE
        image[y + 1 : y + box_height - 1, x + 1 : x + box_width - 1] = _COLOURS.get(op, _OTHER)
        _text(image, label, x + _PAD, y + _PAD)
    return image


def _skip_line(
    image: Image, start: tuple[int, int], end: tuple[int, int], width: int, height: int, offset: int
) -> None:
    """Draw a connection that leaves a box at its right, runs beside the column, and enters another."""
    out_y, in_y = start[1] + height // 2, end[1] + height // 2
    lane = start[0] + width + 6 + 5 * offset
    image[out_y : out_y + 2, start[0] + width : lane] = _SKIP
    top, bottom = min(out_y, in_y), max(out_y, in_y)
    image[top : bottom + 2, lane : lane + 2] = _SKIP
    left, right = (end[0] + width, lane) if end[0] <= start[0] else (lane, end[0])
    image[in_y : in_y + 2, left:right] = _SKIP


# Architectures that a canvas is sized by, beside the costliest, and what frame sizes are multiples of: video
# encoders want it.
_SAMPLES, _MULTIPLE = 16, 16


class Canvas:
    """Pictures of one size for all architectures of a space, so that a video can be made of them.

    The size is that of the largest picture of the open choices, the costliest architecture and a few drawn ones;
    what is smaller is padded at the right and below, what is larger still is shrunk.

    Args:
        space: the search space.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        longest = np.array([max(range(len(c)), key=lambda i, c=c: len(str(c.options[i]))) for c in space.choices])
        pictures = [render_rgb(space, np.full(space.n, -1)), self._choices_picture(longest)]
        if _network(space, space.sample(np.random.default_rng(0))[0]) is None:
            pictures.append(render_rgb(space, longest))
        else:
            rows = [*space.sample(np.random.default_rng(0), _SAMPLES), space.largest()]
            pictures += [render_rgb(space, row) for row in rows]
        height, width = np.max([picture.shape[:2] for picture in pictures], axis=0)
        self.shape: tuple[int, int, int] = (_rounded_up(height), _rounded_up(width), 3)

    def draw(self, architecture: ArrayLike) -> Image:
        """Return a picture of `shape` of the architecture ``(n,)``, uint8."""
        picture = render_rgb(self._space, architecture)
        scale = max(picture.shape[0] / self.shape[0], picture.shape[1] / self.shape[1])
        if scale > 1:
            rows, columns = (np.arange(int(size / scale)) * scale for size in picture.shape[:2])
            picture = picture[rows.astype(int)][:, columns.astype(int)]
        canvas = np.empty(self.shape, dtype=np.uint8)
        canvas[:] = _BACKGROUND
        canvas[: picture.shape[0], : picture.shape[1]] = picture
        return canvas

    def _choices_picture(self, row: NDArray[np.int64]) -> Image:
        """Return the picture of choices that are all decided but the last: the widest while choices are open."""
        partial = row.copy()
        partial[-1] = -1
        return render_rgb(self._space, partial)


def _rounded_up(size: int) -> int:
    return int(-(-int(size) // _MULTIPLE) * _MULTIPLE)
