"""Which windows are to be drawn for review."""

from __future__ import annotations

import dataclasses
import math

from soundbeam.model.errors import OptionError
from soundbeam.pipelines.review.samples import DRAWN_BY, Design


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Which windows are to be drawn for review.

    Attributes:
        output: URL of the scan's output folder.
        label: The label in question; None: the only one.
        n: How many windows are to be drawn.
        design: How they are drawn.
        spacing: Two windows of a stratum and recording start at least so many seconds apart; 0: no rule.
        per_recording: At most so many windows are of one recording and stratum; 0: no rule.
        seed: What all random numbers come from.
        sites: Only recordings of these sites; empty: of all.
        against: Of the design ``next``: URL of another output; drawn is where the two differ most.
        clips: URL of a new folder for the windows' sound; None: none is written.
        csv: URL of a table of the windows that may be filled in elsewhere; None: none is written.

    Raises:
        OptionError: A value cannot be.
    """

    output: str
    label: str | None = None
    n: int = 200
    design: Design = "scores"
    spacing: float = 15.0
    per_recording: int = 5
    seed: int = 0
    sites: tuple[str, ...] = ()
    against: str | None = None
    clips: str | None = None
    csv: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sites", tuple(self.sites))
        if not (isinstance(self.n, int) and self.n > 0):
            raise OptionError(f"n {self.n} is not a whole number above zero")
        if self.design not in DRAWN_BY:
            raise OptionError(f"no design {self.design!r}; there are {', '.join(DRAWN_BY)}")
        if not (0 <= self.spacing < math.inf):
            raise OptionError(f"spacing {self.spacing} is not a number of seconds, 0 or more")
        if not (isinstance(self.per_recording, int) and self.per_recording >= 0):
            raise OptionError(f"per_recording {self.per_recording} is not a whole number, 0 or more")
