"""How figures are written for people."""

from __future__ import annotations


def number(value: float | None) -> str:
    """Three digits; a dash for what is not defined. Never 1.000 for what is not quite 1 (but for rounding of sums)."""
    if value is None:
        return "–"
    text = f"{value:.3f}"
    return "0.999" if text == "1.000" and value < 1 - 1e-9 else text
