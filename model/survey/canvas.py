"""Pictures as inline SVG, whose colours the page sets: one look on white paper and on a dark screen."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What matplotlib draws in these colours gets the page's own, by its CSS variables.
INK, FAINT, LINE, PAPER, DATA = "#010a01", "#010a02", "#010a03", "#010a04", "#010a05"
_VARIABLES = {INK: "ink", FAINT: "faint", LINE: "line", PAPER: "paper", DATA: "data"}
# Okabe & Ito, Color Universal Design, 2008: told apart by the colour-blind.
ORANGE, SKY, GREEN, VERMILION, PURPLE = "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#CC79A7"
COLOURS = "viridis"
# Half of the page, and all of it: text is then as large as the page's small print.
HALF_IN, WHOLE_IN = 5.0, 10.4
# Text stays text, which the browser draws: small files, any script, and words that can be searched.
_STYLE = {
    "svg.fonttype": "none",
    "axes.formatter.use_mathtext": False,
    "text.parse_math": False,
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": FAINT,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "axes.prop_cycle": "cycler('color', ['#010a05'])",
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": FAINT,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "none",
}


class Canvas:
    """A figure that becomes SVG. Use it within `drawing`."""

    def __init__(self, height: float, width: float = WHOLE_IN):
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        self.figure: Figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(self.figure)

    def svg(self, name: str, title: str) -> str:
        """The picture as an ``<svg>`` element, without addresses of any kind.

        Args:
            name: Its name on the page, which its elements' ids are made from.
            title: What it shows, for those who do not see it.
        """
        import matplotlib

        file = io.StringIO()
        with matplotlib.rc_context({"svg.hashsalt": name}):
            empty = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            self.figure.savefig(file, format="svg", transparent=True, metadata=empty, dpi=144)
        return inline(file.getvalue(), name, title)


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Inside, matplotlib draws in the pages' look, whatever the user's own settings of it are."""
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        # The browser has the letters that this machine's fonts lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def inline(svg: str, name: str, title: str) -> str:
    """An SVG file's text as an element of a page."""
    from html import escape

    text = svg[svg.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    head, rest = text.split(">", 1)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', head).groups()  # type: ignore[union-attr]  # matplotlib always writes it
    for colour, variable in _VARIABLES.items():
        rest = rest.replace(colour, f"var(--{variable})")
    # Ids must be one of a kind on the page; those of groups have no use.
    rest = re.sub(r"<style.*?</style>", "", rest, flags=re.DOTALL)  # it would style all of the page
    rest = re.sub(r'<g id="[^"]*"', "<g", rest)
    rest = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px system-ui, sans-serif", rest)
    rest = re.sub(r"\n\s*", "\n", rest)
    start = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
    return f"{start}<title>{escape(title)}</title>{rest}"


def bare(axes: Axes) -> None:
    """Leaves of an axes' frame only what has ticks."""
    for side in ("left", "bottom", "top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


def shorter(text: str, most: int = 28) -> str:
    """A name that is not longer than so many characters; its start and its end stay."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - most // 2 - 1]}…{text[len(text) - most // 2 :]}"
