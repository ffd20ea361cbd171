"""Small pictures as SVG text that can stand inside an HTML page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from ...plots import QUIET_STYLE, load_pyplot

# Okabe and Ito's colours, which the colour-blind can tell apart; line styles go on where colours end.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222", "#8C564B")
_DASHES = ("-", "--", ":", "-.")
_STYLE = QUIET_STYLE | {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "svg.fonttype": "none",  # text stays text: small files, and the reader's search finds it
    "lines.linewidth": 1.6,
}
WIDTH = 4.4


def styles(agents: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return each agent's colour and line style."""
    return {
        agent: {"color": _COLOURS[i % len(_COLOURS)], "linestyle": _DASHES[i // len(_COLOURS) % len(_DASHES)]}
        for i, agent in enumerate(agents)
    }


def svg(name: str, draw: Callable[[Any], None], legend_rows: int = 0, height: float = 2.9) -> str:
    """Draw on new axes and return the picture as an ``<svg>`` element that scales with its place.

    Args:
        name: makes the element's references different from those of other pictures on the page.
        draw: draws on the axes.
        legend_rows: rows of a legend to leave room for, below the axes.
        height: of the axes, in inches; the picture is 4.4 inches wide.
    """
    pyplot = load_pyplot()
    with pyplot.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure, axes = pyplot.subplots(figsize=(WIDTH, height + 0.19 * legend_rows), layout="constrained")
        draw(axes)
        handles, labels = axes.get_legend_handles_labels()
        if legend_rows and handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=3, columnspacing=1.0, handlelength=1.8)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[A-Za-z0-9.]*_\d+"', "", text)  # names of groups, the same in every picture
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r'\1 width="100%" role="img"', text, count=1)
    return re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1).strip()


def legend_rows(entries: int) -> int:
    """Return how many rows a legend of so many entries has."""
    return -(-entries // 3)
