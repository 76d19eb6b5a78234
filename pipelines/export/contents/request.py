"""Which calls are to be exported, in which format, and where to."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from datetime import date
from typing import Any

from soundbeam.model.errors import OptionError

OCCASIONS = ("day", "night", "week")
SOUND_FILES = ("flac", "wav")
FREQUENCIES = ("band", "measured")


@dataclasses.dataclass(frozen=True)
class Exporting:
    """What to export. The fields after ``classifier`` belong to some formats only; None: not given.

    Attributes:
        output: URL of the scan's output folder.
        format: The format's name.
        to: URL of the folder to write: a new one, or one that an earlier export wrote.
        label: Only calls of these labels; empty: all.
        site: Only recordings of these sites; empty: all.
        from_: The first day, in the site's local time.
        until: The last day.
        min_score: Only calls of at least this score.
        reviewed_only: Only calls that a review confirmed.
        deployments: URL of a table of deployments; None: that of the scan.
        classifier: URL of the bundle; None: where it was when it scanned.
        combined: One table for all recordings instead of one each.
        audio_root: The folder that holds the recordings on the reader's machine.
        frequencies: ``band``: of a call, those that the classifier hears; ``measured``: those that hold its energy.
        scientific_name: ``LABEL=NAME`` each, where the classifier does not tell them.
        context: Seconds of sound before and after a call.
        best: At most so many clips of a label, of the highest scores.
        per_recording: At most so many clips of a label in one recording.
        sound: ``flac`` or ``wav``.
        occasion: ``day``, ``night`` or ``week``.

    Raises:
        OptionError: A value is none of those.
    """

    output: str
    format: str
    to: str
    label: Sequence[str] = ()
    site: Sequence[str] = ()
    from_: date | None = None
    until: date | None = None
    min_score: float | None = None
    reviewed_only: bool = False
    deployments: str | None = None
    classifier: str | None = None
    combined: bool | None = None
    audio_root: str | None = None
    frequencies: str | None = None
    scientific_name: Sequence[str] | None = None
    context: float | None = None
    best: int | None = None
    per_recording: int | None = None
    sound: str | None = None
    occasion: str | None = None

    def __post_init__(self) -> None:
        for name in ("label", "site", "scientific_name"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else value and tuple(value))
        for name in ("from_", "until"):
            object.__setattr__(self, name, _day(name, getattr(self, name)))
        if self.from_ and self.until and self.from_ > self.until:
            raise OptionError(f"from {self.from_} is after until {self.until}")
        for name in ("best", "per_recording"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise OptionError(f"{name} {value} is not a whole number above zero")
        if self.context is not None and not 0 <= self.context < math.inf:
            raise OptionError(f"context {self.context} is no number of seconds")
        for name, values in (("occasion", OCCASIONS), ("sound", SOUND_FILES), ("frequencies", FREQUENCIES)):
            if getattr(self, name) not in (None, *values):
                raise OptionError(f"{name} {getattr(self, name)!r} is none of {', '.join(values)}")
        for text in self.scientific_name or ():
            if not all(part.strip() for part in text.rpartition("=")):
                raise OptionError(f"scientific_name {text!r} is not LABEL=NAME")

    @property
    def names(self) -> dict[str, str]:
        """Label → the scientific name that the user gave."""
        pairs = (text.rpartition("=") for text in self.scientific_name or ())
        return {label.strip(): name.strip() for label, _, name in pairs}

    @property
    def options(self) -> dict[str, Any]:
        """The options that were given and belong to some formats only."""
        return {n: value for n in FORMAT_OPTIONS if (value := getattr(self, n)) not in (None, False, ())}


# The options that belong to some formats only.
FORMAT_OPTIONS = (
    "combined", "audio_root", "frequencies", "scientific_name", "context", "best", "per_recording", "sound", "occasion",
)  # fmt: skip


def _day(name: str, value: Any) -> date | None:
    if value is None or type(value) is date:
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise OptionError(f"{name.rstrip('_')} {value} is not a date; write 2024-01-31") from None
