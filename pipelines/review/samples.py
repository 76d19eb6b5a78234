"""What a draw of windows for review is: its rows, and how they were drawn."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa

# How windows are drawn. The first three are probability samples: each window has a weight.
Design = Literal["scores", "random", "diel", "presence", "next"]
DRAWN_BY: dict[Design, str] = {
    "scores": "by strata of scores",
    "random": "at random",
    "diel": "by hours of the day",
    "presence": "the best of each site and night first",
    "next": "what the detector is least sure of",
}
WEIGHTED: tuple[Design, ...] = ("scores", "random", "diel")
# In the schema metadata of a sample's file.
SAMPLE_METADATA = b"soundbeam"
_WINDOW = [
    ("review_id", pa.string()),
    ("recording", pa.string()),
    ("start_s", pa.float64()),
    ("end_s", pa.float64()),
    ("label", pa.string()),
    ("score", pa.float32()),
]
_ORIGIN = [
    ("channel", pa.int64()),
    ("site", pa.string()),
    ("design", pa.string()),
    ("stratum", pa.int64()),
    ("weight", pa.float64()),
    ("classifier", pa.string()),
    ("run", pa.string()),
]
SAMPLES = pa.schema([*_WINDOW, *_ORIGIN, ("rank", pa.int64())])
REVIEWS = pa.schema(
    [
        *_WINDOW,
        ("verdict", pa.string()),
        ("other_label", pa.string()),
        ("note", pa.string()),
        ("reviewer", pa.string()),
        ("reviewed_at", pa.timestamp("us", tz="UTC")),
        *_ORIGIN[2:],
        *_ORIGIN[:2],
    ]
)


@dataclasses.dataclass(frozen=True)
class Stratum:
    """A part of the population that was drawn from by itself.

    Attributes:
        low: Its lowest score (or hour of the day, of the design ``diel``).
        high: The lowest of the next one; of the highest stratum its highest possible score.
        windows: How many windows are in it.
        eligible: How many of them are left by the spacing and the limit for each recording.
        drawn: How many of these were drawn by this draw.
    """

    low: float
    high: float
    windows: int
    eligible: int
    drawn: int


@dataclasses.dataclass(frozen=True)
class SampleInfo:
    """How windows were drawn.

    Attributes:
        name: The draw's name, which is its file's.
        label: The label in question.
        design: How they were drawn.
        seed: What all random numbers come from.
        spacing_s: Two windows of one stratum and recording start at least so many seconds apart.
        per_recording: At most so many windows are of one recording and stratum.
        sites: Only these sites' recordings were drawn from; empty: all.
        drawn_at: When, ISO 8601 in UTC.
        classifier: The fingerprint of the classifier that scored the windows.
        runs: The runs whose current rows are the population.
        hop_s, window_s: Seconds between the starts of two windows, and their length.
        frame: A hash of what defines the population, its strata and the order of drawing in them. Draws of one frame
            continue each other. "" where the design has no strata.
        strata: The strata, from the lowest score up; empty where the design has none.
        min_score: Windows with a lower score were not kept by the scan and are not in the population; None: all were.
        left_out: How many windows are not in the population: lower scores, or no time of day.
    """

    name: str
    label: str
    design: Design
    seed: int
    spacing_s: float
    per_recording: int
    sites: tuple[str, ...]
    drawn_at: str
    classifier: str
    runs: tuple[str, ...]
    hop_s: float
    window_s: float
    frame: str = ""
    strata: tuple[Stratum, ...] = ()
    min_score: float | None = None
    left_out: int = 0

    def to_json(self) -> bytes:
        """As it is in the file."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, text: bytes) -> SampleInfo:
        """Reads `to_json` back.

        Raises:
            ValueError, TypeError, KeyError: It is something else.
        """
        values: dict[str, Any] = json.loads(text)
        lists = {name: tuple(values[name]) for name in ("sites", "runs")}
        return cls(**{**values, **lists, "strata": tuple(Stratum(**stratum) for stratum in values["strata"])})


@dataclasses.dataclass(frozen=True)
class Sample:
    """A draw.

    Attributes:
        name: Its name.
        info: How it was drawn.
        rows: The windows; columns as in `SAMPLES`.
    """

    name: str
    info: SampleInfo
    rows: pa.Table


def joined(samples: Sequence[Sample]) -> Sample:
    """All draws of one frame as one draw, with the weights that the windows have in it.

    In every stratum, the draws together are the beginning of one random order of the eligible windows. So a window's
    weight is its weight from spacing and limit, times eligible over all drawn.

    Args:
        samples: One draw or more of one frame, oldest first.
    """
    last = samples[-1]
    if len(samples) == 1 or not last.info.strata:
        return Sample(last.name, last.info, pa.concat_tables([s.rows for s in samples]))
    drawn = np.array([[stratum.drawn for stratum in s.info.strata] for s in samples])
    parts = []
    for sample, own in zip(samples, drawn, strict=True):
        strata = sample.rows["stratum"].to_numpy()
        weights = sample.rows["weight"].to_numpy() * own[strata] / drawn.sum(0)[strata]
        parts.append(
            sample.rows.set_column(SAMPLES.get_field_index("weight"), SAMPLES.field("weight"), pa.array(weights))
        )
    totals = drawn.sum(0).tolist()
    strata_now = [dataclasses.replace(s, drawn=n) for s, n in zip(last.info.strata, totals, strict=True)]
    info = dataclasses.replace(last.info, strata=tuple(strata_now))
    return Sample(last.name, info, pa.concat_tables(parts))
