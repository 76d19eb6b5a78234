"""How figures are written for people, and how times that people write are read."""

from __future__ import annotations

import math
import re


def number(value: float | None) -> str:
    """Three digits; a dash for what is not defined. Never 1.000 for what is not quite 1 (but for rounding of sums)."""
    if value is None:
        return "–"
    text = f"{value:.3f}"
    return "0.999" if text == "1.000" and value < 1 - 1e-9 else text


def seconds_of(text: str) -> float:
    """A time in seconds, from seconds (``83.5``), ``m:ss`` (``1:23.5``) or ``h:mm:ss``; a decimal comma is a point.

    Raises:
        ValueError: It is none of these.
    """
    text = text.strip().replace(",", ".")
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        seconds = float(text)
    elif clock := re.fullmatch(r"(?:([0-9]+):(?=[0-5][0-9]:))?([0-9]+):([0-5][0-9](?:\.[0-9]*)?)", text):
        seconds = int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3])
    else:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is no time; write seconds (83.5), m:ss (1:23.5) or h:mm:ss")
    return seconds
