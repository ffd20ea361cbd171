"""A 5×7 bitmap font, so that a network can be drawn with numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HEIGHT, WIDTH = 8, 6  # a glyph's cell, with one column of space

# Five columns of eight bits per glyph, the lowest bit on top: the usual character-display font.
_GLYPHS = {
    " ": "0000000000", "(": "001C224100", ")": "0041221C00", "+": "08083E0808", ",": "0080703000",
    "-": "0808080808", ".": "0000606000", "/": "2010080402", "=": "1414141414", "?": "0201590906",
    "_": "4040404040", "|": "0000770000", ":": "0000140000", "%": "2313086462", "*": "2A1C7F1C2A",
    "0": "3E5149453E", "1": "00427F4000", "2": "7249494946", "3": "2141494D33", "4": "1814127F10",
    "5": "2745454539", "6": "3C4A494931", "7": "4121110907", "8": "3649494936", "9": "464949291E",
    "a": "2054547840", "b": "7F28444438", "c": "3844444428", "d": "384444287F", "e": "3854545418",
    "f": "00087E0902", "g": "18A4A49C78", "h": "7F08040478", "i": "00447D4000", "j": "2040403D00",
    "k": "7F10284400", "l": "00417F4000", "m": "7C04780478", "n": "7C08040478", "o": "3844444438",
    "p": "FC18242418", "q": "18242418FC", "r": "7C08040408", "s": "4854545424", "t": "04043F4424",
    "u": "3C4040207C", "v": "1C2040201C", "w": "3C4030403C", "x": "4428102844", "y": "4C9090907C",
    "z": "4464544C44",
}  # fmt: skip


def text_mask(text: str) -> NDArray[np.bool_]:
    """Return ``(8, 6 × len(text))`` bool, True where the text has ink; unknown characters become "?"."""
    columns = []
    for character in text.lower():
        glyph = bytes.fromhex(_GLYPHS.get(character, _GLYPHS["?"]))
        columns.extend([*glyph, 0])
    bits = np.array(columns, dtype=np.uint8)[None] >> np.arange(HEIGHT, dtype=np.uint8)[:, None]
    return (bits & 1).astype(bool)
