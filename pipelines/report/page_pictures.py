"""A picture on the page, and what its data have in common."""

from __future__ import annotations

import dataclasses
import datetime

import numpy as np

from soundbeam.model.survey.rate_intervals import Rates
from soundbeam.pipelines.report.csv_links import CsvLink

_EPOCH = datetime.date(1970, 1, 1)
RATE_HEADS = ("calls", "hours", "calls_per_hour", "low", "high")


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture with its caption and its data.

    Attributes:
        svg: The element.
        title: In bold before the caption.
        caption: What it shows, and what its intervals mean.
        data: As CSV.
        wide: Whether it takes the whole width of the page.
    """

    svg: str
    title: str
    caption: str
    data: CsvLink
    wide: bool = False

    @property
    def height(self) -> float:
        """Of the picture, in points; its caption takes some lines more."""
        return float(self.svg.split('viewBox="0 0 ', 1)[1].split('"')[0].split()[1])


def in_columns(pictures: list[Picture]) -> list[list[Picture]]:
    """The pictures of half a page's width in two columns, each picture in the one that is shorter so far."""
    columns, heights = (list[Picture](), list[Picture]()), [0.0, 0.0]
    for picture in pictures:
        if not picture.wide:
            shorter = heights.index(min(heights))
            columns[shorter].append(picture)
            heights[shorter] += picture.height
    return list(columns)


def rate_rows(keys: list[str], rates: Rates) -> list[list]:
    """A row of a CSV for each group: its key, calls, hours, rate and interval; empty cells without effort."""
    rows = []
    for i, key in enumerate(keys):
        figures = (rates.rate[i], rates.low[i], rates.high[i])
        shown = ["" if not np.isfinite(value) else f"{value:.6g}" for value in figures]
        rows.append([key, int(rates.calls[i]), f"{rates.hours[i]:.6g}", *shown])
    return rows


def date_of(days: int) -> datetime.date:
    """Days since 1970 → the date."""
    return _EPOCH + datetime.timedelta(days=int(days))
