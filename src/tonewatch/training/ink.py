"""The hand in which all pictures of training are drawn.

Ink is one colour, which the SVG leaves to the page (`currentColor`), so that one drawing serves
light and dark. It knows no scores.
"""

import io
import re
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

INK = "#1b1f24"
BLUE, ORANGE, RUST, GREY = "#0072B2", "#E69F00", "#D55E00", "#8a9199"
STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.7,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.13,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "tonewatch",
}


def file_word(name: str) -> str:
    """A condition's name as a part of a file name."""
    return re.sub(r"[^\w.]+", "-", name).strip("-").lower()


def saved(figure: Figure, path: Path) -> str:
    """Write a PNG file, and return the same as SVG for a page."""
    # No date and no version inside: the same run gives the same bytes.
    figure.savefig(path, dpi=130, facecolor="white", metadata={"Software": None})
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    # Identifiers of several drawings on one page must not be confused.
    return re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{path.stem}-", svg)
